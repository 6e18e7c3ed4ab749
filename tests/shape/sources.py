#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A "Source:" line in a comment names a page of docs/ and headings of it; both exist.

usage: sources.py ROOT
"""
import pathlib
import re
import sys

from findings import Findings, walk

SOURCE = re.compile(r'Source:\s+(docs/[\w/.-]+\.md)((?:,?\s+(?:and\s+)?"[^"]+")*)')


def comments(text):
    """Comments of C text with their decoration taken off and lines joined."""
    for match in re.finditer(r"/\*.*?\*/", text, re.S):
        joined = re.sub(r"\s*\n\s*\*?\s*", " ", match[0])
        yield text.count("\n", 0, match.start()) + 1, joined


def headings(path, known):
    if path not in known:
        lines = path.read_text().splitlines() if path.is_file() else []
        # "## 5.1 Modes" and "## Modes" are both the heading "Modes"
        known[path] = {re.sub(r"^#+\s+(?:[\d.]+\s+)?", "", line).strip()
                       for line in lines if line.startswith("#")}
    return known[path]


def main(root):
    root, findings, known = pathlib.Path(root), Findings("sources"), {}
    for base in ("src", "include", "tests", "bench"):
        for path in walk(root / base, ".c", ".h"):
            for line, text in comments(path.read_text(errors="replace")):
                for match in SOURCE.finditer(text):
                    where = f"{path.relative_to(root)}:{line}"
                    page = root / match[1]
                    findings.looked += 1
                    if not page.is_file():
                        findings.add(where, f"{match[1]} does not exist")
                        continue
                    for heading in re.findall(r'"([^"]+)"', match[2]):
                        if heading not in headings(page, known):
                            findings.add(where, f'{match[1]} has no heading "{heading}"')
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
