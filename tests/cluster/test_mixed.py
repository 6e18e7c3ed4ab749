# SPDX-License-Identifier: GPL-2.0-or-later
"""Clusters of both kinds: our nodes and those of the reference (its unmodified dlm_controld) do not notice that the
others are not of their kind. They say and decide what a cluster of the reference alone says and decides in the same
stories (reference/record.py), lock together, and each other's tools read and command them.

The tests of a lab go on from where the one before left it: all daemons up, and no lockspace.
"""
import re
import select

import pytest

from contend import Contention
from programs import Shell
from reference import record, records, without_plocks

NL, EX, CONVERT, VALBLK, VALNOTVALID = 0, 5, 0x4, 0x8, 0x2
NODES = (1, 2, 3)
KINDS = {"two-of-ours": {1: "udlm", 3: "udlm"}, "one-of-ours": {3: "udlm"}}
# of the reference's: killed by its own hand, cut off by us
LEFT_OUT = {"two-of-ours": "merge_second", "one-of-ours": "merge_third"}
ALONE = {"LD_LIBRARY_PATH": ""}  # for the reference's tools on our nodes: their own libraries too
# numbers of the moment, of this node's counting alone, or of what was before its daemon came
CHANCE = re.compile(r"(\w*(?:time|fence_pid|pid_wait|result_wait|actor_last|actor_done)=|now |fail |(?<=\d )fence |"
                    r"add |rem |check fence |pid |actor |ring seq \d+ |seq_add |seq_rem |seq |at \d+ )[\d,]+")
OURS_ONLY = re.compile(r"^(?:waiting|engine|warning).*\n|^daemon\n(?:    .*\n)*", re.M)
# what it says anyway: one word for a step, the end of a tool, the end of its corosync
ITS_OWN = re.compile(r"fence_in_progress_unknown|connection \d+ read error -1$|_dispatch error")
UNUSUAL = re.compile(r"unknown|error|bad |mismatch|invalid|ignore", re.I)


@pytest.fixture(scope="module", params=KINDS)
def stage(request, make_module_lab):
    stage = record.stage_of(make_module_lab, record.THREE, KINDS[request.param])
    stage.name = request.param
    stage.played = {}
    play(stage, "start")
    return stage


@pytest.fixture(scope="module")
def couple(make_module_lab):
    """Two nodes, of each kind one, that have not begun."""
    stage = record.stage_of(make_module_lab, record.TWO, {1: "udlm"})
    stage.played = {}
    return stage


def play(stage, name):
    if name not in stage.played:
        stage.played[name] = stage.tell(name)
    return stage.played[name]


def compare(stage, name, more=()):
    """Our nodes do not serve posix locks, and decide `more` in the end."""
    found, stored = play(stage, name), record.stored(name)
    assert found.keys() == stored.keys()
    for node, recording in found.items():
        if stage.lab[node].kind == "reference":
            heard, expected = (without_plocks(each[node].messages) for each in (found, stored))
            assert heard == expected, f"messages as node {node} has them"
            assert recording.decisions == stored[node].decisions, f"decisions of node {node}"
        else:
            expected = records.brief(stored[node].decisions) + list(more)
            assert recording.decisions == expected, f"decisions of node {node}"


def theirs(stage):
    return next(node for node in stage.lab if node.kind == "reference")


def ours(stage):
    return stage.lab[3]


# ---- the texts ----

def fields(text):
    """A text of dlm_tool without what only ours says, and what is chance."""
    text = re.sub(r"left_reason=\w+(\n +need_fencing=0)", r"left_reason=N\1", text)
    text = re.sub(r"( result_wait)?( killed)?$", r"\2", text, flags=re.M)
    return re.sub(r"at \d+ N", "at N N", CHANCE.sub(r"\1N", OURS_ONLY.sub("", text))).strip()


def nodes_sorted(text):
    """status -v, where the order of nodes is of no meaning."""
    first, *nodes = re.split(r"^(?=nodeid )", text, flags=re.M)
    return [re.sub(r"our_nodeid \d", "our_nodeid N", first).strip(), *sorted(node.strip() for node in nodes)]


def same_text(words, one, other):
    one, other = (re.sub(r"cluster nodeid \d", "cluster nodeid N", fields(each)) for each in (one, other))
    if words == ["status", "-v"]:
        assert nodes_sorted(one) == nodes_sorted(other)
    else:
        assert one == other


def same_at_both(stage, words):
    one, other = (node.tool(*words, check=True).stdout for node in (ours(stage), theirs(stage)))
    assert one.count("\n") >= 4
    same_text(words, one, other)


def test_the_texts_are_the_same_field_by_field(stage):
    for name in ("texts", "more"):
        stage.join(1, 2, 3, name=name)
    for words in (["ls"], ["ls", "-n"], ["ls", "texts"], ["status"], ["status", "-v"]):
        same_at_both(stage, words)
        text = ours(stage).run(["/usr/sbin/dlm_tool", *words], env=ALONE, check=True).stdout
        same_text(words, text, ours(stage).tool(*words, check=True).stdout)


