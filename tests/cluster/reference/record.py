#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Play a story on a cluster and write down what its reference nodes said and decided, in a form that can be
compared: the same story with all nodes of the reference, or with some of ours. stories/ has what clusters of
the reference alone gave.

usage: record.py STORY [NODE=udlm]... [--prefix DIR]    a node that is not named is a reference; prints JSON
       record.py --list                                 the stories
       record.py --store                                all of them again, into stories/
"""
import argparse
import collections
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from lab import Lab  # noqa: E402
from reference import records  # noqa: E402

STORED = HERE / "stories"
NAME = "story"  # of the lockspace

Recording = collections.namedtuple("Recording", "messages decisions")
Recording.__doc__ = "Of one node: what normalise() and decisions() of records.py give."


class Stage:
    """A lab for a story: daemons start one after the other, so that the order is always the same."""

    def __init__(self, lab):
        self.lab = lab

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
        return records.messages(self.trace(nodeid))

    def sent(self, nodeid):
        """Whether everything that this node sent has come back to it."""
        own = [message for message in self.heard(nodeid) if message.sender == nodeid]
        return len(own) == len(records.messages(self.trace(nodeid), "send"))

    def trace(self, nodeid):
        return records.read(self.lab[nodeid].place / "trace")

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
        def heard_of(nodeid):
            return {message.sender for message in records.normalise(self.trace(nodeid))
                    if message.type == "FENCE_RESULT" and message.detail[:2] == (victim, records.FAILED)}

        def all_tried():
            return all(victim in self.lab[n].fence_needed() for n in actors) and \
                all(set(actors) <= heard_of(node.id) for node in self.references() if node.id in actors)
        self.lab.wait(all_tried, f"nodes {actors} have tried to fence {victim}")

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


# with the nodes that tell of it and that are told of: what the loser of a merge says and hears before it is
# killed is chance
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
                trace = stage.trace(node.id)
                found[node.id] = Recording(
                    [message for message in records.normalise(trace) if message.sender in asked],
                    records.decisions(trace))
        return found


def stored(story):
    """{node: Recording}, as a cluster of the reference alone gave it."""
    found = {}
    for line in (STORED / f"{story}.json").read_text().splitlines():
        node, part, *words = plain(json.loads(line))
        here = found.setdefault(node, Recording([], []))
        if part == "messages":
            here.messages.append(records.Message(*words))
        else:
            here.decisions.append(tuple(words))
    return found


def plain(value):
    """Lists as tuples."""
    return tuple(map(plain, value)) if isinstance(value, list) else value


def lines(found):
    """A {node: Recording} as text, a line of JSON for each message and decision."""
    return "".join(json.dumps([node, part, *each]) + "\n" for node, recording in sorted(found.items())
                   for part in Recording._fields for each in getattr(recording, part))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--list", action="store_true", help="say which stories there are")
    parser.add_argument("--store", action="store_true", help="play all with the reference alone, into stories/")
    parser.add_argument("--prefix", help="the installed suite (default: UDLM_PREFIX, or what was built last)")
    parser.add_argument("story", nargs="?", choices=sorted(STORIES))
    parser.add_argument("kinds", nargs="*", metavar="NODE=KIND")
    words = parser.parse_args()
    if words.store:
        STORED.mkdir(exist_ok=True)
        for name in STORIES:
            (STORED / f"{name}.json").write_text(lines(record(name, prefix=words.prefix)))
    elif words.list or not words.story:
        for name, (story, _) in STORIES.items():
            print(f"{name}: {story.__doc__}")
    else:
        kinds = {int(n): kind for n, _, kind in (word.partition("=") for word in words.kinds)}
        print(lines(record(words.story, kinds, words.prefix)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
