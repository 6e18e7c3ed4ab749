# SPDX-License-Identifier: GPL-2.0-or-later
"""dlm_tool lock: a command under a lock, and every way in which the two can end."""
import contextlib
import os
import signal
import subprocess
import time

import pytest

from lib import places, tool
from lib.places import wait_for

LOST = 76


@pytest.fixture
def lockd(start_lockd):
    daemon = start_lockd().ready()
    if os.geteuid() != 0:  # only root's dlm_tool lock joins it by itself
        assert daemon.create(b"default") == 0
    return daemon


@pytest.fixture
def start(lockd):
    """Starts `dlm_tool lock ...`; nothing of it is left after the test."""
    with contextlib.ExitStack() as stack:
        def begin(*words, **args):
            started = tool.Started(lockd.run, "lock", *words, **args)
            stack.callback(started.end)
            return started
        yield begin


@pytest.fixture
def call(start):
    return lambda *words, **args: start(*words, **args).wait()


@pytest.fixture
def terminal(lockd):
    with contextlib.ExitStack() as stack:
        def begin(*words):
            started = tool.Terminal(lockd.run, *words)
            stack.callback(started.end)
            return started
        yield begin


def script(text):
    return "sh", "-c", text


def is_free(call, resource="res"):
    return call("-n", resource, "--", "true").status == 0


# ---- getting it ----

def test_runs_the_command(call):
    done = call("res", "--", *script("echo hello; exit 7"))
    assert (done.status, done.out, done.err) == (7, "hello\n", "")


def test_the_dashes_may_be_left_out(call):
    assert call("res", "echo", "-n", "x").out == "x"


def test_one_at_a_time(start, lockd):
    counter = os.path.join(lockd.run, "counter")
    with open(counter, "w") as file:
        file.write("0")
    add = script(f"for i in 1 2 3 4 5; do {tool.path()} lock count -- "
                 f"sh -c 'n=$(cat {counter}); echo $((n+1)) >{counter}'; done")
    adders = [start("own" + str(i), "--", *add) for i in range(8)]
    assert [adder.wait().status for adder in adders] == [0] * 8
    with open(counter) as file:
        assert int(file.read()) == 40


def test_shared_beside_shared(start, call):
    holder = start("-m", "shared", "res", "--", *script("echo held; read x"), stdin=subprocess.PIPE)
    assert holder.line() == "held"
    assert call("-n", "-m", "PR", "res", "--", "true").status == 0
    assert call("-n", "-m", "exclusive", "res", "--", "true").status == 1
    holder.process.stdin.close()
    holder.process.stdin = None
    holder.wait()
    assert is_free(call)


def hold(start, *options, resource="res", command="echo held; read x"):
    """A command that holds the lock until its input ends."""
    holder = start(*options, resource, "--", *script(command), stdin=subprocess.PIPE)
    assert holder.line() == "held"
    return holder


def let_go(holder):
    holder.process.stdin.close()
    holder.process.stdin = None
    return holder.wait()


def test_not_granted(start, call):
    holder = hold(start)
    begin = time.monotonic()
    done = call("-n", "res", "--", "echo", "no")
    assert (done.status, done.out, done.err) == (1, "", "")
    assert call("-n", "-E", "0", "res", "--", "echo", "no").status == 0
    assert call("-w", "0", "-E", "99", "res").status == 99
    assert time.monotonic() - begin < places.DEADLINE / 2
    begin = time.monotonic()
    done = call("-w", "0.3", "-E", "98", "res", "--", "echo", "no")
    assert (done.status, done.out) == (98, "")
    assert time.monotonic() - begin >= 0.3
    let_go(holder)
    assert is_free(call)


def test_waits(start, call):
    holder = hold(start)
    waiter = start("-w", "20", "res", "--", "echo", "mine")
    assert waiter.process.stderr.readline() == \
        'dlm_tool: waiting for EX on "res" in lockspace "default"\n'
    let_go(holder)
    assert waiter.line() == "mine"
    assert waiter.wait().status == 0


def test_a_waiter_that_gives_up_is_not_in_the_way(start, call):
    holder = hold(start, "-m", "shared")
    assert call("-w", "0.2", "res", "--", "true").status == 1
    assert call("-n", "-m", "shared", "res", "--", "true").status == 0
    let_go(holder)


