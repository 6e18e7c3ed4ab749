#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The header of the group udlm in docs/protocol/control.md is the one that src/proto/udlm.c writes."""
import re
import sys
from pathlib import Path


def documented(text):
    section = text[text.index("## The group udlm"):]
    return {name: (int(at), int(size)) for at, size, name in
            re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", section, re.M)}


def written(code):
    body = code[code.index("size_t udlm_encode"):code.index("int udlm_decode")]
    found = {"bytes": (0, 4), "header_bytes": (6, 2)}  # not out of the struct
    assert "put_le32(ret, " in body and "put_le16(ret + 6, UDLM_HEADER_BYTES)" in body
    for bits, at, name in re.findall(r"put_le(\d+)\(ret \+ (\d+), header->(\w+)\)", body):
        found[name] = (int(at), int(bits) // 8)
    return found


def main(root):
    text = (Path(root) / "docs/protocol/control.md").read_text()
    header = (Path(root) / "src/proto/udlm.h").read_text()
    fields, code = documented(text), written((Path(root) / "src/proto/udlm.c").read_text())
    assert fields == code, (fields, code)
    size = re.search(r"UDLM_HEADER_BYTES (\d+)u", header)[1]
    part = re.search(r"UDLM_TEXT_BYTES\s+(\d+)u", header)[1]
    section = text[text.index("## The group udlm"):]
    assert f"a header of {size} bytes" in section and f"at most {part} bytes" in section
    print(f"{len(fields)} fields")


if __name__ == "__main__":
    main(sys.argv[1])
