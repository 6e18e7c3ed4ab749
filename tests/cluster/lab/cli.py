# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of ./nodes."""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time

from .errors import DEADLINE, LabError, LabRefused, LabTimeout
from .lab import PORT, Lab
from .place import check_rights, default_prefix, remove_dead

PLACE = "/run/udlm-nodes"
EPILOG = """
A node is a set of namespaces on this machine: its own /run, /dev/shm, /etc, /var/log, process table, boot id
and network interface (10.77.0.N), the distribution's corosync, and a dlm_controld. /tmp and all other files
are shared with the machine. Needs root; corosync, iproute2 and nftables (scripts/packages.sh cluster).

  ./nodes up 3                          three nodes, quorate, all daemons joined
  ./nodes run 1 dlm_tool lock x -- sleep 60
  ./nodes run 2 dlm_tool lock x -- echo got it      # waits for it
  ./nodes kill 1                        power cut; then, as nothing fences here:
  ./nodes run 2 dlm_tool fence_ack 1
  ./nodes start 1
  ./nodes down

Where NODES is asked for: 2, or 1,3, or all. Exit status: 0; 1 it did not work; 2 wrong use; 3 this machine
or user may not make nodes; of run: the command's.
"""


class Wrong(Exception):
    """Wrong use, as a sentence."""


def directory(word):
    return word if "/" in word else f"{PLACE}-{word}"


def node_list(lab, text):
    if text == "all":
        return sorted(lab.nodes)
    try:
        ids = [int(word) for word in text.split(",")]
    except ValueError:
        raise Wrong(f"{text}: nodes are numbers, as 2 or 1,3, or all") from None
    for n in ids:
        if n not in lab.nodes:
            raise Wrong(f"there is no node {n}: the lab has 1 to {len(lab.nodes)}")
    return ids


def conf(text):
    """A file's text, or the text itself (\\n in it is a new line)."""
    if text is None:
        return None
    if "=" in text or "\n" in text or not text:
        return text.replace("\\n", "\n").rstrip("\n") + "\n"
    try:
        return pathlib.Path(text).read_text()
    except OSError as error:
        raise Wrong(f"--conf {text}: {error.strerror}; give a file or lines like log_debug=1") from None


def pairs(words, separator, what):
    found = {}
    for word in words:
        key, mark, value = word.partition(separator)
        if not mark or not key or not value:
            raise Wrong(f"{word}: {what}")
        found[key] = value
    return found


def kinds(words, count):
    found = pairs(words, "=", "--node takes N=KIND, as 2=reference")
    for n, kind in found.items():
        if not n.isdigit() or not 1 <= int(n) <= count:
            raise Wrong(f"--node {n}={kind}: there are nodes 1 to {count}")
        if kind not in ("udlm", "reference"):
            raise Wrong(f"--node {n}={kind}: a kind is udlm or reference")
    return {int(n): kind for n, kind in found.items()}


# ---- verbs ----

def verb_up(args):
    began = time.monotonic()
    if not 1 <= args.count <= 32:
        raise Wrong(f"up {args.count}: 1 to 32 nodes")
    if not args.no_controld and not (args.prefix or default_prefix()):
        raise Wrong("no installed suite: run ./quickstart or ./check build, or name one with --prefix DIR, "
                    "or start only corosync with --no-controld")
    lab = Lab(args.count, kinds(args.node, args.count), controld=not args.no_controld,
              corosync=not args.no_corosync, wait=not args.no_wait, fencer=args.fencer, conf=conf(args.conf),
              prefix=args.prefix, two_node=args.two_node, token=args.token, transport=args.transport,
              quorum=pairs(args.quorum, "=", "--quorum takes KEY=VALUE"), controld_words=args.controld_arg,
              directory=args.lab, timeout=args.timeout)
    lab.up()
    try:
        lab.detach()
    except BaseException:
        lab.down()
        raise
    print(f"{args.count} nodes in {lab.directory}, {time.monotonic() - began:.1f} s")


def verb_run(args):
    if args.command[:1] == ["--"]:
        args.command = args.command[1:]
    if not args.command:
        raise Wrong("run N COMMAND...: the command is missing")
    lab = Lab.open(args.lab)
    ids = node_list(lab, args.nodes)
    if len(ids) != 1:
        raise Wrong(f"run takes one node, not {args.nodes}")
    try:
        popen = lab[ids[0]].popen(args.command, stdin=None, dies_with_parent=True)
    except FileNotFoundError:
        print(f"nodes: {args.command[0]}: there is no such program in node {ids[0]}", file=sys.stderr)
        return 127
    except PermissionError:
        print(f"nodes: {args.command[0]}: cannot be executed", file=sys.stderr)
        return 126
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: popen.send_signal(number))
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal gives it to both
    status = popen.wait()
    return status if status >= 0 else 128 - status


