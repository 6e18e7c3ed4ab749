# SPDX-License-Identifier: GPL-2.0-or-later
"""Creating and releasing lockspaces: counts, errors, who waits for whom, who may."""
import errno
import os
import stat

import pytest

from lib import protocol as p
from lib.child import Child
from lib.lockd import Lockd
from lib.places import wait_for


def socket_mode(lockd, name):
    return stat.S_IMODE(os.stat(os.path.join(lockd.run, "lockspaces", name)).st_mode)


def there(lockd, name):
    return os.path.exists(os.path.join(lockd.run, "lockspaces", name))


def test_count_of_creators(lockd):
    assert lockd.create(b"x") == 0
    assert lockd.create(b"x") == 0
    assert lockd.create(b"x", p.NEWEXCL) == -errno.EEXIST
    assert lockd.release(b"x") == 0
    assert there(lockd, "x")
    assert lockd.release(b"x") == 0
    assert not there(lockd, "x")
    assert lockd.release(b"x") == -errno.ENOENT
    assert lockd.create(b"x", p.NEWEXCL) == 0


def test_mode_of_the_socket(lockd):
    lockd.create(b"a")
    assert socket_mode(lockd, "a") == 0o600
    lockd.create(b"b", mode=0o660)
    assert socket_mode(lockd, "b") == 0o660
    lockd.create(b"b", mode=0o666)
    assert socket_mode(lockd, "b") == 0o666
    lockd.create(b"b")
    assert socket_mode(lockd, "b") == 0o666
    assert socket_mode(lockd, "../control") == 0o666


@pytest.mark.parametrize("name, error", [
    (b"", errno.EINVAL), (b".", errno.EINVAL), (b"..", errno.EINVAL), (b".hidden", errno.EINVAL),
    (b"../../x", errno.EINVAL), (b"a/b", errno.EINVAL), (b"/x", errno.EINVAL),
    (b"a\nb", errno.EINVAL), (b"a\x7f", errno.EINVAL), (b"n" * 65, errno.ENAMETOOLONG),
])
def test_bad_names(lockd, name, error):
    assert lockd.create(name) == -error
    assert lockd.release(name) == -error
    assert os.listdir(os.path.join(lockd.run, "lockspaces")) == []


@pytest.mark.parametrize("name", [b"n" * 64, b"two words", b"\xc3\xa4", b"a=b"])
def test_good_names(lockd, name):
    assert lockd.create(name) == 0
    with lockd.connect(os.fsdecode(name)) as client:
        assert client.lock(b"a", p.EX)[1].status == 0
    assert lockd.release(name) == 0


def test_name_fields_that_are_not_text(lockd):
    for bad in (b"x" * 72, b"x\0y"):
        with lockd.control() as client:
            client.send(p.create(bad))
            assert client.ended()[0] == -errno.EBADMSG


def test_release_with_locks(space):
    with space.connect("x") as client:
        client.lock(b"a", p.NL)
        assert space.release(b"x") == -errno.EBUSY
        assert there(space, "x")
    assert space.release(b"x") == 0


def test_release_at_once_after_close(space):
    """The locks of a program that closes and then releases are not in its way."""
    for _ in range(50):
        client = space.connect("x")
        for number in range(20):
            client.post(b"r%d" % number, p.EX)
        client.close()
        assert space.release(b"x") == 0
        assert space.create(b"x") == 0


def test_release_waits_for_other_opens(space):
    other = space.connect("x")
    with space.control() as caller:
        caller.send(p.release(b"x"))
        wait_for(lambda: space.status()[1][0]["state"] == "closing", "the release waits")
        assert not there(space, "x")          # nobody new finds it
        assert space.create(b"y") == 0        # others are not held up
        assert other.lock(b"a", p.EX)[1].status == 0
        assert caller.quiet()
        other.close()
        assert p.answer(caller.take(p.ANSWER))[0] == 0
    assert [s["name"] for s in space.status()[1]] == ["y"]


def test_forced_release_waits_too(space):
    other = space.connect("x")
    other.lock(b"a", p.EX)
    with space.control() as caller:
        caller.send(p.release(b"x", force=True))
        wait_for(lambda: space.status()[1][0]["state"] == "closing", "the release waits")
        assert caller.quiet()
        other.close()
        assert p.answer(caller.take(p.ANSWER))[0] == 0


def test_release_interrupted_by_its_caller(space):
    other = space.connect("x")
    caller = space.control()
    caller.send(p.release(b"x"))
    wait_for(lambda: not there(space, "x"), "the release waits")
    caller.close()
    wait_for(lambda: there(space, "x"), "it is back")
    with space.connect("x") as another:
        assert another.lock(b"a", p.EX)[1].status == 0
    other.close()
    assert space.release(b"x") == 0


def test_create_waits_in_line_behind_a_release(space):
    other = space.connect("x")
    with space.control() as releaser, space.control() as creator, space.control() as gone:
        releaser.send(p.release(b"x"))
        wait_for(lambda: not there(space, "x"), "the release waits")
        gone.send(p.create(b"x"))
        creator.send(p.create(b"x", p.NEWEXCL))
        gone.close()
        assert creator.quiet()
        other.close()
        assert p.answer(releaser.take(p.ANSWER))[0] == 0
        assert p.answer(creator.take(p.ANSWER))[0] == 0
    assert space.status()[1][0]["creators"] == 1


