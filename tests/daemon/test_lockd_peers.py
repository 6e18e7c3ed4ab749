# SPDX-License-Identifier: GPL-2.0-or-later
"""Several dlm_lockds as one lock manager, over TCP on loopback addresses."""
from lib import protocol as p


def test_two_nodes_contend(nodes):
    nodes.boot(1, 2)
    nodes.create(b"x", 1, 2)
    one, two = nodes[1].connect("x"), nodes[2].connect("x")
    mine, done, _ = one.lock(b"a", p.EX, bast=True)
    assert done.status == 0
    theirs = two.post(b"a", p.EX)
    one.take(p.BAST)
    assert two.quiet()
    assert one.unlock(mine).status == -p.EUNLOCK
    assert two.done(theirs)[0].status == 0
