# SPDX-License-Identifier: GPL-2.0-or-later
"""Exported symbols = libdlm.symbols = the header = man pages; and, where Debian's packages are
installed, what their libraries export and their header declares.

usage: test_symbols.py SOURCE_ROOT LIBDLM LIBDLM_LT
"""
import pathlib
import re
import subprocess
import sys

ROOT, LIBRARIES = pathlib.Path(sys.argv[1]), sys.argv[2:4]
FOREIGN = pathlib.Path("/usr/include/libdlm.h")
findings = []


def expect(what, found, wanted):
    for name in sorted(found - wanted):
        findings.append(f"{what}: {name} is too much")
    for name in sorted(wanted - found):
        findings.append(f"{what}: {name} is missing")


def exported(library):
    text = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True,
                          text=True).stdout
    return {line.split()[-1].split("@")[0] for line in text.splitlines()}


def listed():
    lines = (ROOT / "tests/unit/lib/libdlm.symbols").read_text().splitlines()
    return {kind: {line.split()[1] for line in lines if line.startswith(kind + " ")}
            for kind in ("both", "threads", "new")}


def preprocess(directory, *flags):
    run = subprocess.run(["cc", "-E", "-P", *flags, f"-I{directory}", "-"], text=True, check=True,
                         capture_output=True, input="#include <sys/types.h>\n#include <libdlm.h>\n")
    return run.stdout


def declared(directory, *flags):
    """Function name -> its declaration without names of arguments or white space."""
    text = re.sub(r"\s+", " ", preprocess(directory, *flags))
    found = {}
    for match in re.finditer(r"extern ([^;(]*?)(\w+) ?\((.*?)\);", text):
        kind, name, arguments = match.groups()
        if not re.match(r"dlm_|lock_resource|unlock_resource", name):
            continue
        arguments = re.sub(r"\( ?\* ?\w+ ?\)", "(*)", arguments)
        arguments = re.sub(r"(\w|\*) ?\b\w+(?= ?[,)]|$)",
                           lambda m: m.group(1) if m.group(1) == "*" else m.group(0), arguments)
        words = [re.sub(r"^((?:const |unsigned |struct )*\w+) \w+$", r"\1", part.strip())
                 for part in arguments.split(",")]
        found[name] = re.sub(r" ", "", kind + ",".join(words))
    return found


def macros(directory):
    text = preprocess(directory, "-dM")
    return {line for line in re.sub(r"[ \t]+", " ", text).splitlines()
            if re.match(r"#define (DLM_|LKM_|LKF_|ECANCEL|EUNLOCK|EINPROG)", line)}


def check_own(symbols):
    full = symbols["both"] | symbols["new"] | symbols["threads"]
    expect(LIBRARIES[0], exported(LIBRARIES[0]), full)
    expect(LIBRARIES[1], exported(LIBRARIES[1]), full - symbols["threads"])
    expect("libdlm.h", set(declared(ROOT / "include", "-D_REENTRANT")), full)
    expect("libdlm.h without _REENTRANT", set(declared(ROOT / "include")), full - symbols["threads"])
    pages = {page.stem for page in (ROOT / "docs/man").glob("*.3")}
    expect("docs/man", pages & full, full)


def check_foreign(symbols):
    full = symbols["both"] | symbols["threads"]
    for name, wanted in ("libdlm.so.3", full), ("libdlm_lt.so.3", symbols["both"]):
        for library in pathlib.Path("/usr/lib").glob(f"*/{name}"):
            if "udlm" not in subprocess.run(["strings", library], capture_output=True,
                                            text=True).stdout:
                expect(str(library), exported(library), wanted)
    if not FOREIGN.exists() or "udlm" in FOREIGN.read_text():
        print("no other libdlm.h is installed: not compared")
        return
    theirs, ours = declared("/usr/include", "-D_REENTRANT"), declared(ROOT / "include", "-D_REENTRANT")
    for name in sorted(theirs):
        if ours.get(name) != theirs[name]:
            findings.append(f"{name}: {ours.get(name)} here, {theirs[name]} in {FOREIGN}")
    expect(f"macros of {FOREIGN}", macros("/usr/include"), macros(ROOT / "include"))


def main():
    symbols = listed()
    assert len(symbols["both"]) == 21 and len(symbols["threads"]) == 5, "libdlm.symbols was misread"
    check_own(symbols)
    check_foreign(symbols)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


sys.exit(main())
