# SPDX-License-Identifier: GPL-2.0-or-later
"""Clusters of several nodes on one machine, for tests and for `./nodes`. Standard library only.

A node is a set of namespaces (mount, network, process ids, host name, IPC): it has its own /run,
/dev/shm, /etc, /proc, /var/log, /var/lib/corosync, boot id and process table, and one interface eth0
with 10.77.0.N/24 on a bridge in the lab's switch. In it run the distribution's corosync and a
dlm_controld: ours, or, as kind "reference", the unmodified reference over a fake kernel. /tmp and all else
of the file system is shared by the nodes and the machine.

    with Lab(3) as lab:                     # up, quorate, all daemons joined; all gone at the end, whatever happens
        lab[1].tool("join", "x", check=True)            # dlm_tool in node 1
        holder = lab[1].popen(["dlm_tool", "lock", ...], stdin=subprocess.PIPE, text=True)
        lab[2].kill()                       # power cut
        lab.wait(lambda: 2 in lab[1].fence_needed(), "node 2 needs fencing")
        lab[1].tool("fence_ack", "2", check=True)

Lab(count, kinds={2: "reference"}, fencer=True, two_node=True, conf="...", prefix=..., controld=False,
token=1500, transport="knet", ...): see lab.py. Lab[N] is a Node: see node.py. All deadlines default to
lab.DEADLINE (60 s) and are for hangs only: wait for conditions, never for time.

The whole lab is one process-id namespace below a keeper process, with all network and mount namespaces
held by processes in it: when the test's process ends, in whatever way, the keeper kills that one
namespace and removes the lab's directory, and the kernel drops the rest.
"""
from .errors import DEADLINE, LabError, LabRefused, LabTimeout
from .lab import DEFAULT_CONF, Lab
from .node import Node, Result

__all__ = ["DEADLINE", "DEFAULT_CONF", "Lab", "LabError", "LabRefused", "LabTimeout", "Node", "Result"]
