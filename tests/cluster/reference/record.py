#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Play stories on a cluster and write down what its nodes said and decided, in a form that can be compared:
the same stories with all nodes of the reference, or with some of ours. stories/ has what clusters of the
reference alone gave.

usage: record.py STORY [NODE=udlm]... [--prefix DIR]    a node that is not named is a reference; prints JSON
       record.py --list                                 the stories
       record.py --store [STORY]...                     these again (default: all), into stories/

The stories of a chain are played one after the other on one lab. Each but the first begins and ends with all
daemons up, and no lockspace; those in between can be left out.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from lab import Lab  # noqa: E402
from reference import program, records  # noqa: E402

STORED = HERE / "stories"
NAME, OTHER = "story", "other"  # of the lockspaces
REFERENCE_TOOL = "/usr/sbin/dlm_tool"

Recording = collections.namedtuple("Recording", "messages decisions")
Recording.__doc__ = """Of one node: what normalise() and decisions() of records.py give. Of one of ours no messages,
and of its decisions what brief() leaves."""

Story = collections.namedtuple("Story", "play asked chance after", defaults=(False, None))
Story.__doc__ = """`asked`: the nodes that tell of it and that are told of; what one says and hears that is going to
be killed is chance. `chance`: so is which attempts to fence are made. `after`: what has to be done before another
story can begin."""


class Stage:
    """A lab for stories: daemons start one after the other, so that the order is always the same."""

    def __init__(self, lab):
        self.lab = lab
        self.after = None
        # is called when a member is to "go", when its ack is "waiting", and when all is "over"
        self.watch = lambda moment, victim: None
        self.begun = {}  # node: its records, and the size of its log, when the story began
        self.texts = {}  # node: (ls -n, status, status -v) when fencing was waited for last

    def tell(self, name):
        """Play a story. Return: {node: Recording} of those that tell of it."""
        story = STORIES[name]
        if self.after:
            self.after(self)
        self.after = story.after
        self.settle()
        self.begun = {node.id: (len(records.read(node.place / "trace")), node.log_mark()) for node in self.lab}
        story.play(self)
        self.settle()
        return {node.id: self.recording(node, story) for node in self.lab if node.id in story.asked}

    def recording(self, node, story):
        if node.kind != "reference":
            return Recording([], records.decisions_in_log(node.log(since=self.begun[node.id][1])))
        trace = self.trace(node.id)
        return Recording([message for message in records.normalise(trace) if message.sender in story.asked
                          and not (story.chance and records.is_failure(message))], records.decisions(trace))

    def start(self, *ids, words=()):
        for n in ids:
            here = {node.id for node in self.lab if node.pids("controld")}
            self.lab[n].start_controld(*words)
            self.lab.wait_joined(here | {n})
            self.settle()

    def revive(self, nodeid):
        """Its power is cut, if it is not, and it comes back."""
        self.lab[nodeid].kill()
        self.lab[nodeid].start("corosync")
        self.lab.wait_quorate()
        self.start(nodeid)

    def settle(self):
        """Until nothing of the daemon group is under way: all references have heard what they said."""
        def same():
            heard = [len(self.trace(node.id)) for node in self.references()]
            said = [self.sent(node.id) for node in self.references()]
            return all(said) and heard == [len(self.trace(node.id)) for node in self.references()]
        self.lab.wait(same, "the daemons have said all")

    def references(self):
        return [node for node in self.lab if node.kind == "reference" and node.pids("controld")]

    def sent(self, nodeid):
        """Whether everything that this daemon sent has come back to it."""
        trace = records.life(records.read(self.lab[nodeid].place / "trace"))
        own = [message for message in records.messages(trace) if message.sender == nodeid]
        return len(own) == len(records.messages(trace, "send"))

    def trace(self, nodeid):
        """Since the story began."""
        return records.read(self.lab[nodeid].place / "trace")[self.begun.get(nodeid, (0, 0))[0]:]

    def join(self, *ids, name=NAME):
        for n in ids:
            self.lab[n].tool("join", name, check=True)
            self.members(name)

    def leave(self, *ids, name=NAME):
        for n in ids:
            self.lab[n].tool("leave", name, check=True)
            self.members(name)

    def members(self, name=NAME):
        """Wait until all who are in the lockspace agree who is, and no change is under way."""
        def agreed():
            found = {node.id: node.lockspaces().get(name) for node in self.lab if node.pids("controld")}
            inside = sorted(n for n, space in found.items() if space)
            return all(space.get("members") == inside and "new_change" not in space
                       for space in found.values() if space)
        self.lab.wait(agreed, "the members of the lockspace agree")

    def failures(self, victim, *actors):
        """Wait until each of `actors` has tried to fence the victim, and failed."""
        def heard_of(nodeid):
            return {message.sender for message in records.normalise(self.trace(nodeid))
                    if records.is_failure(message) and message.detail[0] == victim}

        def all_tried():
            return all(victim in self.lab[n].fence_needed() for n in actors) and \
                all(set(actors) <= heard_of(node.id) for node in self.references() if node.id in actors)
        self.lab.wait(all_tried, f"nodes {actors} have tried to fence {victim}")
        self.texts = {n: [self.lab[n].tool(*words).stdout for words in (["ls", "-n"], ["status"], ["status", "-v"])]
                      for n in actors}
        self.watch("waiting", victim)

    def acknowledge(self, nodeid, victim, cross=False):
        """By dlm_tool of its own kind; `cross`: of the other."""
        node = self.lab[nodeid]
        if not cross:
            node.tool("fence_ack", str(victim), check=True)
        elif node.kind == "reference":
            node.run([program(self.lab.prefix, "dlm_tool", "src/tool"), "fence_ack", victim], check=True)
        else:
            node.run([REFERENCE_TOOL, "fence_ack", victim], env={"LD_LIBRARY_PATH": ""}, check=True)
        self.lab.wait(lambda: not any(victim in each.fence_needed() for each in self.lab
                                      if each.is_on() and each.pids("controld")),
                      f"nobody waits for node {victim} any more")

    def removed(self, nodeid):
        self.lab.wait(lambda: not self.lab[nodeid].pids("corosync"), f"node {nodeid} has been taken out of the cluster")


