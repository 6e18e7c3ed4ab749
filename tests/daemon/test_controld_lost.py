# SPDX-License-Identifier: GPL-2.0-or-later
"""The rule of lost rights: dlm_lockd, dlm_controld or both are killed while programs work under EX.

Whatever is killed: when a lock can be had again, nobody works under the lost one any more.
"""
import contextlib
import os
import signal
import subprocess

import pytest

from lib import controld as c
from lib import places, tool

KILLED = ["lockd", "controld", "both"]


class Keeper:
    """tests/daemon/progs/keeper.c: takes "res" in EX in lockspace "x" and works."""

    def __init__(self, run, *words):
        self.file = os.path.join(run, f"work.{os.urandom(4).hex()}")
        self.process = subprocess.Popen(
            [places.program("keeper", "tests/daemon"), *words, "x", "res", self.file],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            env=dict(os.environ, UDLM_RUN_DIR=run))
        line = self.process.stdout.readline()
        assert line.startswith("locked "), line
        self.pid = int(line.split()[1])  # of the one that works

    def last(self, word="work"):
        """When it did so last, in seconds of the monotonic clock."""
        times = [int(line.split()[1]) for line in open(self.file).read().splitlines()
                 if line.startswith(word + " ")]
        return times[-1] / 1e9 if times else None

    def end(self):
        for pid in (self.pid, self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def space(start_controld):
    daemon = start_controld().ready()
    assert tool.call(daemon.run, "join", "x").status == 0
    return daemon


@pytest.fixture
def keep(run):
    with contextlib.ExitStack() as stack:
        def start(*words):
            keeper = Keeper(run, *words)
            stack.callback(keeper.end)
            return keeper
        yield start


def strike(daemon, whom):
    """Kill, and see that the daemon ends as it should where it was not killed itself."""
    lockd = daemon.lockd_pid()
    if whom in ("controld", "both"):
        daemon.kill()
    if whom in ("lockd", "both"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(lockd, signal.SIGKILL)
    assert daemon.wait() == (1 if whom == "lockd" else -signal.SIGKILL)
    c.wait_gone(lockd)


def taken_again(start_controld):
    """A new daemon is there and grants the same lock: the time of the grant."""
    daemon = start_controld().ready()
    assert tool.call(daemon.run, "join", "x").status == 0
    done = tool.call(daemon.run, "lock", "-n", "-l", "x", "res", "--", "python3", "-c",
                     "import time; print(time.monotonic_ns())")
    assert done.status == 0, done
    return int(done.out) / 1e9


@pytest.mark.parametrize("whom", KILLED)
def test_plain(space, keep, start_controld, whom):
    keeper = keep()
    strike(space, whom)
    granted = taken_again(start_controld)
    assert not c.alive(keeper.pid)
    assert keeper.last() < granted


@pytest.mark.parametrize("whom", KILLED)
def test_ignores_sigterm(space, keep, start_controld, whom):
    keeper = keep("-i")
    strike(space, whom)
    granted = taken_again(start_controld)
    assert not c.alive(keeper.pid)
    assert keeper.last() < granted


@pytest.mark.parametrize("whom", KILLED)
def test_forked(space, keep, start_controld, whom):
    """The parent, which had made the connection, is dead; the child works under the lock."""
    keeper = keep("-f")
    assert keeper.pid != keeper.process.pid
    keeper.process.kill()
    keeper.process.wait()
    assert c.alive(keeper.pid)
    strike(space, whom)
    granted = taken_again(start_controld)
    assert not c.alive(keeper.pid)
    assert keeper.last() < granted


@pytest.mark.parametrize("whom", KILLED)
def test_daemonised(space, keep, start_controld, whom):
    keeper = keep("-d")
    keeper.process.wait()
    assert c.alive(keeper.pid)
    strike(space, whom)
    granted = taken_again(start_controld)
    assert not c.alive(keeper.pid)
    assert keeper.last() < granted


@pytest.mark.parametrize("whom", KILLED)
def test_acknowledges_and_lives_on(space, keep, start_controld, whom):
    keeper = keep("-a")
    strike(space, whom)
    granted = taken_again(start_controld)
    assert c.alive(keeper.pid)
    assert keeper.last() <= keeper.last("acknowledged") < granted


@pytest.mark.parametrize("whom", KILLED)
def test_command_of_a_killed_tool(space, start_controld, whom, tmp_path):
    """The command of `dlm_tool lock` holds the lease on, whatever happened to dlm_tool."""
    file = tmp_path / "work"
    loop = f"while :; do echo $$ >>{file}; sleep 0.01; done"
    started = tool.Started(space.run, "lock", "-l", "x", "res", "--", "sh", "-c", loop)
    try:
        pid = int(places.wait_for(lambda: file.exists() and file.read_text(), "work").split()[0])
        os.kill(started.pid, signal.SIGKILL)
        started.process.wait()
        assert c.alive(pid)
        strike(space, whom)
        taken_again(start_controld)
        assert not c.alive(pid)
    finally:
        started.end()


@pytest.mark.parametrize("whom", KILLED)
def test_persistent(space, keep, start_controld, whom):
    """Its rights go on without it: nothing is granted before root has said so."""
    keeper = keep("-p")
    strike(space, whom)
    daemon = start_controld().wait_state("waiting")
    places.wait_for(lambda: daemon.info()["lost_ack_needed"] == ["1"], "the question")
    assert not c.alive(keeper.pid)
    waiting = daemon.info()["waiting"]
    assert len(waiting) == 1 and "PERSISTENT locks of keeper" in waiting[0]
    assert "dlm_tool lost_ack" in waiting[0]
    assert tool.call(daemon.run, "join", "x").status != 0
    # a restart does not forget it
    daemon.kill(signal.SIGTERM)
    assert daemon.wait() == 0
    daemon = start_controld().wait_state("waiting")
    places.wait_for(lambda: daemon.info()["lost_ack_needed"] == ["1"], "the question again")
    done = tool.call(daemon.run, "lost_ack")
    assert done.status == 0, done
    daemon.ready()
    assert "lost_ack by process" in daemon.log()
    assert taken_again(lambda: daemon) > keeper.last()


@pytest.mark.parametrize("whom", KILLED)
def test_orphan(space, keep, start_controld, whom):
    """A PERSISTENT lock whose program has ended before: nobody could end any more."""
    keeper = keep("-p")
    keeper.end()
    strike(space, whom)
    daemon = start_controld().wait_state("waiting")
    places.wait_for(lambda: daemon.info()["lost_ack_needed"] == ["1"], "the question")
    # whichever dlm_lockd had written down when it was killed
    waiting = daemon.info()["waiting"][0]
    assert "1 orphaned locks" in waiting or "1 PERSISTENT locks of keeper" in waiting
    assert tool.call(daemon.run, "lost_ack").status == 0
    daemon.ready()


def test_after_a_reboot_nothing_is_asked(space, keep, start_controld, run):
    """Another boot id: what was written then means nothing now."""
    keep("-p").end()
    strike(space, "both")
    for entry in os.scandir(os.path.join(run, "leases")):
        data = bytearray(open(entry.path, "rb").read())
        data[32:40] = b"00000000"
        open(entry.path, "wb").write(data)
    start_controld().ready()


def test_holders_are_named_while_they_are_waited_for(space, keep, start_controld):
    keeper = keep("-i")
    space.kill()
    space.wait()
    daemon = start_controld().wait_state("waiting")
    places.wait_for(lambda: any(f"keeper (pid {keeper.pid})" in line for line in daemon.info()["waiting"]),
                    "the holder's name")
    assert "held 1 locks in lockspace x" in daemon.info()["waiting"][0]
    done = tool.call(daemon.run, "status")
    assert f"keeper (pid {keeper.pid})" in done.out
    assert daemon.ask(c.LOCKSPACES).data == 0
    daemon.ready()
    assert not c.alive(keeper.pid)


def test_daemon_of_a_dead_lockd_says_what_it_waits_for(space, keep):
    keeper = keep("-i")
    os.kill(space.lockd_pid(), signal.SIGKILL)
    space.wait_state("failed")
    assert "the lock engine is gone" in space.info()["waiting"][0]
    assert space.wait() == 1
    assert not c.alive(keeper.pid)


def test_a_program_that_holds_nothing_lives_on(space, start_controld, run):
    """NL locks and open lockspaces are no rights."""
    holder = subprocess.Popen(
        [tool.path(), "lock", "-l", "x", "-m", "NL", "res", "--", "sleep", "1000"],
        env=tool.environment(run), stdin=subprocess.DEVNULL)
    try:
        places.wait_for(lambda: any("sleep" in open(f"/proc/{pid}/comm").read()
                                    for pid in places.processes_with(run) if c.alive(pid)), "sleep")
        strike(space, "controld")
        second = start_controld().ready()
        assert "locks were held" not in second.log()
    finally:
        for pid in places.processes_with(run):
            with contextlib.suppress(OSError):
                if open(f"/proc/{pid}/comm").read() in ("sleep\n", "dlm_tool\n"):
                    os.kill(pid, signal.SIGKILL)
        holder.wait()


def test_many_holders(space, start_controld, run):
    """All at once: one look for all of them, and one time for all of them."""
    started = [tool.Started(run, "lock", "-l", "x", f"r{i}", "--", "sleep", "1000") for i in range(40)]
    try:
        places.wait_for(lambda: len([e for e in os.scandir(os.path.join(run, "leases"))]) >= 40,
                        "leases")
        for one in started:
            places.wait_for(lambda: len(list(tool.session_members(one.pid))) >= 2, "its command")
        space.kill()
        space.wait()
        start_controld().ready()
        for one in started:
            assert not [pid for pid in tool.session_members(one.pid) if tool.alive(pid)]
    finally:
        for one in started:
            one.end()
