# SPDX-License-Identifier: GPL-2.0-or-later
"""Namespaces and processes: the system calls that Python 3.11 does not have, and /proc."""
import contextlib
import ctypes
import os
import signal
import subprocess
import time

from .errors import DEADLINE, LabError, LabTimeout

NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x1000, 0x4000, 0x40000, 2, 4, 8
PR_SET_PDEATHSIG, PR_CAPBSET_DROP = 1, 24
CAP_SYS_MODULE, CAP_SYS_BOOT, CAP_SYS_NICE, CAP_SYS_TIME = 16, 22, 23, 25

_libc = ctypes.CDLL(None, use_errno=True)


def _check(status, what):
    if status < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(fd, flags):
    _check(_libc.setns(fd, flags), "setns")


def mount(source, target, kind=None, flags=0, data=None):
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    _check(_libc.mount(*words, ctypes.c_ulong(flags), None if data is None else data.encode()),
           f"mount {kind or source} on {target}")


def bind(source, target):
    mount(source, target, flags=MS_BIND | MS_REC)


def die_with_parent(number=signal.SIGKILL):
    _check(_libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0), "prctl")


def lower_rights():
    """What no node may do to the machine: real-time priority (it has few processors, and many nodes),
    kernel modules, the clock. What is executed next lacks these, as root too."""
    for capability in (CAP_SYS_NICE, CAP_SYS_BOOT, CAP_SYS_MODULE, CAP_SYS_TIME):
        _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)


# ---- running something in a node ----

@contextlib.contextmanager
def _children_in(pidfd):
    """Children that this thread makes meanwhile are in that process-id namespace. Ours are at once
    our own children (wait, kill and pid are as always) and the node's processes, whoever looks in it."""
    home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(pidfd, NEWPID)
        try:
            yield
        finally:
            setns(home, NEWPID)
    finally:
        os.close(home)


@contextlib.contextmanager
def interrupts_held():
    """No KeyboardInterrupt between the making of a child and the moment when somebody knows of it."""
    held = {signal.SIGINT} - signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held)


def popen_in(init, argv, cwd=None, nice=0, dies_with_parent=False, **args):
    """subprocess.Popen in the namespaces of the process `init`; `cwd` is a path there."""
    pidfd = os.pidfd_open(init)

    def enter():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if dies_with_parent:
            die_with_parent()
        setns(pidfd, NEWNS | NEWUTS | NEWIPC | NEWNET)
        with contextlib.suppress(OSError):
            os.chdir(cwd or "/")
        if nice:
            os.nice(nice)
        lower_rights()

    try:
        with _children_in(pidfd):
            return subprocess.Popen(argv, preexec_fn=enter, **args)
    finally:
        os.close(pidfd)


def call_in_net(init, argv, text=None):
    """Run a program in the network namespace of `init` only; its output. LabError where it fails."""
    fd = os.open(f"/proc/{init}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        done = subprocess.run(argv, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=lambda: setns(fd, NEWNET), timeout=DEADLINE, check=False,
                              **({} if text is not None else {"stdin": subprocess.DEVNULL}))
    finally:
        os.close(fd)
    if done.returncode:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


# ---- looking at processes ----

def stat(pid):
    """(state letter, start time), or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    words = text[text.rindex(")") + 2:].split()
    return words[0], int(words[19])


def started(pid):
    found = stat(pid)
    return found[1] if found else None


def is_alive(pid, start=None):
    found = stat(pid)
    return bool(found) and found[0] not in "ZX" and start in (None, found[1])


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def pid_in(pid):
    """The id that a process has in its own namespace."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    return int(line.split()[-1])
    return None


def namespace(pid, kind="pid"):
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None


def processes(space, kind="pid"):
    """Pids of the living processes of one namespace ("pid:[4026531836]")."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return sorted(pid for pid in pids if namespace(pid, kind) == space and is_alive(pid))


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_until(condition, what, timeout=DEADLINE, every=0.01):
    """Wait until condition() is true, and give what it gave."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabTimeout(f"{what}: not within {timeout:g} s")
        time.sleep(every)
