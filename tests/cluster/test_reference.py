# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes of the reference: its unmodified dlm_controld believes in our kernel, decides as in recorded runs, and
programs lock through the dlm_lockd behind it."""
import contextlib
import pathlib
import re
import select
import signal
import subprocess

import pytest

from lab import DEADLINE
from reference import Message, decisions, lockd, normalise, record, records, trace

ROOT = pathlib.Path(__file__).resolve().parents[2]
PR, EX = 3, 5
VALBLK = 0x8
VALNOTVALID = 0x2
SHIM = '''exec env LD_PRELOAD="$UDLM_REFERENCE_SHIM" "$@"'''

LAYOUT = r"""
#include <stdio.h>
#include "proto/control.h"
int main(void)
{
	printf("%zu %zu %zu %zu %zu %zu %zu %zu\n", sizeof(struct control_settings), sizeof(struct control_peer),
		sizeof(struct control_ls_new), sizeof(struct control_ls), sizeof(struct control_member),
		sizeof(struct control_event), sizeof(struct control_ready), sizeof(struct control_fatal));
	printf("%d %d %d %d %d %d %d %d\n", CONTROL_SETTINGS, CONTROL_PEER_ADD, CONTROL_PEER_REMOVE, CONTROL_LS_NEW,
		CONTROL_LS_STOP, CONTROL_LS_START, CONTROL_EVENT_DONE, CONTROL_DUMP);
	printf("%d %d %d %d %d %d %d %d\n", CONTROL_READY, CONTROL_ONLINE, CONTROL_OFFLINE, CONTROL_STOPPED,
		CONTROL_RECOVERED, CONTROL_FAILED, CONTROL_DUMP_IS, CONTROL_FATAL);
	printf("%d %d %d\n", CONTROL_FD, CONTROL_VERSION, CONTROL_PACKET_MAX);
	return 0;
}
"""


class Program:
    """dlmsh (tests/daemon/progs) in a node."""

    def __init__(self, node, lockspace):
        self.process = node.popen(["dlmsh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.text = b""
        assert self.do("open", lockspace) == ["0", "0"]

    def start(self, *words):
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())

    def answer(self, timeout=DEADLINE):
        while b"\n" not in self.text:
            assert select.select([self.process.stdout], [], [], timeout)[0], "no answer"
            piece = self.process.stdout.read(65536)
            assert piece, f"dlmsh ended: {self.process.wait()}"
            self.text += piece
        line, _, self.text = self.text.partition(b"\n")
        return line.decode().split()

    def do(self, *words):
        self.start(*words)
        return self.answer()

    def is_waiting(self):
        """Whether it has still not answered."""
        return b"\n" not in self.text and not select.select([self.process.stdout], [], [], 0)[0]

    def lock(self, mode, flags=0, name="res"):
        """(status, flags of the status block, value)"""
        self.lock_start(mode, flags, name)
        return self.lock_answer()

    def lock_start(self, mode, flags=0, name="res"):
        self.start("lockw", 0, mode, flags, name.encode().hex())

    def lock_answer(self):
        result, error, status, _, flags, value, *_ = self.answer()
        assert (result, error) == ("0", "0"), (result, error)
        return int(status), int(flags), value

    def end(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def program():
    """program(node, lockspace): a dlmsh that ends with the test."""
    with contextlib.ExitStack() as stack:
        def start(node, lockspace):
            made = Program(node, lockspace)
            stack.callback(made.end)
            return made
        yield start


@pytest.fixture(scope="module")
def pair(make_module_lab):
    """Two nodes, both of the reference."""
    return make_module_lab(2, {1: "reference", 2: "reference"})


@pytest.fixture
def trio(make_lab):
    """Three nodes, all of the reference."""
    return make_lab(3, {n: "reference" for n in (1, 2, 3)})


def join(lab, name, *ids):
    """One after the other; who is in stays in."""
    for n in ids:
        if name not in lab[n].lockspaces():
            lab[n].tool("join", name, check=True)
    wait_members(lab, name, *ids)


def wait_members(lab, name, *ids):
    def settled():
        found = [lab[n].lockspaces().get(name, {}) for n in ids]
        return all(space.get("members") == sorted(ids) and "new_change" not in space for space in found)
    lab.wait(settled, f"{name} has members {ids}")


def waits(lab, node, program):
    """Until the program's lock stands in a queue: its master has answered."""
    lab.wait(lambda: re.search(r"^Waiting\n\w+ -- \(EX\)", node.tool("lockdebug", "locks").stdout, re.M),
             f"the lock of node {node.id} waits")
    assert program.is_waiting()


