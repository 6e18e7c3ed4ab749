# SPDX-License-Identifier: GPL-2.0-or-later
"""dlm_controld is started in any order with what it needs: it waits, says for what, answers, ends when told
to, and comes up by itself."""
import os
import signal
import socket
import time

import pytest

from programs import Shell

ANSWER_S = 2.0  # in which dlm_tool has its answer, and in which SIGTERM has ended the daemon, whatever it waits for


class Manager:
    """What a service manager hears of the daemons of a node (sd_notify)."""

    def __init__(self, node):
        self.node, self.said = node, []
        self.address = str(node.place / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(self.address)

    def start(self):
        self.node.spawn("controld", ["dlm_controld", "-D"], env={"NOTIFY_SOCKET": self.address})
        self.node.lab.wait(lambda: self.node.pid("controld"), "dlm_controld runs", every=0.01)

    def hear(self):
        try:
            while True:
                self.said.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return self.said

    def wait(self, text):
        self.node.lab.wait(lambda: any(text in line for line in self.hear()), f"{text!r} for the service manager")


@pytest.fixture
def manager(request):
    """manager(node): one that is there before the daemon."""
    made = []

    def make(node):
        made.append(Manager(node))
        if "libsystemd" not in node.run(["sh", "-c", "ldd $(command -v dlm_controld)"]).stdout:
            pytest.skip("built without libsystemd")
        return made[-1]
    yield make
    for each in made:
        each.socket.close()
        os.unlink(each.address) if os.path.exists(each.address) else None


@pytest.fixture
def machine(make_lab):
    """machine(3): node 1 of so many, on which nothing runs; conf as Lab has it."""
    def make(count=1, **args):
        return make_lab(count, corosync=False, controld=False, token=800, **args)[1]
    return make


def conf(node):
    return node.place / "disk/etc/corosync/corosync.conf"


def said_in_time(node, text):
    """dlm_tool status has the text among what is waited for, and gives its answer at once."""
    before = time.monotonic()
    done = node.tool("status")
    assert time.monotonic() - before < ANSWER_S
    assert done.returncode == 0, done
    return any(line.startswith("waiting: ") and text in line for line in done.stdout.splitlines())


def answers_from_the_start(node):
    """The local sockets are there before anything else: from the first second of a daemon that was just started."""
    before = time.monotonic()
    node.lab.wait(lambda: node.tool("status").returncode == 0, "an answer", every=0.01)
    assert time.monotonic() - before < ANSWER_S


def ends_at_once(node):
    before = time.monotonic()
    node.signal("controld", signal.SIGTERM)
    node.lab.wait(lambda: node.end_of("controld") is not None, "the end of dlm_controld", every=0.01)
    assert time.monotonic() - before < ANSWER_S
    assert node.end_of("controld") == 0 and node.pid("lockd") is None


def is_refused(node):
    """A program that comes too early has an errno that says: nobody is there, try again."""
    shell = Shell(node)
    assert shell.do("new", "early", 0o600, 0) == "ECONNREFUSED"
    assert shell.do("open", "early") in ("ENOENT", "ECONNREFUSED")
    shell.kill()
    done = node.tool("join", "early")
    assert done.returncode != 0 and 'its state is "waiting"' in done.stderr
    assert node.lockspaces() == {}


def waits(node, manager, text):
    """It has been started, and waits for what the text says: in status, log, and for the service manager."""
    manager.start()
    answers_from_the_start(node)
    node.lab.wait(lambda: said_in_time(node, text), f"waiting: {text}")
    node.wait_for(f"waiting: {text}")
    manager.wait(f"STATUS=waiting: {text}")
    manager.wait("EXTEND_TIMEOUT_USEC=")
    assert not any("READY=1" in line for line in manager.hear())
    assert "ready: lockspaces" not in node.log()


def waits_and_ends(node, manager, text):
    """So it does, and ends when told to; started again it waits again."""
    waits(node, manager, text)
    ends_at_once(node)
    waits(node, manager, text)


def comes_up(node, manager):
    """By itself; and READY means that a lockspace can be joined."""
    pid = node.pid("controld")
    manager.wait("READY=1")
    assert node.run(["dlm_tool", "join", "x"]).returncode == 0
    assert node.lockspaces()["x"]["members"] and node.pid("controld") == pid
    assert not any(line.startswith("STATUS=waiting") for line in manager.hear()[-1:])
    shell = Shell(node)
    assert shell.do("open", "x") == 0
    assert shell.lock(0, 5).status == 0
    shell.kill()


def test_before_corosync(machine, manager):
    node = machine()
    heard = manager(node)
    waits_and_ends(node, heard, "corosync is not running")
    is_refused(node)
    node.start("corosync")
    comes_up(node, heard)


def test_no_corosync_conf(machine, manager):
    """Never single by guess, and the option is named."""
    node = machine()
    heard = manager(node)
    text = conf(node).read_text()
    conf(node).unlink()
    waits_and_ends(node, heard, "corosync.conf is missing")
    assert "--cluster=single" in node.tool("status").stdout
    is_refused(node)
    conf(node).write_text(text)
    node.start("corosync")
    comes_up(node, heard)


def test_corosync_does_not_answer(machine, manager):
    node = machine()
    heard = manager(node)
    node.start("corosync")
    node.signal("corosync", signal.SIGSTOP)
    waits_and_ends(node, heard, "corosync does not answer")
    is_refused(node)
    node.signal("corosync", signal.SIGCONT)
    comes_up(node, heard)


def test_no_cluster_name(machine, manager):
    node = machine()
    heard = manager(node)
    text = conf(node).read_text()
    conf(node).write_text(text.replace("\tcluster_name: lab\n", ""))
    node.start("corosync")
    waits_and_ends(node, heard, "totem.cluster_name is not set")
    is_refused(node)
    conf(node).write_text(text)
    node.stop("corosync")
    node.start("corosync")
    comes_up(node, heard)


def test_no_quorum_provider(machine, manager):
    node = machine()
    heard = manager(node)
    text = conf(node).read_text()
    conf(node).write_text(text.replace("\tprovider: corosync_votequorum\n", ""))
    node.spawn("corosync", ["corosync", "-f"])
    waits_and_ends(node, heard, "corosync has no quorum")
    conf(node).write_text(text)
    node.stop("corosync")
    node.start("corosync")
    comes_up(node, heard)


def test_no_quorum(machine, manager):
    """It is a member already, and a program that creates a lockspace waits until it is quorate."""
    node = machine(3)
    heard = manager(node)
    node.start("corosync")
    waits_and_ends(node, heard, "quorum: more nodes of the cluster have to come")
    shell = Shell(node)
    shell.start("new", "early", 0o600, 0)
    node.lab.wait(lambda: node.lockspaces().get("early", {}).get("new_status") == "wait quorum", "its lockspace waits")
    assert not any("READY=1" in line for line in heard.hear())
    node.lab[2].start("corosync")
    assert shell.answer() == 0
    comes_up(node, heard)
    shell.kill()


def test_no_quorum_that_is_not_asked_for(machine, manager):
    """Lockspaces can be joined at once where enable_quorum_lockspace is off."""
    node = machine(3, conf="log_debug=1\nenable_startup_fencing=0\nenable_quorum_lockspace=0\n")
    heard = manager(node)
    node.start("corosync")
    heard.start()
    comes_up(node, heard)
    assert not node.quorum()["quorate"]


def test_no_address(machine, manager):
    """The network comes late: the interface has no address yet."""
    node = machine(2)
    node.lab[2].start("corosync")
    heard = manager(node)
    node.run(["ip", "addr", "flush", "dev", "eth0"], check=True)
    node.spawn("corosync", ["corosync", "-f"])
    waits_and_ends(node, heard, "the network: no interface of this machine has the address 10.77.0.1")
    is_refused(node)
    node.run(["ip", "addr", "add", "10.77.0.1/24", "dev", "eth0"], check=True)
    comes_up(node, heard)


def test_no_carrier(machine, manager):
    """The interface is down: the node sees nobody, and has no quorum."""
    node = machine(2)
    node.lab[2].start("corosync")
    heard = manager(node)
    node.run(["ip", "link", "set", "eth0", "down"], check=True)
    node.spawn("corosync", ["corosync", "-f"])
    waits(node, heard, "quorum: more nodes of the cluster have to come")
    node.run(["ip", "link", "set", "eth0", "up"], check=True)
    comes_up(node, heard)


def test_shutdown_of_corosync(machine, manager):
    """It is refused while lockspaces are in use, and said to be so; else the daemon waits for the next corosync."""
    node = machine()
    heard = manager(node)
    node.start("corosync")
    heard.start()
    comes_up(node, heard)
    pid = node.pid("controld")
    done = node.run(["corosync-cfgtool", "-H"])
    assert "Could not shutdown (error = 10)" in done.stderr, done  # CS_ERR_BUSY
    assert node.pid("corosync") and node.lockspaces()["x"]["members"] == [1]
    assert "shutdown of corosync refused, active lockspaces: x" in node.log()
    node.tool("leave", "x", check=True)
    node.lab.wait(lambda: not node.lockspaces(), "x is left")
    node.run(["corosync-cfgtool", "-H"], check=True)
    node.lab.wait(lambda: not node.pid("corosync"), "the end of corosync")
    node.lab.wait(lambda: said_in_time(node, "corosync is not running"), "it waits")
    heard.said.clear()
    node.start("corosync")
    comes_up(node, heard)
    assert node.pid("controld") == pid
