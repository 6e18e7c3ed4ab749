#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Three nodes do one job together, and one of them dies in the middle of it.

usage: cluster_demo.py [--keep] BUILD_DIRECTORY PREFIX

Processes on three nodes (tests/cluster/lab) add 1 to a number in a file that all nodes share, each under
an EX lock; a reader compares the file with the lock's value block under PR. One node is killed whole, its
locks are held back until its fencing has been acknowledged, and at the end the books must balance: see
examples/counter_node.c. Exit status: 0 all held; 1 something did not; 3 this machine does not let us make nodes.
"""
import argparse
import contextlib
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/cluster"))
from lab import Lab, LabError, LabRefused  # noqa: E402

NODES = (1, 2, 3)
WRITERS = 4            # a node
ADDITIONS = 20000      # in all, at least
EACH = 200             # additions of each writer before a node is killed
LOSS_SECONDS = 10      # at most, until the job without the lock has lost something
VICTIM = 2
AFTER = 4.0            # seconds that the survivors work on
PATIENCE = 90.0        # for the whole job; ends only what hangs
CONF = "enable_startup_fencing=0\npost_join_delay=1\n"


class Job:
    """The files that all nodes share, and the processes that work on them."""

    def __init__(self, lab, program):
        self.lab, self.program = lab, str(program)
        self.directory = lab.directory / "shared/job"
        self.popens = {}
        self.directory.mkdir()

    def call(self, verb):
        """Run a verb of counter_node that needs no node; its output."""
        return subprocess.run([self.program, verb, str(self.directory)], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def start(self, name, nodeid, *words):
        self.popens[name, nodeid] = self.lab[nodeid].popen(
            [self.program, words[0], self.directory, *words[1:]], stderr=subprocess.PIPE, text=True)

    def start_writers(self, verb):
        for place, nodeid in enumerate(NODES):
            self.start("writers", nodeid, verb, place * WRITERS, WRITERS)

    def books(self):
        """The books: {"acknowledged": n, ..., "writers": {slot: additions}}."""
        books = {"writers": {}}
        for line in self.call("books").splitlines():
            key, _, value = line.partition("=")
            if key == "writer":
                slot, additions = value.split()
                books["writers"][int(slot)] = int(additions)
            else:
                books[key] = int(value)
        return books

    def finish(self, without=()):
        """Tell all to stop. Return: a sentence for each process that did not end as it should."""
        self.call("stop")
        wrong = []
        for (name, nodeid), popen in self.popens.items():
            if nodeid in without:
                continue
            try:
                _, text = popen.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                popen.kill()
                _, text = popen.communicate()
                text = f"did not end; {text}"
            if popen.returncode:
                wrong.append(f"{name} of node {nodeid}: {text.strip() or popen.returncode}")
        self.popens.clear()
        return wrong

    def log(self):
        """The log of additions: a list of (sum, monotonic seconds)."""
        rows = []
        for line in (self.directory / "log").read_text().splitlines():
            words = line.split()
            rows.append((int(words[0]), int(words[2]) / 1000))
        return rows


def say(text=""):
    print(text, flush=True)


def verdict(good, text):
    say(f"  {'ok    ' if good else 'FAILED'}  {text}")
    return good


def part_unlocked(job):
    """The same job without the lock. Return: whether it was seen to lose additions."""
    say(f"Without a lock: {len(NODES) * WRITERS} processes on {len(NODES)} nodes add 1 to a number in a file")
    job.call("new")
    job.start_writers("loss")
    until = time.monotonic() + LOSS_SECONDS
    books = job.books()
    while time.monotonic() < until and (books["acknowledged"] < 2000 or books["number"] >= books["acknowledged"]):
        time.sleep(0.05)
        books = job.books()
    wrong = job.finish()
    books = job.books()
    lost = books["acknowledged"] - books["number"]
    say(f"  additions made {books['acknowledged']}, number in the file {books['number']}: {max(lost, 0)} lost\n")
    return lost > 0 and not wrong


def holder_text(lab):
    """Who holds the lock at this moment, as its nodes say it; "" if nobody does."""
    for nodeid in NODES:
        if not lab[nodeid].is_on():
            continue
        dump = lab[nodeid].tool("lockdebug", "counter").stdout.splitlines()
        for before, line in zip(dump, dump[1:]):
            words = line.split()
            if before.strip() != "Granted" or words[1:2] != ["EX"]:
                continue
            place, other = (words[2:4] + ["", ""])[:2]
            holder = other if place == "Remote:" else nodeid
            master = other if place == "Master:" else nodeid
            return f"a process of node {holder} has EX; master of the resource is node {master}"
    return ""


class Watch:
    """The job under the lock: prints how it goes, kills a node in the middle."""

    def __init__(self, lab, job):
        self.lab, self.job = lab, job
        self.began = time.monotonic()
        self.killed = None       # when the victim was dead
        self.acknowledged = None  # its fencing
        self.printed = 0.0
        self.holder = ""

    def clock(self):
        return f"  {time.monotonic() - self.began:5.1f} s "

    def progress(self, books):
        if time.monotonic() - self.printed < 1.0:
            return
        self.printed = time.monotonic()
        seconds = max(0.001, time.monotonic() - self.began)
        say(f"{self.clock()} {books['acknowledged']:6} additions, {books['acknowledged'] / seconds:6.0f}/s   "
            f"reader: {books['read']} looks under PR, {books['wrong']} differ")

    def kill(self):
        for _ in range(20):  # the lock is free for a moment now and then
            self.holder = holder_text(self.lab)
            if self.holder:
                break
        say(f"{self.clock()} holds now: {self.holder or 'nobody at this moment'}")
        say(f"{self.clock()} killing node {VICTIM} whole: {len(self.lab[VICTIM].all_pids())} processes at once")
        asked = time.monotonic()
        self.killed = self.lab[VICTIM].kill()
        say(f"{self.clock()} node {VICTIM} is dead ({1000 * (self.killed - asked):.0f} ms); "
            "its locks are kept until somebody says that it is off")

    def look_for_ack(self):
        for record in self.lab.fencer_records():
            if record["victim"] == VICTIM and "acked" in record:
                self.acknowledged = record
                say(f"{self.clock()} node {record['by']} named node {VICTIM} ({record['reason']}); "
                    "all its processes are gone: dlm_tool fence_ack")

    def run(self):
        """Return: None, or a sentence why it did not come to its end."""
        end = self.began + PATIENCE
        while time.monotonic() < end:
            books = self.job.books()
            self.progress(books)
            for (name, nodeid), popen in self.job.popens.items():
                if popen.poll() is not None and (nodeid != VICTIM or not self.killed):
                    return f"{name} of node {nodeid} ended before its time"
            if not self.killed and books["acknowledged"] >= ADDITIONS / 2 and books["read"] and \
                    len(books["writers"]) == WRITERS * len(NODES) and min(books["writers"].values()) >= EACH:
                self.kill()
            elif self.killed and not self.acknowledged:
                self.look_for_ack()
            elif self.acknowledged and books["acknowledged"] >= ADDITIONS and \
                    time.monotonic() > self.acknowledged["acked"] + AFTER:
                return None
            time.sleep(0.02)
        return f"not done within {PATIENCE:.0f} s"

    def split(self, rows):
        """How the time without the lock was made up. Return: whether nobody added between death and ack."""
        acked, seen = self.acknowledged["acked"], self.acknowledged["seen"]
        after = [when for _, when in rows if when > self.killed]
        first = min(after, default=None)
        if first is None:
            return verdict(False, "nobody added anything after the node's death")
        last = max(when for _, when in rows if when <= self.killed + 0.001)
        say("\nThe recovery:")
        say(f"  detection  {1000 * (seen - self.killed):6.0f} ms  from the death until a node asked for fencing "
            "(corosync's token is 1500 ms)")
        say(f"  ack        {1000 * (acked - seen):6.0f} ms  until its processes were known to be gone and acknowledged")
        say(f"  locks      {1000 * (first - acked):6.0f} ms  until the first addition under the recovered lock")
        say(f"  in all     {1000 * (first - last):6.0f} ms  between the last addition before and the first after")
        return True


def part_locked(lab, job):
    say(f"With a lock: the same under EX in lockspace counter; node {VICTIM} will be killed in the middle")
    job.call("new")
    job.start("reader", 1, "read")
    job.start_writers("work")
    watch = Watch(lab, job)
    failure = watch.run()
    wrong = job.finish(without=(VICTIM,))
    if failure:
        say(lab.describe())
        return verdict(False, "; ".join([failure, *wrong]))
    books, rows = job.books(), job.log()
    good = watch.split(rows)
    return books_check(books, rows, watch, wrong) and good


def books_check(books, rows, watch, wrong):
    total, number = books["acknowledged"], books["number"]
    sums = [row[0] for row in rows]
    say("\nThe books:")
    good = verdict(not wrong, "; ".join(wrong) or "every process of the survivors ended as it should")
    good &= verdict(total >= ADDITIONS, f"{total} additions acknowledged, {ADDITIONS} wanted")
    good &= verdict(total <= number <= total + WRITERS,
                    f"the number is {number}: acknowledged {total} <= number <= acknowledged + killed writers "
                    f"{total + WRITERS}")
    good &= verdict(len(sums) == len(set(sums)) and len(sums) >= total,
                    f"the log of additions has {len(sums)} lines, {len(sums) - len(set(sums))} duplicates")
    # the last digit of a time is cut off, and the kill takes its time
    early = [when for _, when in rows if watch.killed + 0.001 < when < watch.acknowledged["killed"]]
    good &= verdict(not early, f"{len(early)} additions between the node's death and the knowledge of it")
    good &= verdict(books["read"] > 0 and books["wrong"] == 0,
                    f"the reader looked {books['read']} times: value block and file differed {books['wrong']} times")
    first = NODES.index(VICTIM) * WRITERS
    victims = range(first, first + WRITERS)
    for slot, own in sorted(books["writers"].items()):
        say(f"          writer {slot} on node {NODES[slot // WRITERS]}: {own}"
            f"{', killed' if slot in victims else ''}")
    few = [slot for slot, own in books["writers"].items() if slot not in victims and own * 20 < total]
    return verdict(not few, "each surviving writer made at least a twentieth of the additions") and good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("prefix", type=pathlib.Path)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    place = pathlib.Path("/run/udlm-nodes") if args.keep else None
    lab = Lab(len(NODES), prefix=args.prefix, conf=CONF, fencer=True, directory=place)
    try:
        say(f"Bringing up {len(NODES)} nodes: namespaces, corosync, dlm_controld, dlm_lockd")
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            lab.up()
            stack.callback(lab.down)
            say(f"  up in {time.monotonic() - began:.1f} s")
            for row in lab.table():
                say(f"  node {row['node']}  corosync quorate: {row['quorate']}  dlm_controld: {row['dlm']}")
            say()
            job = Job(lab, args.build / "bench/counter_node")
            lost = part_unlocked(job)
            kept = part_locked(lab, job)
            verdict(lost, "without the lock additions were lost")
            if args.keep:
                lab[VICTIM].start()
                lab.detach()
                stack.pop_all()
    except LabRefused as refused:
        say(f"This machine does not let us make nodes: {refused}")
        return 3
    except LabError as error:
        say(f"FAILED  {error}")
        return 1
    return 0 if lost and kept else 1


if __name__ == "__main__":
    sys.exit(main())
