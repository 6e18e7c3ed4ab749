# SPDX-License-Identifier: GPL-2.0-or-later
"""Clusters that fall into parts and come together again, while programs contend: who goes on, who is ended by which
rule, and that never, by the history, two have what only one may have.
"""
import re
import signal

import pytest

from contend import LOST, Contention, at_work, join
from lab import DEFAULT_CONF

WORDS = {"all modes": [], "exclusive": ["-x", "-h", "2", "-c", "2"]}
CONF = DEFAULT_CONF.replace("log_debug=1\n", "")


class Systemd:
    """Starts corosync again where it was ended, as the unit's Restart= does. dlm_controld comes back by itself."""

    def __init__(self, lab):
        self.lab = lab
        self.restarted = []  # one may be there twice: a kill that a dying ring kept back reaches it again

    def look(self):
        """Return: whether all corosyncs run. Programs there have ended by then, or dlm_controld does not go on."""
        dead = [node for node in self.lab if not node.pids("corosync")]
        for node in dead:
            node.start("corosync")
            self.restarted.append(node.id)
        return not dead

    def until(self, condition, what):
        self.lab.wait(lambda: self.look() and condition(), what, timeout=90)


def has_status(node, status, space="x"):
    return node.lockspaces().get(space, {}).get("new_status") == status


def parted(lab, *sides):
    """Until each side's corosync has nobody else."""
    lab.cut(*sides)
    lab.wait(lambda: all((lab[n].quorum() or {}).get("members") == sorted(side) for side in sides for n in side),
             f"sides {sides}")


def stopped(lab, *ids):
    """Until lockspace x is stopped there, and all grants of before have been seen."""
    lab.wait(lambda: all("kern_stop" in lab[n].lockspaces()["x"]["flag_names"] for n in ids), f"x is stopped on {ids}")


def nothing_is_granted(contention, *ids):
    """Calls that have ended since the stop are of the moment before it; then comes no other."""
    def counts():
        return [contender.grants() for contender in contention.of(*ids) if not contender.has_ended()]
    before = None

    def stands():
        nonlocal before
        last, before = before, counts()
        return last == before
    contention.lab.wait(stands, f"processes of nodes {ids} stand still", every=0.5)
    return counts


def ended_by_the_rule(contention, *ids):
    """All processes of these nodes: those that acknowledge have said so, the others got SIGTERM."""
    for contender in contention.of(*ids):
        contention.lab.wait(contender.has_ended, f"end of {contender.path}")
        assert contender.process.returncode in (LOST, -signal.SIGTERM), contender.path


def whole_again(lab, systemd, contention, *gone):
    """All nodes are members, those that are `gone` join x as new, and all processes work."""
    ids = sorted(lab.nodes)
    stay = [n for n in ids if n not in gone]
    systemd.until(lambda: all(node.members() == ids and not node.fence_needed() for node in lab)
                  and all(at_work(lab[n], stay) for n in stay), "all are members, and x goes on")
    if gone:
        join(lab, ids)
        contention.add(*gone)
    contention.goes_on(*ids, calls=60)


def contending(lab, words):
    """One process a node that acknowledges a loss, and one that does not."""
    contention = Contention(lab, sorted(lab.nodes), each=1, words=words)
    contention.words = [*words, "-a"]
    contention.add(*sorted(lab.nodes))
    contention.goes_on(*sorted(lab.nodes), calls=60)
    return contention


@pytest.mark.parametrize("kind", WORDS)
def test_two_and_one(make_lab, kind):
    """The minority waits for quorum, the majority for fencing. Together again, the minority's corosync is killed by
    the majority, its programs end, and it comes back as new: so the fencing is called off."""
    lab = make_lab(3, conf=CONF, token=1000)
    systemd = Systemd(lab)
    with contending(lab, WORDS[kind]) as contention:
        parted(lab, [1, 2], [3])
        lab.wait(lambda: has_status(lab[3], "wait quorum"), "the minority waits for quorum")
        lab.wait(lambda: all(has_status(lab[n], "wait fencing") for n in (1, 2)), "the majority waits for fencing")
        stopped(lab, 1, 2, 3)
        counts = nothing_is_granted(contention, 1, 2, 3)
        before = counts()
        assert lab[1].fence_needed()[3]["reason"] == "nodedown"
        assert not lab[3].tool("fence_ack", "1").returncode and not lab[3].tool("fence_ack", "2").returncode
        assert has_status(lab[3], "wait quorum") and counts() == before
        lab.heal()
        lab.wait(lambda: not lab[3].pids("corosync"), "node 3 is killed")
        assert "Killed by node" in lab[3].log("corosync")
        ended_by_the_rule(contention, 3)
        whole_again(lab, systemd, contention, 3)
        assert set(systemd.restarted) == {3}
        contention.check()


