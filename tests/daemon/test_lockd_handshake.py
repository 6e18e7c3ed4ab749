# SPDX-License-Identifier: GPL-2.0-or-later
"""The first words of a program, and what it is given."""
import errno
import os
import struct

import pytest

from lib import protocol as p
from lib.places import wait_for


def test_welcome_on_a_lockspace(space):
    with space.connect("x") as client:
        magic, major, minor, features, nodeid, global_id, lvb, *rest = struct.unpack_from(
            "=IHHIIII3II", client.welcome.body)
        assert (magic, major, minor, features, nodeid, lvb) == (p.MAGIC, 1, 0, 0, 1, 32)
        assert rest == [6, 0, 2, p.ID_BLOCK]
        assert global_id
        assert len(client.ids) == 2 * p.ID_BLOCK
        assert max(client.ids) <= 0x7FFFFFFF
        lease = client.lease()
        assert lease.magic == 0x5341454C and lease.version == 1
        assert lease.owner_pid == os.getpid()
        assert lease.lockspace.split(b"\0")[0] == b"x"
        assert lease.boot_id.split(b"\0")[0] == b"test-boot"
        assert lease.held == lease.persistent_held == lease.closed == 0


def test_welcome_on_control(lockd):
    with lockd.control() as client:
        assert client.lease_fd is None and not client.ids
        assert struct.unpack_from("=IHHII", client.welcome.body)[4] == 1


@pytest.mark.parametrize("words, error", [
    (dict(major=2), errno.EPROTONOSUPPORT),
    (dict(major=0), errno.EPROTONOSUPPORT),
    (dict(magic=1), errno.EPROTO),
])
def test_other_versions_are_told_so(space, words, error):
    for place in ("control", "lockspaces/x"):
        from lib.lockd import Client
        client = Client(os.path.join(space.run, place), greet=False)
        client.send(p.hello(**words))
        said = client.ended()
        assert said and said[0] == -error and said[1]
        client.close()


def test_newer_minor_is_welcome(space):
    with space.connect("x", greet=False) as client:
        client.send(p.hello(minor=9))
        assert client.take(p.WELCOME)


def test_not_hello(space):
    with space.connect("x", greet=False) as client:
        client.send(p.lock(1, p.EX, b"a"))
        assert client.ended()[0] == -errno.EPROTO
    with space.connect("x", greet=False) as client:
        client.send(p.hello() + p.lock(1, p.EX, b"a"))
        assert client.ended()[0] == -errno.EBADMSG


def test_second_hello(space):
    with space.connect("x") as client:
        client.send(p.hello())
        assert client.ended()[0] == -errno.EBADMSG


def test_settings_of_another_version_end_it(start_lockd):
    lockd = start_lockd(settings=p.settings(version=2))
    message = lockd.expect(p.FATAL)
    assert b"version 2" in message.tail
    assert lockd.wait() == 1


def test_no_port_and_not_single(start_lockd):
    lockd = start_lockd(settings=p.settings(flags=0))
    assert b"port 0" in lockd.expect(p.FATAL).tail
    assert lockd.wait() == 1


def test_one_lockd_a_run_directory(start_lockd):
    first = start_lockd().ready()
    second = start_lockd()
    message = second.expect(p.FATAL)
    assert str(first.pid).encode() in message.tail
    assert second.wait() == 1
    assert first.create(b"still") == 0


def test_hello_that_never_comes(start_lockd):
    lockd = start_lockd().ready()
    silent = lockd.control(greet=False)
    wait_for(lambda: lockd.status()[0]["clients"] == 1, "the silent connection")
    said = silent.ended()
    assert said[0] == -errno.ETIMEDOUT
    wait_for(lambda: lockd.status()[0]["clients"] == 0, "its end")
    silent.close()


def test_without_control_connection_it_explains(run):
    import subprocess

    from lib import places
    done = subprocess.run([places.program("dlm_lockd", "src/lockd")], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 2 and "dlm_controld" in done.stderr