def each(args, do):
    lab = Lab.open(args.lab)
    for n in node_list(lab, args.nodes):
        do(lab[n])


def verb_kill(args):
    each(args, lambda node: node.kill(args.only))


def verb_pause(args):
    each(args, lambda node: node.pause())


def verb_resume(args):
    each(args, lambda node: node.resume())


def verb_start(args):
    each(args, lambda node: node.start(args.only, not args.no_wait, args.timeout))


def verb_stop(args):
    each(args, lambda node: node.stop(args.only, args.timeout))


def verb_cut(args):
    lab = Lab.open(args.lab)
    sides = [node_list(lab, side) for side in args.sides]
    named = [n for side in sides for n in side]
    if len(sides) < 2 or len(set(named)) != len(named):
        raise Wrong("cut takes at least two sides, each node on one of them: cut 1,2 3")
    lab.cut(*sides)


def verb_heal(args):
    Lab.open(args.lab).heal()


def verb_drop_port(args):
    lab = Lab.open(args.lab)
    if not 1 <= args.port <= 65535 or args.peer not in (None, *lab.nodes):
        raise Wrong(f"no such port or peer: {args.port}, {args.peer}")
    for n in node_list(lab, args.nodes):
        lab.drop_port(n, args.port, args.reset, args.peer)


def verb_fencer(args):
    lab = Lab.open(args.lab)
    if args.word == "on":
        lab.fencer_on()
    elif args.word == "off":
        lab.fencer_off()
    for record in lab.fencer_records():
        print(f"node {record['victim']} ({record['reason']}): seen, killed {record['killed'] - record['seen']:.2f} s "
              f"later, acknowledged by node {record['by']} {record['acked'] - record['seen']:.2f} s later")


def verb_status(args):
    lab = Lab.open(args.lab)
    head = ["node", "kind", "power", "corosync", "controld", "lockd", "quorate", "ring", "dlm", "lockspaces"]
    rows = [head]
    for row in lab.table():
        cells = {key: "-" if value in (None, []) else ",".join(map(str, value)) if isinstance(value, list)
                 else str(value) for key, value in row.items()}
        rows.append([cells[key] for key in head])
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    cuts, drops = lab.network()
    for pair in sorted({tuple(sorted(pair)) for pair in cuts}):
        print(f"cut: node {pair[0]} and node {pair[1]} do not reach each other")
    for n, (port, peer, is_reset) in sorted(drops.items()):
        print(f"port {port} of node {n} is {'refused' if is_reset else 'dropped'}"
              + (f" for node {peer}" if peer else ""))


def verb_logs(args):
    lab = Lab.open(args.lab)
    ids = node_list(lab, args.nodes)
    if len(ids) != 1:
        raise Wrong(f"logs takes one node, not {args.nodes}")
    node = lab[ids[0]]
    there = sorted(path.stem for path in (node.place / "log").glob("*.log"))
    names = [args.name] if args.name else there
    for name in names:
        if name not in there:
            raise Wrong(f"node {node.id} has no log {name}: it has {', '.join(there) or 'none'}")
    tail = ["tail", "-n", str(args.lines), *(["-F"] if args.follow else []),
            *(str(node.log_path(name)) for name in names)]
    return subprocess.run(tail, check=False).returncode


def verb_down(args):
    place = pathlib.Path(args.lab)
    check_rights()
    if not place.exists():
        print(f"no lab is up in {place}")
        return
    try:
        lab = Lab.open(place)
    except LabError:
        if not (place / "lab.json").exists():
            raise Wrong(f"{place} is no lab's directory") from None
        remove_dead(place)
        return
    lab.down()


# ---- the command line ----

