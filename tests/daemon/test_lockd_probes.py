# SPDX-License-Identifier: GPL-2.0-or-later
"""A dlm_lockd asks a member whether it would take this node, and leaves nothing behind."""
import errno

import pytest

from lib import protocol as p
from lib.places import wait_for


def ask(node, number, nodeid, name, **args):
    node.send(p.probe(p.PROBE, number, nodeid, name, **args))


def answer(node, number):
    message = node.expect(p.PROBED, lambda m: m.number == number)
    found = p.probed(message)
    assert found.result == message.result
    return message.name, found


def closed(node, nodeid):
    """Nothing is left of a conversation with that node."""
    peer = node.peers()[nodeid]
    return peer["link"] == "CLOSED" and peer["unacked"] == 0


def assert_nothing_left(nodes, one, other):
    assert closed(nodes[one], other)
    wait_for(lambda: closed(nodes[other], one), "the other side is closed")


def test_equal_then_join(nodes):
    nodes.boot(1, 2)
    nodes.create(b"x", 2)
    ask(nodes[1], 1, 2, b"x")
    name, found = answer(nodes[1], 1)
    assert name == b"x" and found.nodeid == 2 and found.result == 0
    assert found.their_version == found.our_version == 0x30002
    assert found.their_lvb_bytes == found.our_lvb_bytes == 32
    assert_nothing_left(nodes, 1, 2)
    nodes.create(b"x", 1)
    one, two = nodes[1].connect("x"), nodes[2].connect("x")
    _, done, _ = two.lock(b"a", p.PR)
    assert done.status == 0
    _, done, _ = one.lock(b"a", p.PR)
    assert done.status == 0
    # where they share a lockspace there is nothing to begin or to end
    ask(nodes[1], 1, 2, b"x")
    assert answer(nodes[1], 1)[1].result == 0
    assert nodes[1].peers()[2]["link"] == "ESTABLISHED"


def test_values_differ(nodes):
    nodes.boot(1, 2)
    nodes.create(b"x", 2)
    ask(nodes[1], 7, 2, b"x", lvb_bytes=64, flags=0x2)
    found = answer(nodes[1], 7)[1]
    assert found.result == -errno.EPROTO
    assert (found.their_lvb_bytes, found.our_lvb_bytes) == (32, 64)
    assert (found.their_flags, found.our_flags) == (0, 2)
    assert "lockspace x: node 2 has version 0x30002, value blocks of 32 bytes and flags 0" in nodes[1].log()
    assert_nothing_left(nodes, 1, 2)


def test_not_there(nodes):
    nodes.boot(1, 2)
    ask(nodes[1], 1, 2, b"x")
    assert answer(nodes[1], 1)[1].result == -errno.EAGAIN
    assert_nothing_left(nodes, 1, 2)
    ask(nodes[1], 2, 3, b"x")
    assert answer(nodes[1], 2)[1].result == -errno.ENOENT


def test_both_ways(nodes):
    nodes.boot(1, 2, 3)
    nodes.create(b"x", 1)
    nodes.create(b"y", 2)
    nodes.create(b"z", 3)
    for number in range(10, 20):
        ask(nodes[1], number, 2, b"y")
        ask(nodes[2], number, 1, b"x")
        ask(nodes[1], number + 100, 3, b"z")
        assert answer(nodes[1], number)[1].result == 0
        assert answer(nodes[2], number)[1].result == 0
        assert answer(nodes[1], number + 100)[1].result == 0
    for one, other in (1, 2), (1, 3):
        wait_for(lambda one=one, other=other: closed(nodes[one], other), "closed")
        wait_for(lambda one=one, other=other: closed(nodes[other], one), "closed")


def test_silent_peer(nodes):
    """A node that hangs is named, and asked until it answers."""
    nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    nodes.pause(2)
    ask(nodes[1], 1, 2, b"x")
    said = nodes[1].expect(p.WAITING)
    assert said.name == b"x"
    assert "joining (question) waits for node 2 since 5 s" in said.tail.decode()
    nodes.resume(2)
    assert answer(nodes[1], 1)[1].result == 0
    assert nodes[1].expect(p.WAITING, lambda m: not m.tail).name == b"x"


@pytest.mark.parametrize("said", [False, True])
def test_given_up(nodes, said):
    """Of a node that never answers: at once where nothing was said, else when it had its time."""
    nodes.boot(1, 2)
    if said:
        ask(nodes[1], 9, 2, b"y")   # so that there is a connection
        nodes[1].send(p.probe(p.PROBE_END, 9))
        answer(nodes[1], 9)
        nodes.pause(2)
    else:
        nodes[2].process.kill()
        nodes[2].process.wait()
    ask(nodes[1], 1, 2, b"x")
    nodes[1].send(p.probe(p.PROBE_END, 1))
    nodes[1].send(p.probe(p.PROBE_END, 1))
    assert answer(nodes[1], 1)[1].result == -errno.ECANCELED
    nodes[1].send(p.probe(p.PROBE_END, 1))
    assert closed(nodes[1], 2)
    if said:
        nodes.resume(2)


def test_peer_removed(nodes):
    nodes.boot(1, 2)
    nodes.pause(2)
    ask(nodes[1], 1, 2, b"x")
    nodes[1].send(p.peer(p.PEER_REMOVE, 2))
    assert answer(nodes[1], 1)[1].result == -errno.ENOENT
    nodes.resume(2)


def test_orderly_end_with_an_open_probe(nodes):
    nodes.boot(1, 2)
    ask(nodes[1], 1, 2, b"x")
    nodes[1].send(p.control_ls(p.STOP, b"", 20000))
    assert not nodes[1].expect(p.ENDING).tail
    assert answer(nodes[1], 1)[1].result == -errno.ECANCELED
    assert nodes[1].process.wait(20) == 0
    wait_for(lambda: closed(nodes[2], 1), "closed")
