# SPDX-License-Identifier: GPL-2.0-or-later
"""Several dlm_lockds as one lock manager, over TCP on loopback addresses."""
import contextlib
import errno
import os
import random
import select
import socket
import struct
import threading
import time

import pytest

from lib import places
from lib import protocol as p
from lib import shell as s
from lib.lockd import Lockd
from lib.places import wait_for
from lib.proxy import Proxy

EMPTY = bytes(32)


@pytest.fixture
def shell(nodes):
    """Starts a program of libdlm on a node, with its lockspace "x" opened."""
    with contextlib.ExitStack() as stack:
        def start(nodeid):
            program = s.Shell(nodes[nodeid].run, "dlmsh")
            stack.callback(program.kill)
            assert program.do("open", "x") == 0
            return program
        yield start


@pytest.fixture
def proxy(nodes):
    """Between the nodes 1 and 2, which have to be booted after it."""
    one = Proxy(nodes, 1, 2)
    yield one
    one.end()


class Adders:
    """On each node a program adds 1 to a number, in a file and in the value block of a lock."""

    def __init__(self, nodes, run, *nodeids):
        self.path = os.path.join(run, "number")
        with open(self.path, "w") as file:
            file.write("0")
        self.done = dict.fromkeys(nodeids, 0)
        self.stopped, self.errors = threading.Event(), []
        self.clients = {nodeid: nodes[nodeid].connect("x") for nodeid in nodeids}
        for client in self.clients.values():
            # so that the value outlives the moments when nobody adds
            assert client.lock(b"number", p.NL, p.VALBLK, EMPTY)[1].status == 0
        self.threads = [threading.Thread(target=self._run, args=(nodeid,), daemon=True) for nodeid in nodeids]
        for thread in self.threads:
            thread.start()

    def _run(self, nodeid):
        try:
            while not self.stopped.is_set():
                self._add(self.clients[nodeid])
                self.done[nodeid] += 1
        except Exception as error:
            self.errors.append((nodeid, repr(error)))

    def _add(self, client):
        if not client.ids:
            client.ask(p.record(p.NEED_IDS, serial=9))
        lkid, done, value = client.lock(b"number", p.EX, p.VALBLK, EMPTY)
        assert done.status == 0 and not done.sbflags, done
        number = int.from_bytes(value[:8], "little")
        with open(self.path, "r+") as file:
            assert int(file.read()) == number
            file.seek(0)
            file.write(str(number + 1))
        value = (number + 1).to_bytes(8, "little") + bytes(24)
        assert client.unlock(lkid, p.VALBLK, value).status == -p.EUNLOCK

    def wait(self, count):
        """Until each has added so often from now on."""
        before = dict(self.done)
        wait_for(lambda: self.errors or all(self.done[n] >= before[n] + count for n in before), "additions")
        assert not self.errors, self.errors

    def end(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join(places.DEADLINE)
            assert not thread.is_alive()
        assert not self.errors, self.errors
        with open(self.path) as file:
            assert int(file.read()) == sum(self.done.values())


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


def test_node_that_says_nothing_is_named(nodes):
    one, two = nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    nodes.pause(2)
    nodes.change(b"x", but=[2])
    text = one.expect(p.WAITING, lambda m: m.tail).tail.decode()
    assert "waits for node 2 since" in text
    assert text.endswith(f"{nodes.address(2)}:21064 is connected and does not answer")
    nodes.resume(2)
    nodes.change(b"x")
    nodes.recovered(b"x")
    assert one.expect(p.WAITING, lambda m: not m.tail)


def test_node_that_is_not_as_far_is_named(nodes):
    one, _ = nodes.boot(1, 2)
    nodes.create(b"x", 1)
    nodes.members[b"x"].append(2)
    nodes.change(b"x", but=[2])  # node 2 does not have it
    text = one.expect(p.WAITING, lambda m: m.tail).tail.decode()
    assert text.endswith(f"{nodes.address(2)}:21064 is connected and answers, but is not as far itself")


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


def unless_held(node, call):
    """Until it has come through, or the node says that somebody is held back. Return: it has."""
    while True:
        try:
            call()
            return True
        except TimeoutError:
            if any(line["held_back"] for line in node.status()[2]):
                return False


def flood(node, count):
    """One program after another asks for `count` locks each, until one is not read any more."""
    clients = []
    while len(clients) < 24:
        client = node.connect("x")
        clients.append(client)
        client.socket.settimeout(1)
        for _ in range(count // 500):
            packet = b"".join(p.lock(client.next_id(), p.EX, b"%058d" % client.ids[0]) for _ in range(500))
            if not unless_held(node, lambda: client.send(packet)):
                return clients
        client.send(p.record(p.POKE, serial=6))  # answered when all of them were read
        if not unless_held(node, lambda: client.take(p.ANSWER, lambda found: found.serial == 6)):
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
        client.socket.settimeout(places.DEADLINE)
        done = set()
        while True:
            done |= {p.completion(f).lkid for f in client.arrived if f.kind == p.COMPLETION}
            client.arrived.clear()
            if len(done) == 8000:
                break
            assert client.receive()
    wait_for(lambda: not any(line["held_back"] for line in one.status()[2]), "nobody is held back")
    one.peers()


def test_programs_that_are_held_back_and_end(nodes):
    """Nobody spins over them; when the node that stands still is lost, they are gone with all they asked for."""
    one, _ = nodes.boot(1, 2, queue_mib=4)
    nodes.create(b"x", 1, 2)
    nodes.pause(2)
    clients = flood(one, 8000)
    assert len(clients) < 24
    for client in clients:
        client.close()
    before = one.status()[0]["turns"]
    time.sleep(0.5)
    assert one.status()[0]["turns"] - before < 100
    assert any(line["held_back"] for line in one.status()[2])
    nodes.kill(2)
    nodes.recovered(b"x")
    wait_for(lambda: not one.status()[2], "all are gone")
    assert one.status()[1][0]["locks"] == 0
    assert one.release(b"x") == 0


# ---- programs of libdlm ----

def test_programs_contend(nodes, shell):
    nodes.boot(1, 2, 3)
    nodes.create(b"x", 1, 2, 3)
    programs = [shell(1), shell(2), shell(3)]
    assert programs[0].lock(0, s.EX, s.VALBLK).status == 0
    for program in programs[1:]:
        assert program.lock(0, s.EX, s.NOQUEUE).status == errno.EAGAIN
        program.start("lockw", 0, s.EX, 0, b"res".hex())
    assert programs[0].unlock(0).status == s.EUNLOCK
    # one after the other, in whatever order the master had them
    waiting = programs[1:]
    while waiting:
        ready, _, _ = select.select([program.process.stdout for program in waiting], [], [], places.DEADLINE)
        granted = next(program for program in waiting if program.process.stdout in ready)
        assert len(ready) == 1 and granted.answer().status == 0
        assert granted.unlock(0).status == s.EUNLOCK
        waiting.remove(granted)


# ---- nodes that die ----

def test_grant_after_the_holder_died(nodes):
    """Not before the others have been started without it."""
    nodes.boot(1, 2, 3)
    nodes.create(b"x", 1, 2, 3)
    holder, waiter = nodes[1].connect("x"), nodes[2].connect("x")
    base = nodes[3].connect("x")
    assert base.lock(b"a", p.NL, p.VALBLK, EMPTY)[1].status == 0
    lkid = holder.lock(b"a", p.EX, p.VALBLK, b"v" * 32)[0]
    assert holder.convert(lkid, p.NL, p.VALBLK, b"v" * 32)[0].status == 0
    assert holder.convert(lkid, p.EX, p.VALBLK, EMPTY)[1] == b"v" * 32
    waiting = waiter.post(b"a", p.PR, p.VALBLK, EMPTY)
    nodes[1].process.kill()
    nodes[1].process.wait()
    wait_for(lambda: nodes[2].peers()[1]["connection"] != "connected", "node 2 has seen it")
    assert waiter.quiet()
    nodes.lost(1)
    nodes.recovered(b"x")
    done, _ = waiter.done(waiting)
    assert done.status == 0 and done.sbflags & p.VALNOTVALID
    assert waiter.unlock(waiting).status == -p.EUNLOCK


def test_node_comes_back(nodes):
    nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    assert nodes[2].connect("x").lock(b"a", p.EX)[1].status == 0
    for _ in range(3):
        nodes.kill(1)
        nodes.recovered(b"x")
        nodes.boot(1)
        nodes.create(b"x", 1)
        client = nodes[1].connect("x")
        assert client.lock(b"a", p.EX, p.NOQUEUE)[1].status == -errno.EAGAIN
        assert client.lock(b"mine", p.EX)[1].status == 0


def test_leave_and_join_again(nodes):
    """The FIN exchange each time: numbers begin anew, and connections are closed."""
    nodes.boot(1, 2)
    for turn in range(4):
        for nodeid in (1, 2):
            assert nodes[nodeid].create(b"x") == 0
        nodes.recovered(b"x")
        held = nodes[1].connect("x").lock(b"a", p.EX)
        assert held[1].status == 0
        assert nodes[2].connect("x").lock(b"a", p.PR, p.NOQUEUE)[1].status == -errno.EAGAIN
        nodes.close_clients()
        for nodeid in (1, 2) if turn % 2 else (2, 1):
            assert nodes[nodeid].release(b"x") == 0
        for nodeid in (1, 2):
            wait_for(lambda: nodes[nodeid].peers()[3 - nodeid]["link"] == "CLOSED", "FIN")
            wait_for(lambda: nodes[nodeid].peers()[3 - nodeid]["connection"] == "apart", "closed")


# ---- networks that fail ----

@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_connections_break_under_load(nodes, run, proxy, reset):
    nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    adders = Adders(nodes, run, 1, 2)
    adders.wait(20)
    for _ in range(6):
        assert proxy.break_all(reset)
        adders.wait(10)
    adders.end()
    assert proxy.connections >= 7
    for nodeid in (1, 2):
        peer = nodes[nodeid].peers()[3 - nodeid]
        assert peer["link"] == "ESTABLISHED" and not peer["gap_resets"]


def test_lost_frame(nodes, proxy):
    """A numbered frame is missing, and others follow it for seconds: sent again after a reset."""
    lost = []

    def drop(frame):
        numbered = frame[14] == 3 and int.from_bytes(frame[8:12], "little") == 1
        if numbered and lost and lost[0] is None:
            lost[0] = frame
            return True
        return False

    proxy.drop = drop
    nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    client = nodes[1].connect("x")
    posted, end = [], time.monotonic() + 8
    lost.append(None)
    while time.monotonic() < end and not nodes[2].peers()[1]["gap_resets"]:
        posted.append(client.post(b"name %d" % len(posted), p.EX))
        time.sleep(0.05)
    assert lost[0] and time.monotonic() < end
    for lkid in posted:
        assert client.done(lkid)[0].status == 0
    assert nodes[2].peers()[1]["gap_resets"] == 1
    assert "node 1 skips messages: connection reset" in nodes[2].log()


def test_one_byte_at_a_time(nodes, run, proxy):
    proxy.piece = 1
    nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    adders = Adders(nodes, run, 1, 2)
    adders.wait(5)
    adders.end()


def test_node_that_stands_still_for_a_while(nodes, run):
    nodes.boot(1, 2, 3)
    nodes.create(b"x", 1, 2, 3)
    adders = Adders(nodes, run, 1, 2, 3)
    for _ in range(3):
        adders.wait(10)
        nodes.pause(2)
        time.sleep(0.5)
        nodes.resume(2)
    adders.wait(10)
    adders.end()
    assert nodes[1].peers()[2]["lost_connections"] == 0


def bare(nodes, from_node, to_node):
    """A connection from the address of a node, or of nobody."""
    return socket.create_connection((nodes.address(to_node), nodes.port), 10, (nodes.address(from_node), 0))


def test_strangers(nodes):
    one, _ = nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    for _ in range(100):
        with bare(nodes, 9, 1) as sock:
            with contextlib.suppress(ConnectionResetError):
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert sock.recv(1) == b""
    assert one.status()[0]["strangers_refused"] == 100
    assert one.log().count(f"{nodes.address(9)} connected and is no node") <= 10
    assert one.connect("x").lock(b"a", p.EX)[1].status == 0


HEADER = "=IIIHBB"  # version, lockspace, node, length, command, nothing


def garbage():
    def head(length, version=0x30002, node=2, cmd=2, lockspace=0):
        return struct.pack(HEADER, version, lockspace, node, length, cmd, 0)
    rng = random.Random(7)
    yield "zeroes", bytes(100000)
    yield "length 15", head(15) + bytes(100)
    yield "length 4097", head(4097) + bytes(5000)
    yield "random", rng.randbytes(200000)
    yield "frames of nothing", b"".join(head(64, cmd=rng.randrange(256)) + rng.randbytes(48) for _ in range(2000))
    yield "another node's", head(16, node=3, cmd=4) * 1000
    yield "another version", head(16, version=0x40000, cmd=4) * 1000
    yield "numbers that skip", b"".join(
        head(40, lockspace=10**6 + n, cmd=3) + bytes([5]) + bytes(7) + head(16, cmd=5) for n in range(1000))
    yield "acknowledged before it was sent", head(16, lockspace=10**6, cmd=4) * 100
    yield "the beginning of a frame", head(4096)[:9]


@pytest.mark.parametrize("name, data", list(garbage()), ids=[name for name, _ in garbage()])
def test_garbage_from_a_node(nodes, run, name, data):
    """Something at node 2's address sends it; node 1 goes on with the real node 2 all the same."""
    one, _ = nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    adders = Adders(nodes, run, 1, 2)
    adders.wait(5)
    for _ in range(3):
        with bare(nodes, 2, 1) as sock, contextlib.suppress(ConnectionResetError, BrokenPipeError):
            sock.sendall(data)
        adders.wait(5)
    adders.end()
    peer = one.peers()[2]
    if name in ("zeroes", "length 15", "length 4097", "random"):
        assert peer["bad_streams"] == 3
        assert "sent what is no message" in one.log()
    elif name != "the beginning of a frame":
        assert peer["refused"] + peer["skipped"] >= 100
    assert len(one.log()) < 100000


# ---- ends and beginnings ----

def test_end_names_who_did_not_finish(nodes):
    nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    nodes.pause(2)
    with nodes.lock:
        nodes.members[b"x"].remove(2)  # it does not hear of it
        nodes.change(b"x")
    assert nodes[1].release(b"x") == 0
    nodes[1].send(p.control_ls(p.STOP, b"", 300))
    assert nodes[1].expect(p.ENDING).tail == (2).to_bytes(4, "little")
    assert nodes[1].wait() == 0


def test_end_without_lockspaces_is_at_once(nodes):
    nodes.boot(1, 2)
    begin = time.monotonic()
    nodes[1].send(p.control_ls(p.STOP, b"", 60000))
    assert nodes[1].expect(p.ENDING).tail == b""
    assert nodes[1].wait() == 0 and time.monotonic() - begin < 20


def status_request(nodeid):
    """A STATUS for a lockspace that nobody has."""
    rcom = struct.pack("=IiQQQ", 1, 0, 7, 1, 0) + bytes(16)
    return struct.pack(HEADER, 0x30002, 12345, nodeid, 16 + len(rcom), 2, 0) + rcom


def test_node_that_speaks_during_the_end(nodes):
    """On a connection that is being closed it begins anew: it is answered, and the end waits for FIN."""
    one, = nodes.boot(1)
    with socket.create_server((nodes.address(2), nodes.port)) as two:
        two.settimeout(places.DEADLINE)
        one.send(p.peer(p.PEER_ADD, 2, [nodes.address(2)]))
        with bare(nodes, 2, 1) as theirs:
            wait_for(lambda: one.peers()[2]["connection"] == "connected", "node 1 has taken it")
            one.send(p.control_ls(p.STOP, b"", 60000))
            assert theirs.recv(1) == b""
            theirs.sendall(status_request(2))
            ours = two.accept()[0]
            with ours:
                ours.settimeout(places.DEADLINE)
                said = b""
                while len(said) < 2 * 24 + 80 + 16:  # "not ready" and FIN, both numbered
                    said += ours.recv(4096)
                    assert said
                assert said[14] == 3 and said[-2] == 5
                fin = struct.pack(HEADER, 0x30002, 0, 2, 40, 3, 0) + bytes([5]) + bytes(7)
                ours.sendall(struct.pack(HEADER, 0x30002, 2, 2, 16, 4, 0))
                ours.sendall(fin + struct.pack(HEADER, 0x30002, 0, 2, 16, 5, 0))
                while ours.recv(4096):
                    pass
        assert one.expect(p.ENDING).tail == b""
    assert one.wait() == 0


def test_port_in_use(nodes):
    nodes.boot(1)
    run = os.path.join(nodes.run, "again")
    os.makedirs(run)
    again = Lockd(run, settings=p.settings(flags=0, nodeid=2, address=[nodes.address(1)], port=nodes.port))
    said = again.expect(p.FATAL).tail
    assert f"port {nodes.port} of {nodes.address(1)} cannot be listened on: Address already".encode() in said
    assert again.wait() == 1
    again.socket.close()


@pytest.mark.parametrize("bad, said", [
    (dict(address=[]), b"Invalid argument"), (dict(port=0), b"Invalid argument"),
    (dict(port=70000), b"Invalid argument"), (dict(protocol=1), b"speaks TCP only"),
    (dict(address=["192.0.2.1"]), b"no interface has this address")])
def test_bad_settings(run, bad, said):
    good = dict(flags=0, nodeid=1, address=["127.0.0.1"], port=21064)
    lockd = Lockd(run, settings=p.settings(**good | bad))
    assert said in lockd.expect(p.FATAL).tail
    assert lockd.wait() == 1
    lockd.socket.close()


def test_peers_that_cannot_be(nodes):
    one, = nodes.boot(1)
    one.send(p.peer(p.PEER_ADD, 1, [nodes.address(1)]))
    one.send(p.peer(p.PEER_ADD, 5, []))
    one.send(p.peer(p.PEER_ADD, 6, ["fd00::6"]))
    one.send(p.peer(p.PEER_REMOVE, 7))
    one.send(p.peer(p.PEER_ADD, 8, [nodes.address(8)]))
    one.send(p.peer(p.PEER_ADD, 8, [nodes.address(18)]))
    one.send(p.peer(p.PEER_ADD, 8, ["fd00::8"]))  # it stays what it was
    assert list(one.peers()) == [8]
    assert one.peers()[8]["address"] == f"{nodes.address(18)}:{nodes.port}"
    for nodeid in (1, 5, 6, 8):
        assert f"node {nodeid} cannot be a peer" in one.log()


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_waiting_costs_nothing(nodes):
    """A node that is gone, one that stands still, strangers: nobody spins."""
    nodes.boot(1, 2, 3)
    nodes.create(b"x", 1, 2, 3)
    nodes[2].process.kill()
    nodes[2].process.wait()
    nodes.pause(3)
    client = nodes[1].connect("x")
    for n in range(50):
        client.post(b"%d" % n, p.EX)
    nodes.change(b"x", but=[2, 3])
    before, begin = cpu_s(nodes[1].pid), time.monotonic()
    time.sleep(4)
    assert cpu_s(nodes[1].pid) - before < (time.monotonic() - begin) * 0.05
    assert nodes[1].status()[0]["turns"] < 2000
