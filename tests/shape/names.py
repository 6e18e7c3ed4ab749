#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names show their room: what x.c gives to others is called x_something, or PART_x_something where
it belongs to the part's door (engine_client_new() is in src/engine/client.c).

usage: names.py EXCEPTIONS [PART ARCHIVE]...
An exception that nothing needs any more is a finding too.
"""
import pathlib
import re
import sys

from findings import Findings, exceptions
from purity import symbols


def fits(symbol, part, stem):
    return any(symbol == room or symbol.startswith(room + "_")
               for room in (stem, f"{part}_{stem}"))


def main(exceptions_path, *pairs):
    findings, excepted = Findings("names"), exceptions(pathlib.Path(exceptions_path))
    used = set()
    for part, archive in zip(pairs[::2], pairs[1::2]):
        for name, symbol, kind in symbols(archive):
            # meson calls the object of pure/alloc.c pure_alloc.c.o
            stem = name.removesuffix(".c.o")
            if kind not in "TDBRV":
                continue
            findings.looked += 1
            stems = [stem[cut:] for cut in [0] + [m.end() for m in re.finditer("_", stem)]]
            if any(fits(symbol, part, s) for s in stems):
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
