#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/protocol/wire.md says what the code does.

* every constant that a table of it names has the value that the compiler sees;
* every constant of the protocol in the headers is in it;
* its tables of modes are those of mode.c, its name hashes those of hash.c;
* every `Source: docs/protocol/wire.md, "X"` in the source names sections that exist.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MODES = ["IV", "NL", "CR", "CW", "PR", "PW", "EX"]
# Where the constants are, and which of a header belong to the protocol.
HEADERS = {
    "src/engine/wire.h": r"WIRE_\w+",
    "src/base/pure/dlmconst.h": r"DLM_\w+",
    "src/engine/recovery.h": r"RECOVERY_STATUS_\w+",
    "src/lib/deviceabi.h": r"DEVICE_(?!REMOVE_FORCE)\w+",
}


def read(root, name):
    return (root / name).read_text()


def table_after(text, sentence):
    """The lines of the first table behind a sentence, as lists of cells."""
    lines = text[text.index(sentence):].split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def doc_constants(text):
    found = {}
    for name, value in re.findall(r"^\| `([A-Z]\w+)` \| (-?\w+) \|", text, re.M):
        if re.fullmatch(r"-?(\d+|0x[0-9a-f]+)", value):
            found[name] = int(value, 0)
    return found


def header_constants(root):
    for header, pattern in HEADERS.items():
        text = re.sub(r"/\*.*?\*/", "", read(root, header), flags=re.S)
        names = re.findall(rf"^#define ({pattern})[ \t]+\S", text, re.M)
        names += re.findall(rf"^\t({pattern}) = ", text, re.M)
        yield from names


def compiled_values(root, compiler, names, hashed):
    lines = ['#include <stdio.h>', '#include "base/pure/hash.h"', '#include "engine/mode.h"']
    lines += [f'#include "{header.removeprefix("src/")}"' for header in HEADERS]
    lines.append("int main(void) {")
    lines += [f'printf("{name} %lld\\n", (long long)(int)({name}));' for name in names]
    for one in range(-1, 6):
        for other in range(0, 6):
            key = f"{MODES[one + 1]}_{MODES[other + 1]}"
            lines.append(f'printf("compatible_{key} %d\\n", mode_compatible({one}, {other}));')
            lines.append(f'printf("value_{key} %d\\n", mode_value({one}, {other}));')
            if one >= 0:
                lines.append(
                    f'printf("quecvt_{key} %d\\n", mode_quecvt_allowed({one}, {other}));')
    lines += [f'printf("hash_%s %lld\\n", "{name.encode().hex()}", '
              f'(long long)hash_name("{name}", {len(name)}, 0));' for name in hashed]
    lines += ["return 0;", "}"]
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "values.c"), Path(folder, "values")
        source.write_text("\n".join(lines) + "\n")
        subprocess.run([*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-w", f"-I{root}/src",
                        f"-I{root}/include", str(source), f"{root}/src/engine/mode.c",
                        *map(str, sorted((root / "src/base/pure").glob("*.c"))),
                        "-o", str(program)], check=True)
        output = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    return {name: int(value) for name, value in map(str.split, output.splitlines())}


def check_constants(root, text, values):
    said = doc_constants(text)
    for name, value in said.items():
        if name not in values:
            yield f"`{name}` is in the document and in no header"
        elif value & 0xffffffff != values[name] & 0xffffffff:
            yield f"`{name}` is {value:#x} in the document, {values[name]:#x} in the code"
    for name in header_constants(root):
        if name not in said:
            yield f"{name} is in the code and in no table of the document"


def check_modes(text, values):
    tables = (("Compatible (IV goes", "compatible", {"yes": 1, "no": 0}, 6),
              ("A conversion with QUECVT is", "quecvt", {"yes": 1, "no": 0}, 6),
              ("What happens when a lock goes from", "value", {"-": 0, "read": 1, "write": 2}, 7))
    for sentence, kind, words, lines in tables:
        rows = table_after(text, sentence)
        if [row[0] for row in rows[2:]] != MODES[7 - lines:] or rows[0][1:] != MODES[1:]:
            yield f"the table of {kind} has other modes"
            continue
        for row in rows[2:]:
            for mode, word in zip(rows[0][1:], row[1:]):
                if words.get(word) != values[f"{kind}_{row[0]}_{mode}"]:
                    yield f"{kind}: {row[0]} to {mode} is not {word!r} in the code"


def hashes(text):
    return {row[0].strip('"'): int(row[1], 16) for row in table_after(text, "## Name hash")[2:]}


def check_hashes(text, values):
    for name, value in hashes(text).items():
        if values[f"hash_{name.encode().hex()}"] != value:
            yield f"the hash of {name!r} is not {value:#x}"


def references(root):
    """(file, section) of every Source: line; comment stars and line ends do not matter."""
    files = [path for folder in ("src", "include") for path in sorted((root / folder).rglob("*.[ch]"))]
    for path in files:
        text = re.sub(r"\s*\n\s*\*?\s*", " ", path.read_text())
        for tail in re.findall(r"Source: docs/protocol/wire\.md((?:,? ?(?:and )?\"[^\"]+\")*)", text):
            names = re.findall(r'"([^"]+)"', tail)
            yield from ((path, name) for name in names or [None])


def check_references(root, text):
    sections = set(re.findall(r"^#+ (.+)$", text, re.M))
    count = 0
    for path, name in references(root):
        count += 1
        if name is not None and name not in sections:
            yield f'{path.relative_to(root)}: wire.md has no section "{name}"'
    if count < 10:
        yield f"only {count} Source: lines were found"


def main():
    root, compiler = Path(sys.argv[1]), sys.argv[2:]
    text = read(root, "docs/protocol/wire.md")
    names = sorted(set(header_constants(root)))
    values = compiled_values(root, compiler, names, hashes(text))
    findings = [*check_constants(root, text, values), *check_modes(text, values),
                *check_hashes(text, values), *check_references(root, text)]
    for finding in findings:
        print(finding)
    print(f"{len(doc_constants(text))} constants, {sum(1 for _ in references(root))} references, "
          f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
