# SPDX-License-Identifier: GPL-2.0-or-later
"""dlm_controld and a dlm_lockd that misbehaves, hangs or dies without anybody holding anything."""
import os
import signal
import time

import pytest

from lib import controld as c
from lib import places, tool


@pytest.fixture
def start_fake(start_controld):
    def start(how, *words):
        return start_controld("--lockd_path=" + places.program("fake_lockd", "tests/daemon"), *words,
                              environment={"FAKE_LOCKD": how})
    return start


@pytest.mark.parametrize("how, said", [
    ("exit", "dlm_lockd has ended with status 3"),
    ("fatal", "dlm_lockd ends itself: the moon is full"),
    ("early", "dlm_lockd speaks before it is ready"),
    ("garbage", "dlm_lockd sends what cannot be read"),
    ("twice", "dlm_lockd says READY twice"),
    ("version", "dlm_lockd is of another version"),
    ("name", "dlm_lockd asks for a lockspace that cannot be"),
    ("lingers", "dlm_lockd has closed its connection and has not ended"),
])
def test_misbehaves(start_fake, how, said):
    daemon = start_fake(how)
    assert daemon.wait() == 1
    assert said in daemon.log()
    assert daemon.log().count("lockspaces were open") == 1  # its end is one event


def test_removed_before_lockd_has_ended(start_fake):
    """Where it hangs in the kernel its end may never come: this node is out of the cluster before that."""
    daemon = start_fake("open")
    assert daemon.wait() == 1
    log = daemon.log()
    removed = log.index("this node is removed from the cluster")
    assert log.index("dlm_lockd has closed its connection; 1 lockspaces were open") < removed
    assert removed < log.index("it is killed (pid ")
    assert log.count("lockspaces were open") == 1


@pytest.mark.parametrize("how", ["mute", "deaf", "hangs"])
def test_says_nothing(start_fake, how):
    before = time.monotonic()
    daemon = start_fake(how, "--lockd_timeout=2")
    assert daemon.wait() == 1
    assert "dlm_lockd has not answered for 2 seconds" in daemon.log()
    assert 1.5 < time.monotonic() - before < 15


def test_sockets_answer_while_it_starts(start_fake):
    daemon = start_fake("mute", "--lockd_timeout=20").wait_state("starting")
    assert daemon.ask(c.LOCKSPACES).data == 0
    assert daemon.ask(c.ENGINE_INFO).data == -107
    assert tool.call(daemon.run, "status").status == 0
    daemon.kill(signal.SIGTERM)
    assert daemon.wait() == 0


def test_killed_with_nothing_open(start_controld):
    daemon = start_controld().ready()
    os.kill(daemon.lockd_pid(), signal.SIGKILL)
    assert daemon.wait() == 1
    assert "dlm_lockd was ended by signal 9" in daemon.log()
    start_controld().ready()


def test_stopped_lockd(start_controld):
    daemon = start_controld("--lockd_timeout=2").ready()
    lockd = daemon.lockd_pid()
    os.kill(lockd, signal.SIGSTOP)
    assert daemon.ask(c.LOCKSPACES).data == 0
    assert daemon.wait() == 1
    assert not c.alive(lockd)


def test_our_own_pause_is_not_its(start_controld):
    """A daemon that was stopped itself does not take dlm_lockd for dead."""
    daemon = start_controld("--lockd_timeout=1").ready()
    daemon.kill(signal.SIGSTOP)
    places.wait_for(lambda: tool.state(daemon.pid) == "T", "stopped")
    time.sleep(3)  # longer than the timeout: that is the point
    daemon.kill(signal.SIGCONT)
    assert daemon.state() == "ready"
    time.sleep(1.5)
    assert daemon.state() == "ready"


def test_lockd_ends_with_its_daemon(start_controld):
    daemon = start_controld().ready()
    lockd = daemon.lockd_pid()
    daemon.kill()
    daemon.wait()
    c.wait_gone(lockd)
    start_controld().ready()


def test_former_lockd_that_does_not_end(start_fake, start_controld):
    """Its dlm_controld is gone and it lives on: the next one kills it first."""
    daemon = start_fake("former").ready()
    lockd = daemon.lockd_pid()
    daemon.kill()
    daemon.wait()
    assert c.alive(lockd)
    second = start_controld().ready()
    assert not c.alive(lockd)
    assert f"(pid {lockd}) of a former dlm_controld still lives" in second.log()
    assert second.lockd_pid() != lockd


def test_signals_of_the_terminal_do_not_reach_lockd(start_controld):
    daemon = start_controld().ready()
    assert os.getsid(daemon.lockd_pid()) != os.getsid(daemon.pid)
