# SPDX-License-Identifier: GPL-2.0-or-later
"""dlm_tool, run as a person or a script would."""
import contextlib
import os
import pathlib
import pty
import select
import signal
import subprocess
import time

from . import places


def path():
    return places.program("dlm_tool", "src/tool")


def environment(run, **more):
    return dict(os.environ, UDLM_RUN_DIR=run, PATH=os.path.dirname(path()) + ":" +
                os.environ.get("PATH", "/usr/bin:/bin"), **more)


class Done:
    """What a finished call gave."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}\nout: {self.out}\nerr: {self.err}"


class Started:
    """A dlm_tool that runs; a session of its own, so that nothing it does reaches the test."""

    def __init__(self, run, *words, **args):
        self.process = subprocess.Popen(
            [path(), *words], env=environment(run), text=True,
            **dict(dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                        start_new_session=True), **args))
        self.pid = self.process.pid

    def line(self):
        """The next line of its standard output."""
        if not select.select([self.process.stdout], [], [], places.DEADLINE)[0]:
            raise TimeoutError("no output")
        return self.process.stdout.readline().rstrip("\n")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        out, err = self.process.communicate(timeout=places.DEADLINE)
        return Done(self.process.returncode, out, err)

    def end(self):
        """At the end of a test: nothing of it is left."""
        for pid in session_members(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


def call(run, *words, **args):
    started = Started(run, *words, **args)
    try:
        return started.wait()
    finally:
        started.end()


def stat_fields(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2:].split()


def state(pid):
    """R, S, T ... or "" if there is no such process."""
    fields = stat_fields(pid)
    return fields[0] if fields else ""


def alive(pid):
    return state(pid) not in ("", "Z", "X")


def session_members(session):
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = stat_fields(entry.name)
            if fields and int(fields[3]) == session:
                yield int(entry.name)


class Terminal:
    """A terminal with a program in its foreground, its session's leader."""

    def __init__(self, run, *words):
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(words[0], words, environment(run, PS1="", TERM="dumb"))
            finally:
                os._exit(99)
        self.status = None

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self):
        """Take in what has come. False: the terminal has hung up."""
        if not select.select([self.fd], [], [], 0.02)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += data
        return bool(data)

    def expect(self, word):
        """Wait until `word` has been written, and forget everything up to it."""
        end = time.monotonic() + places.DEADLINE
        while word.encode() not in self.text:
            if not self.read() or time.monotonic() > end:
                raise TimeoutError(f"{word!r} does not come; what came: {self.text!r}")
        before, _, self.text = self.text.partition(word.encode())
        return before.decode(errors="replace")

    def foreground(self):
        return os.tcgetpgrp(self.fd)

    def wait(self):
        """The wait status of the program."""
        end = time.monotonic() + places.DEADLINE
        while self.status is None:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
            elif time.monotonic() > end:
                raise TimeoutError(f"does not end; wrote {self.text!r}")
        return self.status

    def end(self):
        for pid in session_members(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
