# SPDX-License-Identifier: GPL-2.0-or-later
"""Life and death of the daemons in a cluster. Whatever ends on a node: its programs learn of it, and nobody
else is granted what they hold before they have ended or acknowledged, or before the node is fenced.

No fencer: `dlm_tool fence_ack` is said by the tests. Nodes share the machine's clock, so what was first is known.
"""
import errno
import re
import signal
import subprocess
import time

import pytest

from lab import DEFAULT_CONF
from lab.space import send
from programs import Keeper, shells

CONF = DEFAULT_CONF + "lockd_timeout=3\n"
NL, EX, CONVERT, NOQUEUE = 0, 5, 4, 1
HOLDERS = {"plain": (), "acknowledging": ("-a",), "stubborn": ("-i",)}  # and what keeper.c is told


@pytest.fixture
def lab(make_lab):
    return make_lab(3, conf=CONF, token=800)


@pytest.fixture
def shell(lab):
    """shell(1): a program in node 1 that does single calls in lockspace x."""
    with shells(lab) as make:
        yield make


def join(lab, *ids, space="x"):
    """Lockspace x is on these nodes, and all of them know it."""
    for n in ids:
        lab[n].tool("join", space, check=True)
    lab.wait(lambda: all(members(lab[n], space) == list(ids) for n in ids), f"{space} is on nodes {ids}")


def members(node, space="x"):
    return node.lockspaces().get(space, {}).get("members")


def is_stopped(node, space="x"):
    return "kern_stop" in node.lockspaces().get(space, {"flag_names": []})["flag_names"]


def hold_and_wait(lab, directory, holders=HOLDERS):
    """Programs of node 1 hold, one each, what programs of node 2 wait for."""
    held = {name: Keeper(lab[1], directory, name, *words) for name, words in holders.items()}
    waiting = {name: Keeper(lab[2], directory, name, wait=False) for name in holders}
    for name in holders:
        lab.wait(lambda name=name: is_queued(lab, name), f"{name} is waited for")
    return held, waiting


def is_queued(lab, resource):
    """Whether its master has put a request for it into the queue."""
    return any(re.search(f" x: queue node .* name {resource} *$", node.log(), re.M) for node in lab)


def fence_needed(lab, victim=1, by=(2, 3)):
    """Until somebody wants the victim fenced: why."""
    def there():
        return [found[victim] for found in (lab[n].fence_needed() for n in by) if victim in found]
    return lab.wait(there, f"node {victim} has to be fenced")[0]["reason"]


def nobody_granted(lab, waiting):
    """The lockspace stands still on the nodes that live, and has granted nothing."""
    lab.wait(lambda: is_stopped(lab[2]) and is_stopped(lab[3]), "the lockspace is stopped")
    assert {name: keeper.times() for name, keeper in waiting.items()} == dict.fromkeys(waiting, [])


def granted_after(lab, waiting, held, since=0.0):
    """All that wait get it, after `since`, and none while a holder worked."""
    lab.wait(lambda: all(keeper.has_locked() for keeper in waiting.values()), "grants")
    for name, keeper in waiting.items():
        last, first = max(held[name].times()), keeper.times()[0]
        assert since < first, (name, since, first)
        assert last < first, (name, "worked on for", last - first)


def is_named(lab):
    """While node 1 ends what still acts on its locks, `dlm_tool status` answers, and names it."""
    lab.wait(lambda: re.search(r"^waiting: .*keeper \(pid \d+\) held 1 locks in lockspace x, which are lost",
                               lab[1].tool("status").stdout, re.M), "who has no right any more is named")


def by_the_rule(lab, held):
    """Holders have ended, or have acknowledged and live."""
    if "acknowledging" in held:
        lab.wait(lambda: held["acknowledging"].times("acknowledged"), "the lost callback")
        assert held["acknowledging"].end() is None
    ends = {"plain": -signal.SIGTERM, "stubborn": -signal.SIGKILL}
    for name in set(held) & set(ends):
        lab.wait(lambda name=name: held[name].end() is not None, f"the end of the {name} one")
        assert held[name].end() == ends[name]


def ack(lab, victim=1, by=2):
    """The time before it."""
    now = time.monotonic()
    lab[by].tool("fence_ack", victim, check=True)
    return now


def only_after_the_ack(lab, held, waiting):
    nobody_granted(lab, waiting)
    granted_after(lab, waiting, held, ack(lab))


