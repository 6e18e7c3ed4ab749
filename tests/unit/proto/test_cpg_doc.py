#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/protocol/control.md says of the groups' messages what src/proto/cpg.h says.

* its types have the numbers of enum cpg_type, and all of those are there;
* fixed lengths of messages and of the header are those of the CPG_*_BYTES constants;
* the flags that its text names have the values of the header.
"""
import re
import sys
from pathlib import Path

from test_dlmc_doc import table_with


def number(header, name):
    return int(re.search(rf"#define {name}\s+(0x[0-9a-f]+|\d+)u", header)[1], 0)


def main(root):
    root = Path(root)
    text = (root / "docs/protocol/control.md").read_text()
    header = (root / "src/proto/cpg.h").read_text()
    wrong = []
    types = {name: int(value) for name, value in
             re.findall(r"^\tCPG_(\w+) = (\d+),", header, re.M)}
    rows = table_with(text, "| message | type | bytes | in |")
    said = {row[0]: int(row[1]) for row in rows}
    if said != types or len(said) < 13:
        wrong.append(f"types: {sorted(set(said.items()) ^ set(types.items()))}")
    lengths = {row[0]: int(row[2].split()[0]) for row in rows}
    for name, constant in (("PROTOCOL", "CPG_PROTOCOL_BYTES"), ("START", "CPG_START_BYTES"),
                           ("FENCE_RESULT", "CPG_FENCE_BYTES"), ("FENCE_CLEAR", "CPG_FENCE_BYTES"),
                           ("RUN_REQUEST", "CPG_MESSAGE_MAX")):
        if lengths[name] != number(header, constant):
            wrong.append(f"{name}: {lengths[name]} bytes said, {constant} differs")
    fields = table_with(text, "| at | size | header field | |")
    end = sum(int(row[1]) for row in fields)
    at = 0
    for row in fields:
        if int(row[0]) != at:
            wrong.append(f"header field {row[2]} is said to be at {row[0]}, not {at}")
        at += int(row[1])
    if end != number(header, "CPG_HEADER_BYTES"):
        wrong.append(f"the header's fields have {end} bytes")
    for words, constant in ((r"flags (\d+) while it has not", "CPG_FLAG_JOINING"),
                            (r"(\d+) if it has the state of posix", "CPG_FLAG_HAVEPLOCK"),
                            (r"(\d+) if it takes back", "CPG_FLAG_NACK"),
                            (r"(0x[0-9a-f]+) from udlm", "CPG_FLAG_UDLM"),
                            (r"flags \((\d+) the sender does not know", "CPG_FENCE_FIPU"),
                            (r"(\d+) clear the startup list", "CPG_FENCE_CLEAR_STARTUP"),
                            (r"(\d+) clear fipu", "CPG_FENCE_CLEAR_FIPU")):
        found = re.search(words, text)
        if not found or int(found[1], 0) != number(header, constant):
            wrong.append(f"{constant}: {found and found[1]} in the text")
    print("\n".join(wrong) or f"{len(said)} types, {len(fields)} fields")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
