#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each src/PART/[FOLDER/]FILE.c has a unit test tests/unit/PART/test_FILE.c, or a line in the list
of exceptions that says why not.

usage: units.py ROOT EXCEPTIONS
"""
import pathlib
import sys

from findings import Findings, exceptions, walk


def main(root, exceptions_path):
    root, findings = pathlib.Path(root), Findings("units")
    excepted = exceptions(pathlib.Path(exceptions_path))
    needed = set()
    for path in walk(root / "src", ".c"):
        findings.looked += 1
        name = path.relative_to(root / "src")
        test = root / "tests/unit" / name.parts[0] / f"test_{path.stem}.c"
        if test.is_file():
            continue
        needed.add(name.as_posix())
        if name.as_posix() not in excepted:
            findings.add(f"src/{name}", f"no {test.relative_to(root)} and no exception")
    for rest in sorted(excepted.keys() - needed):
        findings.add(exceptions_path, f"{rest}: nothing needs this exception")
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