def nothing_held(shell):
    """A program of node 1 that has an NL lock, and waits for one that a program of node 3 has."""
    other, program = shell(3), shell(1)
    assert other.lock(0, EX, name=b"of-3").status == 0
    assert program.lock(0, NL, name=b"of-3").status == 0
    assert program.lock(1, EX, name=b"of-3", how="lock").error == 0
    return program


def end(node):
    """How dlm_controld of the node ended."""
    node.lab.wait(lambda: node.end_of("controld") is not None, f"the end of dlm_controld of node {node.id}")
    return node.end_of("controld")


def loses(program):
    """What was in flight ends, later calls fail, and nobody ends it: it has nothing to act on."""
    assert program.do("wait", 1, 1, 0).status == errno.ENOTCONN
    assert program.lock(0, EX, CONVERT).error == "ENOTCONN"
    assert program.lock(2, EX).error == "ENOTCONN"
    assert program.process.poll() is None


# ---- dlm_controld or dlm_lockd ends ----

def test_controld_is_killed(lab, shell, tmp_path):
    join(lab, 1, 2, 3)
    program = nothing_held(shell)
    held, waiting = hold_and_wait(lab, tmp_path)
    lockd = lab[1].pid("lockd")
    lab[1].kill("controld")
    lab.wait(lambda: lockd not in lab[1].all_pids(), "dlm_lockd has ended too")
    loses(program)
    lab.wait(lambda: held["acknowledging"].times("acknowledged"), "the lost callback")
    assert fence_needed(lab) in ("procdown", "nodedown")
    lab.wait(lambda: not lab[1].pid("corosync"), "its peers remove the node")
    assert "Killed by node" in lab[1].log("corosync")
    assert all(keeper.end() is None for keeper in held.values())  # nobody is there who could end them
    lab[1].kill()
    only_after_the_ack(lab, held, waiting)


def test_controld_is_killed_and_started_at_once(lab, shell, tmp_path):
    """Its peers remove the node all the same. What it held is granted when its programs have ended."""
    join(lab, 1, 2, 3)
    held, waiting = hold_and_wait(lab, tmp_path)
    lab[1].kill("controld")
    lab[1].start("controld")
    lab.wait(lambda: not lab[1].pid("corosync"), "its peers remove the node")
    # Each of them does, and what is on its way meets the next corosync where that comes before it is missed.
    lab.wait_quorate([2, 3])
    lab[1].start("corosync")
    granted_after(lab, waiting, held)
    by_the_rule(lab, held)
    is_back(lab, shell, waiting)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_lockd_is_lost(lab, shell, tmp_path, how):
    """Killed, or stopped for longer than lockd_timeout: never a bare restart."""
    join(lab, 1, 2, 3)
    program = nothing_held(shell)
    held, waiting = hold_and_wait(lab, tmp_path)
    lockd = lab[1].pid("lockd")
    if how == "killed":
        lab[1].kill("lockd")
    else:
        lab[1].signal("lockd", signal.SIGSTOP)
    assert fence_needed(lab) == "nodedown"  # not a leave, which would be clean
    loses(program)
    is_named(lab)
    by_the_rule(lab, held)
    assert end(lab[1]) == 1
    assert lab[1].pid("lockd") is None and lockd not in lab[1].all_pids()
    assert lab[1].pid("corosync") is None and "Killed by node 1" in lab[1].log("corosync")
    assert ("has not answered" in lab[1].log()) == (how == "stopped")
    only_after_the_ack(lab, held, waiting)


# ---- corosync ends ----

def test_corosync_is_killed_in_use(lab, shell, tmp_path):
    join(lab, 1, 2, 3)
    program = nothing_held(shell)
    held, waiting = hold_and_wait(lab, tmp_path)
    controld, lockd = lab[1].pid("controld"), lab[1].pid("lockd")
    lab[1].kill("corosync")
    assert fence_needed(lab) == "nodedown"
    loses(program)
    is_named(lab)
    by_the_rule(lab, held)
    lab[1].wait_for("began anew")
    lab[1].wait_for("waiting: corosync is not running")
    assert lab[1].pid("controld") == controld and lockd not in lab[1].all_pids()
    only_after_the_ack(lab, held, waiting)
    # it comes back as a new one
    lab[1].start("corosync")
    lab.wait_joined([1, 2, 3])
    assert lab[1].pid("controld") == controld
    for keeper in waiting.values():
        keeper.process.kill()
    join_again(lab, shell)


def is_back(lab, shell, waiting):
    """Node 1 is a member as any other: nobody wants it fenced, and it locks."""
    lab.wait_joined([1, 2, 3])
    lab.wait(lambda: not lab[2].fence_needed() and not lab[3].fence_needed(), "nothing is left to fence")
    for keeper in waiting.values():
        keeper.process.kill()
    join_again(lab, shell)