# ---- the pieces, without a node ----

def test_messages_to_dlm_lockd_are_as_its_header_says(tmp_path):
    (tmp_path / "layout.c").write_text(LAYOUT)
    subprocess.run(["cc", "-I", ROOT / "src", "-o", tmp_path / "layout", tmp_path / "layout.c"], check=True)
    lines = subprocess.run([tmp_path / "layout"], check=True, capture_output=True, text=True).stdout.splitlines()
    sizes, theirs, ours, numbers = [[int(word) for word in line.split()] for line in lines]
    head = lockd.HEAD.size
    assert sizes == [head + each.size for each in (lockd.SETTINGS_BODY, lockd.PEER_BODY, lockd.LS_NEW_BODY,
                                                   lockd.LS_BODY)] + [lockd.MEMBER.size] + \
        [head + each.size for each in (lockd.EVENT_BODY, lockd.READY_BODY, lockd.FATAL_BODY)]
    assert theirs == [lockd.SETTINGS, lockd.PEER_ADD, lockd.PEER_REMOVE, lockd.LS_NEW, lockd.LS_STOP,
                      lockd.LS_START, lockd.EVENT_DONE, lockd.DUMP]
    assert ours == [lockd.READY, lockd.ONLINE, lockd.OFFLINE, lockd.STOPPED, lockd.RECOVERED, lockd.FAILED,
                    lockd.DUMP_IS, lockd.FATAL]
    assert numbers == [lockd.CONTROL_FD, lockd.VERSION, lockd.PACKET_MAX]


def test_an_unknown_message_of_dlm_lockd_is_passed_over():
    assert lockd.parse(lockd.ls(9999, "x")) is None


def test_the_normal_form_keeps_what_is_decided_and_drops_what_is_chance(tmp_path):
    start = "0300010001000200{0:02x}0000000000000001efade5{1:08x}0200000000000000000000000000000020000000" \
            "0400000002000000010000000200000001000000000000000000000002000000{2}"
    lines = [f"5 deliver dlm:ls:testls 2 {start.format(2, 0x01010000, '01000000')}",
             f"6 deliver dlm:ls:testls 1 {start.format(1, 0, '01000000')}",
             "7 deliver dlm:controld 1 0000000000000e0001000000" + "00" * 28 +
             "0000000000000000" + "02000000" + "b1000000" + "00" * 1008,
             "8 deliver dlm:controld 1 0000000000000e0001000000" + "00" * 28 +
             "0000000000000000" + "02000000" + "ff000000" + "00" * 1008,
             "9 deliver udlm 1 00", "10 kill 2 dlm_controld"]
    (tmp_path / "trace").write_text("\n".join(lines) + "\n")
    found = normalise(trace(tmp_path))
    assert found == [
        Message("dlm:controld", 1, "FENCE_RESULT", 0, 0, (), (), (2, records.FAILED, 0)),
        Message("dlm:ls:testls", 1, "START", 2, 0, (2, 1, 0, 0), (1, 2), ()),
        Message("dlm:ls:testls", 2, "START", 2, 1, (2, 1, 0, 0), (1, 2), ())]
    assert normalise(trace(tmp_path), ignored_flags=0)[2].flags == records.JOINING | records.UDLM
    assert decisions(trace(tmp_path)) == [("kill", 2)]


# ---- what dlm_controld shows and does ----

def test_the_texts_are_the_references(pair):
    join(pair, "testls", 1)
    text = pair[1].tool("status", check=True).stdout
    assert re.fullmatch(r"cluster nodeid 1 quorate 1 ring seq (\d+) \1\ndaemon now \d+ fence_pid 0 \n"
                        r"node 1 M add \d+ rem 0 fail 0 fence 0 at 0 0\n"
                        r"node 2 M add \d+ rem 0 fail 0 fence 0 at 0 0\n", text), text
    pair[2].tool("join", "testls", check=True)
    wait_members(pair, "testls", 1, 2)
    head = "dlm lockspaces\nname          testls\nid            0xe5adef01\nflags         0x00000000 \n"
    assert pair[1].tool("ls", check=True).stdout == head + \
        "change        member 2 joined 1 remove 0 failed 0 seq 2,2\nmembers       1 2 \n\n"
    assert pair[2].tool("ls", check=True).stdout == head + \
        "change        member 2 joined 1 remove 0 failed 0 seq 1,1\nmembers       1 2 \n\n"
    assert "3.1.1" in pair[1].tool("dump", check=True).stdout


