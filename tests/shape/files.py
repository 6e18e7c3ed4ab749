#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every file says its licence on top (SPDX), the right one for its folder, and none is big.

usage: files.py ROOT
"""
import pathlib
import re
import sys

from findings import Findings, walk

LESSER = ("include/", "src/lib/", "src/proto/", "src/base/pure/")
WANTED = {".c", ".h", ".py", ".sh", ".map", ".3", ".5", ".8", ".service", ".toml"}
WANTED_NAMES = {"meson.build", "meson_options.txt", "quickstart", "check", "run"}
BYTES_MAX = 1000 * 1000
LINE = re.compile(r"SPDX-License-Identifier: (\S+)")


def wants_licence(path, head):
    return path.suffix in WANTED or path.name in WANTED_NAMES or head.startswith(b"#!")


def main(root):
    root, findings = pathlib.Path(root), Findings("files")
    for path in walk(root):
        name = path.relative_to(root).as_posix()
        head = path.read_bytes()[:512]
        findings.looked += 1
        if path.stat().st_size > BYTES_MAX:
            findings.add(name, f"{path.stat().st_size} bytes; at most {BYTES_MAX}")
        if not wants_licence(path, head):
            continue
        top = head.decode(errors="replace").splitlines()[:2 if head.startswith(b"#!") else 1]
        said = next((m[1] for m in map(LINE.search, top) if m), None)
        right = "LGPL-2.1-or-later" if name.startswith(LESSER) and path.name != "meson.build" \
            else "GPL-2.0-or-later"
        if said is None:
            findings.add(name, "no SPDX-License-Identifier on top")
        elif said != right and path.name != "meson.build":
            findings.add(name, f"says {said}, but here it is {right}")
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
