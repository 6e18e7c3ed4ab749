#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Count what a test run did: prints "PASSED FAILED SKIPPED".

usage: totals.py meson TESTLOG.json      cases of cmocka and unittest programs, else one a program
       totals.py junit RESULTS.xml       cases of pytest
"""
import json
import re
import sys
import xml.etree.ElementTree as tree

CMOCKA = {"passed": re.compile(r"^\[  PASSED  \] (\d+) test", re.M),
          "failed": re.compile(r"^\[  FAILED  \] \w+: (\d+) test|^\[  FAILED  \] (\d+) test", re.M),
          "skipped": re.compile(r"^\[  SKIPPED \] \w*:? ?(\d+) test", re.M)}
UNITTEST = re.compile(r"^Ran (\d+) tests? in", re.M)


def count(pattern, text):
    return sum(int(next(g for g in match.groups() if g)) for match in pattern.finditer(text))


def meson_entry(entry):
    result, text = entry["result"], entry.get("stdout", "") + entry.get("stderr", "")
    if result in ("SKIP", "EXPECTEDFAIL"):
        return 0, 0, 1
    cases = {kind: count(pattern, text) for kind, pattern in CMOCKA.items()}
    ran = UNITTEST.search(text)
    if result == "OK":
        return cases["passed"] or (ran and int(ran[1])) or 1, 0, cases["skipped"]
    return cases["passed"], max(1, cases["failed"]), cases["skipped"]


def meson(path):
    with open(path) as log:
        rows = [meson_entry(json.loads(line)) for line in log]
    return [sum(column) for column in zip(*rows)] or [0, 0, 0]


def junit(path):
    suites = list(tree.parse(path).getroot().iter("testsuite"))
    total, failed, skipped = (sum(int(suite.get(key, 0)) for suite in suites)
                              for key in ("tests", "failures", "skipped"))
    failed += sum(int(suite.get("errors", 0)) for suite in suites)
    return [total - failed - skipped, failed, skipped]


if __name__ == "__main__":
    print(*{"meson": meson, "junit": junit}[sys.argv[1]](sys.argv[2]))
