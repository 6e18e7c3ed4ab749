# SPDX-License-Identifier: GPL-2.0-or-later
"""A process of its own that does something, says so, and waits to be told or killed."""
import contextlib
import os
import pickle
import select
import signal
import traceback

from . import places


class Child:
    """Runs work() in a forked process; `value` is what it gave. It lives until kill() or end()."""

    def __init__(self, work, wait=True):
        there, here = os.pipe()
        self.hold_read, self.hold = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            self._run(work, there, here)
        os.close(here)
        os.close(self.hold_read)
        self.pipe = there
        self.status = None
        if wait:
            self.value = self.result()

    def _run(self, work, there, here):
        status = 1
        try:
            os.close(there)
            os.close(self.hold)
            value = work()
            os.write(here, pickle.dumps(value))
            os.close(here)
            os.read(self.hold_read, 1)
            status = 0
        except BaseException:  # the parent shows it
            traceback.print_exc()
        finally:
            os._exit(status)

    def result(self):
        data = b""
        while True:
            ready, _, _ = select.select([self.pipe], [], [], places.DEADLINE)
            if not ready:
                self.kill()
                raise TimeoutError("the child said nothing")
            piece = os.read(self.pipe, 65536)
            if not piece:
                break
            data += piece
        if not data:
            raise ChildProcessError("the child failed")
        return pickle.loads(data)

    def _wait(self):
        if self.status is None:
            self.status = os.waitpid(self.pid, 0)[1]
            os.close(self.pipe)
            os.close(self.hold)

    def kill(self, number=signal.SIGKILL):
        if self.status is None:
            os.kill(self.pid, number)
            self._wait()

    def end(self):
        with contextlib.suppress(OSError):
            os.write(self.hold, b"x")
        self._wait()
        return self.status

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.kill()
