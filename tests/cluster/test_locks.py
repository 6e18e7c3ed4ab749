# SPDX-License-Identifier: GPL-2.0-or-later
"""Locks of programs on several nodes: contention with its history, deaths, joins and leaves, shares, intruders."""
import itertools
import re
import subprocess
import time

import pytest

import history
from contend import Contention, at_work, join, members
from intruder import __file__ as INTRUDER
from programs import shells

CONF = "enable_startup_fencing=0\npost_join_delay=1\n"
NL, CR, CW, PR, PW, EX = range(6)
NOQUEUE, CONVERT, VALBLK, CONVDEADLK = 0x1, 0x4, 0x8, 0x40
EUNLOCK, EAGAIN, EDEADLK = 0x10002, 11, 35
DEMOTED, VALNOTVALID = 1, 2


@pytest.fixture(scope="module")
def module_lab(make_module_lab):
    return make_module_lab(3, conf=CONF, token=1000)


@pytest.fixture
def lab(module_lab):
    """Three nodes, all in; whole again after each test, without lockspaces."""
    yield module_lab
    module_lab.fencer_off()
    module_lab.heal()
    for node in module_lab:
        node.start()
    for node in module_lab:
        node.set_conf(CONF)
        for space in node.lockspaces():
            node.tool("leave", space)
    module_lab.wait(lambda: not any(node.lockspaces() or node.fence_needed() for node in module_lab), "peace")


@pytest.fixture
def shell(lab):
    """shell(1, "x"): a program in node 1 that does single calls in that lockspace."""
    with shells(lab) as make:
        yield make


