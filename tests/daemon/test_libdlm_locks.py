# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that use libdlm and libdlm_lt, with a real dlm_lockd."""
import contextlib
import os
import pwd
import shutil
import subprocess

import pytest

from lib import places
from lib import shell as s

BOTH = ["dlmsh", "dlmsh_lt"]
FOREIGN_HEADER = "/usr/include/libdlm.h"


def foreign_program(directory, library):
    """dlmsh built with the Linux dlm suite's own header and library; None where they are not there."""
    if not os.path.exists(FOREIGN_HEADER) or "udlm" in open(FOREIGN_HEADER).read():
        return None
    output = os.path.join(directory, "dlmsh_foreign_" + library)
    flags = ["-DWITHOUT_THREADS"] if library == "dlm_lt" else []
    places.compile_c(str(places.ROOT / "tests/daemon/progs/dlmsh.c"), output, "-I/usr/include", *flags,
                     "-pthread", "-l" + library)
    return output


def library_dir():
    if os.environ.get("UDLM_BUILD"):
        return os.path.join(os.environ["UDLM_BUILD"], "src/lib")
    return os.path.dirname(next(places.pathlib.Path(os.environ["UDLM_PREFIX"]).rglob("libdlm.so.3")))


@pytest.fixture
def shells(run, space):
    """Starts programs; those that live are killed after the test."""
    with contextlib.ExitStack() as stack:
        def start(binary="dlmsh", open_it=True, **args):
            shell = s.Shell(run, binary, **args)
            stack.callback(shell.kill)
            if open_it:
                assert shell.do("open", "x") == 0
            return shell
        yield start


@pytest.mark.parametrize("binary", BOTH)
def test_lock_convert_unlock(shells, binary):
    a = shells(binary)
    got = a.lock(0, s.EX)
    assert (got.error, got.status) == (0, 0) and got.lkid
    assert a.lock(0, s.PR, s.CONVERT).status == 0
    got = a.unlock(0)
    assert (got.error, got.status) == (0, s.EUNLOCK)
    assert a.unlock(0).error == "ENOENT"
    assert a.do("idle") == 0


@pytest.mark.parametrize("binary", BOTH)
def test_not_granted(shells, binary):
    a, b = shells(), shells(binary)
    a.lock(0, s.EX)
    got = b.lock(0, s.PR, s.NOQUEUE)
    assert got.status == 11
    assert got.error == ("EAGAIN" if binary == "dlmsh_lt" else 0)


@pytest.mark.parametrize("thread", [False, True])
def test_blocking_callback_and_grant(shells, thread):
    a, b = shells(), shells()
    if thread:
        assert a.do("thread") == b.do("thread") == 0
        assert a.do("thread") == "EEXIST"
    at_once = a.lock(0, s.EX, how="lock").status
    assert at_once == s.EINPROG or (thread and at_once == 0)  # it may be quicker than the answer
    assert a.do("wait", 0, 1, 0).status == 0
    assert b.lock(0, s.PR, how="lock").status == s.EINPROG
    assert a.do("wait", 0, 1, 1).blocking == 1
    assert a.lock(0, s.NL, s.CONVERT, how="lock").error == 0
    assert a.do("wait", 0, 2, 1).status == 0
    assert b.do("wait", 0, 1, 0).status == 0
    assert b.do("unlock", 0, 0).error == 0
    assert b.do("wait", 0, 2, 0).status == s.EUNLOCK


@pytest.mark.parametrize("thread", [False, True])
@pytest.mark.parametrize("how", ["unlock", "unlockw", "deadlock"])
def test_cancel(shells, how, thread):
    a, b = shells(), shells()
    if thread:
        assert b.do("thread") == 0
    a.lock(0, s.EX)
    b.lock(0, s.PR, how="lock")
    got = b.do(how, 0, s.CANCEL)
    assert got.error == 0
    status = 35 if how == "deadlock" else s.ECANCEL
    assert b.do("wait", 0, 1, 0).status == status
    assert b.do("unlock", 0, s.CANCEL).error == "ENOENT"
    # A conversion that is cancelled leaves the lock, and it cannot be cancelled again.
    b.lock(0, s.NL)
    b.lock(0, s.PR, s.CONVERT, how="lock")
    assert b.do("unlockw", 0, s.CANCEL).status == s.ECANCEL
    assert b.do("unlock", 0, s.CANCEL).error == "EINVAL"
    assert b.unlock(0).status == s.EUNLOCK