def test_two_and_one_fenced(make_lab):
    """The fence device ends the minority; the majority goes on before the cut is healed."""
    lab = make_lab(3, conf=CONF, token=1000, fencer=True)
    with contending(lab, WORDS["all modes"]) as contention:
        lab.cut([1], [2, 3])  # not waited for: the fencer may be faster
        lab.wait(lambda: all(at_work(lab[n], [2, 3]) for n in (2, 3)), "the majority goes on")
        contention.goes_on(2, 3, calls=100)
        assert [record["victim"] for record in lab.fencer_records()] == [1] and not lab[1].is_on()
        lab.heal()
        lab[1].start()
        whole_again(lab, Systemd(lab), contention, 1)
        contention.check()


def test_two_and_two(make_lab):
    """Nobody has quorum. Together again, as many are clean as have come with a state: the lower half kills those."""
    lab = make_lab(4, conf=CONF, token=1000)
    systemd = Systemd(lab)
    with contending(lab, WORDS["all modes"]) as contention:
        parted(lab, [1, 2], [3, 4])
        lab.wait(lambda: all(has_status(node, "wait quorum") for node in lab), "all wait for quorum")
        stopped(lab, 1, 2, 3, 4)
        nothing_is_granted(contention, 1, 2, 3, 4)
        lab.heal()
        lab.wait(lambda: not lab[3].pids("corosync") and not lab[4].pids("corosync"), "nodes 3 and 4 are killed")
        assert all(re.search("Killed by node 1 ", lab[n].log("corosync")) for n in (3, 4))
        ended_by_the_rule(contention, 3, 4)
        whole_again(lab, systemd, contention, 3, 4)
        assert set(systemd.restarted) == {3, 4}
        contention.check()


def test_one_and_one_and_one(make_lab):
    """Each finds two that have a state, and is alone clean: all wait (stateful_merge_wait), until somebody comes back
    as new. Where corosync brings two together before the third, the lower of them kills the other."""
    lab = make_lab(3, conf=CONF, token=1000)
    systemd = Systemd(lab)
    with contending(lab, WORDS["exclusive"]) as contention:
        parted(lab, [1], [2], [3])
        lab.wait(lambda: all(has_status(node, "wait quorum") for node in lab), "all wait for quorum")
        stopped(lab, 1, 2, 3)
        nothing_is_granted(contention, 1, 2, 3)
        lab.heal()

        def decided():
            return any(not node.pids("corosync") for node in lab) or all(
                (node.status() or {}).get("stateful_merge_wait") == 1 for node in lab)
        lab.wait(decided, "all wait, or one is killed")
        if all(node.pids("corosync") for node in lab):
            assert not any(at_work(node, [1, 2, 3]) for node in lab)
            lab[3].kill("corosync")  # what the administrator does
        whole_again(lab, systemd, contention, 2, 3)  # the lowest goes on
        assert set(systemd.restarted) == {2, 3}
        contention.check()


def test_two_nodes_fenced(make_lab):
    """Both have quorum, and both would fence the other: the fence device takes one of them."""
    lab = make_lab(2, conf=CONF, token=1000, two_node=True)
    with contending(lab, WORDS["exclusive"]) as contention:
        parted(lab, [1], [2])
        lab.wait(lambda: all(has_status(node, "wait fencing") for node in lab), "both wait for fencing")
        nothing_is_granted(contention, 1, 2)
        lab.fencer_on()
        lab.wait(lambda: len([node for node in lab if node.is_on()]) == 1, "one is fenced")
        alive = next(node for node in lab if node.is_on())
        lab.wait(lambda: at_work(alive, [alive.id]), "the other goes on")
        contention.goes_on(alive.id, calls=100)
        lab.heal()
        gone = lab[3 - alive.id]
        gone.start()
        whole_again(lab, Systemd(lab), contention, gone.id)
        contention.check()


def test_two_nodes_healed_before_fencing(make_lab):
    """Together again nobody is killed: who is fenced has to decide. With the acknowledgement that one is, that one
    is killed where it is a member again, and comes back as new."""
    lab = make_lab(2, conf=CONF, token=1000, two_node=True)
    systemd = Systemd(lab)
    with contending(lab, WORDS["all modes"]) as contention:
        parted(lab, [1], [2])
        lab.wait(lambda: all(has_status(node, "wait fencing") for node in lab), "both wait for fencing")
        stopped(lab, 1, 2)
        lab.heal()
        lab.wait_quorate([1, 2])
        lab.wait(lambda: all(node.members() == [1, 2] for node in lab), "both are members")
        counts = nothing_is_granted(contention, 1, 2)
        before = counts()
        assert 2 in lab[1].fence_needed() and 1 in lab[2].fence_needed()
        assert all(node.pids("corosync") for node in lab) and counts() == before
        for contender in contention.of(2):  # what fence_ack says: nothing of it works any more
            contender.process.kill()
            contender.process.wait()
        lab[1].tool("fence_ack", "2", check=True)
        lab.wait(lambda: not lab[2].pids("corosync"), "node 2 is killed")
        whole_again(lab, systemd, contention, 2)
        assert set(systemd.restarted) == {2}
        contention.check()
