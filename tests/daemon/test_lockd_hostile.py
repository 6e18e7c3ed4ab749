# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that send nonsense, do not read, or want too much: they are ended or held back, and nobody
else notices."""
import array
import contextlib
import errno
import os
import random
import socket
import struct
import threading
import time

import pytest

from lib import protocol as p
from lib.child import Child
from lib.places import DEADLINE, descriptor_count, memory_kib, wait_for


class Neighbour:
    """A well-behaved program that locks and unlocks all the time, and notes its slowest round."""

    def __init__(self, lockd, name="x"):
        self.client = lockd.connect(name)
        self.rounds, self.slowest, self.failure = 0, 0.0, None
        self.going = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            lkid, _, _ = self.client.lock(b"neighbour", p.NL)
            while self.going:
                begin = time.monotonic()
                assert self.client.convert(lkid, p.EX)[0].status == 0
                assert self.client.convert(lkid, p.NL)[0].status == 0
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.rounds += 1
        except BaseException as error:  # shown by end()
            self.failure = error

    def end(self):
        wait_for(lambda: self.rounds or self.failure, "the neighbour's first round")
        self.going = False
        self.thread.join(DEADLINE)
        self.client.close()
        assert self.failure is None and self.rounds > 0


@pytest.fixture
def neighbour(space):
    program = Neighbour(space)
    yield program
    program.end()


def garbage():
    lock = p.lock(7, p.EX, b"abc")
    yield "random", random.Random(1).randbytes(400)
    yield "zeros", bytes(64)
    yield "short head", b"\x08\0\x02"
    yield "length 0", struct.pack("=HBBI", 0, p.LOCK, 0, 0)
    yield "length not of 8", struct.pack("=HBBI", 12, p.NEED_IDS, 0, 0) + bytes(4)
    yield "longer than the packet", struct.pack("=HBBI", 64, p.LOCK, 0, 0)
    yield "longer than a record may be", struct.pack("=HBBI", 8192, p.LOCK, 0, 0) + bytes(8184)
    yield "wrong length for the type", struct.pack("=HBBI", 16, p.NEED_IDS, 0, 0) + bytes(8)
    yield "lock without its fields", struct.pack("=HBBI", 16, p.LOCK, 0, 0) + bytes(8)
    yield "name beyond the record", p.record(p.LOCK, struct.pack("=IIQBB6x", 1, 0, 0, 5, 200))
    yield "unknown type", p.record(33)
    yield "type of the daemon", p.record(p.ANSWER, bytes(8))
    yield "unknown head flags", p.record(p.LOCK, lock[8:], flags=0x80)
    yield "reserved bytes", lock[:26] + b"\1" + lock[27:]
    yield "good, then bad", lock + p.record(33)
    yield "adopt without serial", p.lock(0, p.EX, b"a", p.ORPHAN, kind=p.ADOPT)
    yield "create on a lockspace", p.create(b"y")
    yield "empty packet", b""


@pytest.mark.parametrize("name, data", list(garbage()), ids=[n for n, _ in garbage()])
def test_garbage_on_a_lockspace(space, neighbour, name, data):
    before = space.status()[0]["records_bad"]
    client = space.connect("x")
    client.send(data)
    said = client.ended()
    assert said and said[0] == -errno.EBADMSG, said
    assert "packet 2, record" in said[1]
    client.close()
    wait_for(lambda: space.status()[0]["clients"] == 1, "the connection is gone")
    assert space.status()[0]["records_bad"] == before + 1
    assert said[1].split(": ", 1)[1] in space.log()


def test_garbage_on_control(space, neighbour):
    for data in [random.Random(2).randbytes(200), bytes(64), p.lock(1, p.EX, b"a"),
                 p.record(p.TAKEOVER), p.create(b"x")[:40], p.create(b"y", mode=0o10000)]:
        with space.control() as client:
            client.send(data)
            assert client.ended()[0] == -errno.EBADMSG


def test_garbage_before_hello(space, neighbour):
    for place in ("control", "lockspaces/x"):
        for data in (b"GET / HTTP/1.1\r\n\r\n", bytes(65536), p.hello()[:16], b"\0"):
            from lib.lockd import Client
            with Client(os.path.join(space.run, place), greet=False) as client:
                client.send(data)
                said = client.ended()
                assert said[0] in (-errno.EBADMSG, -errno.EPROTO)


def test_oversized_packet(space, neighbour):
    with space.connect("x") as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        client.send(p.record(p.NEED_IDS) * 8193)
        assert client.ended()[0] == -errno.EBADMSG


def test_descriptors_are_not_taken(space, neighbour):
    before = descriptor_count(space.pid)
    for _ in range(20):
        client = space.connect("x")
        client.socket.sendmsg([p.record(p.NEED_IDS)], [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
        assert client.ended()[0] == -errno.EBADMSG
        client.close()
    wait_for(lambda: descriptor_count(space.pid) <= before, "no descriptors are left")


def test_random_records(space, neighbour):
    """Records whose frame is right and whose content is anything."""
    rand = random.Random(3)
    for _ in range(100):
        with space.connect("x") as client:
            packet = b""
            for _ in range(rand.randrange(1, 30)):
                kind = rand.choice((p.LOCK, p.LOCK, p.UNLOCK, p.ADOPT, p.PURGE, p.NEED_IDS))
                lkid = rand.choice((client.ids[0], client.ids[rand.randrange(8192)],
                                    rand.getrandbits(32)))
                flags = rand.choice((0, rand.getrandbits(32), rand.getrandbits(19)))
                lvb = rand.choice((None, rand.randbytes(32)))
                if kind == p.UNLOCK:
                    packet += p.unlock(lkid, flags, lvb, rand.getrandbits(3), rand.random() < .3)
                elif kind == p.PURGE:
                    packet += p.purge(rand.randrange(3), rand.choice((0, 1, os.getpid())), 1)
                elif kind == p.NEED_IDS:
                    packet += p.record(p.NEED_IDS, serial=rand.getrandbits(2))
                else:
                    packet += p.lock(lkid, rand.randrange(7), rand.randbytes(rand.randrange(70)),
                                     flags, lvb, rand.random() < .5, rand.getrandbits(20) + 1,
                                     kind=kind)
            client.send(packet)
    space.send(p.control_ls(p.PING, number=3))
    space.expect(p.PONG)


def test_holder_that_sends_garbage_keeps_its_lock_until_it_lets_go(space):
    """It may still be acting on the lock: nobody gets it before the lease is closed."""
    client = space.connect("x")
    client.lock(b"a", p.EX)
    client.send(p.record(33))
    assert client.ended()[0] == -errno.EBADMSG
    with space.connect("x") as other:
        waiting = other.post(b"a", p.EX)
        wait_for(lambda: [c for c in space.status()[2] if c["state"] == "ended_holding"],
                 "the connection is kept")
        assert other.quiet()
        client.close_lease()
        assert other.done(waiting)[0].status == 0
    client.close()


def test_lease_inherited_by_a_child_counts(space):
    def work():
        client = space.connect("x")
        client.lock(b"a", p.EX)
        os.set_inheritable(client.lease_fd, True)
        grandchild = os.fork()
        if not grandchild:
            for fd in map(int, os.listdir("/proc/self/fd")):
                if fd != client.lease_fd:
                    with contextlib.suppress(OSError):
                        os.close(fd)
            time.sleep(4 * DEADLINE)
            os._exit(0)
        client.send(p.record(33))
        client.ended()
        return grandchild

    child = Child(work)
    child.kill()
    with space.connect("x") as other:
        waiting = other.post(b"a", p.EX)
        wait_for(lambda: [c for c in space.status()[2] if c["state"] == "ended_holding"],
                 "the connection is kept")
        assert other.quiet()
        os.kill(child.value, 9)
        assert other.done(waiting)[0].status == 0


# ---- those that do not read ----

def flood(client, data, seconds=2.0):
    """Send without reading until nothing is taken any more. Returns packets sent."""
    sent = 0
    client.socket.setblocking(False)
    end = time.monotonic() + DEADLINE
    stuck_since = None
    while time.monotonic() < end:
        try:
            client.socket.send(data)
            sent += 1
            stuck_since = None
        except BlockingIOError:
            stuck_since = stuck_since or time.monotonic()
            if time.monotonic() - stuck_since > seconds:
                break
            time.sleep(0.01)
    client.socket.setblocking(True)
    client.socket.settimeout(DEADLINE)
    return sent


def test_client_that_reads_no_answers(space, neighbour):
    """Answers it does not read hold it back; memory stays what it is."""
    client = space.connect("x")
    flood(client, p.unlock(1, serial=1) * 1000, 0.5)
    before = memory_kib(space.pid)
    sent = flood(client, p.unlock(1, serial=1) * 4000)
    assert sent < 200
    assert memory_kib(space.pid) - before < 1024
    # it goes on where it was, and no answer is missing
    answers = 0
    client.socket.settimeout(2)
    try:
        while True:
            client.receive()
            answers += len(client.arrived)
            assert all(found.kind == p.ANSWER for found in client.arrived)
            client.arrived.clear()
    except TimeoutError:
        pass
    assert answers % 1000 == 0 and answers >= sent * 4000
    client.socket.settimeout(DEADLINE)
    assert client.lock(b"after", p.EX)[1].status == 0
    client.close()
    rounds = neighbour.rounds
    wait_for(lambda: neighbour.rounds > rounds + 100, "the neighbour goes on")


def test_client_that_reads_no_completions(space, neighbour):
    """Completions and blocking ASTs of a thousand locks wait in the engine, not more and no fewer."""
    lazy = space.connect("x")
    ids = [lazy.post(b"r%d" % number, p.PR, bast=True) for number in range(1000)]
    with space.connect("x") as pusher:
        for number in range(1000):
            pusher.post(b"r%d" % number, p.EX)
        wait_for(lambda: space.status()[1][0]["locks"] == 2001, "all are queued")
        before = memory_kib(space.pid)
        # conversions back and forth of others bring more reasons for blocking ASTs, not more memory
        for _ in range(20):
            for number in range(0, 1000, 10):
                lkid = pusher.post(b"r%d" % number, p.CW, p.NOQUEUE | 0x800)
                pusher.done(lkid)
        assert memory_kib(space.pid) - before < 2048
    done = {lkid: 0 for lkid in ids}
    basts = {lkid: 0 for lkid in ids}
    while not all(done.values()) or not all(basts.values()):
        for found in lazy.arrived:
            lkid = struct.unpack_from("=I", found.body)[0]
            (done if found.kind == p.COMPLETION else basts)[lkid] += 1
        lazy.arrived.clear()
        if not all(done.values()) or not all(basts.values()):
            lazy.receive()
    assert set(done.values()) == {1}
    assert set(basts.values()) <= {1, 2}
    lazy.close()


def test_program_that_dies_with_unread_requests(space, neighbour):
    """What it sent is carried out to the end: unlocks of persistent locks leave no orphans."""
    def work():
        client = space.connect("x")
        ids = [client.lock(b"r%d" % number, p.EX, p.PERSISTENT)[0] for number in range(150)]
        # completions that it never reads make the end a reset
        for number in range(3):
            client.post(b"unread%d" % number, p.NL)
        client.socket.recv(1, socket.MSG_PEEK)
        for lkid in ids:
            client.send(p.unlock(lkid))

    Child(work).kill()
    wait_for(lambda: space.status()[0]["clients"] == 1, "it is gone")
    wait_for(lambda: space.status()[1][0]["locks"] == 1, "its locks are")
    assert space.status()[0]["orphans_held"] == 0


# ---- those that want too much ----

def test_connections_in_all(start_lockd):
    lockd = start_lockd(settings=p.settings(clients=8)).ready()
    lockd.create(b"x")
    wait_for(lambda: lockd.status()[0]["clients"] == 0, "the creator is gone")
    clients = [lockd.connect("x") for _ in range(8)]  # root may have them all
    for _ in range(3):
        with lockd.connect("x", greet=False) as more:
            more.send(p.hello())
            said = more.ended()
            assert said[0] == -errno.EUSERS and "client_count_max 8" in said[1]
    values = lockd.status()[0]
    assert values["clients"] == 8 and values["clients_refused"] == 3
    clients.pop().close()
    wait_for(lambda: lockd.status()[0]["clients"] == 7, "one less")
    with lockd.connect("x") as client:
        assert client.lock(b"a", p.EX)[1].status == 0
    for client in clients:
        client.close()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to be somebody else")
def test_half_of_them_a_user(start_lockd):
    lockd = start_lockd(settings=p.settings(clients=8)).ready()
    lockd.create(b"x", mode=0o666)
    wait_for(lambda: lockd.status()[0]["clients"] == 0, "the creator is gone")

    def work():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        kept = [lockd.connect("x") for _ in range(4)]
        more = lockd.connect("x", greet=False)
        more.send(p.hello())
        return more.ended(), len(kept)

    with Child(work) as child:
        assert child.value[0][0] == -errno.EMFILE and "65534" in child.value[0][1]
        others = [lockd.connect("x") for _ in range(4)]
        for client in others:
            client.close()
    wait_for(lambda: lockd.status()[0]["clients"] == 0, "all are gone")


def test_storm_of_connections_over_the_limit(start_lockd):
    lockd = start_lockd(settings=p.settings(clients=4)).ready()
    lockd.create(b"x")
    wait_for(lambda: lockd.status()[0]["clients"] == 0, "the creator is gone")
    kept = [lockd.connect("x") for _ in range(4)]
    before = descriptor_count(lockd.pid)
    storm = [lockd.connect("x", greet=False) for _ in range(300)]
    assert kept[0].lock(b"a", p.EX)[1].status == 0
    assert descriptor_count(lockd.pid) <= before + 65
    for client in storm + kept:
        client.close()
    wait_for(lambda: descriptor_count(lockd.pid) <= before - 4, "descriptors are back")
    with lockd.connect("x") as client:
        assert client.lock(b"a", p.EX)[1].status == 0


def test_locks_of_a_client(start_lockd):
    lockd = start_lockd(settings=p.settings(locks=100)).ready()
    lockd.create(b"x")
    with lockd.connect("x") as client:
        ids = [client.lock(b"r%d" % number, p.EX)[0] for number in range(100)]
        lkid = client.next_id()
        assert client.ask(p.lock(lkid, p.EX, b"more", serial=1))[0] == -errno.EDQUOT
        client.unlock(ids[0])
        assert client.lock(b"more", p.EX)[1].status == 0


def test_ids_without_end(space, neighbour):
    """Asking for lock ids for ever gets none for ever and takes none from others."""
    with space.connect("x") as client:
        before = None
        for turn in range(10):
            client.send(p.record(p.NEED_IDS) * 300)
            for _ in range(300):
                while not client.ids:
                    client.receive()
                del client.ids[:p.ID_BLOCK]
            if turn == 2:
                before = memory_kib(space.pid)
        assert memory_kib(space.pid) - before < 2048


def test_many_serial_packets_are_answered_in_order(space):
    with space.connect("x") as client:
        for serial in range(1, 5001):
            client.send(p.unlock(1, serial=serial))
            if serial % 100 == 0:
                for expected in range(serial - 99, serial + 1):
                    assert client.take(p.ANSWER).serial == expected


def test_two_hundred_clients(space):
    """Each takes and gives the same lock and one of its own."""
    counter = [0]
    before = descriptor_count(space.pid)

    def program(client, failures):
        try:
            mine, _, _ = client.lock(b"mine%d" % id(client), p.NL)
            shared, _, _ = client.lock(b"shared", p.NL)
            for _ in range(10):
                assert client.convert(mine, p.EX)[0].status == 0
                assert client.convert(shared, p.EX)[0].status == 0
                value = counter[0]
                time.sleep(0)
                counter[0] = value + 1
                assert client.convert(shared, p.NL)[0].status == 0
                assert client.convert(mine, p.NL)[0].status == 0
        except BaseException as error:
            failures.append(error)

    failures = []
    clients = [space.connect("x") for _ in range(200)]
    threads = [threading.Thread(target=program, args=(c, failures)) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures and counter[0] == 2000
    assert space.status()[0]["clients"] == 200
    for client in clients:
        client.close()
    wait_for(lambda: space.status()[1][0]["locks"] == 0, "all locks are gone")
    wait_for(lambda: descriptor_count(space.pid) <= before, "all descriptors are")
    assert os.listdir(os.path.join(space.run, "leases")) == []
