# SPDX-License-Identifier: GPL-2.0-or-later
"""Locks through dlm_lockd, and what becomes of them when their program goes."""
import contextlib
import os
import pathlib

import pytest

from lib import protocol as p
from lib.child import Child
from lib.places import wait_for

VALUE = bytes(range(32))


def leases(lockd):
    found = {}
    for path in pathlib.Path(lockd.run, "leases").iterdir():
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            data = path.read_bytes()
            if len(data) == p.LEASE.size:  # else it is being made
                found[path.name] = p.lease(data)
    return found


def test_grant_queue_convert_unlock(space):
    with space.connect("x") as one, space.connect("x") as two:
        first, done, _ = one.lock(b"a", p.EX)
        assert (done.status, done.mode) == (0, p.EX)
        second = two.post(b"a", p.EX, bast=True)
        assert two.quiet()
        done, _ = one.convert(first, p.NL)
        assert (done.status, done.mode) == (0, p.NL)
        assert two.done(second)[0].mode == p.EX
        assert one.unlock(first).status == -p.EUNLOCK
        assert two.unlock(second).status == -p.EUNLOCK


def test_blocking_ast(space):
    with space.connect("x") as one, space.connect("x") as two:
        first, _, _ = one.lock(b"a", p.PR, bast=True)
        two.post(b"a", p.EX)
        found = one.take(p.BAST)
        assert int.from_bytes(found.body[:4], "little") == first and found.body[4] == p.EX


def test_noqueue_and_cancel(space):
    with space.connect("x") as one, space.connect("x") as two:
        one.lock(b"a", p.EX)
        _, done, _ = two.lock(b"a", p.EX, p.NOQUEUE)
        assert done.status == -11
        waiting = two.post(b"a", p.PR)
        result, _ = two.ask(p.unlock(waiting, p.CANCEL, serial=5))
        assert result == 0
        assert two.done(waiting)[0].status == -p.ECANCEL


def test_refusals(space):
    with space.connect("x") as one, space.connect("x") as two:
        held, _, _ = one.lock(b"a", p.EX)
        for data, error in [
            (p.unlock(held, serial=1), -2),                                # another connection's
            (p.lock(held, p.NL, b"", p.CONVERT, serial=2), -2),
            (p.unlock(0x7ffffffe, serial=3), -2),
            (p.lock(two.ids[0], 6, b"a", serial=4), -22),                   # mode
            (p.lock(two.ids[0], p.EX, b"a" * 65, serial=5), -22),           # name
            (p.lock(two.ids[0], p.EX, b"", serial=6), -22),
            (p.lock(one.ids[-1], p.EX, b"a", serial=7), -22),               # id of another's block
            (p.lock(0, p.EX, b"a", serial=8), -22),
            (p.unlock(0, p.CANCEL | p.FORCEUNLOCK, serial=9), None),
        ]:
            result, _ = two.ask(data)
            assert result == error if error is not None else result < 0, data
        # without a serial the refusal is a record of its own
        two.send(p.unlock(held))
        refused = two.take(p.REFUSED)
        assert refused.flags == p.UNLOCK
        # and the connection goes on
        assert two.lock(b"b", p.EX)[1].status == 0
        assert one.unlock(held).status == -p.EUNLOCK


def test_names_are_bytes(space):
    with space.connect("x") as one, space.connect("x") as two:
        for name in (b"n" * 64, b"\0", b"a\0b", b"a\0c", bytes(64), b"\xff\xfe"):
            assert one.lock(name, p.EX)[1].status == 0
            assert two.lock(name, p.EX, p.NOQUEUE)[1].status == -11


def test_value_block(space):
    with space.connect("x") as one, space.connect("x") as two:
        first, done, value = one.lock(b"a", p.EX, p.VALBLK, bytes(32))
        assert done.status == 0
        done, _ = one.convert(first, p.NL, p.VALBLK, VALUE)
        assert done.status == 0
        _, done, value = two.lock(b"a", p.PR, p.VALBLK, bytes(32))
        assert value == VALUE and not done.sbflags & p.VALNOTVALID


