#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a shared library exports, what its version script lists, what its public header declares and
what has a man page in section 3 are the same names.

usage: exports.py LIBRARY.so MAP HEADER [MAN_DIR]
"""
import pathlib
import re
import subprocess
import sys

from findings import Findings, without_comments


def exported(library):
    done = subprocess.run(["nm", "--dynamic", "--defined-only", "--format=posix", library],
                          check=True, capture_output=True, text=True)
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[0].split("@")[0] for row in rows if row[1] in "TDBRVW"}


def mapped(path):
    text = without_comments(path.read_text())
    return {name for block in re.findall(r"global:(.*?)(?:local:|\})", text, re.S)
            for name in re.findall(r"[\w*?]+", block)}


def declared(path):
    text = without_comments(path.read_text()).replace("\\\n", " ")
    text = re.sub(r"^[ \t]*#.*$", "", text, flags=re.M)
    text = re.sub(r'extern\s+"C"\s*\{', "", text)
    text = re.sub(r"\{[^{}]*\}", "", text)
    names = set()
    for statement in text.split(";"):
        match = re.match(r"(?!typedef\b)[\w\s*]*?\b(\w+)\s*\(", statement.strip())
        if match:
            names.add(match[1])
    return names


def manual(directory):
    """Functions that have a page, or a page that points to another's (.so)."""
    return {path.stem for path in directory.glob("*.3")}


def main(library, map_path, header, man_dir=None):
    findings = Findings("exports")
    sets = {"the library": exported(library), "the version script": mapped(pathlib.Path(map_path)),
            "the header": declared(pathlib.Path(header))}
    if man_dir:
        sets["the manual"] = manual(pathlib.Path(man_dir))
    every = set.union(*(names for room, names in sets.items() if room != "the manual"))
    for name in sorted(every):
        findings.looked += 1
        for room, names in sets.items():
            if name not in names:
                findings.add(name, f"is missing in {room}")
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
