#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Comments name functions of ours that exist: `queue_grant()` in a comment, where a room is called
queue. Others' functions are not looked at, nor patterns such as completion_expect_x().

usage: mentions.py ROOT
"""
import pathlib
import re
import sys

from findings import Findings, walk
from walkthrough import defined_functions

COMMENT = re.compile(r"/\*.*?\*/", re.S)
MENTION = re.compile(r"\b([a-z][a-z0-9]*)(_\w+)?\(\)")


def main(root):
    root, findings = pathlib.Path(root), Findings("mentions")
    paths, known = walk(root / "src", ".c", ".h"), defined_functions(root)
    rooms = {path.stem.split("_")[0] for path in paths} | {path.parent.name for path in paths}
    for path in paths:
        text = path.read_text(errors="replace")
        for comment in COMMENT.finditer(text):
            for mention in MENTION.finditer(comment[0]):
                name = mention[0][:-2]
                if mention[1] not in rooms or not mention[2] or re.search(r"_x(_|$)", name):
                    continue
                findings.looked += 1
                if name not in known:
                    line = text.count("\n", 0, comment.start() + mention.start()) + 1
                    findings.add(f"{path.relative_to(root)}:{line}", f"{name}() does not exist")
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