def test_stopped_time_counts(start, call):
    """A lock that comes after the time was over is given back, and the command does not run."""
    holder = hold(start)
    waiter = start("-w", "2", "-E", "44", "res", "--", "echo", "too late")
    assert "waiting for" in waiter.process.stderr.readline()
    waiter.signal(signal.SIGSTOP)
    wait_for(lambda: tool.state(waiter.pid) == "T", "the waiter stops")
    let_go(holder)
    begin = time.monotonic()
    wait_for(lambda: time.monotonic() - begin > 2, "its time is over")
    waiter.signal(signal.SIGCONT)
    done = waiter.wait()
    assert (done.status, done.out) == (44, "")
    assert is_free(call)


def test_the_deadline_holds_in_a_recovery(call, start, lockd):
    """A lockspace that is stopped answers nobody; -w ends the waiting all the same."""
    assert is_free(call)
    lockd.stop(b"default", 5)
    done = call("-w", "0.3", "-E", "45", "res", "--", "true")
    assert (done.status, done.out) == (45, "")
    waiter = start("-n", "res", "--", "echo", "mine")
    lockd.start(b"default", 6)
    assert waiter.line() == "mine"
    assert waiter.wait().status == 0


def test_killed_while_it_waits(start, call):
    holder = hold(start)
    waiter = start("res", "--", "true")
    assert "waiting for" in waiter.process.stderr.readline()
    waiter.signal(signal.SIGTERM)
    assert waiter.wait().status == -signal.SIGTERM
    let_go(holder)
    assert is_free(call)


# ---- the command's end ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_command_ended_by_a_signal(call, number):
    assert call("res", "--", *script(f"ulimit -c 0; kill -{int(number)} $$")).status == 128 + number
    assert is_free(call)


def test_command_that_cannot_be_run(call):
    done = call("res", "--", "/nonexistent/x")
    assert (done.status, done.err) == \
        (127, 'dlm_tool: cannot run "/nonexistent/x": No such file or directory\n')
    done = call("res", "--", "/etc/passwd")
    assert done.status == 126 and "Permission denied" in done.err


def test_nested(call):
    done = call("a", "--", tool.path(), "lock", "b", "--", tool.path(), "lock", "-n", "-E", "5",
                "a", "--", "true")
    assert done.status == 5  # a is held, two levels up
    assert is_free(call, "a") and is_free(call, "b")


def test_killed_tool_does_not_free(start, call):
    holder = start("res", "--", *script("echo $$; read x; echo end"), stdin=subprocess.PIPE)
    command = int(holder.line())
    holder.signal(signal.SIGKILL)
    wait_for(lambda: not tool.alive(holder.pid), "dlm_tool is dead")
    assert tool.alive(command)
    for _ in range(5):
        assert not is_free(call)
    holder.process.stdin.write("\n")
    holder.process.stdin.flush()
    assert holder.line() == "end"
    wait_for(lambda: is_free(call), "the lock is free after the command")


def test_killed_tool_with_o_frees(start, call):
    holder = start("-o", "res", "--", *script("echo $$; read x"), stdin=subprocess.PIPE)
    command = int(holder.line())
    assert not is_free(call)
    holder.signal(signal.SIGKILL)
    wait_for(lambda: is_free(call), "the lock is free without its process")
    assert tool.alive(command)


def test_what_the_command_leaves_behind_keeps_the_lock(start, call):
    holder = start("res", "--", *script("sleep 1000 >/dev/null 2>&1 & echo $!; exit 3"))
    left = int(holder.line())
    done = holder.wait()
    assert done.status == 3 and "keep the lock" in done.err
    assert not is_free(call)
    os.kill(left, signal.SIGKILL)
    wait_for(lambda: is_free(call), "the lock is free when the last one has ended")


def test_what_is_left_behind_in_another_session(start, call):
    holder = start("res", "--", *script("setsid sh -c 'echo $$; exec sleep 1000 >/dev/null' 2>/dev/null & "
                                        "read x"), stdin=subprocess.PIPE)
    left = int(holder.line())
    try:
        let_go(holder)
        assert not is_free(call)
    finally:
        os.kill(left, signal.SIGKILL)
    wait_for(lambda: is_free(call), "the lock is free when the last one has ended")


