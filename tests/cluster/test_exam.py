# SPDX-License-Identifier: GPL-2.0-or-later
"""The exam of the lock rules (tests/conformance) with the programs of each row in turn on two nodes: the master
of the row's resource here or there, its directory entry here or there."""
import itertools
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from lab import DEADLINE

HERE = pathlib.Path(__file__).resolve().parent
TABLES = sorted((HERE.parent / "conformance").glob("*.table"))
WAYS = list(itertools.product((1, 2), (1, 2)))  # node of the master, of the directory entry
RESOURCE = re.compile(r'Resource len \d+ +"conformance-\S+?-\d+-\d+"\s*\n(Master.*)')


@pytest.fixture(scope="module")
def lab(make_module_lab):
    # what dlm_lockd says of each message with log_debug would be most of the work
    return make_module_lab(2, conf="enable_startup_fencing=0\npost_join_delay=1\n")


def space(way):
    return "exam{}{}".format(*way)


def program(lab):
    found = shutil.which("dlm_conformance", path=lab[1].environment()["PATH"])
    return found or pytest.skip("UDLM_BUILD does not name a build directory with tests/conformance")


def sit(lab, way, tables, *words):
    """Start the exam from outside the nodes."""
    nodes = [shlex.join([sys.executable, "-B", str(HERE.parents[1] / "nodes"), "--lab", str(lab.directory), "run",
                         str(n)]) for n in (1, 2)]
    return subprocess.Popen(
        [program(lab), "--node", nodes[0], "--node", nodes[1], "--master", str(way[0]), "--directory",
         str(way[1]), *words, space(way), *map(str, tables)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=lab[1].environment())


def result(popen):
    """Its text; that of a part where callbacks do not come, for each of which it waits long."""
    try:
        return popen.communicate(timeout=2 * DEADLINE)[0]
    except subprocess.TimeoutExpired:
        popen.kill()
        return popen.communicate()[0] + "did not come to its end\n"


def results(lab, tables, *words):
    """All four ways at once: they share the nodes, the links and nothing else. {way: text}"""
    sitting = {way: sit(lab, way, tables, *words) for way in WAYS}
    try:
        return {way: result(popen) for way, popen in sitting.items()}
    finally:
        for popen in sitting.values():
            popen.kill()
            popen.wait()


def masters(node, name):
    """How the node knows the rows' resources that it still has: {"Master", "Master Dir:2", "Master:2 Dir"...}"""
    text = node.tool("lockdebug", name, check=True).stdout
    return {" ".join(line.split()) for line in RESOURCE.findall(text)}


def test_the_rules_hold_between_nodes(lab):
    rows = sum(1 for path in TABLES for line in path.read_text().splitlines() if line and line[0] != "#")
    texts = results(lab, TABLES)
    assert {way: text.splitlines()[-1] for way, text in texts.items()} == dict.fromkeys(
        WAYS, f"{rows} passed, 0 failed"), "\n".join(texts.values())
    lab.wait(lambda: not lab[1].lockspaces() and not lab[2].lockspaces(), "the exam has released its lockspaces")


def test_masters_and_directories_are_where_they_should_be(lab):
    """Else the test above would be four times the same."""
    for way in WAYS:
        for node in lab:
            node.tool("join", space(way), check=True)
    texts = results(lab, TABLES, "-r", "grant/PR")
    for way, text in texts.items():
        assert text.endswith(" passed, 0 failed\n"), text
        master, directory = way
        seen = {node.id: masters(node, space(way)) for node in lab}
        want = {n: "Master" if n == master else f"Master:{master}" for n in (1, 2)}
        want = {n: {f"{text} Dir" if n == directory else f"{text} Dir:{directory}"} for n, text in want.items()}
        assert seen == want, way
    for way in WAYS:
        for node in lab:
            node.tool("leave", space(way), check=True)


def test_what_a_row_does_not_name_is_seen(lab, tmp_path):
    """On the other node too, and each time: the exam knows when nothing more comes."""
    table = tmp_path / "wrong.table"
    table.write_text("".join(
        f"bast/{i} | A lock EX: A ok | B lock EX: | A unlock: A EUNLOCK, B ok\n"
        f"grant/{i} | A lock EX: A ok | B lock EX: A bast | A unlock: A EUNLOCK\n" for i in range(100)))
    for way, text in results(lab, [table]).items():
        assert text.endswith("0 passed, 200 failed\n"), (way, text)
        assert text.count("A got bast, expected nothing") == 100, way
        assert text.count("B got ok, expected nothing") == 100, way
