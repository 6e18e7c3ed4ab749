# SPDX-License-Identifier: GPL-2.0-or-later
"""The fencer of a lab: what fence devices are to a real cluster.

usage: fencer.py LAB_DIRECTORY

It looks at `dlm_tool status` of each living node that has quorum: others run no fence agents, and neither do
those that it has just killed itself. A victim named there (fence lines that do not wait for a delay)
is killed whole, unless it was started after it failed; when none of its processes lives, `dlm_tool
fence_ack` is run on the node that named it, again each second until the line is gone. What was done goes to
fencer.log, a line of JSON each: victim, by, reason, seen, killed, acked (monotonic times).
"""
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import Lab, LabError, parse  # noqa: E402

QUORATE = re.compile(r"^cluster nodeid \d+ quorate 1 ", re.M)
EVERY = 0.25    # seconds between two looks
PATIENCE = 3.0  # for an answer of dlm_tool
AGAIN = 1.0     # between two acknowledgements of one victim


class Fencer:
    def __init__(self, lab):
        self.lab = lab
        self.acked = {}  # (victim, reporter) -> when
        self.known = {}  # victim -> its record

    def look(self):
        """{node: its fence lines, none where it has no quorum}, of all nodes that answer, asked at the same time."""
        asked = []
        for node in self.lab:
            with contextlib.suppress(LabError, OSError):
                if not node.is_paused() and node.pids("controld"):
                    asked.append((node, node.popen(["dlm_tool", "status"], stdout=subprocess.PIPE,
                                                   stderr=subprocess.DEVNULL, text=True)))
        answers, until = {}, time.monotonic() + PATIENCE
        for node, popen in asked:
            try:
                text, _ = popen.communicate(timeout=max(0.01, until - time.monotonic()))
                answers[node.id] = parse.fences(text) if QUORATE.search(text) else {}
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.communicate()
        return answers

    def kill(self, victim, line):
        """Make sure that what failed is dead."""
        node = self.lab[victim]
        booted = node.booted()
        # Its clock tells seconds. A node of which only its absence is known is what it was at the start.
        if booted and (line["reason"] == "startup" or line["fail"] + 1 >= booted):
            node.kill()
        return time.monotonic()

    def serve(self, victim, reporter, line):
        now = time.monotonic()
        if now - self.acked.get((victim, reporter), 0) < AGAIN:
            return
        record = self.known.get(victim) or {"victim": victim, "by": reporter, "reason": line["reason"], "seen": now}
        record["killed"] = self.kill(victim, line)
        self.acked[victim, reporter] = time.monotonic()
        done = self.lab[reporter].tool("fence_ack", str(victim), timeout=PATIENCE)
        if victim not in self.known and not done.returncode:
            record["acked"] = time.monotonic()
            self.known[victim] = record
            with open(self.lab.directory / "fencer.log", "a", encoding="utf-8") as log:
                log.write(json.dumps(record) + "\n")

    def turn(self):
        answers = self.look()
        named = {victim for lines in answers.values() for victim in lines}
        for victim in [victim for victim in self.known if victim not in named]:
            del self.known[victim]
        for reporter, lines in answers.items():
            for victim, line in lines.items():
                if not self.lab[reporter].is_on():
                    continue
                # the actor is the node that would fence; another one's line says the same and can wait
                if victim in self.lab.nodes and not line["delay"] and line["actor"] in (reporter, 0, -1):
                    with contextlib.suppress(LabError, OSError):
                        self.serve(victim, reporter, line)


def main():
    fencer = Fencer(Lab.open(sys.argv[1]))
    while True:
        fencer.turn()
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