def events(node, name):
    """What dlm_controld did for a lockspace, in order, in short."""
    found = []
    for each in trace(node.place):
        path = each.words[0]
        if each.event in ("send", "deliver") and path == f"dlm:ls:{name}":
            message = records.parse(path, each.words[-1])
            found.append(f"{each.event} {message.type} {message.sender}:{message.seq}")
        elif each.event in ("join", "change") and path == f"dlm:ls:{name}":
            found.append(each.event)
        elif f"/{name}/" in path + "/":
            value = each.words[-1].rstrip(b"\0").decode() if each.event == "write" else ""
            found.append(f"{each.event} {path.partition(f'/{name}')[2].lstrip('/') or '.'} {value}".rstrip())
    return found


def test_the_order_of_a_join_is_the_recorded_one(pair):
    join(pair, "order", 1, 2)
    pair.wait(lambda: "deliver PLOCKS_DONE 1:2" in events(pair[1], "order"), "the transfer has been announced")
    number = pair[1].lockspaces()["order"]["id"]
    assert events(pair[1], "order") == [
        "join", "change", "send START 1:1", "deliver START 1:1",
        f"write id {int(number, 0)}", "mkdir .", "mkdir nodes/1", "write nodes/1/nodeid 1",
        "write nodes/1/weight 1", "write control 1", "write event_done 0",
        "change", "write control 0", "send START 1:2",
        *[each for each in events(pair[1], "order") if each in ("deliver START 2:1", "deliver START 1:2")],
        "mkdir nodes/2", "write nodes/2/nodeid 2", "write nodes/2/weight 1", "write control 1",
        "send PLOCKS_DONE 1:2", "deliver PLOCKS_DONE 1:2"]
    assert decisions(trace(pair[1].place))[-4:] == [
        ("start", "order", (1,), ()), ("done", "order", 0), ("stop", "order"), ("start", "order", (1, 2), ())]
    assert [each for each in decisions(trace(pair[2].place)) if each[1] == "order"] == [
        ("start", "order", (1, 2), ()), ("done", "order", 0)]


def test_a_lockspace_is_left_and_joined_again(pair):
    join(pair, "again", 1, 2)
    pair[2].tool("leave", "again", check=True)
    assert not (pair[2].place / "root/sys/kernel/dlm/again").exists()
    assert "again" not in pair[2].lockspaces()
    wait_members(pair, "again", 1)
    pair[2].tool("join", "again", check=True)
    wait_members(pair, "again", 1, 2)
    assert [each for each in decisions(trace(pair[2].place)) if each[1] == "again"] == [
        ("start", "again", (1, 2), ()), ("done", "again", 0), ("stop", "again"), ("done", "again", 0),
        ("start", "again", (1, 2), ()), ("done", "again", 0)]


def test_what_a_kernel_refuses_is_refused(pair):
    join(pair, "refused", 1)
    cluster, node = "/sys/kernel/config/dlm/cluster", pair[1]
    for verb, path, text in [("mkdir", "/sys/kernel/dlm/new", "Operation not permitted"),
                             ("mkdir", f"{cluster}/comms/1", "File exists"),
                             ("mkdir", f"{cluster}/spaces/none/nodes/1", "No such file or directory"),
                             ("rmdir", f"{cluster}/spaces/refused", "Directory not empty"),
                             ("rmdir", cluster, "Directory not empty"),
                             ("rmdir", f"{cluster}/comms/9", "No such file or directory")]:
        done = node.run(["sh", "-c", SHIM, "sh", verb, path])
        assert done.returncode and text in done.stderr, (verb, path, done)
    for path, value, text in [(f"{cluster}/tcp_port", "21065", "Device or resource busy"),
                              ("/sys/kernel/dlm/refused/control", "7", "Invalid argument")]:
        script = f"import os; os.write(os.open({path!r}, os.O_WRONLY), b{value!r})"
        done = node.run(["sh", "-c", SHIM, "sh", "/usr/bin/python3", "-c", script])
        assert text in done.stderr, (path, done)


# ---- locks ----

@pytest.fixture(scope="module")
def locks(pair):
    join(pair, "locks", 1, 2)
    return pair


