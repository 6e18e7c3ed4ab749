#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Play a story on a cluster and write down what its reference nodes said and decided, in a form that can be
compared: the same story with all nodes of the reference, or with some of ours.

usage: record.py STORY [NODE=udlm]... [--prefix DIR]     (prints JSON; a node that is not named is a reference)
       record.py --list
"""
import argparse
import collections
import json
import os
import pathlib
import sys

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import Lab  # noqa: E402

NAME = "story"  # of the lockspace

Recording = collections.namedtuple("Recording", "messages decisions")
Recording.__doc__ = "Of one node: what normalise() and decisions() of records.py give."


class Stage:
    """A lab for a story: daemons start one after the other, so that the order is always the same."""

    def __init__(self, lab):
        self.lab, self.records = lab, Lab.reference()

    def start(self, *ids):
        for n in ids:
            here = {node.id for node in self.lab if node.pids("controld")}
            self.lab[n].start_controld()
            self.lab.wait_joined(here | {n})
            self.settle()

    def settle(self):
        """Until nothing of the daemon group is under way: all references have heard the same."""
        def same():
            heard = [len(self.heard(node.id)) for node in self.references()]
            said = [self.sent(node.id) for node in self.references()]
            return all(found for found in said) and heard == [len(self.heard(n.id)) for n in self.references()]
        self.lab.wait(same, "the daemons have said all")

    def references(self):
        return [node for node in self.lab if node.kind == "reference" and node.pids("controld")]

    def heard(self, nodeid):
        return self.records.messages(self.records.trace(self.lab[nodeid].place))

    def sent(self, nodeid):
        """Whether everything that this node sent has come back to it."""
        trace = self.records.trace(self.lab[nodeid].place)
        own = [message for message in self.records.messages(trace) if message.sender == nodeid]
        return len(own) == len(self.records.messages(trace, "send"))

    def join(self, *ids):
        for n in ids:
            self.lab[n].tool("join", NAME, check=True)
            self.members()

    def leave(self, *ids):
        for n in ids:
            self.lab[n].tool("leave", NAME, check=True)
            self.members()

    def members(self):
        """Wait until all who are in the lockspace agree who is, and no change is under way."""
        def agreed():
            found = {node.id: node.lockspaces().get(NAME) for node in self.lab if node.pids("controld")}
            inside = sorted(n for n, space in found.items() if space)
            return all(space.get("members") == inside and "new_change" not in space
                       for space in found.values() if space)
        self.lab.wait(agreed, "the members of the lockspace agree")

    def failures(self, victim, *actors):
        """Wait until each of `actors` has tried to fence the victim, and failed."""
        def tried(nodeid):
            trace = self.records.trace(self.lab[nodeid].place)
            return {message.sender for message in self.records.normalise(trace)
                    if message.type == "FENCE_RESULT" and message.detail[:2] == (victim, self.records.FAILED)}
        self.lab.wait(lambda: all(set(actors) <= tried(node.id) for node in self.references()
                                  if node.id in actors), f"nodes {actors} have tried to fence {victim}")

    def acknowledge(self, nodeid, victim):
        self.lab[nodeid].tool("fence_ack", str(victim), check=True)
        self.lab.wait(lambda: not any(victim in node.fence_needed() for node in self.lab
                                      if node.is_on() and node.pids("controld")),
                      f"nobody waits for node {victim} any more")
        self.members()


def join_leave(stage):
    """Three nodes join; the second leaves and comes back; all leave, the first one first."""
    stage.join(1, 2, 3)
    stage.leave(2)
    stage.join(2)
    stage.leave(1, 2, 3)


def death(stage):
    """Three nodes are in; the third loses its power; it is acknowledged on the first; it comes back."""
    stage.join(1, 2, 3)
    stage.lab[3].kill()
    stage.failures(3, 1, 2)
    stage.acknowledge(1, 3)
    stage.lab[3].start("corosync")
    stage.lab.wait_quorate([1, 2, 3])
    stage.start(3)
    stage.join(3)


def daemon_death(stage):
    """dlm_controld of the third of three members dies: the others take its node out of the cluster."""
    stage.join(1, 2, 3)
    stage.lab[3].kill("controld")
    stage.lab.wait(lambda: not stage.lab[3].pids("corosync"), "node 3 has been taken out of the cluster")
    stage.failures(3, 1, 2)
    stage.acknowledge(2, 3)


def merge(stage):
    """Three members; the third is cut off and comes back before anybody has fenced it."""
    stage.join(1, 2, 3)
    stage.lab.cut([1, 2], [3])
    stage.failures(3, 1, 2)
    stage.lab.heal()
    stage.lab.wait(lambda: not stage.lab[3].pids("corosync"), "node 3 has been taken out of the cluster")
    stage.acknowledge(1, 3)


# and the nodes that are asked: what the loser of a merge still hears is chance
STORIES = {"join_leave": (join_leave, (1, 2, 3)), "death": (death, (1, 2, 3)),
           "daemon_death": (daemon_death, (1, 2, 3)), "merge": (merge, (1, 2))}


def record(story, kinds=None, prefix=None, **args):
    """Play a story on three nodes. Return: {node: Recording} of those of the reference's nodes that tell of it;
    more arguments are the Lab's."""
    play, asked = STORIES[story]
    kinds = {n: (kinds or {}).get(n, "reference") for n in (1, 2, 3)}
    with Lab(3, kinds, controld=False, prefix=prefix, **args) as lab:
        stage = Stage(lab)
        stage.start(1, 2, 3)
        play(stage)
        stage.settle()
        found = {}
        for node in lab:
            if node.kind == "reference" and node.id in asked:
                trace = stage.records.trace(node.place)
                found[node.id] = Recording(stage.records.normalise(trace), stage.records.decisions(trace))
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--list", action="store_true", help="the stories")
    parser.add_argument("--prefix", default=os.environ.get("UDLM_PREFIX"), help="the installed suite")
    parser.add_argument("story", nargs="?", choices=sorted(STORIES))
    parser.add_argument("kinds", nargs="*", metavar="NODE=KIND")
    words = parser.parse_args()
    if words.list or not words.story:
        for name, (story, _) in STORIES.items():
            print(f"{name}: {story.__doc__}")
        return 0
    kinds = {int(n): kind for n, _, kind in (word.partition("=") for word in words.kinds)}
    for n, found in record(words.story, kinds, words.prefix).items():
        for part in ("messages", "decisions"):
            for each in getattr(found, part):
                print(json.dumps([n, part, *each]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