def test_cancel_of_granted_does_nothing(shells):
    a = shells()
    a.lock(0, s.PR)
    for _ in range(2):
        got = a.do("unlock", 0, s.CANCEL)
        assert (got.error, got.status) == (0, 0)
    assert a.do("unlockw", 0, s.CANCEL).error == 0
    assert a.do("idle") == 0
    assert a.unlock(0).status == s.EUNLOCK


def test_force_unlock_of_waiting(shells):
    a, b = shells(), shells()
    a.lock(0, s.EX)
    b.lock(0, s.EX, how="lock")
    assert b.unlock(0, s.FORCEUNLOCK).status == s.EUNLOCK
    assert b.do("unlock", 0, 0).error == "ENOENT"


def test_busy(shells):
    a, b = shells(), shells()
    a.lock(0, s.EX)
    b.lock(0, s.NL)
    b.lock(0, s.EX, s.CONVERT, how="lock")
    assert b.lock(0, s.PR, s.CONVERT, how="lock").error == "EBUSY"
    assert a.unlock(0).status == s.EUNLOCK
    assert b.do("wait", 0, 1, 0).status == 0
    assert b.lock(0, s.PR, s.CONVERT, how="lock").error == 0
    assert b.do("wait", 0, 2, 0).status == 0


@pytest.mark.parametrize("flags", [s.VALBLK, 0])
def test_value_block_of_unlock(shells, flags):
    """With VALBLK the caller's block is written; without it the block stays what it was."""
    a, b = shells(), shells()
    b.lock(1, s.NL)  # keeps the resource
    a.lock(0, s.EX, s.VALBLK)
    a.do("lvb", 0, "first")
    assert a.lock(0, s.NL, s.CONVERT | s.VALBLK).status == 0
    assert a.lock(0, s.EX, s.CONVERT | s.VALBLK).lvb == "first"
    a.do("lvb", 0, "second")
    assert a.unlock(0, flags).status == s.EUNLOCK
    got = b.lock(0, s.PR, s.VALBLK)
    assert (got.lvb, got.flags) == ("second" if flags else "first", 0)


def test_value_block_of_the_dead(shells):
    a, b = shells(), shells()
    b.lock(1, s.NL)  # keeps the resource
    a.lock(0, s.EX, s.VALBLK)
    a.do("lvb", 0, "good")
    a.lock(0, s.NL, s.CONVERT | s.VALBLK)
    a.lock(0, s.EX, s.CONVERT | s.VALBLK)
    a.kill()
    got = b.lock(0, s.PR, s.VALBLK)
    assert (got.status, got.flags) == (0, s.VALNOTVALID)


def test_names(shells):
    a, b = shells(), shells()
    assert a.lock(0, s.EX, name=b"n" * 65).error == "EINVAL"
    assert a.lock(0, s.EX, name=b"n" * 64).status == 0
    assert b.lock(0, s.EX, s.NOQUEUE, name=b"n" * 64).status == 11
    assert a.lock(1, s.EX, name=b"a\0b").status == 0
    assert b.lock(1, s.EX, s.NOQUEUE, name=b"a\0c").status == 0
    assert b.lock(2, s.EX, s.NOQUEUE, name=b"a").status == 0
    assert b.lock(3, s.EX, s.NOQUEUE, name=b"a\0b").status == 11


def test_other_handles_locks_are_unknown(shells):
    a, b = shells(), shells()
    lkid = a.lock(0, s.EX).lkid
    b.lock(0, s.NL, name=b"other")
    assert b.do("show", 0).lkid != lkid
    c = shells("dlmsh_lt")
    assert c.do("unlock", 0, 0).error == "EINVAL"  # id 0


