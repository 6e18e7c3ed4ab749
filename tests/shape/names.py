#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names show their room: what x.c gives to others is called x_something. A noun of several files
shares its name (receive_master.c gives receive_something()), and what begins with the part's own name
(engine_something) is its door, declared in one header.

usage: names.py EXCEPTIONS [PART ARCHIVE]...
An exception that nothing needs any more is a finding too.
"""
import pathlib
import re
import sys

from findings import Findings, exceptions
from purity import symbols


def rooms(part, stem):
    """What a name in this file may begin with. meson calls the object of pure/alloc.c pure_alloc."""
    words = stem.split("_")
    for cut in range(len(words)):
        yield "_".join(words[cut:])
        yield "_".join(words[:cut + 1])
    yield part


def fits(symbol, part, stem):
    return any(symbol == room or symbol.startswith(room + "_") for room in rooms(part, stem))


def main(exceptions_path, *pairs):
    findings, excepted = Findings("names"), exceptions(pathlib.Path(exceptions_path))
    used = set()
    for part, archive in zip(pairs[::2], pairs[1::2]):
        for name, symbol, kind in symbols(archive):
            if kind not in "TDBRV":
                continue
            findings.looked += 1
            if fits(symbol, part, name.removesuffix(".c.o")):
                continue
            if f"{part}/{symbol}" in excepted:
                used.add(f"{part}/{symbol}")
            else:
                findings.add(f"{part}: {name}", f"{symbol}() does not begin with its file's name")
    for rest in sorted(excepted.keys() - used):
        findings.add(exceptions_path, f"{rest}: nothing needs this exception")
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
