# SPDX-License-Identifier: GPL-2.0-or-later
"""The network of a lab: a bridge in the switch, a cable to each node, and what is cut.

`cuts` are pairs (from, to) of nodes whose frames do not pass; `drops` are {node: (port, peer or None,
is_reset)}. A drop loses all TCP of that port to and from the node, silently, in the switch; with reset, both
kernels are told that nobody is there, by the node's own filter.
"""
from . import space
from .errors import LabError

TABLE = """table bridge udlm
delete table bridge udlm
table bridge udlm {
	chain frames {
		type filter hook forward priority 0; policy accept;
%s	}
}
"""
NODE_TABLE = """table inet udlm
delete table inet udlm
table inet udlm {
	chain arrived {
		type filter hook input priority 0; policy accept;
%s	}
	chain sent {
		type filter hook output priority 0; policy accept;
%s	}
}
"""


def address(nodeid):
    return f"10.77.0.{nodeid}"


def cable(nodeid):
    return f"node{nodeid}"


def connect(switch, nodeid, init):
    """Lay the cable to a node that has just been made. The hardware address stays, as a real card's
    does: peers remember it."""
    name = cable(nodeid)
    space.call_in_net(switch, ["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0",
                               "address", f"02:00:0a:4d:00:{nodeid:02x}", "netns", str(init)])
    space.call_in_net(switch, ["ip", "link", "set", name, "master", "br0", "up"])
    space.call_in_net(init, ["ip", "-batch", "-"],
                      f"addr add {address(nodeid)}/24 dev eth0\nlink set eth0 up\n")


def disconnect(switch, nodeid):
    """Nothing that the node sends passes any more, and nothing reaches it."""
    try:
        space.call_in_net(switch, ["ip", "link", "set", cable(nodeid), "nomaster", "down"])
    except LabError:
        pass  # it has gone with the node


def remove(switch, nodeid):
    try:
        space.call_in_net(switch, ["ip", "link", "del", cable(nodeid)])
    except LabError:
        pass


def _drop_rules(drops):
    for nodeid, (port, peer, is_reset) in drops.items():
        if is_reset:
            continue
        other = f' oifname "{cable(peer)}"', f' iifname "{cable(peer)}"'
        out, back = other if peer else ("", "")
        for end in ("sport", "dport"):
            yield f'iifname "{cable(nodeid)}"{out} ether type ip tcp {end} {port} counter drop'
            yield f'oifname "{cable(nodeid)}"{back} ether type ip tcp {end} {port} counter drop'


def filter_switch(switch, cuts, drops):
    """Make the switch's filter what `cuts` and `drops` say, in one step."""
    rules = [f'iifname "{cable(a)}" oifname "{cable(b)}" counter drop' for a, b in sorted(cuts)]
    rules += _drop_rules(drops)
    space.call_in_net(switch, ["nft", "-f", "-"], TABLE % "".join(f"\t\t{rule}\n" for rule in rules))


def filter_node(init, drop):
    """Make a node's own filter: `drop` as in drops, or None."""
    arrived = sent = ""
    if drop and drop[2]:
        port, peer, _ = drop
        for end in ("sport", "dport"):
            source = f"ip saddr {address(peer)} " if peer else "iifname \"eth0\" "
            target = f"ip daddr {address(peer)} " if peer else "oifname \"eth0\" "
            arrived += f"\t\t{source}tcp {end} {port} tcp flags & rst != rst counter reject with tcp reset\n"
            sent += f"\t\t{target}tcp {end} {port} tcp flags & rst != rst counter reject with tcp reset\n"
    space.call_in_net(init, ["nft", "-f", "-"], NODE_TABLE % (arrived, sent))