@pytest.mark.parametrize("binary", BOTH)
def test_lvmlockd(shells, run, space, binary):
    """The calls of lvmlockd, in its order: control.md 8.1."""
    a = shells("dlmsh_lt", open_it=False)
    assert a.do("version") == (0, 6, 0, 2)
    assert a.do("new", "lvm_vg", 0o600, s.NEWEXCL) == 0
    b = shells(binary, open_it=False)
    assert b.do("new", "lvm_vg", 0o600, s.NEWEXCL) == "EEXIST"
    assert b.do("open", "lvm_vg") == 0
    for one in a, b:
        assert one.lock(0, s.NL, s.EXPEDITE | s.VALBLK, b"VGLK").status == 0
    assert a.lock(0, s.EX, s.CONVERT | s.NOQUEUE | s.PERSISTENT | s.VALBLK).status == 0
    got = b.lock(0, s.EX, s.CONVERT | s.NOQUEUE | s.PERSISTENT | s.VALBLK)
    assert (got.status, got.error) == (11, "EAGAIN" if binary == "dlmsh_lt" else 0)
    a.do("lvb", 0, "version1")
    assert a.lock(0, s.NL, s.CONVERT | s.VALBLK).status == 0
    got = b.lock(0, s.PR, s.CONVERT | s.NOQUEUE | s.PERSISTENT | s.VALBLK)
    assert (got.status, got.lvb) == (0, "version1")
    assert b.lock(0, s.NL, s.CONVERT).status == 0
    assert a.lock(1, s.EX, s.PERSISTENT | s.NOQUEUE, b"LV").status == 0
    a.kill()
    # lvmlockd comes back and adopts.
    c = shells("dlmsh_lt", open_it=False)
    assert c.do("open", "lvm_vg") == 0
    assert c.lock(0, s.PR, s.PERSISTENT | s.ORPHAN, b"LV", how="adopt").error == "EAGAIN"
    assert c.lock(0, s.PR, s.PERSISTENT | s.ORPHAN, b"none", how="adopt").error == "ENOENT"
    got = c.lock(0, s.EX, s.PERSISTENT | s.ORPHAN, b"LV", how="adopt")
    assert (got.error, got.status) == (0, 0) and got.lkid
    assert b.lock(2, s.PR, s.NOQUEUE, b"LV").status == 11  # its pointer (void *)1 is not called
    assert c.lock(0, s.PR, s.CONVERT | s.NOQUEUE | s.PERSISTENT).status == 0
    assert b.lock(2, s.PR, s.NOQUEUE, b"LV").status == 0
    assert c.unlock(0).status == s.EUNLOCK
    assert b.do("close") == 0
    assert c.do("release", "lvm_vg", 1) == 0
    assert c.do("open", "lvm_vg") == "ENOENT"


def test_purge(shells):
    a = shells()
    a.lock(0, s.EX, s.PERSISTENT)
    pid = a.pid
    a.kill()
    b = shells()
    assert b.lock(0, s.PR, s.NOQUEUE).status == 11
    assert b.do("purge", 0, pid) == 0
    assert b.lock(0, s.PR, s.NOQUEUE).status == 0
    assert b.do("purge", 0, b.pid) == 0  # its own, without callbacks
    assert b.unlock(0).error == "ENOENT"
    assert shells().lock(0, s.EX, s.NOQUEUE).status == 0


