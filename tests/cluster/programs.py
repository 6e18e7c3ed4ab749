# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that lock, in nodes of a lab: what they saw is what the tests look at."""
import contextlib
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "daemon"))
from lib import shell  # noqa: E402


class Shell(shell.Shell):
    """tests/daemon/progs/dlmsh.c in a node: single calls of libdlm, and what they gave."""

    def __init__(self, node):  # the other's makes a process on this machine
        self.process = node.popen(["dlmsh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.pid = self.process.pid
        self.arrived = b""


@contextlib.contextmanager
def shells(lab):
    """make(1, "x"): a Shell in node 1 that has lockspace x open and a thread of libdlm's; all end together."""
    made = []

    def make(nodeid, space="x"):
        made.append(Shell(lab[nodeid]))
        assert made[-1].do("open", space) == 0
        assert made[-1].do("thread") == 0
        return made[-1]
    yield make
    for each in made:
        each.kill()



class Keeper:
    """tests/daemon/progs/keeper.c in a node: waits for EX, then writes every 5 ms that it works under it.
    `words`: -a acknowledges a loss and lives on; -i ignores SIGTERM; -p the lock is PERSISTENT."""

    def __init__(self, node, directory, resource, *words, space="x", wait=True):
        self.file = pathlib.Path(directory) / f"{resource}.of-node-{node.id}"
        self.process = node.popen(["keeper", *words, space, resource, self.file], stdout=subprocess.PIPE, text=True)
        self.name = f"keeper {' '.join(words)} of node {node.id}"
        if wait:
            line = self.process.stdout.readline()
            assert line.startswith("locked "), (self, line)

    def __repr__(self):
        return f"{self.name}: {self.end()}"

    def end(self):
        """Its status, None while it lives."""
        return self.process.poll()

    def times(self, word="work"):
        """When it did so, in seconds of the monotonic clock, which all nodes share."""
        text = ""
        with contextlib.suppress(FileNotFoundError):
            text = self.file.read_text()
        return [int(line.split()[1]) / 1e9 for line in text.splitlines()
                if line.startswith(word + " ") and line[-1:].isdigit()]

    def has_locked(self):
        return bool(self.times())
