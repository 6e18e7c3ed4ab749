#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that are never right here, with what to use instead; marks of unfinished work.

usage: banned.py ROOT
"""
import pathlib
import re
import sys

from findings import Findings, walk, without_comments

CALLS = {
    "gets": "fgets()", "strcpy": "snprintf() or memcpy() with a known size",
    "strcat": "snprintf()", "sprintf": "snprintf()",
    "vsprintf": "vsnprintf()", "atoi": "strtol() with its errors looked at",
    "atol": "strtol() with its errors looked at", "atoll": "strtoll() with its errors looked at",
    "strtok": "strtok_r() or strsep()", "usleep": "wait for what is awaited, with a deadline",
    "system": "posix_spawn() or fork() and execve()", "popen": "fork() and execve()",
    "localtime": "localtime_r()", "gmtime": "gmtime_r()", "asctime": "strftime()",
    "ctime": "strftime()", "strerror_l": "strerror()", "alloca": "a fixed size, or the heap",
    "mktemp": "mkostemp()", "tmpnam": "mkostemp()", "readdir_r": "readdir()",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(CALLS) + r")\s*\(")
MARK = re.compile(r"\b(XXX|FIXME|HACK)\b|\bTODO\b(?!\(issue \d+\))")
PURE = ("src/base/pure/", "src/engine/", "src/proto/", "src/control/group/", "src/control/fence/",
        "src/control/plock/")


def line_of(text, match):
    return text.count("\n", 0, match.start()) + 1


def main(root):
    root, findings = pathlib.Path(root), Findings("banned")
    for path in walk(root, ".c", ".h"):
        name, text = path.relative_to(root).as_posix(), path.read_text(errors="replace")
        findings.looked += 1
        code = without_comments(text, strings=True)
        for match in CALL.finditer(code):
            findings.add(f"{name}:{line_of(code, match)}",
                         f"{match[1]}(): use {CALLS[match[1]]}")
        for match in MARK.finditer(text):
            findings.add(f"{name}:{line_of(text, match)}",
                         f"{match[0]}: finish it, or TODO(issue N)")
        if name.startswith(PURE):
            for match in re.finditer(r"%p\b", without_comments(text)):
                findings.add(f"{name}:{line_of(text, match)}", "%p: an address in the output")
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