def test_with_o_nothing_keeps_it(start, call):
    holder = start("-o", "res", "--", *script("sleep 1000 >/dev/null 2>&1 & echo $!"))
    left = int(holder.line())
    done = holder.wait()
    assert (done.status, done.err) == (0, "")
    assert tool.alive(left) and is_free(call)


def test_an_ordinary_end_does_not_spoil_the_value_block(call, lockd):
    with lockd.connect("default") if call("other", "--", "true").status == 0 else None as client:
        from lib import protocol as p
        lkid, _, _ = client.lock(b"res", p.NL)
        client.convert(lkid, p.EX, p.VALBLK, b"v" * 32)
        client.convert(lkid, p.NL, p.VALBLK, b"w" * 32)
        assert call("res", "--", "true").status == 0
        done, value = client.convert(lkid, p.PR, p.VALBLK, b"x" * 32)
        assert done.status == 0 and not done.sbflags & p.VALNOTVALID and value == b"w" * 32


# ---- without a command ----

def test_holds_until_its_input_ends(start, call):
    holder = start("-m", "PW", "res", stdin=subprocess.PIPE)
    assert holder.line() == 'holding PW on "res" in lockspace "default" until the end of input'
    holder.process.stdin.write("some text\n")
    holder.process.stdin.flush()
    assert not is_free(call)
    done = let_go(holder)
    assert (done.status, done.err) == (0, "")
    assert is_free(call)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_holder_ended_by_a_signal(start, call, number):
    holder = start("res", stdin=subprocess.PIPE)
    holder.line()
    holder.signal(number)
    assert holder.wait().status == -number
    assert is_free(call)


def test_closed_standard_files(lockd):
    """The lock's connection does not become the standard input that was closed."""
    done = subprocess.run(["sh", "-c", f"{tool.path()} lock res -- sh -c 'cat; exit 6' <&- >&- 2>&-"],
                          env=tool.environment(lockd.run), timeout=places.DEADLINE, check=False)
    assert done.returncode == 6
    done = subprocess.run(["sh", "-c", f"{tool.path()} lock res <&-"], env=tool.environment(lockd.run),
                          timeout=places.DEADLINE, check=False, capture_output=True)
    assert done.returncode == 0


# ---- signals ----

def test_signals_are_passed_on(start):
    command = "; ".join(f"trap 'echo {name}' {name}" for name in ("USR1", "HUP", "WINCH", "TERM"))
    holder = start("res", "--", *script(f"{command}; echo ready; "
                                        "while true; do sleep 0.02; done"))
    assert holder.line() == "ready"
    for name in ("USR1", "HUP", "WINCH", "TERM"):
        holder.signal(getattr(signal, "SIG" + name))
        assert holder.line() == name
    holder.signal(signal.SIGINT)
    assert holder.wait().status == 128 + signal.SIGINT


def test_stays_until_the_command_has_ended(start, call):
    holder = start("res", "--", *script("trap '' TERM; echo ready; read x; exit 9"),
                   stdin=subprocess.PIPE)
    assert holder.line() == "ready"
    holder.signal(signal.SIGTERM)
    assert not is_free(call)
    assert let_go(holder).status == 9


def test_stop_and_continue(start, call):
    """Not a job of a shell here, but dlm_tool and its command stop and go on together."""
    holder = start("res", "--", "sh", "-c", "echo $$; read x; exit 4", stdin=subprocess.PIPE)
    command = int(holder.line())
    os.kill(command, signal.SIGSTOP)  # somebody stops the command itself: its own affair
    wait_for(lambda: tool.state(command) == "T", "the command stops")
    holder.signal(signal.SIGCONT)
    wait_for(lambda: tool.state(command) != "T", "the command goes on")
    assert tool.state(holder.pid) != "T"
    assert let_go(holder).status == 4