def join_again(lab, shell):
    """Node 1 is in lockspace x again, and is granted there."""
    lab[1].tool("join", "x", check=True)
    lab.wait(lambda: members(lab[2]) == [1, 2, 3] and not is_stopped(lab[1]), "node 1 is in x again")
    for name in HOLDERS:
        assert shell(1).lock(0, EX, name=name.encode()).status == 0


def test_corosync_is_killed_unused(lab, shell):
    join(lab, 1, 2, 3)
    lab[1].tool("leave", "x", check=True)
    lab.wait(lambda: members(lab[2]) == [2, 3] and not lab[1].lockspaces(), "node 1 is out of x")
    controld = lab[1].pid("controld")
    for _ in range(2):
        mark = lab[1].log_mark()
        lab[1].kill("corosync")
        lab[1].wait_for("waiting: corosync is not running", since=mark)
        lab.wait_quorate([2, 3])
        lab[1].start("corosync")
        lab[1].wait_for("ready: lockspaces can be joined", since=mark)
        lab.wait_joined([1, 2, 3])
        assert lab[1].pid("controld") == controld
    lab.wait(lambda: not lab[2].fence_needed() and not lab[3].fence_needed(), "nothing is left to fence")
    join_again(lab, shell)


# ---- all of them ----

def kill_all(node):
    """At once; corosync first, so that no word of the others' end leaves the node."""
    pids = [node.pid(name) for name in ("corosync", "controld", "lockd")]
    for pid in pids:
        send(pid, signal.SIGKILL)
    node.lab.wait(lambda: not set(pids) & set(node.all_pids()), "their end")


def test_all_are_killed_and_started_while_programs_work(lab, shell, tmp_path):
    """The node comes back, and its fencing is called off: only when its programs have ended."""
    join(lab, 1, 2, 3)
    held, waiting = hold_and_wait(lab, tmp_path)
    kill_all(lab[1])
    lab[1].start("corosync")
    lab[1].start("controld")
    granted_after(lab, waiting, held)
    by_the_rule(lab, held)
    is_back(lab, shell, waiting)


def test_all_are_killed_and_started_with_a_persistent_lock(lab, shell, tmp_path):
    """Nobody can end what acts on it: the node stays outside until root has said lost_ack."""
    join(lab, 1, 2, 3)
    held, waiting = hold_and_wait(lab, tmp_path, {"plain": ("-p",)})
    kill_all(lab[1])
    lab[1].start("corosync")
    lab[1].start("controld")
    lab.wait(lambda: "lost_ack" in lab[1].tool("status").stdout, "the question")
    assert "dlm_tool lost_ack" in lab[1].log() and "PERSISTENT" in lab[1].log()
    by_the_rule(lab, held)
    assert fence_needed(lab) in ("nodedown", "procdown")
    lab.wait_quorate([1, 2, 3])  # corosync of it is back, and that is not enough
    nobody_granted(lab, waiting)
    assert all(1 not in lab[n].members() for n in (2, 3))
    since = time.monotonic()
    lab[1].tool("lost_ack", check=True)
    granted_after(lab, waiting, held, since)
    is_back(lab, shell, waiting)


# ---- quorum ----

def test_quorum_is_lost_and_regained(lab, shell):
    """What lost a member waits, whatever is acknowledged; what lost none goes on."""
    join(lab, 1, 2, 3)
    join(lab, 1, space="alone")
    program, alone = shell(1), shell(1, "alone")
    assert program.lock(0, EX, name=b"a").status == 0
    for n in (2, 3):
        lab[n].kill()
    lab.wait(lambda: lab[1].lockspaces().get("x", {}).get("new_status") == "wait quorum", "wait quorum")
    assert "quorum: more nodes of the cluster have to come" in lab[1].tool("status").stdout
    for n in (2, 3):
        lab[1].tool("fence_ack", n, check=True)
    assert program.lock(1, EX, name=b"b", how="lock").error == 0
    assert alone.lock(0, EX, name=b"a").status == 0
    assert not is_stopped(lab[1], "alone") and is_stopped(lab[1])
    assert lab[1].lockspaces()["x"]["new_status"] == "wait quorum"
    assert program.do("show", 1).completions == 0
    lab[2].start()
    assert program.do("wait", 1, 1, 0).status == 0
    lab.wait(lambda: members(lab[1]) == [1] and not is_stopped(lab[1]), "x goes on")
    assert alone.lock(1, EX, name=b"b").status == 0
    join_more(lab, 2)
    other = shell(2)
    assert other.lock(0, EX, NOQUEUE, name=b"a").status == errno.EAGAIN  # still held
    assert program.unlock(0).status == 0x10002
    assert other.lock(0, EX, name=b"a").status == 0


