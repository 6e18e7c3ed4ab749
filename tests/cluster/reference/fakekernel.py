#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's dlm, as dlm_controld sees one: configfs, sysfs, uevents and the devices, with a dlm_lockd
behind them that does what is written there.

usage: fakekernel.py PLACE DLM_LOCKD [RUN_DIR]

It listens on PLACE/kernel for the shim, keeps PLACE/root (see tree.py), and makes PLACE/ready when programs
may lock. dlm_lockd is started when the entry of this node in comms/ is complete, and lives as long as this
program, as a kernel would: a dlm_controld that comes and goes finds the same one. When dlm_lockd ends, this
program says why and ends with a failure: the node has to be taken for dead.
"""
import errno
import os
import selectors
import sys

import lockd
from channels import Channels, log
from tree import (CLUSTER, CLUSTER_FILES, COMM_FILES, DEBUG, NODE_FILES, SPACE_FILES, SYSFS, Tree)

RUN_DIR = "/run/udlm"
DUMPS = {"_all": 0, "_locks": 1, "_toss": 2, "_waiters": 3}
SETTLED = ("tcp_port", "protocol")  # not to be changed while dlm_lockd runs


class Refused(Exception):
    def __init__(self, number):
        super().__init__(os.strerror(number))
        self.number = number


class Comm:
    """comms/NAME: a node of the cluster."""

    def __init__(self):
        self.nodeid, self.addresses, self.mark, self.local = 0, [], 0, False


class Node:
    """spaces/NAME/nodes/NAME: a member of a lockspace. New until a start has read it."""

    def __init__(self):
        self.nodeid, self.weight, self.is_new = 0, 1, True


class Lockspace:
    def __init__(self, name, flags):
        self.name, self.flags = name, flags
        self.global_id = self.nodir = 0
        self.is_made = False   # dlm_lockd has been told of it
        self.is_stopped = True
        self.started = set()   # node ids of the last start
        self.event = "online"  # that waits for event_done; None


class FakeKernel:
    def __init__(self, place, program, run_dir):
        self.program, self.run_dir = program, run_dir
        self.tree = Tree(place)
        self.tree.boot()
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            self.boot_id = file.read().strip()
        self.lockd = None
        self.number = 0
        self.answers = {}      # number of a stop or dump: channel that waits for it
        self.uevent_number = 0
        self.comms, self.nodes, self.lockspaces = {}, {}, {}  # nodes: lockspace: name: Node
        self.selector = selectors.DefaultSelector()
        os.chdir(place)  # its path may be longer than an address
        for name in ("kernel", "ready"):
            if os.path.lexists(name):
                os.unlink(name)
        self.channels = Channels("kernel", self.selector, self.request, self.hung_up)

    def hung_up(self, channel):
        self.answers = {number: each for number, each in self.answers.items() if each is not channel}
        if channel.kind == "dlm-monitor" and not self.is_watched():
            self.stop_all()

    def is_watched(self):
        return bool(self.channels.of("dlm-monitor"))

    def request(self, channel, data):
        words, _, content = data.partition(b"\0")
        verb, _, path = words.decode().partition(" ")
        try:
            number = getattr(self, verb)(path, content)
        except Refused as refused:
            log(f"{verb} {path}: {refused}")
            channel.answer(refused.number)
            return
        if number is None:
            channel.answer(0)
        else:
            self.answers[number] = channel

    def uevent(self, action, name):
        self.uevent_number += 1
        values = (f"{action}@/kernel/dlm/{name}", f"ACTION={action}", f"DEVPATH=/kernel/dlm/{name}",
                  "SUBSYSTEM=dlm", f"LOCKSPACE={name}", f"SEQNUM={self.uevent_number}")
        data = b"".join(value.encode() + b"\0" for value in values)
        log(f"uevent {values[0]}")
        for channel in self.channels.of("uevents"):
            self.channels.send(channel, data)

    # ---- what the shim asks; each returns None, or the number of the answer to wait for ----

    def mkdir(self, path, _):
        parent, _, name = path.rpartition("/")
        if self.tree.exists(path):
            raise Refused(errno.EEXIST)
        if not self.tree.exists(parent):
            raise Refused(errno.ENOENT)
        if path == CLUSTER:
            self.tree.directory(path, CLUSTER_FILES, ("comms", "spaces"))
        elif parent == f"{CLUSTER}/comms":
            self.tree.directory(path, COMM_FILES)
            self.comms[name] = Comm()
        elif parent == f"{CLUSTER}/spaces":
            self.tree.directory(path, {}, ("nodes",))
            self.nodes[name] = {}
        elif parent.startswith(f"{CLUSTER}/spaces/") and parent.endswith("/nodes"):
            self.tree.directory(path, NODE_FILES)
            self.nodes[parent.split("/")[-2]][name] = Node()
        else:
            raise Refused(errno.EPERM)

    def rmdir(self, path, _):
        parent, _, name = path.rpartition("/")
        if not self.tree.exists(path):
            raise Refused(errno.ENOENT)
        if path == CLUSTER:
            self.must_be_empty(f"{path}/comms")
            self.must_be_empty(f"{path}/spaces")
        elif parent == f"{CLUSTER}/comms":
            self.comm_remove(self.comms.pop(name))
        elif parent == f"{CLUSTER}/spaces":
            self.must_be_empty(f"{path}/nodes")
            del self.nodes[name]
        elif parent.startswith(f"{CLUSTER}/spaces/") and parent.endswith("/nodes"):
            del self.nodes[parent.split("/")[-2]][name]
        else:
            raise Refused(errno.EPERM)
        self.tree.remove(path)

    def must_be_empty(self, path):
        if self.tree.names(path):
            raise Refused(errno.ENOTEMPTY)

    def write(self, path, data):
        parent, _, name = path.rpartition("/")
        if not self.tree.exists(path):
            raise Refused(errno.ENOENT)
        number = None
        if parent == CLUSTER:
            if name in SETTLED and self.lockd:
                raise Refused(errno.EBUSY)
        elif parent.startswith(f"{CLUSTER}/comms/"):
            self.comm_write(self.comms[parent.rpartition("/")[2]], name, data)
        elif parent.startswith(f"{CLUSTER}/spaces/"):
            folder = parent.split("/")
            setattr(self.nodes[folder[-3]][folder[-1]], name, self.integer(data))
        elif parent.startswith(f"{SYSFS}/"):
            number = self.lockspace_write(self.lockspaces[parent.rpartition("/")[2]], name, data)
        if self.tree.exists(path):  # not, where the lockspace has ended by this write
            self.tree.write(path, data)
        return number

    def dump(self, path, _):
        name = path.removeprefix(f"{DEBUG}/")
        for suffix, kind in DUMPS.items():
            if name.endswith(suffix) and name.removesuffix(suffix) in self.lockspaces:
                self.number += 1
                self.lockd.send(lockd.ls(lockd.DUMP, name.removesuffix(suffix), self.number, kind))
                return self.number
        raise Refused(errno.ENOENT)

    @staticmethod
    def integer(data):
        try:
            return int(data.rstrip(b"\0\n"), 0)
        except ValueError:
            raise Refused(errno.EINVAL) from None

    # ---- comms ----

    def comm_write(self, comm, name, data):
        if name == "nodeid":
            comm.nodeid = self.integer(data)
        elif name == "addr":
            self.address_add(comm, data)
        elif name == "mark":
            comm.mark = self.integer(data)
            if comm.mark:
                self.peer_add(comm)
        elif name == "local":
            comm.local = bool(self.integer(data))
            if comm.local:
                self.lockd_start(comm)
        else:
            raise Refused(errno.EACCES)

    def address_add(self, comm, data):
        if len(data) != lockd.ADDRESS_BYTES or not comm.nodeid:
            raise Refused(errno.EINVAL)
        if data in comm.addresses:
            raise Refused(errno.EEXIST)
        if len(comm.addresses) == lockd.ADDRESSES_MAX:
            raise Refused(errno.ENOSPC)
        comm.addresses.append(data)
        self.peer_add(comm)

    def peer_add(self, comm):
        if self.lockd and comm.addresses and comm.nodeid != self.lockd.settings.nodeid:
            self.lockd.send(lockd.peer(lockd.PEER_ADD, comm.nodeid, comm.mark, comm.addresses))

    def comm_remove(self, comm):
        if comm.local:
            log("the entry of this node is removed" +
                (f" while there are lockspaces: {sorted(self.lockspaces)}" if self.lockspaces else ""))
        elif self.lockd and comm.nodeid != self.lockd.settings.nodeid:
            self.lockd.send(lockd.peer(lockd.PEER_REMOVE, comm.nodeid))

    # ---- dlm_lockd ----

    def settings(self, comm):
        def number(name):
            return self.tree.number(f"{CLUSTER}/{name}")
        return lockd.Settings(
            nodeid=comm.nodeid, addresses=comm.addresses, port=number("tcp_port"), mark=number("mark"),
            protocol=number("protocol"), recover_timer_ms=number("recover_timer") * 1000,
            toss_ms=number("toss_secs") * 1000, log_debug=number("log_debug"),
            cluster_name=self.tree.text(f"{CLUSTER}/cluster_name"), boot_id=self.boot_id)

    def lockd_start(self, comm):
        settings = self.settings(comm)
        if self.lockd and self.lockd.settings != settings:
            if self.lockspaces:
                raise Refused(errno.EBUSY)
            self.selector.unregister(self.lockd)
            log(f"dlm_lockd of other settings ends: {self.lockd.end()}")
            self.lockd = None
        if not self.lockd:
            self.lockd = lockd.Lockd(self.program, self.run_dir, settings)
            self.selector.register(self.lockd, selectors.EVENT_READ, lambda _: self.lockd_heard())
            log(f"dlm_lockd started, pid {self.lockd.process.pid}")
            for each in self.comms.values():
                self.peer_add(each)

    def lockd_heard(self):
        message = self.lockd.receive()
        if message is None:
            return
        if message.kind == lockd.ONLINE:
            self.online(message)
        elif message.kind == lockd.OFFLINE:
            self.offline(message)
        elif message.kind in (lockd.STOPPED, lockd.DUMP_IS):
            self.number_answered(message)
        elif message.kind == lockd.FATAL:
            log(f"dlm_lockd ends itself: {message.tail}")
        elif message.kind == lockd.READY:
            with open("ready", "w", encoding="ascii"):
                pass
            log(f"dlm_lockd is ready; {message.tail or 'it has all that it wants'}")
        elif message.kind == lockd.RECOVERED:
            log(f"lockspace {message.name}: start {message.number} has recovered")
        elif message.kind == lockd.FAILED:
            log(f"LOCKSPACE {message.name}: START {message.number} FAILED: {os.strerror(-message.result)}")

    def number_answered(self, message):
        channel = self.answers.pop(message.number, None)
        if channel:
            channel.answer(-min(message.result, 0), message.fd if message.fd >= 0 else None)
        if message.fd >= 0:
            os.close(message.fd)

    # ---- lockspaces ----

    def online(self, event):
        log(f"process {event.pid} creates lockspace {event.name}, flags {event.flags:#x}")
        if not self.is_watched() or not any(comm.local for comm in self.comms.values()):
            self.lockd.send(lockd.ls(lockd.EVENT_DONE, event.name, result=-errno.EUNATCH))
            return
        self.lockspaces[event.name] = Lockspace(event.name, event.flags)
        self.tree.directory(f"{SYSFS}/{event.name}", SPACE_FILES)
        self.uevent("add", event.name)
        self.uevent("online", event.name)

    def offline(self, event):
        log(f"process {event.pid} releases lockspace {event.name}")
        self.lockspaces[event.name].event = "offline"
        self.uevent("offline", event.name)

    def lockspace_write(self, lockspace, name, data):
        value = self.integer(data)
        if name == "control":
            if value not in (0, 1):
                raise Refused(errno.EINVAL)
            return self.start(lockspace) if value else self.stop(lockspace)
        if name == "id":
            lockspace.global_id = value & 0xffffffff
        elif name == "nodir":
            lockspace.nodir = value
        elif name == "event_done":
            self.event_done(lockspace, value)
        else:
            raise Refused(errno.EACCES)
        return None

    def stop(self, lockspace):
        self.number += 1
        lockspace.is_stopped = True
        self.lockd.send(lockd.ls(lockd.LS_STOP, lockspace.name, self.number))
        return self.number

    def stop_all(self):
        """Nobody watches any more: the last dlm_controld has ended."""
        for lockspace in self.lockspaces.values():
            if lockspace.is_made and not lockspace.is_stopped:
                log(f"lockspace {lockspace.name} is stopped: no dlm_controld")
                self.stop(lockspace)

    def start(self, lockspace):
        """As the kernel's, it tells its errors to nobody but the log."""
        nodes = self.nodes.get(lockspace.name, {}).values()
        if not lockspace.is_stopped or not nodes:
            log(f"lockspace {lockspace.name} cannot start: it has no members, or is not stopped")
            return
        members = [lockd.Member(node.nodeid, node.weight, node.is_new and node.nodeid in lockspace.started)
                   for node in sorted(nodes, key=lambda node: node.nodeid)]
        if not lockspace.is_made:
            self.lockd.send(lockd.ls_new(lockspace.name, lockspace.global_id, lockspace.flags,
                                         lockspace.nodir))
        self.number += 1
        self.lockd.send(lockd.ls(lockd.LS_START, lockspace.name, self.number, members=members))
        lockspace.is_made, lockspace.is_stopped = True, False
        lockspace.started = {node.nodeid for node in nodes}
        for node in nodes:
            node.is_new = False

    def event_done(self, lockspace, result):
        event, lockspace.event = lockspace.event, None
        if not event:
            log(f"lockspace {lockspace.name}: an event is done that nobody waits for")
            return
        if event == "offline" or result < 0:
            # gone before the program that waits goes on
            del self.lockspaces[lockspace.name]
            self.tree.remove(f"{SYSFS}/{lockspace.name}")
            self.uevent("remove", lockspace.name)
        self.lockd.send(lockd.ls(lockd.EVENT_DONE, lockspace.name, result=result))

    # ---- the loop ----

    def run(self):
        while True:
            for key, events in self.selector.select():
                if self.selector.get_map().get(key.fd) is key:  # not gone by another's turn
                    key.data(events)


def main(place, program, run_dir=RUN_DIR):
    kernel = FakeKernel(os.path.abspath(place), program, run_dir)
    try:
        kernel.run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        log(f"DLM_LOCKD HAS ENDED with status {kernel.lockd.end()}: this node is dead")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
