# SPDX-License-Identifier: GPL-2.0-or-later
"""A node of a lab."""
import collections
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from . import net, parse, place, space
from .errors import DEADLINE, LabError, LabRefused, LabTimeout
from .logs import Logs

HERE = pathlib.Path(__file__).resolve().parent
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
COMMS = {"corosync": "corosync", "controld": "dlm_controld", "lockd": "dlm_lockd"}
NOT_INHERITED = ("UDLM_RUN_DIR", "LD_LIBRARY_PATH", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
WAITED_FOR = 0.5  # seconds in which the dead are waited for by who does that at all
COROSYNC_NICE, DAEMON_NICE = -10, -5  # in the place of real-time priority, which nodes do not have

Result = collections.namedtuple("Result", "returncode stdout stderr")
Result.__doc__ = "What a program gave: wait status as subprocess has it, and two texts."


class Node(Logs):
    """One node. It is on (its namespaces are there) or off (as after a power cut)."""

    def __init__(self, lab, nodeid, kind):
        self.lab, self.id, self.kind = lab, nodeid, kind
        self.place = lab.directory / f"node{nodeid}"  # the same path in the node
        self.address = net.address(nodeid)
        self._popens = []

    def __repr__(self):
        return f"Node({self.id}, {self.kind}, {'on' if self.is_on() else 'off'})"

    # ---- power ----

    def _boot(self):
        """What is known of the running node, or None."""
        with contextlib.suppress(OSError, ValueError):
            boot = json.loads((self.place / "boot.json").read_text())
            if space.is_alive(boot["init"], boot["started"]):
                return boot
        return None

    def is_on(self):
        return self._boot() is not None

    @property
    def init(self):
        """Pid of its first process. LabError if the node is off."""
        boot = self._boot()
        if not boot:
            raise LabError(f"node {self.id} is off: start it first")
        return boot["init"]

    def booted(self):
        """Wall-clock time of its last start of power, None where it is off."""
        boot = self._boot()
        return boot["at"] if boot else None

    def power_on(self):
        """Namespaces and network, no daemons. Nothing to do where it is on."""
        with self.lab.locked():
            if not self.is_on():
                self._make()

    def _make(self):
        self.place.mkdir(exist_ok=True)
        (self.place / "log").mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-B", str(HERE / "boot.py"), str(self.lab.switch), str(self.lab.directory),
             str(self.place), f"node{self.id}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            timeout=DEADLINE, check=False)
        word, _, pid = done.stdout.strip().partition(" ")
        if word != "pid":
            raise LabRefused(f"node {self.id}: {done.stdout.strip()}")
        init = int(pid)
        net.remove(self.lab.switch, self.id)
        net.connect(self.lab.switch, self.id, init)
        self._configure()
        for name in ("paused", "daemons.json"):
            (self.place / name).unlink(missing_ok=True)
        text = json.dumps({"init": init, "started": space.started(init), "space": space.namespace(init),
                           "at": time.time()})
        (self.place / "boot.json.new").write_text(text)
        (self.place / "boot.json.new").rename(self.place / "boot.json")
        self.lab.refilter(self)

    def _configure(self):
        disk = self.place / "disk"
        (disk / "etc/corosync/corosync.conf").write_text(self.lab.corosync_conf())
        if not (disk / "etc/dlm/dlm.conf").exists():
            self.set_conf(self.lab.conf_of(self.id))

    def set_conf(self, text):
        """Write its dlm.conf."""
        (self.place / "disk/etc/dlm/dlm.conf").write_text(text)

    def kill(self, only=None):
        """Cut its power: no frame leaves it any more, and when this returns none of its processes
        lives. With `only` (corosync, controld, lockd): SIGKILL to that daemon, and wait for its end.
        Return: the monotonic time of the end."""
        if only:
            pids = self.pids(only)
            if not pids:
                raise LabError(f"node {self.id}: no {only} runs there")
            for pid in pids:
                space.send(pid, signal.SIGKILL)
            self._wait_dead(pids)
            return time.monotonic()
        with self.lab.locked():
            boot = self._boot()
            if boot:
                net.disconnect(self.lab.switch, self.id)
                space.send(boot["init"], signal.SIGKILL)
                self._wait_empty(boot)
                (self.place / "boot.json").unlink()
                net.remove(self.lab.switch, self.id)
        return time.monotonic()

    def _reap(self):
        self._popens = [popen for popen in self._popens if popen.poll() is None]

    def _wait_empty(self, boot):
        """Until all are dead. The first process then may still wait, for ever, for dead ones that somebody
        outside, not we, has started and does not wait for: that is dead enough."""
        since = None

        def empty():
            nonlocal since
            alive = space.processes(boot["space"])
            self._reap()
            if alive != [boot["init"]]:
                return not alive
            since = since or time.monotonic()
            return time.monotonic() > since + WAITED_FOR
        space.wait_until(empty, f"end of the processes of node {self.id}")
        self._reap()

    def _wait_dead(self, pids, timeout=DEADLINE):
        def gone():
            self._reap()
            return not any(space.is_alive(pid) for pid in pids)
        space.wait_until(gone, f"node {self.id}: end of processes {pids}", timeout)

    def pause(self):
        """SIGSTOP to all of its processes. Its kernel lives on: connections stay, and are acknowledged."""
        boot, stopped = self._boot() or {"init": self.init}, set()
        (self.place / "paused").touch()
        while True:
            left = {pid for pid in space.processes(boot["space"]) if pid != boot["init"]} - stopped
            if not left:
                return
            for pid in left:
                space.send(pid, signal.SIGSTOP)
            stopped |= left

    def resume(self):
        """SIGCONT to all of its processes."""
        boot = self._boot() or {"init": self.init}
        for pid in space.processes(boot["space"]):
            if pid != boot["init"]:
                space.send(pid, signal.SIGCONT)
        (self.place / "paused").unlink(missing_ok=True)

    def is_paused(self):
        return (self.place / "paused").exists()

    # ---- running programs ----

    def environment(self, more=None):
        """The environment of programs in the node: the built tools and libraries first; in a
        reference node the system's first."""
        own = [str(self.lab.prefix / sub) for sub in ("sbin", "bin")] if self.lab.prefix else []
        path = SYSTEM_PATH.split(":") + place.test_programs()
        env = {key: text for key, text in os.environ.items() if key not in NOT_INHERITED}
        env.update(PATH=":".join(path + own if self.kind == "reference" else own + path),
                   UDLM_LAB=str(self.lab.directory), UDLM_NODE=str(self.id))
        if self.lab.prefix:
            env["UDLM_PREFIX"] = str(self.lab.prefix)
        if self.kind == "reference":
            env.update(self.lab.reference().environment(str(self.place), str(self.lab.prefix)))
            env["PATH"] = ":".join([env["PATH"], *place.test_programs()])
        elif self.lab.prefix:
            env["LD_LIBRARY_PATH"] = str(self.lab.prefix / "lib")
        env.update(more or {})
        return env

    def popen(self, argv, env=None, cwd=None, nice=0, whole_env=None, **args):
        """A subprocess.Popen in the node: pid, kill(), wait() and pipes are as always. `env` adds to
        environment(), `whole_env` takes its place; `cwd` (default: the caller's) is a path in the node."""
        args.setdefault("stdin", subprocess.DEVNULL)
        self._reap()
        with space.interrupts_held():
            popen = space.popen_in(self.init, [str(word) for word in argv], cwd or os.getcwd(), nice,
                                   env=whole_env or self.environment(env), **args)
            self._popens.append(popen)
        return popen

    def run(self, argv, timeout=DEADLINE, input=None, check=False, **args):
        """Run a program to its end. Return: Result. LabTimeout where it hangs (it is killed then);
        with `check` LabError where its status is not 0."""
        words = [str(word) for word in argv]
        args.setdefault("stdin", subprocess.DEVNULL if input is None else subprocess.PIPE)
        with self.popen(words, text=True, errors="replace", **dict(
                {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, **args)) as popen:
            try:
                out, err = popen.communicate(input, timeout)
            except subprocess.TimeoutExpired:
                popen.kill()
                out, err = popen.communicate()
                raise LabTimeout(f"node {self.id}: {' '.join(words)} did not end within {timeout:g} s\n"
                                 f"{out}{err}") from None
            except BaseException:
                popen.kill()
                raise
        if check and popen.returncode:
            raise LabError(f"node {self.id}: {' '.join(words)} gave {popen.returncode}\n{out}{err}")
        return Result(popen.returncode, out, err)

    def tool(self, *words, **args):
        """dlm_tool in the node. Return: Result."""
        return self.run(["dlm_tool", *words], **args)

    # ---- daemons ----

    def spawn(self, name, argv, env=None, nice=DAEMON_NICE, whole_env=None):
        """Start a daemon; its output goes to the log `name`. Return: its pid."""
        log = self.log_path(name)
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"==== {name} started: {' '.join(map(str, argv))}\n")
        # its parent ends at once, so that it is the node's first process that waits for it
        done = self.run(["/bin/sh", "-c", 'setsid "$@" </dev/null >>"$UDLM_LOG" 2>&1 & echo $!', "sh", *argv],
                        env=dict(env or {}, UDLM_LOG=str(log)), cwd="/", nice=nice, check=True,
                        whole_env=whole_env and dict(whole_env, UDLM_LOG=str(log)))
        pid = int(done.stdout)
        daemons = self._daemons()
        daemons[name] = pid
        (self.place / "daemons.json").write_text(json.dumps(daemons))
        return self._outer(pid)

    def _daemons(self):
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.place / "daemons.json").read_text())
        return {}

    def _outer(self, inner):
        for pid in self.all_pids():
            if space.pid_in(pid) == inner:
                return pid
        return None

    def all_pids(self):
        """Pids of all of its living processes but the first. Pids are those of the machine."""
        boot = self._boot()
        return [pid for pid in space.processes(boot["space"]) if pid != boot["init"]] if boot else []

    def pids(self, name):
        """Pids of a daemon: corosync, controld, lockd, or a name that was given to spawn()."""
        if name in COMMS:
            return [pid for pid in self.all_pids() if space.comm(pid) == COMMS[name]]
        pid = self._outer(self._daemons().get(name, 0))
        return [pid] if pid else []

    def pid(self, name):
        """The one (eldest) pid of a daemon, None if it does not run."""
        pids = self.pids(name)
        return min(pids, key=space.started) if pids else None

    def end_of(self, name):
        """How the last one that spawn() started ended: a wait status in os.waitstatus_to_exitcode's
        form, None while it lives."""
        inner, found = self._daemons().get(name), None
        with contextlib.suppress(OSError):
            for line in (self.place / "ends").read_text().splitlines():
                _, pid, status, _ = line.split(" ", 3)
                if int(pid) == inner:
                    found = os.waitstatus_to_exitcode(int(status))
        return found

    def signal(self, name, number):
        """A signal to a daemon by name."""
        pids = self.pids(name)
        if not pids:
            raise LabError(f"node {self.id}: no {name} runs there")
        for pid in pids:
            space.send(pid, number)

    def start(self, only=None, wait=True, timeout=DEADLINE):
        """Power, then the daemons that do not run: corosync and those of dlm. `only`: corosync or controld,
        of which nothing is waited for but that corosync answers. Else with `wait` until it has joined."""
        self.power_on()
        if only in (None, "corosync") and not self.pids("corosync"):
            self.start_corosync(wait, timeout)
        if only == "controld" or (only is None and self.lab.controld):
            if not self.pids("controld"):
                self.start_controld()
            if wait and only is None:
                self.lab.wait(self.has_joined, f"node {self.id} has joined those that it reaches", timeout)

    def start_corosync(self, wait=True, timeout=DEADLINE):
        (self.place / "ends").touch()
        self.spawn("corosync", ["corosync", "-f"], nice=COROSYNC_NICE)
        if wait:
            self.lab.wait(self.quorum, f"corosync of node {self.id} answers", timeout)

    def start_controld(self, *words):
        """The dlm daemons of its kind; `words` are more arguments of dlm_controld."""
        if not self.lab.prefix:
            raise LabError("no installed suite: build one and name its prefix (--prefix, UDLM_PREFIX)")
        if self.kind == "reference":
            for name, argv, env in self.lab.reference().processes(str(self.place), str(self.lab.prefix), words):
                if not self.pids(name):
                    self.spawn(name, argv, whole_env=env)
            return
        self.spawn("controld", ["dlm_controld", "-D", *self.lab.controld_words, *words])

    def stop(self, only=None, timeout=DEADLINE):
        """End the daemons in order: SIGTERM to dlm_controld, then to corosync, each waited for. Power stays
        on. LabError if dlm_controld refuses, as it does while lockspaces are in use."""
        if only in (None, "controld"):
            self._stop("controld", timeout)
            for name in reversed([name for name in self._daemons() if name not in ("corosync", "controld")]):
                self._stop(name, timeout)
        if only in (None, "corosync"):
            self._stop("corosync", timeout)

    def _stop(self, name, timeout):
        pids = self.pids(name)
        for pid in pids:
            space.send(pid, signal.SIGTERM)
        try:
            self._wait_dead(pids, timeout)
        except LabTimeout:
            raise LabTimeout(f"node {self.id}: {name} does not end; the end of its log:\n"
                             + self.log_end(name)) from None

    # ---- looking ----

    def _ask(self, argv, timeout):
        """The text that a tool gave, None if it did not answer."""
        if not self.is_on() or self.is_paused():
            return None
        try:
            done = self.run(argv, timeout)
        except (LabError, OSError):
            return None
        return done.stdout

    def quorum(self, timeout=10):
        """corosync-quorumtool -s as a dict (see parse.quorum), None where corosync does not answer."""
        text = self._ask(["corosync-quorumtool", "-s"], timeout)
        found = parse.quorum(text) if text else None
        return found if found and found["members"] else None

    def status(self, timeout=10):
        """dlm_tool status -v as a dict (see parse.status), None where dlm_controld does not answer."""
        text = self._ask(["dlm_tool", "status", "-v"], timeout)
        return parse.status(text) if text else None

    def fence_needed(self, timeout=10):
        """The fence lines of dlm_tool status: {victim: {"reason", "actor", "delay", ...}}."""
        return parse.fences(self._ask(["dlm_tool", "status"], timeout) or "")

    def lockspaces(self, timeout=10):
        """dlm_tool ls -n as a dict (see parse.lockspaces)."""
        return parse.lockspaces(self._ask(["dlm_tool", "ls", "-n"], timeout) or "")

    def members(self):
        """Ids of the members of the daemon group as dlm_controld of this node has them."""
        status = self.status()
        return sorted(n for n, node in (status or {"nodes": {}})["nodes"].items() if node.get("member") == 1)

    def reaches(self):
        """Ids of the nodes, this one too, that its corosync should find: on, not paused, not cut off."""
        cuts, _ = self.lab.network()
        return {node.id for node in self.lab if node.pids("corosync") and not node.is_paused()
                and (self.id, node.id) not in cuts}

    def has_joined(self):
        """Whether corosync and dlm_controld here have all nodes that this one reaches."""
        ids = self.reaches()
        ring = self.quorum()
        daemons = {n for n in ids if n == self.id or self.lab[n].pids("controld")}
        return bool(ring) and ids <= set(ring["members"]) and daemons <= set(self.members()) and self.is_ready()

    def is_ready(self):
        """Whether dlm_lockd is there: a reference's fake kernel starts it a moment after the node has joined."""
        return self.kind != "reference" or self.lab.reference().is_ready(self.place)
