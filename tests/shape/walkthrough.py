#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The functions and files that a page of documentation names exist.

usage: walkthrough.py ROOT PAGE...
Looks at what stands in backquotes: `name()` must be defined somewhere below src/ or include/, and a
path such as `src/engine/queue.c` or `tests/sim/` must be there (of a program, its source).
"""
import pathlib
import re
import sys

from findings import Findings, walk, without_comments

FUNCTION = re.compile(r"`(?:struct )?([A-Za-z_]\w*)\(\)`")
PATH = re.compile(r"`((?:src|include|tests|bench|data|docs|scripts|examples)/[\w./-]*)`")


def defined_functions(root):
    """Names that are followed by a parameter list at the start of a line: definitions, prototypes."""
    names = set()
    for base in ("src", "include"):
        for path in walk(root / base, ".c", ".h"):
            text = without_comments(path.read_text(errors="replace"))
            names |= set(re.findall(r"^[A-Za-z_][\w \t*]*?\b([A-Za-z_]\w*)\(", text, re.M))
    return names


def main(root, *pages):
    root, findings = pathlib.Path(root), Findings("walkthrough")
    known = defined_functions(root)
    for page in pages:
        for number, line in enumerate((root / page).read_text().splitlines(), 1):
            for name in FUNCTION.findall(line):
                findings.looked += 1
                if name not in known:
                    findings.add(f"{page}:{number}", f"{name}() is no function of ours")
            for name in PATH.findall(line):
                findings.looked += 1
                if not (root / name).exists() and not (root / f"{name}.c").is_file():
                    findings.add(f"{page}:{number}", f"{name} does not exist")
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