def test_program_that_connects_while_the_lockspace_goes(start_lockd):
    """It was in the queue of the socket when the release began: it finds nobody, and does no harm."""
    lockd = start_lockd(auto=False).ready()
    with lockd.control() as creator, lockd.control() as releaser:
        creator.send(p.create(b"x"))
        lockd.expect(p.ONLINE)
        lockd.ls_new(b"x")
        lockd.start(b"x", 1)
        lockd.send(p.control_ls(p.EVENT_DONE, b"x"))
        assert p.answer(creator.take(p.ANSWER))[0] == 0
        os.kill(lockd.pid, 19)  # SIGSTOP
        releaser.send(p.release(b"x"))
        late = [lockd.connect("x", greet=False) for _ in range(3)]
        os.kill(lockd.pid, 18)
        deadline = wait_for(lambda: [m for m in lockd.messages if m.kind == p.OFFLINE] or
                            [c for c in lockd.status()[2] if c.get("lockspace") == "x"], "a decision")
        for client in late:
            client.close()
        lockd.expect(p.OFFLINE)
        lockd.stop(b"x", 2)
        lockd.send(p.control_ls(p.EVENT_DONE, b"x"))
        assert p.answer(releaser.take(p.ANSWER))[0] == 0
        assert deadline
    assert lockd.status()[1] == []


def test_orphans_keep_a_lockspace_busy(space):
    def work():
        space.connect("x").lock(b"a", p.EX, p.PERSISTENT)

    Child(work).kill()
    wait_for(lambda: space.status()[0]["orphans_held"] == 1, "the orphan")
    assert space.release(b"x") == -errno.EBUSY
    assert space.release(b"x", force=True) == 0
    wait_for(lambda: space.status()[0]["orphans_held"] == 0, "no orphans")


def test_create_waits_for_recovered_and_event_done(start_lockd):
    for order in ("recovered first", "event first"):
        lockd = start_lockd(auto=False).ready()
        with lockd.control() as client:
            client.send(p.create(b"x", 0x4))
            assert lockd.expect(p.ONLINE).name == b"x"
            lockd.ls_new(b"x")
            if order == "event first":
                lockd.send(p.control_ls(p.EVENT_DONE, b"x"))
            else:
                lockd.start(b"x", 3)
            lockd.send(p.control_ls(p.PING))
            lockd.expect(p.PONG)
            assert client.quiet() and not there(lockd, "x")
            if order == "event first":
                lockd.start(b"x", 3)
            else:
                lockd.send(p.control_ls(p.EVENT_DONE, b"x"))
            assert p.answer(client.take(p.ANSWER))[0] == 0
        lockd.end()


def test_refused_by_controld(start_lockd):
    lockd = start_lockd(auto=False).ready()
    with lockd.control() as first, lockd.control() as second:
        first.send(p.create(b"x"))
        lockd.expect(p.ONLINE)
        second.send(p.create(b"x"))
        lockd.send(p.control_ls(p.EVENT_DONE, b"x", result=-errno.EPERM))
        assert p.answer(first.take(p.ANSWER))[0] == -errno.EPERM
        # the next in line tries for itself
        lockd.expect(p.ONLINE)
        lockd.ls_new(b"x")
        lockd.start(b"x", 1)
        lockd.send(p.control_ls(p.EVENT_DONE, b"x"))
        assert p.answer(second.take(p.ANSWER))[0] == 0


def test_creator_that_goes_away_meanwhile(start_lockd):
    lockd = start_lockd(auto=False).ready()
    client = lockd.control()
    client.send(p.create(b"x"))
    lockd.expect(p.ONLINE)
    client.close()
    lockd.ls_new(b"x")
    lockd.start(b"x", 1)
    lockd.send(p.control_ls(p.EVENT_DONE, b"x"))
    wait_for(lambda: there(lockd, "x"), "it is made all the same")
    assert lockd.status()[1][0]["creators"] == 1


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to be somebody else")
def test_only_root_makes_lockspaces(space):
    space.create(b"open", mode=0o666)

    def work():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        answers = [space.create(b"mine"), space.release(b"open"), space.release(b"open", True)]
        with space.connect("open") as client:
            answers.append(client.lock(b"a", p.EX)[1].status)
        try:
            space.connect("x")
        except PermissionError:
            answers.append("no")
        return answers

    with Child(work) as child:
        assert child.value == [-errno.EPERM] * 3 + [0, "no"]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_unprivileged_daemon(start_lockd, run):
    os.chown(run, 65534, 65534)
    lockd = start_lockd(uid=65534).ready()

    def work():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        result = lockd.create(b"x")
        with lockd.connect("x") as client:
            return result, client.lock(b"a", p.EX)[1].status

    with Child(work) as child:
        assert child.value == (0, 0)
    assert lockd.status()[0]["uid"] == 65534


def test_deep_run_directory(run):
    """Longer than the address of a socket may be."""
    deep = os.path.join(run, "d" * 150)
    os.mkdir(deep)
    lockd = Lockd(deep).ready()
    try:
        assert lockd.create(b"n" * 64) == 0
        with lockd.connect("n" * 64) as client:
            assert client.lock(b"a", p.EX)[1].status == 0
    finally:
        lockd.end()
