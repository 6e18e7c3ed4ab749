#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/protocol/control.md says what the code does.

* its commands have the numbers of src/proto/dlmc.h, and all of those are there;
* its header has the fields of struct dlmc_header, in their order and sizes;
* every `Source: docs/protocol/control.md, "X"` in the source names a section that exists.
"""
import re
import sys
from pathlib import Path


def table_with(text, head):
    """The rows of the table whose first line begins so."""
    lines = text[text.index(head):].split("\n")[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def commands(header):
    return {name: int(number) for name, number in
            re.findall(r"DLMC_CMD_(\w+)\s*=\s*(\d+)", header)}


def fields(header):
    body = re.search(r"struct dlmc_header \{(.*?)\n\};", header, re.S)[1]
    found, offset = [], 0
    for kind, name, size in re.findall(r"(uint32_t|int32_t|char) (\w+)(?:\[(\w+)\])?;", body):
        size = 64 if size else 4
        found.append([str(offset), str(size), name])
        offset += size
    return found


def main(root):
    root = Path(root)
    text = (root / "docs/protocol/control.md").read_text()
    header = (root / "src/proto/dlmc.h").read_text()
    wrong = []
    said = {row[0]: int(row[1]) for row in table_with(text, "| command | number |")}
    if said != commands(header) or len(said) < 20:
        wrong.append(f"commands: {sorted(set(said.items()) ^ set(commands(header).items()))}")
    rows = [row[:3] for row in table_with(text, "| offset | bytes | field |")]
    if rows != fields(header):
        wrong.append(f"header: {rows} and {fields(header)}")
    sections = set(re.findall(r"^## (.*)$", text, re.M))
    for path in [*root.glob("src/**/*.[ch]")]:
        for name in re.findall(r'Source: docs/protocol/control\.md, "([^"]+)"', path.read_text()):
            if name not in sections:
                wrong.append(f"{path}: no section {name}")
    print("\n".join(wrong) or f"{len(said)} commands, {len(rows)} fields, {len(sections)} sections")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
