#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Purity of static archives, asked of the object code: what they need from outside is on a list of
harmless functions, and they hold no writable data.

usage: purity.py ALLOWED ARCHIVE...
The archives are taken together. For plain builds only: sanitizers, coverage and link-time
optimisation bring symbols and data of their own.
"""
import pathlib
import re
import subprocess
import sys

from findings import Findings

# .data.rel.ro holds tables of pointers that the loader fills once and then protects.
WRITABLE = re.compile(r"\.(data|bss|tdata|tbss)(?!\.rel\.ro)(\.|$)")


def lines_of(*command):
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def symbols(archive):
    """(object, symbol, type) for every symbol of the archive."""
    for line in lines_of("nm", "--print-file-name", "--format=posix", archive):
        where, symbol, kind = re.match(r"(.*): (\S+) (\S)", line).groups()
        yield re.search(r"([^/\[\]]+?)\]?$", where)[1], symbol, kind


def sections(archive):
    """(object, section, bytes) for every section of the archive."""
    name = "?"
    for line in lines_of("size", "--format=sysv", archive):
        title = re.match(r"(\S+)\s+(?:\(ex .*\))?:\s*$", line)
        row = re.match(r"(\.\S+)\s+(\d+)\s+\d+$", line)
        if title:
            name = title[1].rsplit("/", 1)[-1]
        elif row:
            yield name, row[1], int(row[2])


def main(allowed_path, *archives):
    findings = Findings("purity")
    allowed = {word for line in pathlib.Path(allowed_path).read_text().splitlines()
               if not line.startswith("#") for word in line.split()}
    needed, defined, objects = {}, set(), set()
    for archive in archives:
        for name, symbol, kind in symbols(archive):
            objects.add((archive, name))
            if kind in "Uwv":
                needed.setdefault(symbol, set()).add(name)
            elif kind.isupper():
                defined.add(symbol)
        for name, section, size in sections(archive):
            if size and WRITABLE.match(section):
                findings.add(name, f"{size} bytes of writable data in {section}")
    for symbol in sorted(needed.keys() - defined - allowed):
        findings.add(", ".join(sorted(needed[symbol])), f"needs {symbol}")
    findings.looked = len(objects)
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
