# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab: nodes, the switch between them, and the fencer."""
import contextlib
import fcntl
import importlib.util
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

from . import conf as conf_text
from . import net, space
from .errors import DEADLINE, LabError, LabRefused, LabTimeout
from .node import Node
from .place import CURE, check_home, check_rights, default_prefix, remove_dead

HERE = pathlib.Path(__file__).resolve().parent
KINDS = ("udlm", "reference")
NODES_MAX = 32
PORT = 21064
# Nothing of a lab's start is fenced, and nobody waits for latecomers; the rest is as dlm_controld has it.
DEFAULT_CONF = "log_debug=1\nenable_startup_fencing=0\npost_join_delay=1\n"


class Lab:
    """Makes a lab of `count` nodes, 1..count, and brings it up; a context manager that takes it down.

    kinds        {id: "reference"}; the others are "udlm"
    controld     start the dlm daemons too; `corosync`: start corosync; wait: until all have joined
    fencer       a process that does what fence devices would: see fencer.py and fencer_records()
    conf         text of dlm.conf (default DEFAULT_CONF), or {id: text}
    prefix       the installed suite under test (default: UDLM_PREFIX, else what was built here last)
    two_node, quorum={"wait_for_all": 0, ...}, token (ms), transport ("knet", "udpu")   for corosync.conf
    controld_words  more arguments of udlm's dlm_controld
    directory    where the lab lives (default: a new one below /tmp); the nodes see it at the same path
    timeout      of coming up
    """

    def __init__(self, count, kinds=None, *, controld=True, corosync=True, wait=True, fencer=False, conf=None,
                 prefix=None, two_node=False, quorum=None, token=1500, transport="knet", controld_words=(),
                 directory=None, timeout=DEADLINE):
        kinds = {int(n): kind for n, kind in (kinds or {}).items()}
        wrong = [kind for kind in kinds.values() if kind not in KINDS]
        if not 1 <= count <= NODES_MAX or wrong or any(not 1 <= n <= count for n in kinds):
            raise ValueError(f"1 to {NODES_MAX} nodes, each of a kind of {KINDS}: not {count}, {kinds}")
        self.config = {
            "count": count, "kinds": [kinds.get(n, "udlm") for n in range(1, count + 1)], "controld": controld,
            "conf": {str(n): text for n, text in conf.items()} if isinstance(conf, dict) else conf,
            "prefix": str(pathlib.Path(prefix).resolve()) if prefix else str(default_prefix() or ""),
            "two_node": two_node, "quorum": dict(quorum or {}), "token": token, "transport": transport,
            "controld_words": list(controld_words)}
        self._up = {"corosync": corosync, "wait": wait, "fencer": fencer, "timeout": timeout}
        self._keeper = None
        self._switch = None
        self.directory = pathlib.Path(directory).resolve() if directory else None
        self._made_for(self.config)

    def _made_for(self, config):
        self.prefix = pathlib.Path(config["prefix"]) if config["prefix"] else None
        self.controld, self.controld_words = config["controld"], config["controld_words"]
        if self.directory:
            self._make_nodes()  # else when it has one

    def _make_nodes(self):
        self.nodes = {n: Node(self, n, kind) for n, kind in enumerate(self.config["kinds"], 1)}

    @classmethod
    def open(cls, directory):
        """The lab that lives in a directory; LabError if there is none."""
        lab = cls.__new__(cls)
        lab.directory = pathlib.Path(directory).resolve()
        try:
            lab.config = json.loads((lab.directory / "lab.json").read_text())
        except (OSError, ValueError):
            raise LabError(f"no lab is up in {directory}: ./nodes up 3") from None
        lab._up, lab._keeper, lab._switch = {}, None, None
        lab._made_for(lab.config)
        check_home(lab._state())
        if not lab.is_up():
            raise LabError(f"the lab in {directory} has been killed; ./nodes down removes what it left there")
        return lab

    def __getitem__(self, nodeid):
        return self.nodes[nodeid]

    def __iter__(self):
        return iter(self.nodes.values())

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *args):
        self.down()

    # ---- up and down ----

    def up(self):
        """Bring it up; at any failure nothing is left."""
        self._begin()
        try:
            self._populate()
            self._start_all()
        except BaseException:
            self.down()
            raise

    def _begin(self):
        """Make the directory: from here on it is ours to remove."""
        check_rights()
        if self.directory:
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            remove_dead(self.directory)
            try:
                self.directory.mkdir()
            except FileExistsError:
                raise LabError(f"a lab is up in {self.directory}: ./nodes down, or another --lab") from None
        else:
            self.directory = pathlib.Path(tempfile.mkdtemp(prefix="udlm-lab-")).resolve()
        self._make_nodes()

    def _populate(self):
        self.directory.chmod(0o755)
        (self.directory / "shared").mkdir()
        (self.directory / "shared").chmod(0o1777)
        (self.directory / "lab.json").write_text(json.dumps(self.config))
        self._net_save({"cuts": [], "drops": {}})
        self._keep()

    def _keep(self):
        with open(self.directory / "keeper.log", "wb") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-B", str(HERE / "keeper.py"), str(self.directory), str(os.getpid())],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        line = self._keeper.stdout.readline().strip()
        self._keeper.stdout.close()
        if line != "ready":
            self._keeper.wait()
            raise LabRefused(f"{line or 'the keeper ended'}: {CURE}")

    def _start_all(self):
        wish = self._up
        until = time.monotonic() + wish["timeout"]
        for node in self:
            node.power_on()
        # whoever enters a node stands at the root of its mount namespace, in a chroot too
        if self.nodes and self.nodes[1].run(["/usr/bin/test", "-d", str(self.directory)]).returncode:
            raise LabRefused("nodes cannot be entered from within a chroot: use a container, or pivot_root")
        if wish["corosync"]:
            for node in self:
                node.start_corosync(wait=False)
            if wish["wait"] or self.controld:
                self.wait_quorate(timeout=until - time.monotonic())
        if self.controld:
            for node in self:
                node.start_controld()
            if wish["wait"]:
                self.wait_joined(sorted(self.nodes), until - time.monotonic())
        if wish["fencer"]:
            self.fencer_on()

    def _state(self):
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.directory / "keeper.json").read_text())
        return None

    def is_up(self):
        state = self._state()
        return bool(state) and space.is_alive(state["keeper"], state["keeper_started"])

    @property
    def switch(self):
        """Pid of the first process of the lab, whose network namespace is the switch."""
        if self._switch is None:
            state = self._state()
            if not state:
                raise LabError(f"no lab is up in {self.directory}")
            self._switch = state["switch"]
        return self._switch

    def tell(self, word):
        """Give the keeper a word and wait until it has done it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as talk:
            talk.settimeout(DEADLINE)
            talk.bind("")  # an address to answer to
            talk.sendto(word.encode(), str(self.directory / "keeper"))
            talk.recv(16)

    def detach(self):
        """It stays up when this process ends."""
        self.tell("detach")

    def down(self):
        """End it: when this returns nothing of it is left."""
        if not self.directory:
            return
        state = self._state()
        if state and space.is_alive(state["keeper"], state["keeper_started"]):
            space.send(state["keeper"], 15)
            self._wait_keeper(state)
        elif self._keeper:
            self._keeper.wait()
        for node in self.nodes.values():
            node._reap()
        remove_dead(self.directory)

    def _wait_keeper(self, state):
        def gone():
            for node in self.nodes.values():
                node._reap()  # the first process of a node waits for those that we started
            if self._keeper:
                self._keeper.poll()
            return not space.is_alive(state["keeper"], state["keeper_started"])
        space.wait_until(gone, f"end of the lab in {self.directory}")

    @contextlib.contextmanager
    def locked(self):
        """One change of the lab at a time, whoever makes it."""
        with open(self.directory / "lock", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # ---- configuration ----

    def corosync_conf(self):
        config = self.config
        return conf_text.corosync(sorted(self.nodes), "lab", config["transport"], config["token"],
                                  config["two_node"], config["quorum"])

    def conf_of(self, nodeid):
        """The text of a node's dlm.conf."""
        conf = self.config["conf"]
        if isinstance(conf, dict):
            conf = conf.get(str(nodeid))
        return DEFAULT_CONF if conf is None else conf

    @staticmethod
    def reference():
        """The module that makes reference nodes: processes() and environment()."""
        name = "udlm_cluster_reference"
        if name not in sys.modules:
            path = HERE.parent / "reference/__init__.py"
            spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[str(path.parent)])
            if not path.exists():
                raise LabError("nodes of kind reference are not in this tree")
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        return sys.modules[name]

    # ---- network ----

    def network(self):
        """(cuts, drops), as net.py has them."""
        found = json.loads((self.directory / "net.json").read_text())
        return ({tuple(pair) for pair in found["cuts"]},
                {int(n): tuple(drop) for n, drop in found["drops"].items()})

    def _net_save(self, state):
        (self.directory / "net.json").write_text(json.dumps(state))

    def _net_apply(self, cuts, drops):
        net.filter_switch(self.switch, cuts, drops)
        for node in self:
            if node.is_on():
                net.filter_node(node.init, drops.get(node.id))
        self._net_save({"cuts": sorted(cuts), "drops": drops})

    def refilter(self, node):
        """A node that was just made gets the filters that it is to have."""
        _, drops = self.network()
        if node.id in drops:
            net.filter_node(node.init, drops[node.id])

    def cut(self, *sides):
        """Nobody of one side reaches anybody of another, either way: cut([1, 2], [3]). Cuts add up."""
        sides = [[side] if isinstance(side, int) else list(side) for side in sides]
        ids = [n for side in sides for n in side]
        if len(sides) < 2 or len(set(ids)) != len(ids) or set(ids) - set(self.nodes):
            raise ValueError(f"at least two sides, each node on one: not {sides}")
        with self.locked():
            cuts, drops = self.network()
            for one in sides:
                for other in sides:
                    if one is not other:
                        cuts |= {(a, b) for a in one for b in other}
            self._net_apply(cuts, drops)

    def heal(self):
        """All cuts and dropped ports are as before."""
        with self.locked():
            self._net_apply(set(), {})

    def drop_port(self, nodeid, port=PORT, reset=False, peer=None):
        """TCP of that port to and from the node is lost (`reset`: refused); of `peer` only, where given.
        All else, corosync's too, goes on."""
        if nodeid not in self.nodes or peer not in (None, *self.nodes):
            raise ValueError(f"no such node: {nodeid}, {peer}")
        with self.locked():
            cuts, drops = self.network()
            drops[nodeid] = (int(port), peer, bool(reset))
            self._net_apply(cuts, drops)

    # ---- fencer ----

    def fencer_on(self):
        self.tell("fencer on")

    def fencer_off(self):
        """When this returns nobody is killed or acknowledged any more."""
        self.tell("fencer off")

    def fencer_records(self):
        """What it did: a list of dicts with victim, by (the node that acknowledged), reason, and the
        monotonic times seen, killed and acked."""
        try:
            text = (self.directory / "fencer.log").read_text()
        except OSError:
            return []
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    # ---- waiting ----

    def wait(self, predicate, what="the condition", timeout=DEADLINE, every=0.1):
        """Wait until predicate() is true and return what it gave. LabTimeout says how all nodes stand."""
        try:
            return space.wait_until(predicate, what, timeout, every)
        except LabTimeout as error:
            raise LabTimeout(f"{error}\n{self.describe()}") from None

    def wait_quorate(self, ids=None, timeout=DEADLINE):
        """Until corosync of these nodes (default: all that are on) is quorate, with exactly them."""
        ids = sorted(ids or [node.id for node in self if node.is_on()])

        def there():
            found = [self[n].quorum() for n in ids]
            return all(q and q["quorate"] and q["members"] == ids for q in found)
        self.wait(there, f"corosync of nodes {ids} is quorate with all of them", timeout)

    def wait_joined(self, ids=None, timeout=DEADLINE):
        """Until dlm_controld of these nodes (default: all where it runs) have all of them as members."""
        ids = sorted(ids or [node.id for node in self if node.pids("controld")])
        self.wait(lambda: all(set(ids) <= set(self[n].members()) and self[n].is_ready() for n in ids),
                  f"dlm_controld of nodes {ids} has all of them as members", timeout)

    def table(self):
        """How the nodes stand: a list of dicts."""
        rows = []
        for node in self:
            on = node.is_on()
            row = {"node": node.id, "kind": node.kind,
                   "power": "paused" if on and node.is_paused() else "on" if on else "off"}
            row.update({name: node.pid(name) for name in ("corosync", "controld", "lockd")})
            quorum = node.quorum(5) if row["corosync"] else None
            status = node.status(5) if row["controld"] else None
            row["quorate"] = None if not quorum else ("yes" if quorum["quorate"] else "no")
            row["ring"] = quorum["members"] if quorum else None
            row["dlm"] = dlm_text(status)
            row["lockspaces"] = sorted(node.lockspaces(5)) if status else []
            rows.append(row)
        return rows

    def describe(self):
        """For people who look at a failed test: the table, and the end of each log."""
        lines = [str(row) for row in self.table()]
        for node in self:
            for name in sorted(path.stem for path in (node.place / "log").glob("*.log")):
                lines += [f"---- node {node.id}, the end of {name}.log", node.log_end(name)]
        return "\n".join(lines)


def dlm_text(status):
    if not status:
        return "-"
    daemon = status["daemon"].get("state")
    members = [n for n, node in sorted(status["nodes"].items()) if node.get("member") == 1]
    needed = [n for n, node in sorted(status["nodes"].items()) if node.get("need_fencing") == 1]
    words = [str(daemon)] if daemon else []
    words.append("members " + ",".join(map(str, members)) if members else "no members")
    if needed:
        words.append("fencing " + ",".join(map(str, needed)))
    return ", ".join(words)
