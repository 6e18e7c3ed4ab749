# SPDX-License-Identifier: GPL-2.0-or-later
"""corosync.conf of a lab."""
from . import net


def corosync(nodes, name="lab", transport="knet", token=1500, two_node=False, quorum=()):
    """`nodes` are ids; `quorum` are more (key, value) of the quorum section.

    Not at real-time priority: many nodes share few processors here.
    """
    keys = dict({"provider": "corosync_votequorum"}, **({"two_node": 1} if two_node else {}))
    keys.update(quorum)
    votes = "".join(f"\t{key}: {value}\n" for key, value in keys.items())
    members = "".join(f"\tnode {{\n\t\tring0_addr: {net.address(n)}\n\t\tnodeid: {n}\n\t\tname: node{n}\n\t}}\n"
                      for n in nodes)
    return f"""totem {{
	version: 2
	cluster_name: {name}
	transport: {transport}
	crypto_cipher: none
	crypto_hash: none
	token: {token}
}}
system {{
	sched_rr: no
	move_to_root_cgroup: no
}}
logging {{
	to_stderr: yes
	to_logfile: no
	to_syslog: no
	timestamp: hires
}}
quorum {{
{votes}}}
nodelist {{
{members}}}
"""
