# SPDX-License-Identifier: GPL-2.0-or-later
"""Several dlm_lockds as one lock manager, over TCP on loopback addresses."""
from lib import protocol as p
from lib.places import wait_for


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


def flood(node, count):
    """One program after another asks for `count` locks each, until one is not read any more."""
    clients = []
    while len(clients) < 24:
        client = node.connect("x")
        clients.append(client)
        client.socket.settimeout(3)
        try:
            for _ in range(count // 500):
                client.send(b"".join(p.lock(client.next_id(), p.EX, b"%058d" % client.ids[0]) for _ in range(500)))
            client.ask(p.record(p.POKE, serial=6))  # answered when all of them were read
        except TimeoutError:
            return clients
    return clients


def test_node_that_stands_still_holds_programs_back(nodes):
    """What waits for a stopped node is bounded, whoever sends; when it goes on, all is done."""
    one, _ = nodes.boot(1, 2, queue_mib=4)
    nodes.create(b"x", 1, 2)
    local = one.connect("x")
    nodes.pause(2)
    clients = flood(one, 8000)
    assert len(clients) < 24
    held = [line for line in one.status()[2] if line["held_back"]]
    assert held and len(held) < len(clients)
    assert 4 << 20 <= one.peers()[2]["queued_bytes"] <= 5 << 20
    assert local.ask(p.record(p.POKE, serial=7)) == (0, 0)  # who does not need node 2 is served
    nodes.resume(2)
    for client in clients[:-1]:
        done = set()
        while True:
            done |= {p.completion(f).lkid for f in client.arrived if f.kind == p.COMPLETION}
            client.arrived.clear()
            if len(done) == 8000:
                break
            assert client.receive()
    wait_for(lambda: not any(line["held_back"] for line in one.status()[2]), "nobody is held back")