# ---- of three nodes ----

def start(stage):
    """The daemons of three nodes come, one after the other."""
    stage.start(1, 2, 3)


def join_leave(stage):
    """Three nodes join; the second leaves and comes back; all leave, the first one first; again, in other orders."""
    stage.join(1, 2, 3)
    stage.leave(2)
    stage.join(2)
    stage.leave(1, 2, 3)
    stage.join(3, 1, 2)
    stage.leave(3, 2, 1)


def death(stage):
    """Three nodes are in; the third loses its power; it is acknowledged on the first; it comes back."""
    stage.join(1, 2, 3)
    stage.watch("go", 3)
    stage.lab[3].kill()
    stage.failures(3, 1, 2)
    stage.acknowledge(1, 3)
    stage.members()
    stage.watch("over", 3)
    stage.revive(3)
    stage.join(3)
    stage.leave(1, 2, 3)


def daemon_death(stage):
    """dlm_controld of the second of three members dies: the others take its node out of the cluster."""
    stage.join(1, 2, 3)
    stage.watch("go", 2)
    stage.lab[2].kill("controld")
    stage.removed(2)
    stage.failures(2, 1, 3)
    stage.acknowledge(3, 2, cross=True)
    stage.members()
    stage.watch("over", 2)
    stage.revive(2)
    stage.join(2)
    stage.leave(1, 2, 3)


def merge(stage, victim, other):
    stage.join(1, 2, 3)
    stage.watch("go", victim)
    stage.lab.cut([1, other], [victim])
    stage.failures(victim, 1, other)
    stage.lab.heal()
    stage.removed(victim)
    stage.acknowledge(1, victim, cross=True)
    stage.members()
    stage.watch("over", victim)
    stage.revive(victim)
    stage.join(victim)
    stage.leave(1, 2, 3)


def merge_second(stage):
    """Three members; the second is cut off and comes back before anybody has fenced it."""
    merge(stage, 2, 3)


def merge_third(stage):
    """Three members; the third is cut off and comes back before anybody has fenced it."""
    merge(stage, 3, 2)


def startup(stage):
    """All daemons end, and two begin anew with startup fencing: a lockspace waits until the third, which is off, has
    been acknowledged. Then it comes."""
    for n in (3, 2, 1):
        stage.lab[n].stop("controld")
    stage.lab[3].kill()
    stage.lab.wait_quorate([1, 2])
    stage.start(1, 2, words=["-s", "1", "-j", "4"])
    joining = stage.lab[1].popen(["dlm_tool", "join", NAME], stdout=subprocess.DEVNULL)
    stage.lab.wait(lambda: stage.lab[1].lockspaces().get(NAME, {}).get("new_status") == "wait fencing",
                   "the lockspace waits for fencing")
    stage.lab.wait(lambda: stage.lab[1].fence_needed().get(3, {}).get("reason") == "startup",
                   "node 3 has to be fenced since it did not come")
    if joining.poll() is not None:
        raise AssertionError("a lockspace is joined before node 3 has been fenced")
    stage.acknowledge(2, 3)
    stage.lab.wait(lambda: joining.poll() == 0, "the lockspace is joined")
    stage.join(2)
    stage.revive(3)
    stage.join(3)
    stage.leave(1, 2, 3)


# ---- of two nodes, with two_node ----