@pytest.mark.parametrize("mode", [p.NL, p.CR, p.CW, p.PR, p.PW, p.EX])
def test_kill_of_a_client_frees_its_locks(space, mode):
    with space.connect("x") as keeper:
        keeping, _, _ = keeper.lock(b"a", p.NL)
        keeper.convert(keeping, p.EX)
        keeper.convert(keeping, p.NL, p.VALBLK, VALUE)

        def work():
            client = space.connect("x")
            lkid, done, _ = client.lock(b"a", mode, p.VALBLK, bytes(32))
            return lkid, done.status, client.lease().held

        child = Child(work)
        assert child.value[1] == 0
        assert child.value[2] == (1 if mode > p.NL else 0)
        waiting = keeper.post(b"a", p.EX, p.VALBLK, bytes(32))
        if mode > p.NL:
            assert keeper.quiet()
        child.kill()
        done, value = keeper.done(waiting)
        assert done.status == 0
        assert bool(done.sbflags & p.VALNOTVALID) == (mode in (p.PW, p.EX))
        if mode < p.PW:
            assert value == VALUE
        wait_for(lambda: len(leases(space)) == 1, "the killed program's lease goes")


def test_kill_with_waiting_and_many(space):
    with space.connect("x") as keeper:
        keeper.lock(b"held", p.EX)

        def work():
            client = space.connect("x")
            for number in range(1000):
                client.post(b"r%d" % number, p.EX)
            client.post(b"held", p.EX)
            for number in range(1000):
                client.take(p.COMPLETION)

        Child(work).kill()
        for number in range(1000):
            assert keeper.lock(b"r%d" % number, p.EX)[1].status == 0
        wait_for(lambda: space.status()[1][0]["locks"] == 1001, "only the keeper's locks are left")


def test_persistent_becomes_orphan_and_is_adopted(space):
    def work():
        client = space.connect("x")
        lkid, done, _ = client.lock(b"a", p.EX, p.PERSISTENT)
        assert done.status == 0
        lease = client.lease()
        return lkid, lease.held, lease.persistent_held

    child = Child(work)
    assert child.value[1:] == (1, 1)
    child.kill()
    wait_for(lambda: "orphans" in leases(space) and len(leases(space)) == 1, "the orphan is noted")
    orphans = leases(space)["orphans"]
    assert orphans.held == 1 and orphans.boot_id.split(b"\0")[0] == b"test-boot"
    with space.connect("x") as client:
        assert client.lock(b"a", p.PR, p.NOQUEUE)[1].status == -11
        assert client.ask(p.lock(0, p.PR, b"a", p.ORPHAN, serial=1, kind=p.ADOPT))[0] == -11
        assert client.ask(p.lock(0, p.EX, b"b", p.ORPHAN, serial=2, kind=p.ADOPT))[0] == -2
        result, lkid = client.ask(
            p.lock(0, p.EX, b"a", p.ORPHAN | p.PERSISTENT, serial=3, kind=p.ADOPT))
        assert result == 0 and lkid == child.value[0]
        assert client.lease().held == client.lease().persistent_held == 1
        wait_for(lambda: leases(space)["orphans"].held == 0, "the orphan is nobody's no more")
        assert client.unlock(lkid).status == -p.EUNLOCK
        wait_for(lambda: client.lease().held == 0, "the lease says so")


def test_purge(space):
    def work():
        client = space.connect("x")
        client.lock(b"a", p.EX, p.PERSISTENT)
        return os.getpid()

    child = Child(work)
    child.kill()
    wait_for(lambda: space.status()[0]["orphans_held"] == 1, "the orphan")
    with space.connect("x") as client:
        mine, _, _ = client.lock(b"mine", p.EX)
        assert client.ask(p.purge(0, child.value, serial=1))[0] == 0
        wait_for(lambda: space.status()[0]["orphans_held"] == 0, "no orphan")
        assert client.ask(p.purge(0, os.getpid(), serial=2))[0] == 0
        wait_for(lambda: client.lease().held == 0, "nothing held")
        assert client.ask(p.unlock(mine, serial=3))[0] == -2
        assert client.ask(p.purge(9, 0, serial=4))[0] == -105


def test_lease_says_held_before_the_program_knows(space):
    with space.connect("x") as one, space.connect("x") as two:
        first, _, _ = one.lock(b"a", p.EX)
        assert one.lease().held == 1
        waiting = two.post(b"a", p.EX)
        assert two.lease().held == 0
        one.send(p.unlock(first))
        two.socket.recv(1, 0x2)  # MSG_PEEK: the packet is there
        assert two.lease().held == 1
        two.done(waiting)
        one.done(first)
        wait_for(lambda: one.lease().held == 0, "the lease follows")


