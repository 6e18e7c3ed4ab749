# SPDX-License-Identifier: GPL-2.0-or-later
"""What dlm_controld sees of corosync: cluster_probe, a program over the same code, on real nodes."""
import contextlib
import os
import queue
import re
import signal
import subprocess
import threading
import time

import pytest

from lab import space

DEADLINE = 60.0
CONF = "/etc/corosync/corosync.conf"


class Probe:
    """A cluster_probe in a node. expect() waits for a line and takes it; the others wait for theirs."""

    def __init__(self, node, kind="corosync", begin=True):
        self.node = node
        self.lines = queue.Queue()
        self.seen = []  # all lines so far
        self.waiting = []  # those that nobody has expected yet
        self.popen = node.popen(["cluster_probe", kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        if begin:
            assert self.ask("open") == 0

    def _read(self):
        for line in self.popen.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def tell(self, text):
        self.popen.stdin.write(text + "\n")
        self.popen.stdin.flush()

    def _next(self, pattern, deadline):
        try:
            line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"node {self.node.id}: no {pattern!r} in {self.seen[-20:]}") from None
        assert line is not None, f"node {self.node.id}: the probe ended after {self.seen[-20:]}"
        self.seen.append(line)
        self.waiting.append(line)

    def expect(self, pattern, deadline=DEADLINE):
        """The first line that matches and was not taken yet, as a match."""
        looked, deadline = 0, time.monotonic() + deadline
        while True:
            for at in range(looked, len(self.waiting)):
                found = re.fullmatch(pattern, self.waiting[at])
                if found:
                    del self.waiting[at]
                    return found
            looked = len(self.waiting)
            self._next(pattern, deadline)

    def orders(self, *lines):
        """Whether these lines came in this order."""
        return sorted(lines, key=self.seen.index) == list(lines)

    def ask(self, text, deadline=DEADLINE):
        self.tell(text)
        return int(self.expect(rf"done {text.split()[0]} (-?\d+)", deadline)[1])

    def up(self):
        return self.expect("up .*")

    def join(self, group, members, joined=None):
        """Join, and wait for the group to be so."""
        assert self.ask(f"join {group}") == 0
        self.expect(f"confchg {group} members={members} joined={joined or self.node.id} left=")
        return self.expect(rf"ring {group} nodeid=(\d+) seq=(\d+)")

    def beat(self):
        """How long the loop takes to answer, in seconds."""
        began = time.monotonic()
        assert self.ask("beat") == 0
        return time.monotonic() - began

    def digest(self, count):
        """Of all that was delivered, when that is `count` messages."""
        def there():
            self.tell("digest")
            found = self.expect(r"digest (\d+) (\w+)")
            return int(found[1]) == count and found[2]
        return space.wait_until(there, f"node {self.node.id}: {count} messages", DEADLINE, 0.05)

    def pid(self):
        return next(pid for pid in self.node.all_pids() if space.comm(pid) == "cluster_probe")

    def cpu(self):
        """Processor time that it has used, in seconds."""
        with open(f"/proc/{self.pid()}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        if self.popen.poll() is None:
            with contextlib.suppress(OSError):
                self.tell("quit")
            try:
                self.popen.wait(20)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.popen.wait()

    def crash(self):
        space.send(self.pid(), signal.SIGKILL)
        self.popen.wait()


@pytest.fixture(scope="module")
def module_lab(make_module_lab):
    return make_module_lab(3, controld=False)


@pytest.fixture
def lab(module_lab):
    """Three nodes with corosync alone; whole again after each test."""
    yield module_lab
    module_lab.heal()
    for node in module_lab:
        for pid in node.pids("corosync"):
            space.send(pid, signal.SIGCONT)
        write_conf(node, module_lab.corosync_conf())
        node.start()
    module_lab.wait_quorate()


@pytest.fixture
def probe():
    """probe(node): one that is up; all end after the test."""
    with contextlib.ExitStack() as stack:
        def make(node, is_up=True, **args):
            made = Probe(node, **args)
            stack.callback(made.end)
            if is_up:
                made.up()
            return made
        yield make


def write_conf(node, text):
    path = node.place / "disk" / CONF[1:]
    if text is None:
        path.unlink()
    else:
        path.write_text(text)


def ended(lab, *ids):
    """A corosync that ends has closed its connections some time before."""
    lab.wait(lambda: not any(lab[n].pids("corosync") for n in ids), f"end of corosync on {ids}")


def test_up_says_what_there_is(lab, probe):
    one = probe(lab[1], is_up=False)
    assert one.up()[0] == "up nodeid=1 two_node=0 name=lab configured=1,2,3"
    one.expect(r"quorum quorate=1 seq=\d+ members=1,2,3 rejoined=")
    one.tell("addresses 2")
    one.expect("addresses 2 10.77.0.2:0")
    one.expect("done addresses 1")
    assert [one.ask(f"addresses {n}") for n in (1, 3, 9)] == [1, 1, 0]


def test_join_message_leave(lab, probe):
    one, two = probe(lab[1]), probe(lab[2])
    assert one.ask("send g early") == -2  # ENOENT
    one.join("g", "1")
    two.join("g", "1,2")
    one.expect("confchg g members=1,2 joined=2 left=")
    assert two.ask("send g hello to all") == 0
    for each in (one, two):
        each.expect("deliver g 2 hello to all")
    assert one.ask("join g") == -17  # EEXIST
    assert one.ask("send g last words") == 0 and one.ask("leave g") == 0
    assert one.ask("send g too late") == -2 and one.ask("leave g") == -2
    one.expect("deliver g 1 last words")
    one.expect("confchg g members=2 joined= left=1:2")
    two.expect("deliver g 1 last words")
    two.expect("confchg g members=2 joined= left=1:2")
    assert all(each.orders("deliver g 2 hello to all", "deliver g 1 last words",
                           "confchg g members=2 joined= left=1:2") for each in (one, two))
    one.join("g", "1,2")
    assert two.ask("leave g") == 0
    two.expect("confchg g members=1 joined= left=2:2")


def test_leave_at_once_after_join(lab, probe):
    one = probe(lab[1])
    one.tell("join g\nsend g x\nleave g")
    one.expect("confchg g members=1 joined=1 left=")
    one.expect("deliver g 1 x")
    one.expect("confchg g members= joined= left=1:2")


def test_looking_at_groups_that_one_is_not_in(lab, probe):
    one, two, three = (probe(node) for node in lab)
    one.join("g", "1")
    two.join("g", "1,2")

    def looked(each, name):
        assert each.ask(f"look {name}") == 0
        return each.expect(f"looked {name} error=0 members=(.*)")[1]
    for each in (one, three):  # they may hear of it a moment later
        lab.wait(lambda: looked(each, "g") == "1,2", "two members are seen")
        assert looked(each, "h") == ""
    assert one.ask(f"look {'x' * 128}") == -36  # ENAMETOOLONG
    assert one.ask(f"join {'x' * 128}") == -36
    one.join("x" * 127, "1")


def test_a_killed_process_leaves_its_groups(lab, probe):
    one, two = probe(lab[1]), probe(lab[2])
    one.join("g", "1")
    two.join("g", "1,2")
    two.crash()
    one.expect("confchg g members=1,2 joined=2 left=")
    one.expect("confchg g members=1 joined= left=2:5")


def test_close_ends_us_in_all_groups(lab, probe):
    one, two = probe(lab[1]), probe(lab[2])
    one.join("g", "1")
    for group in ("g", "h", "i"):
        two.join(group, "1,2" if group == "g" else "2")
    assert two.ask("close") == 0
    one.expect("confchg g members=1 joined= left=2:5")
    assert two.ask("open") == 0
    two.up()
    two.join("g", "1,2")


def test_a_process_that_dies_and_comes_again_at_once(lab, probe):
    one, two = probe(lab[1]), probe(lab[2])
    one.join("g", "1")
    for _ in range(5):
        two.join("g", "1,2")
        two.crash()
        two = probe(lab[2])
        one.expect("confchg g members=1,2 joined=2 left=")
        one.expect("confchg g members=1 joined= left=2:5")
    two.join("g", "1,2")
    assert not any("left=2" in line for line in two.seen)


def test_nothing_stays_open_after_close(lab, probe):
    one = probe(lab[1])
    assert one.ask("close") == 0
    place = f"/proc/{one.pid()}"
    before = [len(os.listdir(f"{place}/{what}")) for what in ("fd", "task")]
    for _ in range(10):
        assert one.ask("open") == 0
        one.up()
        for n in range(3):
            one.join(f"g{n}", "1")
        assert one.ask("close") == 0
    assert [len(os.listdir(f"{place}/{what}")) for what in ("fd", "task")] == before
    with open(f"{place}/maps", encoding="utf-8") as maps:
        assert "qb-" not in maps.read()


@pytest.mark.parametrize("event", ["up", "quorum", "confchg", "deliver"])
def test_close_from_within_an_event(lab, probe, event):
    one = probe(lab[1], is_up=False, begin=False)
    one.tell(f"close_at {event}\nopen")
    if event in ("confchg", "deliver"):
        one.up()
        one.tell("join g\nsend g x")
    one.expect(f"closed at {event}")
    one.tell("close_at never\nopen")
    one.up()


def test_all_nodes_get_all_messages_in_one_order(lab, probe):
    probes = [probe(node) for node in lab]
    for at, each in enumerate(probes, 1):
        each.tell("quiet yes")
        each.join("g", ",".join(map(str, range(1, at + 1))))
    for each in probes:
        each.tell("flood g 3400 200")
    assert len({each.digest(10200) for each in probes}) == 1


def test_big_messages(lab, probe):
    probes = [probe(node) for node in lab]
    for at, each in enumerate(probes, 1):
        each.tell("quiet yes")
        each.join("g", ",".join(map(str, range(1, at + 1))))
    for each in probes:
        each.tell("flood g 20 200000")
    assert len({each.digest(60) for each in probes}) == 1


def test_sixty_four_groups_at_once(lab, probe):
    one, two = probe(lab[1]), probe(lab[2])
    for each in (one, two):
        for n in range(64):
            each.tell(f"join many:{n}")
    for each in (one, two):
        for n in range(64):
            assert each.ask(f"send many:{n} from {each.node.id}") == 0
    heard = {one: set(), two: set()}
    for each, got in heard.items():
        while len(got) < 64:
            got.add(each.expect(rf"deliver many:(\d+) {each.node.id} from {each.node.id}")[1])


def test_what_cannot_be_sent_yet_is_kept_within_bounds(lab, probe):
    """A stopped corosync takes nothing: 8 MiB of messages are kept, the next are refused; the loop goes
    on, nothing spins, and when corosync goes on all that was taken arrives."""
    one = probe(lab[1])
    one.join("g", "1")
    one.tell("quiet yes")
    lab[1].signal("corosync", signal.SIGSTOP)
    one.tell("flood g 100000 16")
    sent = int(one.expect(r"flooded (\d+)")[1])
    assert 30000 <= sent < 80000
    assert one.ask("send g one more") == -105  # ENOBUFS
    before = one.cpu()
    time.sleep(1)  # nothing to wait for: what is asserted is that nothing happens
    assert one.cpu() - before < 0.3
    assert one.beat() < 2
    lab[1].signal("corosync", signal.SIGCONT)
    one.digest(sent)


def test_a_stopped_corosync_does_not_keep_the_loop(lab, probe):
    one = probe(lab[1])
    one.join("g", "1")
    lab[1].signal("corosync", signal.SIGSTOP)
    began = time.monotonic()
    for words in ("send g x", "look g", "join h", "kill 9", "leave g", "addresses 2"):
        one.tell(words)
    slowest = 0.0
    while time.monotonic() - began < 4:
        slowest = max(slowest, one.beat())
        time.sleep(0.02)
    assert slowest < 2
    one.expect("waiting corosync to answer.*")
    lab[1].signal("corosync", signal.SIGCONT)
    one.expect("log 5 corosync answers again")
    one.expect("confchg g .*left=1:2")


def test_close_while_corosync_is_stopped(lab, probe):
    one = probe(lab[1])
    one.join("g", "1")
    lab[1].signal("corosync", signal.SIGSTOP)
    assert one.ask("look g") == 0
    began = time.monotonic()
    assert one.ask("close") == 0 and one.ask("open") == 0
    assert time.monotonic() - began < 2
    one.expect("waiting corosync does not answer.*")
    assert one.beat() < 2
    lab[1].signal("corosync", signal.SIGCONT)
    one.up()
    one.join("g", "1")


def test_a_killed_node_is_gone(lab, probe):
    one, two, three = (probe(node) for node in lab)
    one.join("g", "1")
    three.join("g", "1,3")
    assert one.ask("kill 3") == 0
    assert three.expect("lost (.*)")[1].startswith("corosync is gone")
    one.expect("confchg g members=1 joined= left=3:3")
    one.expect(r"ring g nodeid=1 seq=\d+")
    two.expect(r"quorum quorate=1 seq=\d+ members=1,2 rejoined=")
    assert three.ask("join h") == -107  # ENOTCONN
    assert one.ask("kill 1") == 0
    one.expect("lost corosync is gone.*")
    two.expect(r"quorum quorate=0 seq=\d+ members=2 rejoined=")
    ended(lab, 1, 3)


def test_corosync_killed_while_there_is_much_to_send(lab, probe):
    one, two = probe(lab[1]), probe(lab[2])
    one.join("g", "1")
    two.join("g", "1,2")
    for each in (one, two):
        each.tell("quiet yes\nflood g 20000 300")
    one.expect("flooded.*")
    lab[1].kill(only="corosync")
    one.expect("lost corosync is gone.*")
    two.expect("confchg g members=2 joined= left=1:3")
    assert one.ask("close") == 0 and one.beat() < 2
    assert two.ask("send g x") == 0


def test_what_was_asked_of_a_stopped_corosync_before_a_close_is_not_done_later(lab, probe):
    one, two = probe(lab[1]), probe(lab[2])
    lab[1].signal("corosync", signal.SIGSTOP)
    # the call that waits, and what lies behind it
    one.tell("look g\nkill 2\nclose\nopen")
    assert [int(one.expect(rf"done {word} (-?\d+)")[1]) for word in ("look", "kill", "close", "open")] == [0] * 4
    lab[1].signal("corosync", signal.SIGCONT)
    one.up()
    one.join("g", "1")
    two.join("g", "1,2")
    assert not any(line.startswith("lost") for line in two.seen)


def test_a_removal_of_ourselves_right_before_the_end_is_done(lab, probe):
    one = probe(lab[1])
    one.tell("kill 1\nclose")
    ended(lab, 1)


def test_lost_once_and_then_anew(lab, probe):
    one = probe(lab[1])
    one.join("g", "1")
    one.tell("instance")
    before = one.expect(r"instance (\d+)")[1]
    lab[1].kill(only="corosync")
    one.expect("lost corosync is gone.*")
    assert one.beat() < 2
    for words in ("send g x", "leave g", "look g", "kill 2"):
        assert one.ask(words) == -107
    time.sleep(1.5)  # nothing to wait for: what is asserted is that nothing comes
    assert one.ask("beat") == 0
    assert sum(line.startswith("lost") for line in one.seen) == 1
    assert one.ask("close") == 0 and one.ask("open") == 0
    one.expect("waiting corosync is not running.*")
    lab[1].start(only="corosync", wait=False)
    one.up()
    one.join("g", "1")
    one.tell("instance")
    after = one.expect(r"instance (\d+)")[1]
    assert "0" not in (before, after) and before != after
    assert one.ask("close") == 0 and one.ask("open") == 0
    one.up()
    one.tell("instance")
    assert one.expect(r"instance (\d+)")[1] == after


def test_corosync_is_stopped_in_order_only_if_it_may(lab, probe):
    one = probe(lab[1])
    one.tell("allow no")
    assert "Could not shutdown" in lab[1].run(["corosync-cfgtool", "-H"]).stderr
    one.expect("may_shut_down 0")
    one.tell("allow yes")
    lab[1].run(["corosync-cfgtool", "-H"])
    one.expect("may_shut_down 1")
    one.expect("lost corosync is gone.*")
    ended(lab, 1)


def test_a_partition_and_its_end(lab, probe):
    one, _, three = (probe(node) for node in lab)
    one.join("g", "1")
    three.join("g", "1,3")
    lab.cut([1, 2], [3])
    one.expect("confchg g members=1 joined= left=3:3")
    three.expect("confchg g members=3 joined= left=1:3")
    three.expect(r"quorum quorate=0 seq=\d+ members=3 rejoined=")
    lab.heal()
    one.expect("confchg g members=1,3 joined=3 left=")
    three.expect("confchg g members=1,3 joined=1 left=")
    three.expect(r"quorum quorate=1 seq=\d+ members=1,2,3 rejoined=")


def test_a_node_that_went_and_came_while_nobody_looked(lab, probe):
    """Corosync killed and started within the token's time: the word on quorum names the node."""
    one = probe(lab[1])
    one.expect(r"quorum quorate=1 seq=\d+ members=1,2,3 rejoined=")
    lab[2].kill(only="corosync")
    lab[2].start(only="corosync")
    seen = one.expect(r"quorum quorate=1 seq=\d+ members=(\S+) rejoined=(\S*)")
    if seen[1] != "1,2,3":  # the machine was slow, the token's time over
        assert (seen[1], seen[2]) == ("1,3", "")
        seen = one.expect(r"quorum quorate=1 seq=\d+ members=1,2,3 rejoined=()")
    else:
        assert seen[2] == "2"


def test_a_node_that_was_stopped_for_a_while(lab, probe):
    """It finds the others gone and come, and they find it gone, then come."""
    one, two = probe(lab[1]), probe(lab[2])
    for each in (one, two):
        each.expect(r"quorum quorate=1 seq=\d+ members=1,2,3 rejoined=")
    lab[1].signal("corosync", signal.SIGSTOP)
    two.expect(r"quorum quorate=1 seq=\d+ members=2,3 rejoined=")
    lab[1].signal("corosync", signal.SIGCONT)
    two.expect(r"quorum quorate=1 seq=\d+ members=1,2,3 rejoined=")
    one.expect(r"quorum quorate=1 seq=\d+ members=1,2,3 rejoined=2,3")


# ---- what it waits for ----

def test_corosync_started_late(lab, probe):
    lab[3].stop(only="corosync")
    three = probe(lab[3], is_up=False)
    three.expect(r"waiting corosync is not running: start it \(systemctl start corosync\)")
    lab[3].start(only="corosync", wait=False)
    three.up()
    assert three.ask("join g") == 0
    three.expect("confchg g members=3 joined=3 left=")


def test_waiting_for_a_configuration(lab, probe):
    lab[3].stop(only="corosync")
    write_conf(lab[3], None)
    three = probe(lab[3], is_up=False)
    three.expect("waiting corosync.conf is missing: .* --cluster=single")
    write_conf(lab[3], lab.corosync_conf())
    three.expect("waiting corosync is not running.*")


@pytest.mark.parametrize("change,said", [
    (lambda text: text.replace("\tcluster_name: lab\n", ""), "totem.cluster_name is not set.*"),
    (lambda text: text.replace("\tprovider: corosync_votequorum\n", ""), "corosync has no quorum.*"),
])
def test_waiting_for_a_better_configuration(lab, probe, change, said):
    lab[3].stop(only="corosync")
    write_conf(lab[3], change(lab.corosync_conf()))
    three = probe(lab[3], is_up=False)
    lab[3].start(only="corosync", wait=False)
    three.expect("waiting " + said)
    assert three.cpu() < 2
    lab[3].stop(only="corosync")
    write_conf(lab[3], lab.corosync_conf())
    lab[3].start(only="corosync", wait=False)
    three.up()


def test_a_corosync_that_is_stopped_at_the_start(lab, probe):
    lab[1].signal("corosync", signal.SIGSTOP)
    one = probe(lab[1], is_up=False)
    one.expect("waiting corosync does not answer.*")
    assert one.beat() < 2
    lab[1].signal("corosync", signal.SIGCONT)
    one.up()


def test_an_end_while_corosync_is_stopped(lab, probe):
    one = probe(lab[1])
    one.join("g", "1")
    lab[1].signal("corosync", signal.SIGSTOP)
    assert one.ask("look g") == 0
    assert one.end() == 0


# ---- a cluster of one ----

def test_single(lab, probe):
    one = probe(lab[1], kind="single", is_up=False)
    assert one.up()[0] == "up nodeid=1 two_node=0 name=single configured="
    one.expect("quorum quorate=1 seq=1 members=1 rejoined=")
    one.join("g", "1")
    assert one.ask("send g hello") == 0
    one.expect("deliver g 1 hello")
    assert one.ask("look g") == 0
    one.expect("looked g error=0 members=1")
    one.tell("quiet yes")
    one.tell("flood g 70000 16")
    assert one.expect(r"flooded (\d+)")[1] == "65536"
    one.digest(65537)
    assert one.ask("leave g") == 0
    one.expect("confchg g members= joined= left=1:2")
    assert one.ask("look g") == 0
    one.expect("looked g error=0 members=")
    assert one.ask("kill 2") == -2 and one.ask("kill 1") == 0
    one.expect("lost cluster_probe")