def parser():
    top = argparse.ArgumentParser(prog="./nodes", description="Clusters of several nodes on this machine.",
                                  epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--lab", default=os.environ.get("UDLM_LAB", PLACE), metavar="DIR",
                     help=f"where the lab lives (default: UDLM_LAB, else {PLACE}); a NAME without a slash is "
                          f"{PLACE}-NAME: labs live side by side")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name, do, text, nodes=False, only=()):
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(do=do)
        if nodes:
            added.add_argument("nodes", metavar="NODES", help="2, or 1,3, or all")
        if only:
            added.add_argument("--only", choices=only, help="this daemon alone")
        return added

    up = verb("up", verb_up, "bring nodes up")
    up.add_argument("count", type=int, help="how many nodes")
    up.add_argument("--node", action="append", default=[], metavar="N=KIND",
                    help="node N is of this kind: udlm (default) or reference, the unmodified reference suite")
    up.add_argument("--two-node", action="store_true", help="two_node of corosync's votequorum")
    up.add_argument("--quorum", action="append", default=[], metavar="KEY=VALUE",
                    help="more of corosync.conf's quorum section, as wait_for_all=0")
    up.add_argument("--token", type=int, default=1500, help="corosync's token timeout in ms (default 1500)")
    up.add_argument("--transport", choices=("knet", "udpu"), default="knet", help="corosync's (default knet)")
    up.add_argument("--conf", metavar="FILE_OR_TEXT", help="dlm.conf of all nodes: a file, or lines")
    up.add_argument("--prefix", metavar="DIR", help="the installed suite (default: UDLM_PREFIX, else what was "
                                                    "built in this tree last)")
    up.add_argument("--controld-arg", action="append", default=[], metavar="WORD",
                    help="one more argument of udlm's dlm_controld")
    up.add_argument("--no-controld", action="store_true", help="corosync alone")
    up.add_argument("--no-corosync", action="store_true", help="nodes without corosync")
    up.add_argument("--no-wait", action="store_true", help="do not wait until all have joined")
    up.add_argument("--fencer", action="store_true",
                    help="with a fencer: whoever needs fencing is killed whole, then acknowledged")
    up.add_argument("--timeout", type=float, default=DEADLINE, help="seconds until it gives up (default 60)")

    run = verb("run", verb_run, "run a command in a node, with the built tools first in PATH", nodes=True)
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND ...")
    daemons = ("corosync", "controld", "lockd")
    verb("kill", verb_kill, "cut the power of nodes; with --only SIGKILL to one daemon", True, daemons)
    verb("pause", verb_pause, "SIGSTOP to all processes of nodes (their kernel still answers the network)", True)
    verb("resume", verb_resume, "SIGCONT to all processes of nodes", True)
    start = verb("start", verb_start, "power, corosync and dlm daemons of nodes, what of it is missing", True,
                 ("corosync", "controld"))
    start.add_argument("--no-wait", action="store_true", help="do not wait until it has joined")
    stop = verb("stop", verb_stop, "end the daemons of nodes in order", True, ("corosync", "controld"))
    for sub in (start, stop):
        sub.add_argument("--timeout", type=float, default=DEADLINE, help="seconds until it gives up (default 60)")
    cut = verb("cut", verb_cut, "nobody of one side reaches another: cut 1,2 3; cuts add up")
    cut.add_argument("sides", nargs="+", metavar="NODES")
    verb("heal", verb_heal, "undo all cuts and dropped ports")
    drop = verb("drop-port", verb_drop_port, "lose all TCP of one port to and from nodes, and nothing else", True)
    drop.add_argument("--port", type=int, default=PORT, help=f"default {PORT}")
    drop.add_argument("--reset", action="store_true", help="refuse it instead of losing it")
    drop.add_argument("--peer", type=int, metavar="N", help="only between it and node N")
    fencer = verb("fencer", verb_fencer, "switch the fencer on or off; show what it did")
    fencer.add_argument("word", choices=("on", "off", "log"))
    verb("status", verb_status, "a table of the nodes")
    logs = verb("logs", verb_logs, "the end of a node's logs", True)
    logs.add_argument("name", nargs="?", help="corosync, controld, ... (default: all)")
    logs.add_argument("-n", "--lines", type=int, default=20)
    logs.add_argument("-f", "--follow", action="store_true")
    verb("down", verb_down, "end all of it; nothing is left")
    return top


def main(words):
    args = parser().parse_args(words)
    args.lab = directory(args.lab)
    try:
        return args.do(args) or 0
    except Wrong as error:
        print(f"nodes: {error}", file=sys.stderr)
        return 2
    except LabRefused as error:
        print(f"nodes: {error}", file=sys.stderr)
        return 3
    except (LabError, LabTimeout) as error:
        print(f"nodes: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
