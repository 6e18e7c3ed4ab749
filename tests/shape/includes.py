#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Direction of includes: who may use whom, and that the pure folders ask nothing of the system.

usage: includes.py ROOT [TABLE.toml]
Also: includes are written from src/ (or name a public header), a .c file includes its own header
first, and headers do not include each other in a circle.
"""
import pathlib
import re
import sys
import tomllib

from findings import Findings, walk, without_comments

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>\n]+)>|"([^"\n]+)")', re.M)


def folder_of(path, folders):
    return max((f for f in folders if path.startswith(f + "/")), key=len, default=None)


def includes_of(path):
    text = without_comments(path.read_text(errors="replace"))
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield line, match[1], match[2]


class Checker:
    def __init__(self, root, table):
        self.root, self.findings = root, Findings("includes")
        self.folders, self.pure_system = table["folder"], set(table["pure_system"])
        self.uses = {}

    def resolve(self, name):
        """The file that a quoted or public include names, relative to root, or None."""
        for base in ("src", "include"):
            if ".." not in name.split("/") and (self.root / base / name).is_file():
                return f"{base}/{name}"
        return None

    def check_system(self, where, path, name):
        entry = self.folders[folder_of(path, self.folders)]
        if entry.get("pure") and name not in self.pure_system:
            self.findings.add(where, f"<{name}> in a pure folder")

    def check_own(self, where, path, target):
        mine, theirs = (folder_of(p, self.folders) for p in (path, target))
        if theirs != mine and theirs not in self.folders[mine]["may"]:
            self.findings.add(where, f"{mine} may not include {theirs} ({target})")

    def check_file(self, path):
        name = path.relative_to(self.root).as_posix()
        self.findings.looked += 1
        if not folder_of(name, self.folders):
            return self.findings.add(name, "its folder has no line in the table of includes")
        first = None
        for line, system, quoted in includes_of(path):
            where, target = f"{name}:{line}", self.resolve(system or quoted)
            first = first or target or system or quoted
            if target and (quoted or target.startswith("include/")):
                self.uses.setdefault(name, []).append((line, target))
                self.check_own(where, name, target)
            elif quoted:
                self.findings.add(where, f'"{quoted}" is no file below src/')
            else:
                self.check_system(where, name, system)
        header = name[:-2] + ".h"
        if name.endswith(".c") and (self.root / header).is_file() and first != header:
            self.findings.add(name, f"does not include its own header {header} first")

    def check_circles(self):
        done = set()

        def visit(name, trail):
            if name in trail:
                circle = " -> ".join(trail[trail.index(name):] + [name])
                return self.findings.add(name, f"headers include each other: {circle}")
            if name not in done:
                for _, target in self.uses.get(name, []):
                    visit(target, trail + [name])
                done.add(name)

        for name in sorted(self.uses):
            visit(name, [])


def main(root, table=pathlib.Path(__file__).with_name("includes.toml")):
    root = pathlib.Path(root)
    checker = Checker(root, tomllib.loads(pathlib.Path(table).read_text()))
    for base in ("src", "include"):
        if (root / base).is_dir():
            for path in walk(root / base, ".c", ".h"):
                checker.check_file(path)
    checker.check_circles()
    return checker.findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