def test_what_other_tools_look_for_is_found_on_ours(stage):
    """Resource agents and reports, as they ask."""
    node = ours(stage)

    def sh(line):
        return node.run(["/bin/sh", "-c", line], check=False)
    assert sh('dlm_tool status -v | grep "stateful_merge_wait=" | cut -d= -f2').stdout == "0\n"
    assert sh('dlm_tool ls | grep -q "wait fencing"').returncode == 1
    assert sh(r'dlm_tool ls texts | grep -Eqs "^name[[:space:]]+texts"').returncode == 0
    assert sorted(sh("dlm_tool ls | grep name | while read X N; do echo $N; done").stdout.split()) == ["more", "texts"]
    assert re.findall(r"^name\s+([^\s]+)$", node.tool("ls").stdout, re.M) == \
        re.findall(r"^name\s+([^\s]+)$", theirs(stage).tool("ls").stdout, re.M)
    pairs = dict(re.findall(r"(\w+)=(\w+)", node.tool("dump_config").stdout))
    assert pairs["enable_quorum_fencing"] == pairs["enable_quorum_lockspace"] == "1"
    assert sh('dlm_tool set_config "enable_quorum_lockspace=1"').returncode == 0
    assert sh('dlm_tool set_config "restore_all"').returncode == 0
    for name in ("texts", "more"):
        stage.leave(1, 2, 3, name=name)
    assert sh('[ -n "$(dlm_tool ls)" ]').returncode == 1


def test_all_nodes_are_asked_and_the_reference_named(stage):
    """The group udlm: those that run ours answer, and one of the reference is said to run none."""
    stage.join(1, 2, 3, name="asked")
    for words, mark in ((["ls", "--all"], "name          asked"), (["status", "--all"], "cluster nodeid")):
        text = ours(stage).tool(*words, check=True).stdout
        kinds = {node.id: node.kind for node in stage.lab}
        for n, kind in kinds.items():
            part = re.split(rf"^node {n}:", text, maxsplit=1, flags=re.M)
            assert len(part) == 2, text
            part = re.split(r"^node \d:", part[1], flags=re.M)[0]
            assert (mark in part) == (kind == "udlm"), text
            assert ("no dlm_controld of udlm answers there" in part) == (kind == "reference"), text
    stage.leave(3, 2, 1, name="asked")


# ---- locks ----

def test_all_nodes_contend_and_pass_values_on(stage):
    """Histories without a fault: never two at once, and each sees the value that was written last."""
    with Contention(stage.lab, NODES, each=1, space="locks") as contention:
        contention.goes_on(*NODES)
        contention.check()
    stage.leave(*NODES, name="locks")


class Watch:
    """While a member goes: it holds EX, and all others wait for what it holds."""

    def __init__(self, stage):
        self.stage, self.moments, self.shells = stage, [], {}

    def __call__(self, moment, victim):
        self.moments.append(moment)
        if moment == "go":
            self.shells = {node.id: Shell(node) for node in self.stage.lab}
            for each in self.shells.values():
                assert each.do("open", record.NAME) == 0
                assert each.lock(0, NL, VALBLK).status == 0
            holder = self.shells.pop(victim)
            for mode in (EX, NL, EX):  # there is a value, and nobody knows whether it is the last
                assert holder.lock(0, mode, VALBLK | CONVERT).status == 0
                holder.do("lvb", 0, "lost-with-it")
            self.gone = holder
            for each in self.shells.values():
                each.start("lockw", 0, EX, VALBLK | CONVERT, b"res".hex())
        elif moment == "waiting":
            assert not any(has_answered(each) for each in self.shells.values()), "granted before the acknowledgement"
        else:
            self.over()
            known = [self.stage.lab[n].status()["nodes"][victim]["fence_actor_done"] for n in self.shells]
            assert len(set(known)) == 1 and known[0] in self.shells, "each knows who has acknowledged it"
            for each in [*self.shells.values(), self.gone]:
                each.kill()

    def over(self):
        self.stage.lab.wait(lambda: any(has_answered(each) for each in self.shells.values()), "one is granted")
        granted = next(each for each in self.shells.values() if has_answered(each))
        other = next(each for each in self.shells.values() if each is not granted)
        answer = granted.answer()
        assert (answer.status, answer.flags & VALNOTVALID) == (0, VALNOTVALID)
        assert not has_answered(other), "two hold EX"
        granted.do("lvb", 0, "new")
        granted.unlock(0, VALBLK)
        answer = other.answer()
        assert (answer.status, answer.flags & VALNOTVALID, answer.lvb) == (0, 0, "new")


def has_answered(shell):
    return b"\n" in shell.arrived or bool(select.select([shell.process.stdout], [], [], 0)[0])


# ---- stories ----

def test_the_daemons_come(stage):
    compare(stage, "start")


def test_members_join_and_leave(stage):
    compare(stage, "join_leave")


@pytest.mark.parametrize("story", ["death", "daemon_death", "merge_second", "merge_third"])
def test_a_member_is_lost(stage, story):
    """Who removes it and who tries to fence it, that its locks are granted after the acknowledgement only, what the
    tools show meanwhile, how it comes back."""
    if story == LEFT_OUT[stage.name]:
        pytest.skip("played by the other cluster")
    stage.watch = Watch(stage)
    compare(stage, story)
    assert stage.watch.moments == ["go", "waiting", "over"]
    found = {stage.lab[n].kind: texts for n, texts in stage.texts.items()}
    for words, *texts in zip((["ls", "-n"], ["status"], ["status", "-v"]), *found.values()):
        if len(found) == 2:
            same_text(words, *texts)


def test_startup_fencing_and_one_who_comes_late(stage):
    stage.watch = lambda moment, victim: None
    compare(stage, "startup")


def test_the_reference_finds_nothing_unusual(stage):
    """After all that: in its log is nothing on our messages that a cluster of the reference alone would not give."""
    for node in stage.lab:
        if node.kind == "reference":
            assert "receive_start" in node.log()
            assert not [line for line in node.log().splitlines()
                        if UNUSUAL.search(line) and not ITS_OWN.search(line)]


def test_two_nodes_that_had_not_met(couple):
    compare(couple, "never_met")


def test_of_two_halves_the_first_wins(couple):
    """It is ours, and goes on where the reference would wait for ever."""
    compare(couple, "first_wins", more=[("start", record.NAME, (1,))])


def test_of_two_halves_the_second_wins(couple):
    compare(couple, "second_wins")
