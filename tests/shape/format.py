#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every .c and .h file is as clang-format leaves it.

usage: format.py ROOT [CLANG_FORMAT]
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

from findings import Findings, walk


def main(root, program="clang-format"):
    root, findings = pathlib.Path(root), Findings("format")
    paths = walk(root, ".c", ".h")
    if not (root / ".clang-format").is_file():
        findings.add(root, "no .clang-format")

    def formatted(path):
        return subprocess.run([program, "--style=file", path], capture_output=True)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(formatted, paths))
    for path, done in zip(paths, results):
        findings.looked += 1
        name = path.relative_to(root)
        if done.returncode:
            findings.add(name, done.stderr.decode(errors="replace").strip())
            continue
        have, want = path.read_bytes().split(b"\n"), done.stdout.split(b"\n")
        if have != want:
            line = next((n for n, (a, b) in enumerate(zip(have, want), 1) if a != b),
                        min(len(have), len(want)))
            findings.add(f"{name}:{line}", f"not as {program} leaves it (clang-format -i {name})")
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
