# SPDX-License-Identifier: GPL-2.0-or-later
"""Several dlm_lockds as one lock manager, over TCP on loopback addresses."""
from lib import protocol as p


def test_two_nodes_contend(nodes):
    nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    one, two = nodes[1].connect("x"), nodes[2].connect("x")
    mine, done, _ = one.lock(b"a", p.EX, bast=True)
    assert done.status == 0
    theirs = two.post(b"a", p.EX)
    one.take(p.BAST)
    assert two.quiet()
    assert one.unlock(mine).status == -p.EUNLOCK
    assert two.done(theirs)[0].status == 0


def test_refused_port_is_named(nodes):
    """A member whose port nobody listens on: node, address, errno, and for how long."""
    one, two = nodes.boot(1, 2)
    nodes.create(b"x", 1)
    two.process.kill()
    two.process.wait()
    nodes.members[b"x"].append(2)
    nodes.change(b"x", but=[2])
    said = one.expect(p.WAITING)
    text = said.tail.decode()
    assert said.name == b"x" and "step ping waits for node 2 since " in text
    assert f"{nodes.address(2)}:21064 refused (Connection refused)" in text
    assert "lockspace x: recovery step ping waits for node 2 since" in one.log()
    peer = one.peers()[2]
    assert peer["connection"] in ("pausing", "connecting") and peer["error"] == "Connection refused"
    assert peer["failed_connects"] <= 8
    nodes.lost(2)
    nodes.recovered(b"x")
    assert one.expect(p.WAITING, lambda m: not m.tail).name == b"x"


def test_orderly_end(nodes):
    nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    assert nodes[1].connect("x").lock(b"a", p.EX)[1].status == 0
    nodes.close_clients()
    assert nodes[1].release(b"x") == 0
    nodes[1].send(p.control_ls(p.STOP, b"", 20000))
    assert nodes[1].expect(p.ENDING).tail == b""
    assert nodes[1].wait() == 0
    assert nodes[2].peers()[1]["link"] == "CLOSED"
