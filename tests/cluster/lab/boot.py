# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the namespaces of a node, with a first process in them that waits for the dead.

usage: boot.py SWITCH_PID LAB_DIRECTORY PLACE HOST_NAME   prints the process's pid, or why it is refused

PLACE, the node's directory, has `disk`, what outlives a power cut: disk/etc/corosync, disk/etc/dlm,
disk/var/lib/corosync, disk/var/log.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import space  # noqa: E402

DISK = ("etc/corosync", "etc/dlm", "var/lib/corosync", "var/log")
EMPTY = ("/dev/misc", "/sys/kernel/config", "/sys/kernel/dlm")  # the machine's own; a node never sees it


def tmpfs(target, mode="0755"):
    space.mount("tmpfs", target, "tmpfs", space.MS_NOSUID | space.MS_NODEV, f"mode={mode}")


def etc_private(stage):
    """A copy of /etc on write, else a plain copy."""
    for name in ("upper", "work", "etc"):
        (stage / name).mkdir()
    try:
        space.mount("overlay", "/etc", "overlay", 0, f"lowerdir=/etc,upperdir={stage}/upper,workdir={stage}/work")
    except OSError:
        subprocess.run(["cp", "-a", "/etc/.", str(stage / "etc")], check=True)
        space.bind(stage / "etc", "/etc")


def disk_mount(place):
    for name in DISK:
        target = pathlib.Path("/") / name
        target.mkdir(parents=True, exist_ok=True)
        space.bind(place / "disk" / name, target)
    for name in ("corosync", "dlm_controld"):
        (pathlib.Path("/var/log") / name).mkdir(exist_ok=True)


def mount_all(lab, place):
    space.mount(None, "/", flags=space.MS_REC | space.MS_PRIVATE)
    lab_fd = os.open(lab, os.O_PATH)
    # /dev/shm serves as the place for the layers of /etc before it becomes the node's own
    tmpfs("/dev/shm", "1777")
    stage = pathlib.Path("/dev/shm/.etc")
    stage.mkdir(mode=0o755)
    etc_private(stage)
    tmpfs("/dev/shm", "1777")
    tmpfs("/run")
    pathlib.Path("/run/lock").mkdir(mode=0o1777)
    if not lab.exists():  # it is below /run: the same path inside and outside
        lab.mkdir(parents=True)
        space.bind(f"/proc/self/fd/{lab_fd}", lab)
    os.close(lab_fd)
    disk_mount(place)
    for name in EMPTY:
        if os.path.isdir(name):
            tmpfs(name)
    space.mount("proc", "/proc", "proc", space.MS_NOSUID | space.MS_NODEV | space.MS_NOEXEC)
    (place / "boot_id").write_text(f"{uuid.uuid4()}\n")
    space.bind(place / "boot_id", "/proc/sys/kernel/random/boot_id")
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1\n")
        pathlib.Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1\n")


def reap_and_tell(place):
    """For ever: wait for children, and write down how they ended: time, pid, name, wait status."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    with open(place / "ends", "a", encoding="utf-8") as ends:
        while True:
            try:
                pid = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT).si_pid
            except ChildProcessError:
                signal.sigwait({signal.SIGCHLD})
                continue
            name = space.comm(pid)
            _, status = os.waitpid(pid, 0)
            ends.write(f"{time.monotonic():.6f} {pid} {status} {name}\n")
            ends.flush()


def first_main(ready, lab, place, name):
    try:
        os.setsid()
        pid = os.readlink("/proc/self")  # as the machine's /proc has it
        mount_all(lab, place)
        socket.sethostname(name)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        space.lower_rights()
        os.write(ready, f"pid {pid}".encode())
    except BaseException as error:
        os.write(ready, (str(error) or repr(error)).encode())
        os._exit(1)
    os.close(ready)
    reap_and_tell(place)


def middle_main(ready, lab, place, name):
    """In the lab's process ids: its child's parent, when it ends, is the lab's first process."""
    try:
        space.unshare(space.NEWPID | space.NEWNS | space.NEWNET | space.NEWUTS | space.NEWIPC)
    except OSError as error:
        os.write(ready, str(error).encode())
        os._exit(1)
    if os.fork():
        os._exit(0)
    first_main(ready, lab, place, name)


def main():
    switch, lab, place, name = int(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]
    here, there = os.pipe()
    for part in DISK:
        (place / "disk" / part).mkdir(parents=True, exist_ok=True)
    space.setns(os.pidfd_open(switch), space.NEWPID)
    middle = os.fork()
    if not middle:
        os.close(here)
        middle_main(there, lab, place, name)
    os.close(there)
    os.waitpid(middle, 0)
    text = b""
    while piece := os.read(here, 4096):
        text += piece
    print(text.decode(errors="replace") or "the node's first process ended")


if __name__ == "__main__":
    main()
