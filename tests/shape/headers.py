#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each public header compiles alone, twice over, as C89 and as C++.

usage: headers.py INCLUDE_DIR [CC [CXX]]
"""
import pathlib
import subprocess
import sys

from findings import Findings

STRICT = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wno-long-long", "-Werror"]


def compile_twice(findings, command, include, header):
    """The header included twice, before anything else: it must need nothing and guard itself."""
    text = f"#include <{header.name}>\n" * 2
    done = subprocess.run(command + STRICT + ["-I", include, "-"], input=text, text=True,
                          capture_output=True)
    if done.returncode:
        findings.add(header.name, f"{' '.join(command)}: {done.stderr.strip()}")


def main(include, cc="cc", cxx="c++"):
    include, findings = pathlib.Path(include), Findings("headers")
    for header in sorted(include.glob("*.h")) if include.is_dir() else []:
        findings.looked += 1
        for define in ([], ["-D_REENTRANT"]):
            compile_twice(findings, [cc, "-std=gnu89", "-xc", *define], include, header)
            compile_twice(findings, [cxx, "-std=c++98", "-xc++", *define], include, header)
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
