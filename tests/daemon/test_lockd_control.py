# SPDX-License-Identifier: GPL-2.0-or-later
"""The control connection: its end, its messages, nonsense on it, and status and dumps through it."""
import errno
import os
import pathlib
import signal
import struct
import time

import pytest

from lib import protocol as p
from lib.lockd import Client
from lib.places import wait_for


def process_state(pid):
    """The letter of /proc/PID/stat; "" for one that is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_its_end_is_the_end(space):
    """At EOF: nothing more is sent, sockets close, leases stay as they are."""
    holder, waiter = space.connect("x"), space.connect("x")
    held, _, _ = holder.lock(b"a", p.EX)
    waiter.post(b"a", p.EX)
    wait_for(lambda: space.status()[1][0]["locks"] == 2, "both are queued")
    os.kill(space.pid, signal.SIGSTOP)
    wait_for(lambda: process_state(space.pid) == "T", "it stands still")
    # all of this is there when it looks again: the end must come first
    holder.send(p.unlock(held))
    space.hang_up()
    os.kill(space.pid, signal.SIGCONT)
    assert space.wait() == 0
    assert waiter.ended() is None and not waiter.arrived
    assert holder.ended() is None and not holder.arrived
    leases = [p.lease(path.read_bytes()) for path in pathlib.Path(space.run, "leases").iterdir()]
    assert sorted(lease.held for lease in leases) == [0, 1]
    assert all(not lease.closed for lease in leases)
    with pytest.raises(ConnectionRefusedError):
        Client(os.path.join(space.run, "control"))


def test_its_end_under_load(space):
    """Programs that keep it busy do not keep it from ending at once."""
    clients = [space.connect("x") for _ in range(8)]
    packet = p.unlock(1) * 2000
    for client in clients:
        client.socket.setblocking(False)
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        for client in clients:
            try:
                client.send(packet)
            except BlockingIOError:
                try:
                    client.receive()
                    client.arrived.clear()
                except BlockingIOError:
                    pass
    begin = time.monotonic()
    space.hang_up()
    assert space.wait() == 0
    assert time.monotonic() - begin < 5
    for client in clients:
        client.close()


def test_signals_do_not_end_it(lockd):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE):
        os.kill(lockd.pid, number)
    assert lockd.create(b"x") == 0


def test_parent_that_dies(run):
    """dlm_controld killed by -9: dlm_lockd goes with it."""
    from lib.child import Child
    from lib.lockd import Lockd

    child = Child(lambda: Lockd(run).ready().pid)
    os.kill(child.value, 0)
    child.kill()
    wait_for(lambda: process_state(child.value) in ("", "Z"), "its end")


def malformed():
    ping = p.control_ls(p.PING)
    yield "short", ping[:4]
    yield "truncated", ping[:50]
    yield "too long", ping + b"more"
    yield "length that lies", struct.pack("=II", p.PING, 8) + ping[8:]
    yield "unknown type", p.control_ls(40)
    yield "type 0", p.control_ls(0)
    yield "ours", p.control_ls(p.PONG)
    yield "settings again", p.settings()
    yield "name without end", p.control_ls(p.PING, b"n" * 72)
    yield "members that are not there", struct.pack("=IIIiII72s", p.LS_START, 96, 1, 0, 5, 0, b"x")
    yield "members without end", struct.pack("=IIIiII72s", p.LS_START, 96, 1, 0, 0x10000000, 0, b"x")
    yield "huge", p.control_ls(p.PING, tail=bytes(70000))


@pytest.mark.parametrize("name, data", list(malformed()), ids=[n for n, _ in malformed()])
def test_malformed_ends_it(space, name, data):
    if name == "huge":
        space.socket.setsockopt(1, 7, 1 << 20)
    space.send(data)
    assert space.expect(p.FATAL)
    assert space.wait() == 1


def test_settings_must_come_first(run):
    from lib.lockd import Lockd
    lockd = Lockd(run, settings=p.control_ls(p.PING))
    assert b"SETTINGS" in lockd.expect(p.FATAL).tail
    assert lockd.wait() == 1
    lockd.socket.close()


def test_gone_before_the_settings(run):
    from lib.lockd import Lockd
    lockd = Lockd(run, settings=b"")  # an empty packet reads like the end
    assert lockd.wait() == 1
    lockd.socket.close()


def test_lockspaces_that_are_not_there(lockd):
    lockd.send(p.control_ls(p.LS_STOP, b"none", 4))
    assert lockd.expect(p.STOPPED).number == 4
    lockd.ls_start(b"none", 7)
    failed = lockd.expect(p.FAILED)
    assert (failed.number, failed.result) == (7, -errno.ENOENT)
    lockd.ls_new(b"none")
    assert lockd.expect(p.FAILED).result == -errno.ENOENT
    lockd.send(p.control_ls(p.EVENT_DONE, b"none"))
    assert lockd.dump(b"none") == -errno.ENOENT
    lockd.send(p.control_ls(p.PING, number=5))
    assert lockd.expect(p.PONG).number == 5


@pytest.mark.parametrize("members, errors", [
    ((), (errno.EINVAL,)), ((2,), (errno.EINVAL, errno.ENOENT)), ((1, 1), (errno.EINVAL,)),
    ((1, 2), (errno.ENOENT,))])
def test_bad_members(start_lockd, members, errors):
    lockd = start_lockd(auto=False).ready()
    with lockd.control() as client:
        client.send(p.create(b"x"))
        lockd.expect(p.ONLINE)
        lockd.ls_new(b"x")
        lockd.ls_start(b"x", 1, members)
        failed = lockd.expect(p.FAILED)
        assert failed.number == 1 and -failed.result in errors
        lockd.start(b"x", 2)
        lockd.send(p.control_ls(p.EVENT_DONE, b"x"))
        assert p.answer(client.take(p.ANSWER))[0] == 0


def test_start_without_stop(space):
    space.ls_start(b"x", 2)
    failed = space.expect(p.FAILED)
    assert (failed.number, failed.result) == (2, -errno.EBUSY)


def test_stop_is_confirmed_with_its_number(space):
    for number in (3, 9, 4):
        assert space.stop(b"x", number).number == number
    space.start(b"x", 11)
    with space.connect("x") as client:
        assert client.lock(b"a", p.EX)[1].status == 0


def test_thousand_messages_while_dlm_controld_does_not_read(start_lockd):
    """Nothing that dlm_controld has to know is lost because it was slow."""
    lockd = start_lockd(auto=False).ready()
    count = 5000
    lockd.socket.setsockopt(1, 7, 1 << 20)
    for number in range(count):
        lockd.send(p.control_ls(p.PING, number=number))
    for number in range(count):
        assert lockd.expect(p.PONG).number == number


def test_status(space):
    with space.connect("x") as client, space.connect("x") as lazy:
        client.lock(b"a", p.EX)
        client.lock(b"b", p.EX, p.PERSISTENT)
        client.lock(b"c", p.NL)
        client.ask(p.unlock(1, serial=3))
        lazy.post(b"a", p.EX)
        wait_for(lambda: space.status()[1][0]["locks"] == 4, "all are queued")
        values, lockspaces, clients = space.status()
        assert values["single"] == 1 and values["nodeid"] == 1 and values["pid"] == space.pid
        assert lockspaces[0]["name"] == "x" and lockspaces[0]["running"] == 1
        by_id = sorted(clients, key=lambda c: c["id"])
        assert (by_id[0]["locks"], by_id[0]["held"], by_id[0]["persistent_held"],
                by_id[0]["refused"]) == (3, 2, 1, 1)
        assert (by_id[1]["locks"], by_id[1]["held"], by_id[1]["waiting"]) == (1, 0, 1)
        assert by_id[0]["pid"] == os.getpid()


def test_status_with_many_clients_fits_its_packet(start_lockd):
    lockd = start_lockd(settings=p.settings(clients=1000)).ready()
    lockd.create(b"n" * 64)
    clients = [lockd.connect("n" * 64) for _ in range(600)]
    values, _, shown = lockd.status()
    assert len(shown) + values["lines_left_out"] == 600
    for client in clients:
        client.close()


def test_dump(space):
    with space.connect("x") as client:
        for number in range(3000):
            client.post(b"resource%d" % number, p.EX)
        for number in range(3000):
            client.take(p.COMPLETION)
        text = space.dump(b"x", 1)
        assert text.count(b"resource") == 3000
        assert space.dump(b"x", 0) and space.dump(b"x", 2) is not None
        assert space.dump(b"x", 9) == -errno.EINVAL


def test_dump_of_the_log(space):
    text = space.dump(b"", 255)
    assert b"lockspace x is up" in text and text.endswith(b"\n")


def test_dump_of_a_lockspace_that_goes_meanwhile(space):
    client = space.connect("x")
    for number in range(3000):
        client.post(b"resource%d" % number, p.EX)
    for number in range(3000):
        client.take(p.COMPLETION)
    for number in range(10):
        space.send(p.control_ls(p.DUMP, b"x", 100 + number, 1))
    client.close()
    assert space.release(b"x") == 0
    for number in range(10):
        message = space.expect(p.DUMP_IS, lambda m, n=number: m.number == 100 + n)
        assert message.result in (0, -errno.ENOENT)
        for fd in message.fds:
            os.close(fd)


def test_restart_in_the_same_run_directory(start_lockd):
    first = start_lockd().ready()
    first.create(b"x")
    client = first.connect("x")
    client.lock(b"a", p.EX)
    first.end()
    second = start_lockd().ready()
    assert not os.path.exists(os.path.join(second.run, "lockspaces", "x"))
    assert second.create(b"x") == 0
    # what the first left of leases is dlm_controld's to judge
    assert len(os.listdir(os.path.join(second.run, "leases"))) == 1
    with second.connect("x") as other:
        assert other.lock(b"a", p.EX)[1].status == 0
    client.close()