@pytest.fixture
def started(lab):
    """started(1, "crowd", ...): a process in node 1 with pipes, ended after the test."""
    made = []

    def make(nodeid, *words):
        made.append(lab[nodeid].popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return made[-1]
    yield make
    for popen in made:
        popen.kill()
        popen.wait()
        popen.stdin.close()
        popen.stdout.close()


def kill_acked(lab, nodeid, by=1):
    """A power cut, seen, and acknowledged by hand."""
    lab[nodeid].kill()
    lab.wait(lambda: nodeid in lab[by].fence_needed(), f"node {nodeid} needs fencing")
    lab[by].tool("fence_ack", nodeid, check=True)


# ---- contention ----

def test_contention(lab):
    with Contention(lab, [1, 2, 3]) as contention:
        contention.goes_on(1, 2, 3, calls=2000)
        found = contention.check()
    assert not found.not_valid()
    assert found.longest() < 30
    seen = found.outcomes()
    assert all(seen[kind, status] for kind in history.OUTCOMES for status in history.OUTCOMES[kind]), seen
    assert {grant.mode for grant in found.grants()} == {NL, CR, CW, PR, PW, EX}


@pytest.mark.parametrize("victim", [1, 3])
def test_contention_while_a_node_dies(lab, victim):
    others = [n for n in (1, 2, 3) if n != victim]
    lab.fencer_on()
    with Contention(lab, [1, 2, 3]) as contention:
        contention.goes_on(1, 2, 3, calls=300)
        lab[victim].kill()
        lab.wait(lambda: all(at_work(lab[n], others) for n in others), "x goes on without it")
        contention.goes_on(*others, calls=300)
        lab[victim].start()
        join(lab, [1, 2, 3])
        contention.add(victim)
        contention.goes_on(1, 2, 3, calls=300)
        contention.check()
    assert {record["victim"] for record in lab.fencer_records()} >= {victim}


# ---- conversion deadlock ----

@pytest.mark.parametrize("master", [1, 2, 3])
def test_conversion_deadlock(lab, shell, master):
    """Two hold PR and both want EX: the second is told so, or with CONVDEADLK gives way."""
    join(lab, [1, 2, 3])
    three, one, two = shell(master), shell(1), shell(2)
    three.lock(0, NL)
    for slot, name in enumerate((b"told", b"gives")):
        three.lock(slot + 1, NL, name=name)
        for each in (one, two):
            assert each.lock(slot, PR, name=name).status == 0
    assert one.lock(0, EX, CONVERT, how="lock").error == 0
    assert two.do("wait", 0, 0, 1).blocking == 1  # so it is in the queue
    assert two.lock(0, EX, CONVERT).status == EDEADLK
    assert one.do("show", 0).completions == 0  # two has PR as before
    assert two.unlock(0).status == EUNLOCK
    assert one.do("wait", 0, 1, 0).status == 0
    assert one.lock(1, EX, CONVERT, how="lock").error == 0
    assert two.do("wait", 1, 0, 1).blocking == 1
    assert two.lock(1, EX, CONVERT | CONVDEADLK, how="lock").error == 0
    assert one.do("wait", 1, 1, 0).status == 0
    assert two.do("show", 1).completions == 0
    assert one.unlock(1).status == EUNLOCK
    got = two.do("wait", 1, 1, 0)
    assert got.status == 0 and got.flags & DEMOTED


# ---- death ----

def test_value_after_the_death_of_holders(lab, shell):
    """Of EX (and PW): nobody knows what was being written. Of PR: it stays."""
    join(lab, [1, 2, 3])
    dying, living = shell(3), shell(1)
    for slot, (mode, master) in enumerate(itertools.product((PR, PW, EX), (dying, living))):
        name = b"%d-%d" % (mode, slot)
        keeps = PR if mode == PR else NL  # a lock that saw the value
        assert master.lock(slot, NL, VALBLK, name=name).status == 0
        for each in (dying, living):
            if each is not master:
                assert each.lock(slot, NL, VALBLK, name=name).status == 0
        assert living.lock(slot, EX, CONVERT | VALBLK, name=name).status == 0
        living.do("lvb", slot, f"value-{slot}")
        assert living.lock(slot, keeps, CONVERT | VALBLK, name=name).status == 0
        got = dying.lock(slot, mode, CONVERT | VALBLK, name=name)
        assert (got.status, got.lvb, got.flags) == (0, f"value-{slot}", 0)
    kill_acked(lab, 3)
    lab.wait(lambda: at_work(lab[1], [1, 2]), "x goes on")
    reader = shell(2)
    for slot, (mode, _) in enumerate(itertools.product((PR, PW, EX), range(2))):
        got = reader.lock(slot, PR, VALBLK, name=b"%d-%d" % (mode, slot))
        assert got.status == 0
        if mode == PR:
            assert (got.lvb, got.flags) == (f"value-{slot}", 0), slot
        else:
            assert got.flags == VALNOTVALID, slot
        # and whoever writes makes it valid again
        if mode != PR:
            assert reader.lock(slot, EX, CONVERT | VALBLK).status == 0
            reader.do("lvb", slot, "anew")
            assert reader.lock(slot, NL, CONVERT | VALBLK).status == 0
            got = living.lock(slot, PR, CONVERT | VALBLK)
            assert (got.status, got.lvb, got.flags) == (0, "anew", 0), slot


@pytest.mark.parametrize("master", [1, 2, 3])
def test_granted_only_after_the_ack(lab, shell, master):
    join(lab, [1, 2, 3])
    first, dying, waiting = shell(master), shell(3), shell(1)
    assert first.lock(1, NL, name=b"res").status == 0
    assert dying.lock(0, EX).status == 0
    assert waiting.lock(0, EX, how="lock").error == 0
    assert waiting.lock(2, EX, NOQUEUE).status == EAGAIN
    lab[3].kill()
    lab.wait(lambda: 3 in lab[1].fence_needed() and all(
        lab[n].lockspaces()["x"].get("new_status") == "wait fencing" for n in (1, 2)), "wait fencing")
    assert waiting.lock(3, NL, name=b"other", how="lock").error == 0
    assert waiting.do("show", 0).completions == 0
    before = time.monotonic()
    lab[2].tool("fence_ack", 3, check=True)
    assert waiting.do("wait", 0, 1, 0).status == 0
    assert waiting.do("wait", 3, 1, 0).status == 0
    assert not lab[1].fence_needed() and not lab[2].fence_needed()
    assert time.monotonic() - before < 30


def test_sixteen_lockspaces(lab, shell):
    """At once, with locks in each, and a node that dies."""
    spaces = [f"space{n}" for n in range(16)]
    joins = [lab[n].popen(["dlm_tool", "join", space]) for space in spaces for n in (1, 2, 3)]
    assert not any(popen.wait(60) for popen in joins)
    lab.wait(lambda: all(at_work(node, [1, 2, 3], space) for node in lab for space in spaces), "all are there")
    shells = {(n, space): shell(n, space) for space in spaces for n in (1, 2, 3)}
    for space in spaces:
        assert shells[3, space].lock(0, EX, name=b"dies").status == 0
        assert shells[2, space].lock(0, PR, name=b"stays").status == 0
        assert shells[1, space].lock(0, EX, name=b"dies", how="lock").error == 0
        assert shells[2, space].lock(1, PR, name=b"dies", how="lock").error == 0
    kill_acked(lab, 3)
    for space in spaces:
        assert shells[1, space].do("wait", 0, 1, 0).status == 0
        assert shells[1, space].lock(1, EX, NOQUEUE, name=b"stays").status == EAGAIN
        assert shells[1, space].unlock(0).status == EUNLOCK
        assert shells[2, space].do("wait", 1, 1, 0).status == 0
    lab.wait(lambda: all(at_work(lab[n], [1, 2], space) for n in (1, 2) for space in spaces), "all have recovered")


# ---- joins and leaves ----

def test_joins_and_leaves_in_all_orders(lab, shell):
    """All have NL on one name; whoever comes adds 1 to its value under EX. Before one leaves all have PR."""
    orders = list(itertools.permutations((1, 2, 3)))
    for number, (coming, going) in enumerate(zip(orders, orders[3:] + orders[:3])):
        value, there = 0, {}
        for n in coming:
            join(lab, [*there, n])
            there[n] = shell(n)
            assert there[n].lock(0, NL, VALBLK, name=b"value").status == 0
            assert there[n].lock(1, EX, name=b"of-%d" % n).status == 0
            value = add(there[n], value)
            for each in there.values():
                read(each, value)
                assert each.lock(0, NL, CONVERT | VALBLK).status == 0
        for n in going:
            for each in there.values():
                read(each, value)
            there.pop(n).kill()
            lab[n].tool("leave", "x", check=True)
            lab.wait(lambda: all(at_work(lab[m], list(there)) for m in there) and not lab[n].lockspaces(),
                     f"order {number}: node {n} has left")
            for each in there.values():
                assert each.lock(0, NL, CONVERT | VALBLK).status == 0
            for m, each in there.items():
                assert each.lock(2, EX, NOQUEUE, name=b"of-%d" % n).status == 0
                assert each.unlock(2).status == EUNLOCK
                assert all(other.lock(2, EX, NOQUEUE, name=b"of-%d" % m).status == EAGAIN
                           for k, other in there.items() if k != m)
                value = add(each, value)
            for each in there.values():
                assert each.lock(0, PR, CONVERT | VALBLK).status == 0


def add(shell, value):
    got = shell.lock(0, EX, CONVERT | VALBLK)
    assert (got.status, got.flags) == (0, 0) and got.lvb == (str(value) if value else "-")
    shell.do("lvb", 0, str(value + 1))
    assert shell.lock(0, NL, CONVERT | VALBLK).status == 0
    return value + 1


def read(shell, value):
    got = shell.lock(0, PR, CONVERT | VALBLK)
    assert (got.status, got.flags, got.lvb) == (0, 0, str(value))


def test_weights_without_directory(lab, started):
    """Of 100,000 names two thirds have the node of weight 2 as master, and nobody else has any."""
    names = 100000
    for node in lab:
        node.set_conf(CONF + "lockspace share nodir=1\nmaster share node=1 weight=2\nmaster share node=2 weight=1\n")
    join(lab, [1, 2, 3], "share")
    assert started(3, "crowd", "share", "1", names).stdout.readline() == f"locked {names + 1}\n"
    masters = {node.id: master_count(node, "share") for node in lab}
    assert sum(masters.values()) - names in (0, 1) and masters[3] == 0  # one more: the name of all
    assert abs(masters[1] / names - 2 / 3) < 0.01 and abs(masters[2] / names - 1 / 3) < 0.01, masters


def master_count(node, space):
    """Of how many resources this node is master, by its dump."""
    return int(re.search(r"^  master +(\d+)$", node.tool("lockdebug", "-s", space, check=True).stdout, re.M)[1])


# ---- many, slow, and wrong ----

def test_five_hundred_clients(lab, started):
    join(lab, [1, 2])
    crowds = [started(n, "crowd", "x", "500", "2") for n in (1, 2)]
    assert [crowd.stdout.readline() for crowd in crowds] == ["locked 1500\n"] * 2
    for crowd in crowds:
        crowd.stdin.close()
        assert crowd.wait(60) == 0


def intruder(started, nodeid, *words):
    popen = started(nodeid, "/usr/bin/python3", INTRUDER, *words)
    assert popen.stdout.readline() == "there\n"
    return popen


def test_crowds_on_the_local_sockets(lab, started):
    """500 connections to each of dlm_controld's, silent, slow or half closed, and some to dlm_lockd's: others are
    answered meanwhile."""
    with Contention(lab, [1, 2], words=["-a"]) as contention:
        intruder(started, 1, "local", "500", "x")
        contention.goes_on(1, 2, calls=300)
        for words in (["status"], ["ls", "-n"], ["dump"], ["join", "y"], ["leave", "y"], ["lockdump", "x"]):
            assert lab[1].tool(*words, timeout=20).returncode == 0, words
        assert members(lab[1]) == [1, 2] and 1 in lab[2].members()
        contention.goes_on(1, 2, calls=300)
        contention.check()


def test_intruders_on_the_port(lab, started):
    """From a member's address, and from one of nobody."""
    lab[3].run(["ip", "addr", "add", "10.77.0.99/24", "dev", "eth0"], check=True)
    with Contention(lab, [1, 2, 3], words=["-a"]) as contention:
        contention.goes_on(1, 2, 3, calls=100)
        kept = [intruder(started, 3, "port", lab[n].address, *own) for n in (1, 2) for own in ([], ["10.77.0.99"])]
        contention.goes_on(1, 2, 3, calls=300)
        for popen in kept:
            popen.kill()
            popen.wait()
        contention.goes_on(1, 2, 3, calls=300)
        found = contention.check()
    lab[3].run(["ip", "addr", "del", "10.77.0.99/24", "dev", "eth0"], check=True)
    assert not found.not_valid() and all(node.pid("lockd") for node in lab)
    assert "10.77.0.99" in lab[1].log()
