# SPDX-License-Identifier: GPL-2.0-or-later
"""ls --all, status --all and what lockspaces wait for, on one node: the cluster tests have several."""
import os
import re

import pytest

from lib import controld as c
from lib import tool
from lib.child import Child

NOBODY = 65534


@pytest.fixture
def daemon(start_controld):
    return start_controld().ready()


def steady(text):
    """Without the seconds that go by between two looks."""
    return re.sub(r"(now |monotime=|admin_accepted=)\d+", r"\1N", text)


def test_ls_of_all_nodes_is_that_of_this_one(daemon):
    assert tool.call(daemon.run, "ls", "--all").out == "node 1:\n"
    for name in ("testls", "second"):
        assert tool.call(daemon.run, "join", name).status == 0
    for words in ((), ("-n",)):
        here = tool.call(daemon.run, "ls", *words)
        everywhere = tool.call(daemon.run, "ls", "--all", *words)
        assert (everywhere.status, everywhere.out) == (0, "node 1:\n" + here.out)


def test_status_of_all_nodes_is_that_of_this_one(daemon):
    here = tool.call(daemon.run, "status").out
    assert steady(tool.call(daemon.run, "status", "--all").out) == steady("node 1:\n" + here)
    here = tool.call(daemon.run, "status", "-v").out
    everywhere = tool.call(daemon.run, "--all", "status", "-v").out
    # the verbose form of this node also has what its daemon says of itself
    assert steady("node 1:\n" + here).startswith(steady(everywhere))


def test_many_lockspaces_in_many_parts(daemon):
    names = [f"ls{i:03}" for i in range(60)]
    started = [tool.Started(daemon.run, "join", name) for name in names]
    assert [one.wait().status for one in started] == [0] * len(names)
    here = tool.call(daemon.run, "ls", "-n").out
    assert len(here) > 10000
    assert tool.call(daemon.run, "ls", "-n", "--all").out == "node 1:\n" + here


def test_questions_that_are_none(daemon):
    for option in (0, 5, 0xFFFFFFFF):
        reply = daemon.ask(c.ALL_NODES, option=option)
        assert reply.data == -22 and b"no such question" in reply.body
    assert daemon.ask(c.ALL_NODES, option=1).body == b"node 1:\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_only_the_trusted_ask_all(daemon):
    os.chmod(daemon.run, 0o755)

    def ask():
        c.become(NOBODY)
        return daemon.ask(c.ALL_NODES, option=1).data, daemon.ask(c.LOCKSPACE_WAITING).data
    with Child(ask) as child:
        assert child.value == (-13, 0)


def test_waiting_of_lockspaces(daemon):
    assert daemon.ask(c.LOCKSPACE_WAITING).body == b""
    assert daemon.ask(c.LOCKSPACE_WAITING, b"absent").data == -2
    for name in ("one", "two"):
        assert tool.call(daemon.run, "join", name).status == 0
    assert daemon.ask(c.LOCKSPACE_WAITING).body == b"lockspace=two\nlockspace=one\n"
    assert daemon.ask(c.LOCKSPACE_WAITING, b"one").body == b"lockspace=one\n"
