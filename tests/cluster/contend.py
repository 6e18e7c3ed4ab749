# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that contend for locks on several nodes, while something else happens; their history is checked at
the end."""
import contextlib
import subprocess
import tempfile

import history
from lab import DEADLINE, space

LOST = 5


class Contender:
    def __init__(self, node, path, number, space, words):
        self.node, self.path = node, path
        self.process = node.popen(["contender", *words, space, path, str(number)], stdin=subprocess.PIPE)
        self._read = self._grants = 0

    def has_ended(self):
        return self.process.poll() is not None

    def grants(self):
        """How many calls have ended so far, by its history."""
        with contextlib.suppress(FileNotFoundError), open(self.path, "rb") as file:
            file.seek(self._read)
            piece = file.read()
            self._read += len(piece)
            self._grants += piece.count(b" done ")
        return self._grants


class Contention:
    """with Contention(lab, [1, 2, 3]) as contention: ... contention.check()

    `each` processes a node, in lockspace `space`, which is joined first where a node is not in it; `words` are
    options of contender.c."""

    def __init__(self, lab, ids, each=2, space="x", words=()):
        self.lab, self.space, self.each, self.words = lab, space, each, words
        self.directory = tempfile.mkdtemp(prefix="history-", dir=lab.directory / "shared")
        self.contenders = []
        join(lab, ids, space)
        self.add(*ids)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        for contender in self.contenders:
            contender.process.kill()
            contender.process.wait()
            contender.process.stdin.close()

    def add(self, *ids):
        """Start them on nodes that are in the lockspace."""
        for nodeid in ids:
            for _ in range(self.each):
                number = len(self.contenders) + 1
                self.contenders.append(Contender(self.lab[nodeid], f"{self.directory}/node{nodeid}.{number}", number,
                                                 self.space, self.words))

    def of(self, *ids):
        return [contender for contender in self.contenders if contender.node.id in ids]

    def goes_on(self, *ids, calls=200, timeout=DEADLINE):
        """Until each of those nodes' living processes has had so many calls ended from now on."""
        marks = {contender: contender.grants() for contender in self.of(*ids) if not contender.has_ended()}
        assert {contender.node.id for contender in marks} == set(ids), "its processes have ended"

        def worked():
            assert not any(contender.has_ended() for contender in marks), "one has ended"
            return all(contender.grants() >= mark + calls for contender, mark in marks.items())
        self.lab.wait(worked, f"{calls} calls of each process of nodes {ids}", timeout)

    def stop(self, *ids):
        """End those of these nodes (default: all that live) in order; none may starve."""
        stopped = [contender for contender in (self.of(*ids) if ids else self.contenders)
                   if not contender.has_ended()]
        for contender in stopped:
            contender.process.stdin.close()
        for contender in stopped:
            self.lab.wait(contender.has_ended, f"end of {contender.path}")
            assert contender.process.returncode == 0, (contender.path, contender.process.returncode)

    def check(self):
        """Stop all; their History, in which nothing is wrong."""
        self.stop()
        found = history.History(contender.path for contender in self.contenders)
        faults = found.faults()
        assert not faults, "\n".join([f"{len(faults)} faults", *faults[:20]])
        return found


def members(node, space="x"):
    return node.lockspaces().get(space, {}).get("members")


def join(lab, ids, space="x"):
    """Lockspace `space` is on these nodes, and all of them know it and are at work."""
    for nodeid in ids:
        if space in lab[nodeid].lockspaces():
            continue
        # a node that comes back is a member in others' eyes a moment before, and refuses until it is ready
        lab.wait(lambda node=lab[nodeid]: not node.tool("join", space).returncode, f"{space} is joined on {nodeid}")
    lab.wait(lambda: all(at_work(lab[n], ids, space) for n in ids), f"{space} is on nodes {ids}")


def at_work(node, ids, space="x"):
    found = node.lockspaces().get(space)
    return bool(found) and found["members"] == sorted(ids) and "kern_stop" not in found["flag_names"] \
        and "new_change" not in found
