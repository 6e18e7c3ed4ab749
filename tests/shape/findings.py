# SPDX-License-Identifier: GPL-2.0-or-later
"""What all shape checks share: walking a tree, and saying what was found.

A check names every finding, says how many things it looked at, and fails when there is a finding or
when it looked at nothing, since a check that has gone blind must not pass.
"""
import re

SKIPPED = {".git", "subprojects", "__pycache__", ".pytest_cache"}


class Findings:
    def __init__(self, check):
        self.check, self.count, self.looked = check, 0, 0

    def add(self, where, text):
        self.count += 1
        print(f"{where}: {text}")

    def exit_status(self):
        print(f"{self.check}: looked at {self.looked}, {self.count} findings")
        if not self.looked:
            print(f"{self.check}: looked at nothing, so this check is blind")
        return 1 if self.count or not self.looked else 0


def walk(root, *suffixes):
    """Files below root, sorted, without build trees; all of them when no suffix is given."""
    found = []
    if not root.is_dir():
        return found
    for path in sorted(root.iterdir()):
        if path.name in SKIPPED or path.is_symlink():
            continue
        if path.is_dir():
            if not (path / "meson-private").is_dir() and not path.name.startswith("build"):
                found += walk(path, *suffixes)
        elif not suffixes or path.suffix in suffixes:
            found.append(path)
    return found


def exceptions(path):
    """A list of exceptions, one a line: what, then why. A line without a reason is an error."""
    listed = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        what, _, why = line.strip().partition(" ")
        if not why.strip():
            raise SystemExit(f"{path}:{number}: {what} has no reason")
        listed[what] = why.strip()
    return listed


def without_comments(text, strings=False):
    """C text with comments (and, if asked, the insides of strings) blanked, lines kept."""

    def blank(match):
        token = match[0]
        if token[0] in "\"'":
            return token if not strings else token[0] + " " * (len(token) - 2) + token[0]
        return re.sub(r"[^\n]", " ", token)

    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', blank, text,
                  flags=re.S)