def test_ids_are_given_block_by_block(space):
    with space.connect("x") as client:
        seen = set()
        for _ in range(4 * p.ID_BLOCK):
            if len(client.ids) == p.ID_BLOCK // 2:
                client.send(p.record(p.NEED_IDS))
            if not client.ids:
                client.receive()
            lkid, done, _ = client.lock(b"a", p.EX)
            assert done.status == 0 and lkid not in seen
            seen.add(lkid)
            client.unlock(lkid)
        # an id that was given back by asking for more is not ours any more
        assert client.ask(p.lock(min(seen), p.EX, b"a", serial=1))[0] == -22


def test_takeover_after_fork(space):
    client = space.connect("x")
    mine, _, _ = client.lock(b"a", p.EX)

    def work():
        client.ids.clear()
        # before the takeover the child is nobody here
        denied = client.ask(p.unlock(mine, serial=1))[0]
        result, _ = client.ask(p.record(p.TAKEOVER, serial=2))
        owner = client.lease().owner_pid
        lkid, done, _ = client.lock(b"b", p.EX)
        return denied, result, owner, done.status, client.unlock(mine).status, lkid

    with Child(work) as child:
        denied, result, owner, status, unlocked, lkid = child.value
        assert (denied, result, owner, status, unlocked) == (-1, 0, child.pid, 0, -p.EUNLOCK)
        assert client.ask(p.unlock(lkid, serial=3))[0] == -1  # EPERM: it is the child's now
        client.send(p.lock(client.ids[0], p.EX, b"c"))
        assert client.take(p.REFUSED).body[4:8] == (-1).to_bytes(4, "little", signed=True)
        # the connection ends with the last who has it, not with the owner
        child.kill()
        with space.connect("x") as other:
            assert other.lock(b"b", p.EX, p.NOQUEUE)[1].status == -11
            waiting = other.post(b"b", p.EX)
            client.close()
            assert other.done(waiting)[0].status == 0


def test_stopped_lockspace_keeps_requests_unread(space):
    with space.connect("x") as one:
        held, _, _ = one.lock(b"a", p.EX)
        space.stop(b"x", 5)
        waiting = one.post(b"b", p.EX)
        with space.connect("x") as two:  # the handshake does not wait
            second = two.post(b"c", p.EX)
            space.send(p.control_ls(p.PING, number=9))
            space.expect(p.PONG, lambda m: m.number == 9)
            assert one.quiet() and two.quiet()
            space.start(b"x", 2)
            assert one.done(waiting)[0].status == 0
            assert two.done(second)[0].status == 0
            assert one.unlock(held).status == -p.EUNLOCK


def test_program_that_dies_while_stopped(space):
    with space.connect("x") as keeper:
        def work():
            client = space.connect("x")
            client.lock(b"a", p.EX)
            space_stopped.wait()
            client.post(b"b", p.EX, p.PERSISTENT)

        import multiprocessing
        space_stopped = multiprocessing.get_context("fork").Event()
        child = Child(work, wait=False)
        wait_for(lambda: sum(c["held"] for c in space.status()[2]) == 1, "the child's lock")
        space.stop(b"x", 5)
        space_stopped.set()
        child.result()
        child.kill()
        busy = space.status()[0]["turns"]
        wait_for(lambda: space.status()[0]["turns"] > busy, "a turn")
        # a hang-up that cannot be handled yet must not keep the daemon turning
        before = space.status()[0]["turns"]
        for _ in range(20):
            space.send(p.control_ls(p.PING, number=1))
            space.expect(p.PONG)
        assert space.status()[0]["turns"] - before < 100
        waiting = keeper.post(b"a", p.EX)
        space.start(b"x", 2)
        assert keeper.done(waiting)[0].status == 0
        # what it had sent before it died counts: granted, then an orphan
        wait_for(lambda: space.status()[0]["orphans_held"] == 1, "the orphan")


def test_flags_of_a_lock_do_not_keep_it_after_its_program(space):
    """Lock calls take unknown flags, and FORCEUNLOCK, which must not stand in the way at the end."""
    with space.connect("x") as one:
        for flags in (p.FORCEUNLOCK, 0xffff0000, p.FORCEUNLOCK | p.NOQUEUE):
            with space.connect("x") as two:
                assert two.lock(b"a", p.EX, flags)[1].status == 0
            lkid, done, _ = one.lock(b"a", p.EX)
            assert done.status == 0
            one.unlock(lkid)
