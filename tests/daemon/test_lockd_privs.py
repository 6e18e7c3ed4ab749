# SPDX-License-Identifier: GPL-2.0-or-later
"""What dlm_lockd may do: less than it was started with. Needs root; users and namespaces are the test's
own, nothing of the machine is changed."""
import ctypes
import errno
import os
import pathlib
import shutil
import subprocess

import pytest

from lib import protocol as p

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000
DLM_UID = 998


def can(command):
    return os.getuid() == 0 and shutil.which("unshare") and not subprocess.run(
        ["unshare", *command, "true"], capture_output=True, check=False).returncode


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def with_user_dlm(passwd):
    """In a mount namespace of its own the machine has a user dlm."""
    def before():
        libc = ctypes.CDLL(None, use_errno=True)
        for failed in (libc.unshare(CLONE_NEWNS),
                       libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
                       libc.mount(passwd.encode(), b"/etc/passwd", None, MS_BIND, None)):
            if failed:
                raise OSError(ctypes.get_errno(), "mount namespace")
    return before


@pytest.fixture
def passwd(tmp_path):
    path = tmp_path / "passwd"
    lines = [line for line in pathlib.Path("/etc/passwd").read_text().splitlines()
             if not line.startswith("dlm:")]
    path.write_text("\n".join([*lines, f"dlm:x:{DLM_UID}:{DLM_UID}::/:/usr/sbin/nologin", ""]))
    return str(path)


@pytest.mark.skipif(not can(["-m"]), reason="needs root and mount namespaces")
@pytest.mark.parametrize("run_mode", [0o755, 0o700])
def test_becomes_dlm(start_lockd, run, passwd, run_mode):
    os.chmod(run, run_mode)  # it keeps what it needs open, even where it may not look
    lockd = start_lockd(before=with_user_dlm(passwd)).ready()
    status = status_of(lockd.pid)
    assert status["Uid"].split() == [str(DLM_UID)] * 4
    assert status["Gid"].split() == [str(DLM_UID)] * 4
    assert status["Groups"].strip() == ""
    assert status["NoNewPrivs"] == "1"
    ipc_lock = 1 << 14
    assert int(status["CapEff"], 16) & ~ipc_lock == 0
    assert int(status["CapPrm"], 16) & ~ipc_lock == 0
    assert int(status["CapInh"], 16) == 0
    assert lockd.create(b"x", mode=0o666) == 0
    with lockd.connect("x") as client:
        assert client.lock(b"a", p.EX)[1].status == 0
        lease = next(pathlib.Path(run, "leases").iterdir())
        assert lease.stat().st_uid == DLM_UID and lease.stat().st_mode & 0o777 == 0o600
    assert lockd.release(b"x") == 0
    assert not os.listdir(os.path.join(run, "leases"))


@pytest.mark.skipif(not can(["-m"]), reason="needs root and mount namespaces")
def test_restart_as_dlm(start_lockd, run, passwd):
    """What the former one left belongs to dlm; the next one goes on with it."""
    first = start_lockd(before=with_user_dlm(passwd)).ready()
    first.create(b"x")
    first.end()
    second = start_lockd(before=with_user_dlm(passwd)).ready()
    assert second.create(b"x") == 0


def test_what_could_not_be_had_is_said(start_lockd):
    lockd = start_lockd()
    message = lockd.expect(p.READY)
    text = message.tail[24:].split(b"\0")[0].decode()
    locked, realtime = (int.from_bytes(message.tail[at:at + 4], "little") for at in (16, 20))
    assert locked or "memory" in text
    assert realtime or "real-time" in text
    assert text in lockd.log()


@pytest.mark.skipif(not can(["--pid", "--fork"]), reason="needs root and pid namespaces")
def test_program_whose_pid_is_not_visible(start_lockd):
    """dlm_controld could not find it by /proc: it is refused."""
    lockd = start_lockd(prefix=["unshare", "--pid", "--fork"]).ready()
    with lockd.control(greet=False) as client:
        client.send(p.hello())
        error, text = client.ended()
        assert error == -errno.EPERM and "not visible" in text