def test_an_exclusive_lock_keeps_the_other_node_waiting_and_passes_its_value(locks, program):
    holder, other = program(locks[1], "locks"), program(locks[2], "locks")
    assert holder.lock(EX, VALBLK)[0] == 0
    other.lock_start(EX, VALBLK)
    waits(locks, locks[2], other)
    holder.do("lvb", 0, "from-the-first")
    holder.do("unlockw", 0, VALBLK)
    status, flags, value = other.lock_answer()
    assert (status, flags & VALNOTVALID, value) == (0, 0, "from-the-first")


def test_lockdebug_of_the_reference_reads_our_engine(locks, program):
    holder = program(locks[1], "locks")
    assert holder.lock(PR, name="seen")[0] == 0
    text = locks[1].tool("lockdebug", "locks", check=True).stdout
    assert re.search(r'^Resource len  4  "seen"\nMaster.*\nGranted\n\w{8} PR ', text, re.M), text
    assert locks[1].tool("lockdebug", "nothing").stderr.startswith("can't open")


# ---- deaths ----

def test_a_dead_nodes_lock_is_granted_after_the_acknowledgement_only(trio, program):
    join(trio, "locks", 1, 2, 3)
    holder = program(trio[1], "locks")
    assert holder.lock(EX, VALBLK)[0] == 0
    other = program(trio[2], "locks")
    other.lock_start(EX, VALBLK)
    waits(trio, trio[2], other)
    trio[1].kill()
    trio.wait(lambda: trio[2].lockspaces()["locks"].get("new_status") == "wait fencing" and
              trio[3].lockspaces()["locks"].get("new_status") == "wait fencing", "fencing is waited for")
    assert other.is_waiting()
    trio[3].tool("fence_ack", "1", check=True)
    status, flags, _ = other.lock_answer()
    assert (status, flags & VALNOTVALID) == (0, VALNOTVALID)
    wait_members(trio, "locks", 2, 3)


def test_without_dlm_controld_the_lockspaces_stop(trio, program):
    join(trio, "locks", 1, 2, 3)
    mark = trio[3].log_mark("fakekernel")
    trio[3].kill("controld")
    trio[3].wait_for("lockspace locks is stopped: no dlm_controld", name="fakekernel", since=mark)
    trio.wait(lambda: not trio[3].pids("corosync"), "its node has been taken out of the cluster")
    assert ("kill", 3) in decisions(trace(trio[1].place))
    assert trio[3].pids("lockd"), "a kernel does not end with its daemon"


def test_a_dlm_controld_that_comes_back_finds_the_same_dlm_lockd(trio, program):
    join(trio, "locks", 1, 2, 3)
    trio[3].tool("leave", "locks", check=True)
    before = trio[3].pids("lockd")
    controld = trio[3].pid("controld")
    trio[3].signal("controld", signal.SIGTERM)
    trio.wait(lambda: controld not in trio[3].all_pids(), "dlm_controld ends")
    assert trio[3].run(["ls", trio[3].place / "root/sys/kernel/config/dlm"]).stdout == ""
    trio[3].start_controld()
    trio.wait_joined([1, 2, 3])
    join(trio, "locks", 1, 2, 3)
    assert trio[3].pids("lockd") == before
    holder, other = program(trio[3], "locks"), program(trio[2], "locks")
    assert holder.lock(EX)[0] == 0
    other.lock_start(EX)
    waits(trio, trio[2], other)
    holder.do("unlockw", 0, 0)
    assert other.lock_answer()[0] == 0


def test_without_dlm_lockd_the_node_is_dead_and_says_so(trio):
    join(trio, "locks", 1, 2, 3)
    trio[3].kill("lockd")
    trio[3].wait_for("DLM_LOCKD HAS ENDED", name="fakekernel")
    trio.wait(lambda: not trio[3].pids("fakekernel"), "the fake kernel ends")


# ---- stories ----

@pytest.fixture(scope="module")
def stage(make_module_lab):
    return record.stage_of(make_module_lab, record.THREE)


@pytest.mark.parametrize("story", ["start", "join_leave", "death", "daemon_death"])
def test_a_story_is_told_as_it_was_recorded(stage, story):
    """One after the other on one lab. Those of clusters of both kinds: test_mixed.py."""
    found, stored = stage.tell(story), record.stored(story)
    assert found.keys() == stored.keys()
    for node in found:
        assert found[node].messages == stored[node].messages, f"messages as node {node} has them"
        assert found[node].decisions == stored[node].decisions, f"decisions of node {node}"
