# SPDX-License-Identifier: GPL-2.0-or-later
"""Several dlm_lockds on this machine, with the test in the place of all their dlm_controlds.

Node N has the address 127.X.Y.N, where X and Y are this test run's own.
"""
import binascii
import contextlib
import os
import queue
import signal
import struct
import threading

from . import places
from . import protocol as p
from .lockd import Client, Lockd

PORT = 21064


class Node(Lockd):
    """One of them. What programs ask of dlm_controld goes to the cluster."""

    def __init__(self, nodes, nodeid, run, **settings):
        self.nodes, self.nodeid = nodes, nodeid
        self.address = nodes.address(nodeid)
        settings = dict(flags=0, nodeid=nodeid, address=[self.address], port=nodes.port) | settings
        super().__init__(run, settings=p.settings(**settings))

    def _serve(self, message):
        if message.kind in (p.ONLINE, p.OFFLINE):
            self.nodes.asked.put((self, message))

    def stop(self, name, number):
        self.send(p.control_ls(p.LS_STOP, name, number))

    def start(self, name, number, members, rejoined=()):
        tail = b"".join(struct.pack("=4I", m, 1, m in rejoined, 0) for m in members)
        self.send(p.control_ls(p.LS_START, name, number, 0, len(members), tail))

    def peers(self):
        """The status lines about peers, by node id."""
        number = 500000
        self.send(p.control_ls(p.STATUS, b"", number))
        text = self.expect(p.STATUS_IS, lambda m: m.number == number).tail.decode()
        found = {}
        for line in text.splitlines():
            if line.startswith("peer "):
                words, _, error = line[5:].partition(" error=")
                one = dict(part.split("=", 1) for part in words.split(" "))
                one = {k: int(v) if v.isdigit() else v for k, v in one.items()} | {"error": error}
                found[one["nodeid"]] = one
        return found


class Nodes:
    """The cluster: nodes that are up are each other's peers."""

    def __init__(self, run, port=PORT):
        self.run, self.port = run, port
        seed = os.getpid()
        self.net = f"127.{seed % 250 + 1}.{seed // 250 % 250 + 1}"
        self.up = {}        # by node id
        self.members = {}   # of lockspaces: name -> list of node ids
        self.number = 0
        self.started = {}   # lockspaces: name -> number of the last start
        self.routes = {}    # (from node, to node) -> address, where it is not the node's own
        self.ended = []
        self.lock = threading.RLock()
        self.asked = queue.Queue()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def address(self, nodeid):
        return f"{self.net}.{nodeid}"

    def route(self, from_node, to_node):
        """How it is known there."""
        return self.routes.get((from_node, to_node), self.address(to_node))

    # ---- nodes ----

    def boot(self, *nodeids, **settings):
        for nodeid in nodeids:
            run = os.path.join(self.run, f"node{nodeid}")
            os.makedirs(run, exist_ok=True)
            os.chmod(run, 0o755)
            node = Node(self, nodeid, run, **settings)
            node.expect(p.READY)
            with self.lock:
                for other in self.up.values():
                    other.send(p.peer(p.PEER_ADD, nodeid, [self.route(other.nodeid, nodeid)]))
                    node.send(p.peer(p.PEER_ADD, other.nodeid, [self.route(nodeid, other.nodeid)]))
                self.up[nodeid] = node
        return [self.up[nodeid] for nodeid in nodeids]

    def __getitem__(self, nodeid):
        return self.up[nodeid]

    def lost(self, nodeid):
        """It is gone for the others: removed everywhere, then they go on without it."""
        with self.lock:
            node = self.up.pop(nodeid)
            self.ended.append(node)
            touched = [name for name, members in self.members.items() if nodeid in members]
            for name in touched:
                self.members[name].remove(nodeid)
                self._stop(name)
            for other in self.up.values():
                other.send(p.peer(p.PEER_REMOVE, nodeid))
            for name in touched:
                self._start(name)
        return node

    def kill(self, nodeid):
        self.up[nodeid].process.kill()
        self.up[nodeid].process.wait()
        self.lost(nodeid)

    def pause(self, nodeid):
        os.kill(self.up[nodeid].pid, signal.SIGSTOP)

    def resume(self, nodeid):
        os.kill(self.up[nodeid].pid, signal.SIGCONT)

    def end(self):
        self.asked.put(None)
        self.thread.join(places.DEADLINE)
        with contextlib.ExitStack() as stack:
            for node in [*self.up.values(), *self.ended]:
                stack.callback(node.end)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(node.pid, signal.SIGCONT)

    # ---- lockspaces ----

    def _stop(self, name, but=()):
        self.number += 1
        members = [self.up[m] for m in self.members[name] if m in self.up and m not in but]
        for node in members:
            node.stop(name, self.number)
        for node in members:
            node.expect(p.STOPPED, lambda m: m.number == self.number and m.name == name)

    def _start(self, name, rejoined=(), but=()):
        self.number += 1
        self.started[name] = self.number
        members = self.members[name]
        for nodeid in set(members) - set(but):
            self.up[nodeid].start(name, self.number, members, rejoined)

    def _join(self, node, name, flags):
        with self.lock:
            members = self.members.setdefault(name, [])
            self._stop(name)
            members.append(node.nodeid)
            global_id = binascii.crc32(b"dlm:ls:" + name + b"\0") or 1
            node.send(p.ls_new(name, global_id, flags & ~p.NEWEXCL))
            self._start(name)
        node.send(p.control_ls(p.EVENT_DONE, name))

    def _leave(self, node, name):
        with self.lock:
            self._stop(name)
            self.members[name].remove(node.nodeid)
            node.send(p.control_ls(p.EVENT_DONE, name))
            self._start(name)

    def _serve(self):
        while (asked := self.asked.get()) is not None:
            node, message = asked
            if node.nodeid not in self.up:
                continue
            if message.kind == p.ONLINE:
                self._join(node, message.name, struct.unpack_from("=I", message.tail, 8)[0])
            else:
                self._leave(node, message.name)

    def change(self, name, rejoined=(), but=()):
        """Stop and start with the same members, without a word to those of `but`."""
        with self.lock:
            self._stop(name, but)
            self._start(name, rejoined, but)

    def recovered(self, name, deadline=places.DEADLINE):
        """Wait until the last start is completed everywhere."""
        with self.lock:
            number, members = self.started[name], [self.up[m] for m in self.members[name]]
        for node in members:
            node.expect(p.RECOVERED, lambda m: m.number == number and m.name == name, deadline)

    @staticmethod
    def close_clients():
        Client.close_all()

    def create(self, name, *nodeids):
        for nodeid in nodeids:
            assert self.up[nodeid].create(name) == 0
        self.recovered(name)
