# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/daemon/progs/dlmsh.c, a process of its own that uses libdlm as it is told."""
import collections
import errno
import os
import select
import subprocess

from . import places

NL, CR, CW, PR, PW, EX = range(6)
NOQUEUE, CANCEL, CONVERT, VALBLK = 1, 2, 4, 8
PERSISTENT, EXPEDITE, ORPHAN, FORCEUNLOCK = 0x80, 0x400, 0x4000, 0x20000
ECANCEL, EUNLOCK, EINPROG = 0x10001, 0x10002, 0x10003
VALNOTVALID = 2
NEWEXCL = 8

# error: 0 or the name of errno
Answer = collections.namedtuple("Answer", "error status lkid flags lvb completions blocking")


class Shell:
    def __init__(self, run, binary=None, env=(), prefix=()):
        """binary: dlmsh, dlmsh_lt, or a path; prefix: words before it (setpriv ...)"""
        binary = binary or "dlmsh"
        path = binary if "/" in binary else places.program(binary, "tests/daemon")
        self.process = subprocess.Popen(
            [*prefix, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            env={**os.environ, "UDLM_RUN_DIR": run, **dict(env)})
        self.pid = self.process.pid
        self.arrived = b""

    def start(self, *words):
        """Give a command; what it answers is fetched by answer()."""
        self.process.stdin.write((" ".join(str(word) for word in words) + "\n").encode())

    def _line(self):
        while b"\n" not in self.arrived:
            ready, _, _ = select.select([self.process.stdout], [], [], places.DEADLINE)
            if not ready:
                raise TimeoutError("no answer")
            piece = self.process.stdout.read(65536)
            if not piece:
                raise ChildProcessError(f"the program has ended: {self.process.wait()}")
            self.arrived += piece
        line, _, self.arrived = self.arrived.partition(b"\n")
        return line.decode(errors="replace")

    def answer(self):
        words = self._line().split()
        error = errno.errorcode.get(int(words[1]), int(words[1])) if int(words[0]) < 0 else 0
        if len(words) == 8:
            return Answer(error, *(word if i == 3 else int(word) for i, word in enumerate(words[2:])))
        return (error, *(int(word) for word in words[2:])) if len(words) > 2 else error

    def do(self, *words):
        self.start(*words)
        return self.answer()

    def lock(self, slot, mode, flags=0, name=b"res", how="lockw"):
        return self.do(how, slot, mode, flags, name.hex())

    def unlock(self, slot, flags=0):
        return self.do("unlockw", slot, flags)

    def kill(self):
        self.process.kill()
        self.end()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(places.DEADLINE)