def never_met(stage):
    """Two nodes begin without each other, and each starts a lockspace. They meet: it stands still on both, another one
    is joined, and nobody is killed."""
    lab = stage.lab
    lab.cut([1], [2])
    for n in (1, 2):
        lab[n].start_corosync()
        lab.wait(lambda n=n: (lab[n].quorum() or {}).get("quorate"), f"node {n} is quorate")
        lab[n].start_controld()
        lab.wait(lambda n=n: lab[n].members() == [n] and lab[n].is_ready(), f"node {n} is alone")
        lab[n].tool("join", NAME, check=True)
    lab.heal()
    lab.wait_quorate([1, 2])
    lab.wait_joined([1, 2])
    lab.wait(lambda: all(not_together(lab[n], 3 - n) for n in (1, 2)), "what both have running stands still")
    stage.join(1, 2, name=OTHER)
    stage.leave(2, 1, name=OTHER)
    stage.revive(2)
    stage.leave(1)
    stage.join(1, 2)
    stage.leave(1, 2)


def not_together(node, other):
    space = node.lockspaces().get(NAME, {})
    return space.get("new_status") == "wait messages 1" and space["nodes"].get(other, {}).get("member") == -1


def two_halves(stage, winner, loser):
    stage.join(1, 2)
    stage.lab.cut([1], [2])
    stage.failures(loser, winner)
    stage.failures(winner, loser)
    stage.lab.heal()
    stage.lab.wait(lambda: all(killed(stage.lab[n], 3 - n) for n in (1, 2)), "each knows that the other has state")
    stage.acknowledge(winner, loser)
    stage.removed(loser)
    stage.lab.wait(lambda: stage.lab[winner].members() == [winner], "the daemon that is left is alone")
    stage.lab.wait(lambda: stage.lab[winner].lockspaces()[NAME].get("new_members", [winner]) == [winner],
                   "the lockspace is to have one member")


def anew(stage):
    """All lose their power and come back, and have state."""
    for node in stage.lab:
        node.kill()
    for node in stage.lab:
        node.start("corosync", wait=False)
    stage.lab.wait_quorate()
    stage.start(1, 2)
    stage.join(1, 2)
    stage.leave(1, 2)


def killed(node, other):
    """Killed, or to be killed as soon as fencing has been reported."""
    return (node.status() or {"nodes": {}})["nodes"].get(other, {}).get("killed") == 1


def first_wins(stage):
    """Two members, each of which is quorate, are parted and meet: the second is acknowledged, and killed. (The
    reference does not start the lockspace again: it takes its own NACK for one of the newest change.)"""
    two_halves(stage, 1, 2)


def second_wins(stage):
    """The same, and the first is killed."""
    two_halves(stage, 2, 1)


STORIES = {"start": Story(start, (1, 2, 3)), "join_leave": Story(join_leave, (1, 2, 3)),
           "death": Story(death, (1, 2, 3)), "daemon_death": Story(daemon_death, (1, 2, 3)),
           "merge_second": Story(merge_second, (1, 3)), "merge_third": Story(merge_third, (1, 2)),
           "startup": Story(startup, (1, 2, 3), True), "never_met": Story(never_met, (1, 2)),
           "first_wins": Story(first_wins, (1,), after=anew), "second_wins": Story(second_wins, (2,))}
TWO = ["never_met", "first_wins", "second_wins"]
THREE = [name for name in STORIES if name not in TWO]


def stage_of(make, chain, kinds=None, **args):
    """A Stage for a chain of stories, where nothing has been started. `make`: Lab, or what makes one; nodes of which
    `kinds` says nothing are the reference's."""
    count = 2 if chain is TWO else 3
    kinds = {n: (kinds or {}).get(n, "reference") for n in range(1, count + 1)}
    if chain is TWO:
        args.update(corosync=False, wait=False, two_node=True, quorum={"wait_for_all": 0})
    return Stage(make(count, kinds, controld=False, token=1000, **args))


def record(names, kinds=None, prefix=None):
    """Play the stories, all of one chain, and what has to be before them. Return: {story: {node: Recording}}"""
    chain = TWO if names[0] in TWO else THREE
    stage = stage_of(Lab, chain, kinds, prefix=prefix)
    with stage.lab:
        return {name: stage.tell(name) for name in chain if name in names or name == chain[0]}


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
    parser.add_argument("words", nargs="*", metavar="STORY|NODE=KIND")
    words = parser.parse_args()
    names = [word for word in words.words if "=" not in word]
    if set(names) - set(STORIES):
        parser.error(f"no such story: {set(names) - set(STORIES)}")
    if words.store:
        STORED.mkdir(exist_ok=True)
        for chain in (THREE, TWO):
            wanted = [name for name in chain if name in names or not names]
            for name, found in (record(wanted, prefix=words.prefix) if wanted else {}).items():
                (STORED / f"{name}.json").write_text(lines(found))
    elif words.list or not names:
        for name, story in STORIES.items():
            print(f"{name}: {story.play.__doc__}")
    else:
        kinds = {int(n): kind for n, _, kind in (word.partition("=") for word in words.words if "=" in word)}
        print(lines(record(names, kinds, words.prefix)[names[-1]]), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