def join_more(lab, nodeid):
    lab[nodeid].tool("join", "x", check=True)
    lab.wait(lambda: nodeid in members(lab[1]) and not is_stopped(lab[1]), f"node {nodeid} is in x")


# ---- orderly restarts ----

def leave_all(lab, *ids, space="x"):
    for n in ids:
        lab[n].tool("leave", space, check=True)
        lab.wait(lambda n=n: not lab[n].lockspaces(), f"node {n} is out of {space}")


def test_orderly_restart(lab, shell):
    """FIN is done with all, so the next dlm_controld joins at once, and nobody drops what its engine sends."""
    join(lab, 1, 2, 3)
    for round in range(3):
        for n in (1, 2, 3):
            program = shell(n)
            assert program.lock(0, EX, name=b"of-%d-%d" % (round, n)).status == 0
            assert program.do("close") == 0
        leave_all(lab, 1)
        mark = lab[1].log_mark()
        lab[1].stop("controld")
        assert end(lab[1]) == 0 and lab[1].pid("lockd") is None
        assert "did not finish" not in lab[1].log(since=mark)
        assert lab[1].run(["ls", "/run/udlm/goodbye"]).returncode != 0
        lab[1].start("controld")
        lab.wait_joined([1, 2, 3])
        assert not lab[2].fence_needed() and not lab[3].fence_needed()
        assert "has not finished the goodbye" not in lab[1].log(since=mark)
        join_once_more(lab, 1)


def join_once_more(lab, nodeid):
    lab[nodeid].tool("join", "x", check=True)
    lab.wait(lambda: all(members(node) == [1, 2, 3] and not is_stopped(node) for node in lab), "all are in x")


@pytest.mark.parametrize("cure", ["the peer leaves", "corosync restarts"])
def test_orderly_restart_without_fin(lab, shell, cure):
    """A peer that could not finish the goodbye would drop what a new engine sends: the node waits, and says so."""
    join(lab, 1, 2, 3)
    for n in (1, 2):
        program = shell(n)
        assert program.lock(0, EX, name=b"of-%d" % n).status == 0
        assert program.do("close") == 0
    lab.drop_port(1, peer=2)
    leave_all(lab, 1)
    lab[1].stop("controld")
    assert end(lab[1]) == 0
    assert "node 2 did not finish the FIN exchange" in lab[1].log()
    assert "node 3 did not finish" not in lab[1].log()
    lab.heal()
    lab[1].start("controld")
    lab.wait(lambda: "node 2 has not finished the goodbye" in lab[1].tool("status").stdout, "node 2 is waited for")
    said = lab[1].tool("status").stdout
    assert "let it leave the cluster once" in said and "restart corosync here" in said
    assert 1 not in lab[2].members() and lab[1].pid("lockd") is None
    if cure == "corosync restarts":
        lab[1].stop("corosync")
        lab[1].start("corosync")
    else:
        leave_all(lab, 2)
        lab[2].stop()
        lab[2].start(wait=False)
    lab.wait_joined([1, 2, 3])
    for n in [1] if cure == "corosync restarts" else [1, 2]:
        lab[n].tool("join", "x", check=True)
    lab.wait(lambda: all(members(node) == [1, 2, 3] and not is_stopped(node) for node in lab), "all are in x")
    for n in (1, 2, 3):
        assert shell(n).lock(0, EX, 0, name=b"again-%d" % n).status == 0


def test_orderly_end_while_a_join_waits(lab):
    """A member that does not answer keeps a node from joining, not from ending."""
    join(lab, 2, 3)
    lab.drop_port(1, peer=2)
    waiting = lab[1].popen(["dlm_tool", "join", "x"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lab.wait(lambda: "node 2" in lab[1].tool("ls").stdout, "the join waits for node 2")
    lab[1].stop("controld")
    assert end(lab[1]) == 0
    assert waiting.wait(60) != 0
    lab.wait(lambda: lab[2].members() == [2, 3], "node 1 has left the daemons")
    assert not lab[2].fence_needed() and not lab[3].fence_needed()
    lab.heal()
    lab[1].start("controld", wait=False)
    lab.wait_joined([1, 2, 3])
    join_once_more(lab, 1)