def test_o2dlm(run, space):
    done = subprocess.run(
        [places.program("o2dlm", "tests/daemon"), os.path.join(library_dir(), "libdlm_lt.so.3"), "o2"],
        env=dict(os.environ, UDLM_RUN_DIR=run), capture_output=True, text=True,
        timeout=places.DEADLINE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("library", ["dlm", "dlm_lt"])
def test_program_of_the_other_suite(shells, tmp_path, library):
    """Built with the Linux dlm suite's header and library, run with ours."""
    with open(os.path.join(library_dir(), f"lib{library}.so.3"), "rb") as ours:
        if b"__asan_init" in ours.read():
            pytest.skip("a sanitized library needs a sanitized program")
    binary = foreign_program(tmp_path, library)
    if not binary:
        pytest.skip("the Linux dlm suite's libdlm-dev is not installed")
    a = shells(binary, env={"LD_LIBRARY_PATH": library_dir()})
    maps = open(f"/proc/{a.pid}/maps").read()
    assert os.path.realpath(library_dir()) in maps
    b = shells()
    assert a.do("version") == (0, 6, 0, 2)
    a.do("lvb", 0, "theirs")
    assert a.lock(0, s.EX, s.VALBLK).status == 0
    a.do("lvb", 0, "theirs")
    b.lock(0, s.PR, s.VALBLK, how="lock")
    assert a.do("wait", 0, 0, 1).blocking == 1
    assert a.unlock(0, s.VALBLK).status == s.EUNLOCK
    assert b.do("wait", 0, 1, 0).lvb == "theirs"
    assert a.lock(0, s.EX, s.NOQUEUE, how="lock").error == 0
    assert a.do("wait", 0, 1, 1).status == 11
    if library == "dlm":
        assert a.do("thread") == 0
        assert a.lock(1, s.PR, how="lock").error == 0
        assert a.do("wait", 1, 1, 0).status == 0


@pytest.mark.parametrize("name", ["a/b", ".hidden", "../../x", "x" * 65, "tab\t"])
def test_lockspace_names(shells, name):
    a = shells(open_it=False)
    if "\t" in name:
        name = "a\x01b"
    assert a.do("open", name) == "EINVAL"
    assert a.do("new", name, 0o600, 0) == "EINVAL"


def test_lockspace_name_of_64(shells):
    a = shells(open_it=False)
    assert a.do("new", "y" * 64, 0o600, 0) == 0
    assert a.lock(0, s.EX).status == 0
    assert a.do("release", "y" * 64, 0) == 0


def test_release_of_a_used_lockspace(shells):
    a, b = shells(), shells()
    b.lock(0, s.EX)
    assert a.do("release", "x", 0) == "EBUSY"
    assert a.do("open", "x") == 0
    assert b.unlock(0).status == s.EUNLOCK


def test_errors_of_open(shells, run, lockd):
    a = shells(open_it=False)
    assert a.do("open", "nosuch") == "ENOENT"
    b = shells(open_it=False, env={"UDLM_RUN_DIR": run + "/nowhere"})
    assert b.do("open", "x") == "ECONNREFUSED"
    assert b.do("version")[0] == "ECONNREFUSED"


def test_other_users(shells, space):
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("needs root")
    assert space.create(b"shared", mode=0o666) == 0
    nobody = pwd.getpwnam("nobody")
    a = shells(open_it=False, prefix=["setpriv", f"--reuid={nobody.pw_uid}",
                                      f"--regid={nobody.pw_gid}", "--clear-groups"])
    assert a.do("version") == (0, 6, 0, 2)
    assert a.do("open", "x") == "EACCES"
    assert a.do("new", "mine", 0o600, 0) == "EPERM"
    assert a.do("release", "shared", 0) == "EPERM"
    assert a.do("open", "shared") == 0
    assert a.lock(0, s.EX).status == 0
    assert a.unlock(0).status == s.EUNLOCK


@pytest.mark.parametrize("thread", [(), ("thread",)])
@pytest.mark.parametrize("order", ["cc", "pc", "pcp", "cpc", "cpcp"])
def test_fork(run, space, order, thread):
    """The process that calls first with a new pid has it all; the former gets EPERM."""
    done = subprocess.run([places.program("forker", "tests/daemon"), "x", order, *thread],
                          env=dict(os.environ, UDLM_RUN_DIR=run), capture_output=True, text=True,
                          timeout=places.DEADLINE)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert "".join(line[0] for line in lines) == order
    taken = False
    for who, *numbers in lines:
        taken |= who == "c"
        if who == "p" and taken:
            assert numbers[0:2] == ["-1", "1"] and numbers[3:5] == ["-1", "1"]
        else:
            assert numbers == ["0"] * 6


def test_many_locks_of_one_program(shells):
    """More than a few blocks of ids, all held."""
    a = shells()
    for i in range(3000):
        a.start("lock", 0, s.NL, 0, str(i).encode().hex())
        if i % 50 == 49:
            for _ in range(50):
                assert a.answer().error == 0
    assert a.do("wait", 0, 3000, 0).completions == 3000


def run_program(run, *words):
    return subprocess.run([places.program(words[0], "tests/daemon"), *words[1:]],
                          env=dict(os.environ, UDLM_RUN_DIR=run), capture_output=True, text=True,
                          timeout=4 * places.DEADLINE)


def test_flood(run, space):
    """A program that does not look at what comes back: the daemon stops reading it, it takes in."""
    done = run_program(run, "flood", "x", "60000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert space.status()[0]["records_refused"] == 0


@pytest.mark.parametrize("who", ["thread", "dispatch"])
@pytest.mark.parametrize("seed", [1, 2])
def test_hammer(run, space, who, seed):
    done = run_program(run, "hammer", "x", "4", "10000", str(seed), who)
    assert done.returncode == 0, done.stdout + done.stderr
    assert space.status()[1][0]["locks"] == 0


def test_daemon_ends(shells, space):
    a = shells()
    a.lock(0, s.EX)
    b = shells()
    b.lock(0, s.EX, how="lock")
    c = shells()
    c.start("lockw", 0, s.EX, 0, b"res".hex())
    space.process.kill()
    assert c.answer().error == "ENOTCONN"
    got = b.do("wait", 0, 1, 0)
    assert (got.status, got.completions) == (107, 1)
    assert a.unlock(0).error == "ENOTCONN"
    assert a.do("close") == 0
    assert a.do("open", "x") == "ECONNREFUSED"
