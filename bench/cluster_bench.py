#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What locks cost between nodes: nodes on this machine (tests/cluster/lab), as their tests have them.

UDLM_PREFIX names the installed suite, UDLM_BUILD the build directory. Figures are printed and not judged: what
travels between machines is the ratio to bare TCP, and that of the recovery times. Exit status: 0; 1 something
failed; 77 nodes cannot be made here.
"""
import contextlib
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/cluster"))
from lab import Lab, LabRefused  # noqa: E402

SPACE = "bench"
MS, ROUNDS = 400, 5
PORT = 9000
# A request with a name of 12 bytes is 24 + 88 + 12 bytes, its answer 24 + 88, with an acknowledgement of 16.
BYTES = 128
NL, PR = 0, 3
COUNTS = (100, 10_000, 100_000)  # the first: what a recovery takes anyway
START = re.compile(rf"^(\d+\.\d+) dlm_lockd: lockspace {SPACE}: start (\d+) (with|is completed)", re.M)


def program(node, *words):
    return node.popen(["cluster_locks", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def running(node, word, *words):
    """A program that says a word when it is ready, and then stays."""
    popen = program(node, *words)
    try:
        line = popen.stdout.readline().strip()
        if line != word:
            raise RuntimeError(f"node {node.id}: cluster_locks {' '.join(map(str, words))}: {line or 'ended'}")
        yield popen
    finally:
        popen.kill()
        popen.communicate()


def rate(node, *words):
    return float(node.run(["cluster_locks", *words], check=True).stdout)


def pairs(lab):
    """Node 1 locks and unlocks what node 2 is the master of, in turn with bare TCP between the two."""
    name = "bench-remote"
    with running(lab[2], "held", "hold", SPACE, name, 1, NL), running(lab[2], "listening", "serve", PORT, BYTES):
        both = [(rate(lab[1], "pairs", SPACE, name + "0", MS), rate(lab[1], "ping", lab[2].address, PORT, BYTES, MS))
                for _ in range(ROUNDS)]
    pair, ping = sorted(both, key=lambda figures: figures[0] / figures[1])[ROUNDS // 2]
    print(f"remote master, EX lock and unlock          {pair:9.0f} pairs/s, {1e6 / pair:.0f} us each")
    print(f"TCP ping-pong between the same nodes       {ping:9.0f} round trips/s, {BYTES} bytes each way")
    print(f"a pair is two round trips: {2 * pair / ping:.2f} of what TCP alone makes "
          f"(rounds: {', '.join(f'{2 * a / b:.2f}' for a, b in both)})", flush=True)


def starts(node):
    """{number of a start: [when it began, when it was completed]}, in ms"""
    found = {}
    for at, number, _ in START.findall(node.log()):
        found.setdefault(int(number), []).append(float(at) * 1000)
    return found


def recovery(lab, count):
    """Node 3 dies, the master of `count` resources on which node 1 has locks. Return: ms of the locks' recovery
    where it took longest."""
    with running(lab[3], "held", "hold", SPACE, f"r{count}-", count, NL), \
            running(lab[1], "held", "hold", SPACE, f"r{count}-", count, PR):
        before = {node.id: set(starts(node)) for node in (lab[1], lab[2])}
        lab[3].kill()

        def recovered():
            new = {node.id: [span for number, span in starts(node).items() if number not in before[node.id]]
                   for node in (lab[1], lab[2])}
            return new if all(spans and len(spans[-1]) == 2 for spans in new.values()) else None
        spans = lab.wait(recovered, "the locks are recovered")
        return max(span[-1][1] - span[-1][0] for span in spans.values())


def join(lab, ids):
    for n in ids:
        lab[n].tool("join", SPACE, check=True)


def recoveries(lab):
    times = []
    for count in COUNTS:
        join(lab, [3])
        times.append(recovery(lab, count))
        print(f"recovery, {count:7} locks of a dead master   {times[-1]:9.0f} ms", flush=True)
        lab[3].start()
    print(f"{COUNTS[2]:,} locks take {times[2] / max(times[1], 1):.1f} times as long as {COUNTS[1]:,} (10 is linear)")


def main():
    conf = "enable_fencing=0\npost_join_delay=1\n"
    try:
        with Lab(3, conf=conf) as lab:
            join(lab, [1, 2])
            pairs(lab)
            recoveries(lab)
    except LabRefused as error:
        print(f"nodes cannot be made here: {error}")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