def test_caller_that_shares_the_group_is_not_stopped(lockd):
    """Without a terminal a stop of the command is nobody else's."""
    runner = subprocess.Popen(
        ["setsid", "sh", "-c", f"{tool.path()} lock res -- sh -c 'echo $$; read x; exit 4'; echo $?"],
        env=tool.environment(lockd.run), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        command = int(runner.stdout.readline())
        os.killpg(command, signal.SIGTSTP)
        wait_for(lambda: tool.state(command) == "T", "the command stops")
        os.killpg(command, signal.SIGCONT)
        out, _ = runner.communicate("\n", timeout=places.DEADLINE)
        assert out == "4\n"
    finally:
        runner.kill()
        runner.wait()


# ---- the right is lost ----

def test_lost(start, lockd):
    holder = start("res", "--", *script("trap 'echo told; exit 0' TERM; echo ready; "
                                        "while true; do sleep 0.02; done"))
    assert holder.line() == "ready"
    os.kill(lockd.pid, signal.SIGKILL)
    assert holder.line() == "told"
    done = holder.wait()
    assert done.status == LOST
    assert 'lost the lock EX on "res" in lockspace "default"' in done.err


def test_lost_under_a_stubborn_command(start, lockd):
    holder = start("-k", "0.4", "res", "--",
                   *script("trap '' TERM; echo $$; sleep 1000 & while true; do wait; done"))
    command = int(holder.line())
    begin = time.monotonic()
    os.kill(lockd.pid, signal.SIGKILL)
    done = holder.wait()
    assert done.status == LOST and "killing its process group" in done.err
    assert time.monotonic() - begin >= 0.4
    assert not any(tool.stat_fields(pid)[2] == str(command)
                   for pid in tool.session_members(holder.pid) if tool.alive(pid))


def test_lost_under_a_stopped_command(start, lockd):
    holder = start("res", "--", *script("echo $$; read x"), stdin=subprocess.PIPE)
    command = int(holder.line())
    os.kill(command, signal.SIGSTOP)
    wait_for(lambda: tool.state(command) == "T", "the command stops")
    os.kill(lockd.pid, signal.SIGKILL)
    assert holder.wait().status == LOST
    assert not tool.alive(command)


def test_lost_with_k_0(start, lockd):
    holder = start("-k", "0", "res", "--", *script("trap '' TERM; echo ready; "
                                                   "while true; do sleep 0.02; done"))
    assert holder.line() == "ready"
    os.kill(lockd.pid, signal.SIGKILL)
    assert holder.wait().status == LOST


def test_lost_while_it_holds(start, lockd):
    holder = start("res", stdin=subprocess.PIPE)
    holder.line()
    os.kill(lockd.pid, signal.SIGKILL)
    assert holder.process.wait(places.DEADLINE) == LOST


def test_lost_while_it_waits(start, lockd):
    hold(start)
    waiter = start("res", "--", "echo", "no")
    assert "waiting for" in waiter.process.stderr.readline()
    os.kill(lockd.pid, signal.SIGKILL)
    done = waiter.wait()
    assert (done.status, done.out) == (69, "") and "ended while lockspace" in done.err


# ---- terminals ----

def test_terminal_foreground(terminal):
    screen = terminal(tool.path(), "lock", "res", "--", *script("echo pid $$.; read x; echo got $x."))
    screen.expect("pid ")
    assert screen.foreground() == int(screen.expect("."))
    screen.type("word\n")
    screen.expect("got word.")
    assert os.WEXITSTATUS(screen.wait()) == 0


def test_terminal_interrupt(terminal, call):
    screen = terminal(tool.path(), "lock", "res", "--", *script("echo ready; read x"))
    screen.expect("ready")
    screen.type("\x03")
    assert os.WEXITSTATUS(screen.wait()) == 128 + signal.SIGINT
    assert is_free(call)


def test_terminal_stop_without_a_shell(terminal):
    """Nobody could continue it: the stop has no effect, as for any program there."""
    screen = terminal(tool.path(), "lock", "res", "--", *script("echo ready; read x; echo got $x."))
    screen.expect("ready")
    screen.type("\x1a")
    screen.type("word\n")
    screen.expect("got word.")
    screen.wait()


@pytest.fixture
def shell(terminal):
    screen = terminal("bash", "--norc", "--noprofile", "--noediting", "-i")
    screen.type("PS1=; stty -echo; set +H; echo r''eady\n")
    screen.expect("ready")
    return screen


def test_shell_stop_and_continue(shell, call):
    shell.type(f"{tool.path()} lock res -- sh -c 'echo p''id $$.; read x; echo got $x.'\n")
    shell.expect("pid ")
    command = int(shell.expect("."))
    shell.type("\x1a")
    shell.expect("Stopped")
    assert tool.state(command) == "T"
    assert shell.foreground() == shell.pid
    assert not is_free(call)  # held while it is stopped
    shell.type("fg\n")
    wait_for(lambda: shell.foreground() == command, "the command is in the foreground again")
    shell.type("word\n")
    shell.expect("got word.")
    shell.type("echo status $?.\n")
    shell.expect("status 0.")
    assert shell.foreground() == shell.pid
    assert is_free(call)


def test_shell_background(shell, call):
    shell.type(f"{tool.path()} lock res -- sh -c 'echo p''id $$.; read x; echo got $x.' &\n")
    shell.expect("pid ")
    command = int(shell.expect("."))
    # it reads from the terminal in the background: stopped, and the shell is told
    wait_for(lambda: tool.state(command) == "T", "the command stops")
    wait_for(lambda: (shell.type("jobs\n"), shell.read(), b"Stopped" in shell.text)[2], "the shell sees it")
    assert shell.foreground() == shell.pid
    shell.type("fg\n")
    wait_for(lambda: shell.foreground() == command, "the command is in the foreground")
    shell.type("word\n")
    shell.expect("got word.")


def test_shell_background_continue(shell, call):
    shell.type(f"{tool.path()} lock res -- sh -c 'echo p''id $$.; exec sleep 1000'\n")
    shell.expect("pid ")
    command = int(shell.expect("."))
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.type("bg\n")
    wait_for(lambda: tool.state(command) == "S", "the command goes on")
    assert shell.foreground() == shell.pid
    shell.type("kill %1; wait; echo ov''er\n")
    shell.expect("over")
    wait_for(lambda: is_free(call), "the lock is free")


def test_interrupt_ends_the_script_too(shell, lockd, call):
    """As it would without dlm_tool between the script and its command."""
    path = os.path.join(lockd.run, "script.sh")
    with open(path, "w") as file:
        file.write(f"{tool.path()} lock res -- sh -c 'echo ready; read x'\necho went on $?.\n")
    for interpreter in ("bash", "sh"):
        shell.type(f"{interpreter} {path}\n")
        shell.expect("ready")
        shell.type("\x03")
        wait_for(lambda: shell.foreground() == shell.pid, "the shell has its terminal back")
        shell.type("echo status $?.\n")
        assert "went on" not in shell.expect("status 130.")
        assert is_free(call)


def test_stop_stops_the_script_too(shell, lockd):
    path = os.path.join(lockd.run, "script.sh")
    with open(path, "w") as file:
        file.write(f"{tool.path()} lock res -- sh -c 'echo ready; read x; echo got $x.'\n")
    shell.type(f"bash {path}; echo af''ter $?.\n")
    shell.expect("ready")
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.expect("after")
    shell.type("fg\n")
    shell.type("word\n")
    shell.expect("got word.")


# ---- bad use ----

@pytest.mark.parametrize("words, says", [
    ((), "missing"),
    (("-m", "XX", "res"), "NL CR CW PR PW EX"),
    (("x" * 65,), "65 bytes; at most 64"),
    (("-l", "y" * 65, "res"), "65 bytes; at most 64"),
    (("-l", "../../x", "res"), "cannot be the name of a lockspace"),
    (("-Z", "res"), "no option -Z"),
    (("res", "--"), "no command"),
])
def test_wrong_usage(call, words, says):
    done = call(*words)
    assert done.status == 64 and says in done.err
    assert done.err.startswith("dlm_tool: ") and done.err.count("\n") == 1


def test_no_such_lockspace(call):
    done = call("-l", "nowhere", "res", "--", "true")
    assert done.status == 69
    assert '"nowhere"' in done.err and "dlm_tool join nowhere" in done.err


def test_no_daemon(run):
    done = tool.call(run, "lock", "res", "--", "true")
    assert done.status == 69 and "dlm_controld is not running" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_other_users(lockd, call):
    nobody = dict(user=65534, group=65534, extra_groups=[])
    done = call("res", "--", "true", **nobody)
    assert done.status == 69 and "dlm_tool join default" in done.err  # only root joins it
    assert call("res", "--", "true").status == 0
    done = call("res", "--", "true", **nobody)
    assert done.status == 77 and "no permission" in done.err and '"default"' in done.err
    assert lockd.create(b"open", mode=0o666) == 0
    assert call("-l", "open", "res", "--", "id", "-u", **nobody).out == "65534\n"
