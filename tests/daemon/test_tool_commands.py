# SPDX-License-Identifier: GPL-2.0-or-later
"""dlm_tool against a dlm_controld of one node: outputs, exit statuses, and what is said of failures."""
import contextlib
import os
import re
import signal
import subprocess

import pytest

from lib import places, tool
from lib.places import wait_for


class Controld:
    """dlm_controld --cluster=single in a run directory of its own."""

    def __init__(self, run, until="state=ready"):
        self.run = run
        self.log_path = os.path.join(run, "controld.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [places.program("dlm_controld", "src/control"), "-D", "1", "--cluster=single"],
                env=tool.environment(run), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(lambda: until in tool.call(run, "status", "-v").out,
                     f"dlm_controld is {until}")
        except TimeoutError:
            self.end()
            raise

    def lockd_pid(self):
        status = tool.call(self.run, "status", "-v").out
        return int(re.search(r"lockd_pid=(\d+)", status)[1])

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def end(self):
        """A daemon with lockspaces does not end when it is asked to."""
        for name in ("default", "foo", "bar"):
            tool.call(self.run, "leave", name)
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(places.DEADLINE)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def controld(run):
    daemon = Controld(run)
    yield daemon
    daemon.end()


@pytest.fixture
def call(controld):
    return lambda *words, **args: tool.call(controld.run, *words, **args)


def join_default(run):
    """What root's `dlm_tool lock` does by itself."""
    if os.geteuid() != 0:
        assert tool.call(run, "join", "default").status == 0


@pytest.fixture
def start(controld):
    join_default(controld.run)
    with contextlib.ExitStack() as stack:
        def begin(*words, **args):
            started = tool.Started(controld.run, *words, **args)
            stack.callback(started.end)
            return started
        yield begin


def test_join_and_leave(call):
    done = call("join", "foo")
    assert (done.status, done.out, done.err) == \
        (0, 'Joining lockspace "foo" permission 600 \ndone\n', "")
    done = call("join", "-e", "1", "-f", "1", "foo")
    assert done.status == 255
    assert done.out == 'Joining lockspace "foo" permission 600 flags NEWEXCL FS \n'
    assert "foo" in done.err and "dlm_tool leave foo" in done.err
    done = call("leave", "foo")
    assert (done.status, done.out, done.err) == (0, 'Leaving lockspace "foo"\ndone\n', "")
    done = call("leave", "foo")
    assert (done.status, done.out) == (255, 'Leaving lockspace "foo"\n')
    assert 'no lockspace "foo"' in done.err and "dlm_tool join foo" in done.err
    done = call("joinleave", "-m", "0666", "foo")
    assert done.out == ('Joining lockspace "foo" permission 666 \ndone\n'
                        'Leaving lockspace "foo"\ndone\n')


def test_leave_waits_for_those_who_use_it(call, start):
    holder = start("lock", "res", stdin=subprocess.PIPE)
    holder.line()
    leaver = start("leave", "default")
    assert leaver.process.stderr.readline() == (
        'dlm_tool: waiting for programs that use lockspace "default": '
        f"pid {holder.pid} dlm_tool\n")
    leaver.signal(signal.SIGINT)  # takes it back
    assert leaver.wait().status == -signal.SIGINT
    wait_for(lambda: call("lock", "-n", "other", "--", "true").status == 0, "it can be used again")
    leaver = start("leave", "default")
    assert "waiting for programs" in leaver.process.stderr.readline()
    holder.signal(signal.SIGTERM)
    done = leaver.wait()
    assert (done.status, done.out) == (0, 'Leaving lockspace "default"\ndone\n')


def test_join_decides_the_mode(call, run):
    call("join", "-m", "0640", "foo")
    assert os.stat(os.path.join(run, "lockspaces", "foo")).st_mode & 0o7777 == 0o640


def test_ls(call):
    assert (call("ls").out, call("ls").status) == ("", 0)
    call("join", "foo")
    text = ("dlm lockspaces\n"
            "name          foo\n"
            "id            0x6ce2339d\n"
            "flags         0x00000000 \n"
            "change        member 1 joined 1 remove 0 failed 0 seq 1,1\n"
            "members       1 \n")
    assert call("ls").out == text + "\n"
    assert call("ls", "foo").out == text + "\n"
    assert call("-n", "ls").out == text + (
        "all nodes\n"
        "nodeid 1 member 1 failed 0 start 1 seq_add 1 seq_rem 0 check none\n\n")
    call("join", "bar")
    assert re.findall(r"name +(\w+)", call("ls").out) == ["bar", "foo"]  # newest first
    done = call("ls", "nope")
    assert (done.status, done.out) == (1, "") and '"nope"' in done.err


def test_status(call):
    lines = call("status").out.splitlines()
    assert re.fullmatch(r"cluster nodeid 1 quorate 1 ring seq \d+ \d+", lines[0])
    assert re.fullmatch(r"daemon now \d+ fence_pid 0 ", lines[1])
    assert re.fullmatch(r"node 1 M add \d+ rem 0 fail 0 fence 0 at 0 0", lines[2])
    assert lines[3] == "single: not a cluster"
    assert lines[4].startswith("engine user")
    verbose = call("status", "-v").out
    assert verbose.startswith("our_nodeid 1\n    member_count=1\n")
    assert len(re.findall("stateful_merge_wait=", verbose)) == 1  # agents look for it


def test_dumps(call):
    call("join", "foo")
    assert "foo" in call("dump").out
    config = call("dump_config").out
    assert "daemon_debug=1 (cli option)" in config and config.endswith("\n")
    done = call("plocks", "foo")
    assert (done.status, done.out) == (0, "")
    done = call("plocks", "nope")
    assert done.out == "" and '"nope"' in done.err
    assert call("log_plock").status == 0


def test_set_config(call, run):
    done = call("set_config", "log_debug=1")
    assert (done.status, done.out) == (0, "set_config done\n")
    assert done.err == "dlm_tool: set_config: log_debug=1\n"
    assert re.search(r"log_debug=1 .*", call("dump_config").out)
    done = call("set_config", "nonsense=1")
    assert (done.status, done.out) == (1, "set_config failed\n")
    assert "nonsense" in done.err


def test_lockdump_and_lockdebug(call, start):
    holder = start("lock", "res one", stdin=subprocess.PIPE)
    holder.line()
    waiter = start("lock", "-m", "pr", "res one", "--", "true")
    wait_for(lambda: "Waiting" in call("lockdebug", "default").out, "the second one waits")
    dump = call("lockdump", "default").out.splitlines()
    assert [re.sub("id [0-9a-f]{8}", "id X", line) for line in dump] == [
        f'id X gr EX rq IV pid {holder.pid} master 0 "res one"',
        f'id X gr IV rq PR pid {waiter.pid} master 0 "res one"']
    lines = call("lockdebug", "-v", "-w", "-s", "default").out.splitlines()
    assert lines[:3] == ["", 'Resource len  7  "res one"', "Master           "]
    assert lines[3] == "Granted" and re.fullmatch(
        rf"[0-9a-f]{{8}} EX {{36}}time \d{{16}} flags 00000000 00000001 bast 3 \d+ pid {holder.pid}",
        lines[4])
    assert lines[5] == "Waiting" and re.match(r"[0-9a-f]{8} -- \(PR\) ", lines[6])
    assert "  total         2" in lines and "  granted       1" in lines
    holder.process.stdin.close()
    holder.process.stdin = None
    assert waiter.wait().status == 0
    done = call("lockdebug", "nope")
    assert (done.status, done.out) == (0, "") and "nope" in done.err


def test_names_that_cannot_be_printed(call, controld):
    from lib import protocol as p
    from lib.lockd import Client
    call("join", "foo")
    with Client(os.path.join(controld.run, "lockspaces", "foo")) as client:
        lkid, _, _ = client.lock(b"a\0b\xff", p.EX, p.VALBLK, bytes(32))
        client.convert(lkid, p.NL, p.VALBLK, bytes(range(32)))
        lines = call("lockdebug", "foo").out.splitlines()
    assert lines[1] == "Resource len  4 hex 61 00 62 ff"
    assert lines[3].startswith("LVB len 32 seq ")
    assert len(lines[4].split()) == len(lines[5].split()) == 16


def test_waiting_says_who_holds(start):
    holder = start("lock", "res", "--", "sh", "-c", "echo held; read x", stdin=subprocess.PIPE)
    assert holder.line() == "held"
    waiter = start("lock", "res", "--", "true")
    assert waiter.process.stderr.readline() == (
        'dlm_tool: waiting for EX on "res" in lockspace "default", '
        f"held by pid {holder.pid} dlm_tool (EX)\n")


def test_what_is_not_there_yet(call):
    done = call("deadlock_check", "foo")
    assert done.status == 1 and "not in this version" in done.err
    done = call("run_start", "--", "lvm", "lvs")
    assert (done.status, done.out) == (255, "run_uuid: \n") and "not in this version" in done.err


def test_nothing_to_acknowledge(call):
    done = call("lost_ack")
    assert done.status == 1 and "does not wait" in done.err
    done = call("fence_ack", "7")
    assert done.status == 1 and "7" in done.err
    done = call("fence_ack", "seven")
    assert done.status == 1 and '"seven"' in done.err


def test_lost_locks_are_ended_before_the_daemon_ends(controld, start):
    """The rule of lost rights, with a command that has left dlm_tool's reach."""
    killed = start("lock", "one", "--", "sh", "-c", "echo $$; trap '' TERM; while :; do sleep 0.05; done")
    command = int(killed.line())
    killed.signal(signal.SIGKILL)
    polite = start("lock", "two", "--", "sh", "-c", "echo ready; exec sleep 1000")
    assert polite.line() == "ready"
    os.kill(controld.lockd_pid(), signal.SIGKILL)
    assert polite.wait().status == 76
    assert controld.process.wait(places.DEADLINE) != 0
    assert not tool.alive(command)
    assert "Killed" in controld.log()


def test_killed_daemon(controld, start):
    """dlm_lockd ends with dlm_controld; the next one serves when nothing acts on the old locks."""
    holder = start("lock", "res", "--", "sh", "-c", "trap 'echo told; exit 0' TERM; echo ready; "
                   "while :; do sleep 0.05; done")
    assert holder.line() == "ready"
    stubborn = start("lock", "-k", "1", "other", "--", "sh", "-c",
                     "echo $$; trap '' TERM; while :; do sleep 0.05; done")
    command = int(stubborn.line())
    controld.process.kill()
    controld.process.wait()
    assert holder.line() == "told"
    after = Controld(controld.run)
    try:
        assert not tool.alive(command)
        assert holder.wait().status == 76 and stubborn.wait().status == 76
        join_default(controld.run)
        assert tool.call(controld.run, "lock", "-n", "other", "--", "true").status == 0
    finally:
        after.end()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's word counts")


@pytest.fixture
def waiting(controld):
    """A dlm_controld that waits for lost_ack: a persistent lock was held when dlm_lockd ended."""
    from lib import protocol as p
    from lib.lockd import Client
    tool.call(controld.run, "join", "foo")
    with Client(os.path.join(controld.run, "lockspaces", "foo")) as client:
        client.lock(b"volume", p.EX, p.PERSISTENT)
    os.kill(controld.lockd_pid(), signal.SIGKILL)
    controld.process.wait(places.DEADLINE)
    after = Controld(controld.run, until="lost_ack_needed=1")
    yield after
    after.end()


@needs_root
def test_lost_ack(waiting):
    run = waiting.run
    assert "waiting: " in tool.call(run, "status").out
    done = tool.call(run, "lock", "res", "--", "true")
    assert done.status == 69 and 'its state is "waiting"' in done.err
    done = tool.call(run, "lost_ack")
    assert done.status == 0
    assert "dlm_controld waits: " in done.out and "lvs -o" in done.out
    wait_for(lambda: "state=ready" in tool.call(run, "status", "-v").out, "the daemon serves again")
    assert tool.call(run, "lock", "res", "--", "true").status == 0


@needs_root
def test_lost_ack_asks_at_a_terminal(waiting):
    for answer, status in (("no", 1), ("", 1), ("yes", 0)):
        screen = tool.Terminal(waiting.run, tool.path(), "lost_ack")
        try:
            screen.expect("Type yes: ")
            screen.type(answer + "\n")
            assert os.WEXITSTATUS(screen.wait()) == status
        finally:
            screen.end()


# ---- without a daemon ----

@pytest.mark.parametrize("words, status", [
    (("ls",), 1), (("status",), 0), (("dump",), None), (("dump_config",), None), (("plocks", "x"), None),
    (("log_plock",), None), (("run_list",), None), (("reload_config",), 0), (("set_config", "a=1"), 0),
    (("fence_ack", "1"), 0), (("deadlock_check", "x"), 0), (("join", "x"), 255), (("leave", "x"), 255),
    (("lockdump", "x"), 0), (("lockdebug", "x"), 0), (("lost_ack",), 1), (("run", "x"), 255),
    (("lock", "x"), 69),
])
def test_without_a_daemon(run, words, status):
    done = tool.call(run, *words)
    assert "dlm_controld is not running" in done.err and run in done.err
    if status is not None:  # of the texts, it depends on the release that was built for
        assert done.status == status


@pytest.mark.parametrize("words, says", [
    (("join",), "lockspace name required"),
    (("plocks",), "lockspace name required"),
    (("fence_ack",), "nodeid required"),
    (("set_config",), "command required"),
    (("run_check",), "uuid required"),
    (("join", "../x"), "cannot be the name of a lockspace"),
    (("join", ""), "cannot be the name of a lockspace"),
    (("join", "x" * 65), "65 bytes; at most 64"),
    (("join", "-m", "9", "x"), '-m does not take "9"'),
    (("ls", "-Z"), "invalid option"),
])
def test_wrong_usage(run, words, says):
    done = tool.call(run, *words)
    assert done.status == 1 and says in done.err


def test_help_and_version(run):
    assert tool.call(run, "-h").status == 0
    for command in ("ls", "lockdebug", "lock", "lost_ack"):
        assert command in tool.call(run, "-h").out
    assert tool.call(run).status == 1 and tool.call(run).out == tool.call(run, "-h").out
    assert re.match(r"\S+dlm_tool \d+\.\d+", tool.call(run, "-V").out)
    assert tool.call(run, "lock", "-h").out.count("-m") == 1
