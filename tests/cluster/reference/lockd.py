# SPDX-License-Identifier: GPL-2.0-or-later
"""dlm_lockd as its driver sees it: src/proto/control.h, started with one end of a socket pair as
descriptor 3. Python's standard library only."""
import array
import collections
import os
import socket
import struct
import subprocess

CONTROL_FD = 3
PACKET_MAX = 65536
VERSION = 1
LVB_BYTES = 32
ADDRESSES_MAX = 3
ADDRESS_BYTES = 128  # struct sockaddr_storage
NEWEXCL = 0x8        # DLM_LSFL_NEWEXCL: of the call that creates, not of the lockspace
LOG_DEBUG = 0x1

(SETTINGS, PEER_ADD, PEER_REMOVE, LS_NEW, LS_STOP, LS_START, EVENT_DONE, PING, STATUS,
 DUMP) = range(1, 11)
(READY, ONLINE, OFFLINE, STOPPED, RECOVERED, FAILED, PONG, STATUS_IS, DUMP_IS,
 FATAL) = range(64, 74)

HEAD = struct.Struct("=II")
SETTINGS_BODY = struct.Struct("=12I384s40s64s")
PEER_BODY = struct.Struct("=IIII384s")
LS_NEW_BODY = struct.Struct("=IIII72s")
LS_BODY = struct.Struct("=IiII72s")
MEMBER = struct.Struct("=4I")
EVENT_BODY = struct.Struct("=IIII72s")
READY_BODY = struct.Struct("=IIII128s")
FATAL_BODY = struct.Struct("=iI240s")

Settings = collections.namedtuple(
    "Settings", "nodeid addresses port mark protocol recover_timer_ms toss_ms log_debug "
    "cluster_name boot_id")
Member = collections.namedtuple("Member", "nodeid weight rejoined")
Message = collections.namedtuple("Message", "kind name number result tail fd")
Event = collections.namedtuple("Event", "kind name flags pid uid")


def text(field):
    return field.split(b"\0")[0].decode(errors="replace")


def packed(kind, body):
    return HEAD.pack(kind, HEAD.size + len(body)) + body


def addresses_packed(addresses):
    return b"".join(address.ljust(ADDRESS_BYTES, b"\0") for address in addresses)


def settings(of):
    return packed(SETTINGS, SETTINGS_BODY.pack(
        VERSION, LOG_DEBUG if of.log_debug else 0, of.nodeid, of.recover_timer_ms, of.toss_ms, of.port,
        of.mark, of.protocol, 0, 0, 0, len(of.addresses), addresses_packed(of.addresses),
        of.boot_id.encode(), of.cluster_name.encode()))


def peer(kind, nodeid, mark=0, addresses=()):
    return packed(kind, PEER_BODY.pack(nodeid, mark, len(addresses), 0,
                                       addresses_packed(addresses)))


def ls_new(name, global_id, flags, nodir):
    return packed(LS_NEW, LS_NEW_BODY.pack(global_id, flags & ~NEWEXCL, nodir, LVB_BYTES, name.encode()))


def ls(kind, name="", number=0, result=0, members=()):
    tail = b"".join(MEMBER.pack(each.nodeid, each.weight, each.rejoined, 0) for each in members)
    return packed(kind, LS_BODY.pack(number, result, len(members), 0, name.encode()) + tail)


def parse(data, fd=-1):
    """An Event for ONLINE and OFFLINE, else a Message; None for what we do not know."""
    kind, size = HEAD.unpack_from(data)
    body = data[HEAD.size:]
    if size != len(data):
        raise ValueError(f"dlm_lockd sends {len(data)} bytes and says {size}")
    if kind in (ONLINE, OFFLINE):
        flags, pid, uid, _, name = EVENT_BODY.unpack(body)
        return Event(kind, text(name), flags, pid, uid)
    if kind == READY:
        _, pid, _, _, why = READY_BODY.unpack(body)
        return Message(kind, "", pid, 0, text(why), -1)
    if kind == FATAL:
        error, _, why = FATAL_BODY.unpack(body)
        return Message(kind, "", 0, error, text(why), -1)
    if kind > FATAL or kind < READY:
        return None
    number, result, _, _, name = LS_BODY.unpack_from(body)
    return Message(kind, text(name), number, result, body[LS_BODY.size:], fd)


class Lockd:
    """A dlm_lockd of one's own. It ends when this object's socket is closed, or its process ends."""

    def __init__(self, program, run_dir, of):
        self.settings = of
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self.process = subprocess.Popen(
                [program], stdin=subprocess.DEVNULL, env=dict(os.environ, UDLM_RUN_DIR=run_dir),
                close_fds=False, preexec_fn=lambda: self._pass(number))
        self.send(settings(of))

    @staticmethod
    def _pass(number):
        if number == CONTROL_FD:
            os.set_inheritable(CONTROL_FD, True)
        else:
            os.dup2(number, CONTROL_FD, inheritable=True)

    def fileno(self):
        return self.socket.fileno()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """What parse() gives; raises EOFError at the end of dlm_lockd."""
        try:
            data, parts, _, _ = self.socket.recvmsg(PACKET_MAX, socket.CMSG_SPACE(4))
        except ConnectionResetError:
            data, parts = b"", []
        if not data:
            raise EOFError("dlm_lockd has ended")
        fds = array.array("i")
        for _, _, payload in parts:
            fds.frombytes(payload[:4])
        return parse(data, fds[0] if fds else -1)

    def end(self):
        """Return: its exit status"""
        self.socket.close()
        return self.process.wait()
