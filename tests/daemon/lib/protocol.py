# SPDX-License-Identifier: GPL-2.0-or-later
"""The local protocols in Python: src/proto/client.h and src/proto/control.h, field by field."""
import binascii
import collections
import socket
import struct

# modes, flags, statuses
NL, CR, CW, PR, PW, EX = range(6)
IV = -1
NOQUEUE, CANCEL, CONVERT, VALBLK = 0x1, 0x2, 0x4, 0x8
IVVALBLK, PERSISTENT, ORPHAN, FORCEUNLOCK = 0x20, 0x80, 0x4000, 0x20000
NEWEXCL = 0x8
ECANCEL, EUNLOCK = 0x10001, 0x10002
VALNOTVALID = 0x2
PACKET_MAX = 65536
ID_BLOCK = 4096

# client records
HELLO, LOCK, UNLOCK, ADOPT, PURGE, NEED_IDS, TAKEOVER, CREATE, RELEASE, POKE = range(1, 11)
WELCOME, BYE, ANSWER, COMPLETION, BAST, REFUSED, IDS = range(64, 71)
MAGIC = 0x4D4C4455
WANTS_BAST, HAS_LVB, DEADLOCK, FORCE = 0x1, 0x2, 0x4, 0x1
ENDED = 0x1

# control messages
(SETTINGS, PEER_ADD, PEER_REMOVE, LS_NEW, LS_STOP, LS_START, EVENT_DONE, PING, STATUS,
 DUMP, PROBE, PROBE_END, STOP) = range(1, 14)
(READY, ONLINE, OFFLINE, STOPPED, RECOVERED, FAILED, PONG, STATUS_IS, DUMP_IS,
 FATAL, PROBED, WAITING, ENDING) = range(64, 77)
SINGLE = 0x2

HEAD = struct.Struct("=HBBI")


def record(kind, body=b"", flags=0, serial=0):
    body += bytes(-(HEAD.size + len(body)) % 8)
    return HEAD.pack(HEAD.size + len(body), kind, flags, serial) + body


def hello(magic=MAGIC, major=1, minor=0, pid=0):
    return record(HELLO, struct.pack("=IHHII", magic, major, minor, 0, pid))


def lock(lkid, mode, name=b"", flags=0, lvb=None, bast=False, serial=0, xid=0, kind=LOCK):
    body = struct.pack("=IIQBB6x", lkid, flags, xid, mode, len(name)) + name
    body += bytes(-len(name) % 8) + (lvb or b"")
    head = (WANTS_BAST if bast else 0) | (HAS_LVB if lvb is not None else 0)
    return record(kind, body, head, serial)


def unlock(lkid, flags=0, lvb=None, serial=0, deadlock=False):
    head = (HAS_LVB if lvb is not None else 0) | (DEADLOCK if deadlock else 0)
    return record(UNLOCK, struct.pack("=II", lkid, flags) + (lvb or b""), head, serial)


def purge(nodeid, pid, serial):
    return record(PURGE, struct.pack("=II", nodeid, pid), 0, serial)


def create(name, flags=0, mode=0, serial=1):
    return record(CREATE, struct.pack("=II72s", flags, mode, name), 0, serial)


def release(name, force=False, serial=1):
    return record(RELEASE, struct.pack("=72s", name), FORCE if force else 0, serial)


Record = collections.namedtuple("Record", "kind flags serial body")
Completion = collections.namedtuple("Completion", "lkid status token sbflags mode")


def records(packet):
    found = []
    while packet:
        size, kind, flags, serial = HEAD.unpack_from(packet)
        assert size >= HEAD.size and size % 8 == 0 and size <= len(packet), packet
        found.append(Record(kind, flags, serial, packet[HEAD.size:size]))
        packet = packet[size:]
    return found


def completion(found):
    return Completion(*struct.unpack_from("=IiQBb", found.body))


def completion_lvb(found):
    return found.body[24:56] if found.flags & HAS_LVB else None


def answer(found):
    return struct.unpack_from("=iI", found.body)


def bye(found):
    error, _, text = struct.unpack_from("=iI112s", found.body)
    return error, text.split(b"\0")[0].decode()


# ---- the lease ----
LEASE = struct.Struct("=8I40s72s64s")
Lease = collections.namedtuple(
    "Lease", "magic version owner_pid held persistent_held range_held closed reserved boot_id "
    "lockspace command")


def lease(data):
    return Lease(*LEASE.unpack_from(data))


# ---- control ----
CONTROL_LS = struct.Struct("=IIIiII72s")


def addresses(texts):
    """Three struct sockaddr_storage, of IPv4 or IPv6 addresses as text, ports 0."""
    packed = b""
    for text in texts:
        if ":" in text:
            one = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, text), 0)
        else:
            one = struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton(text))
        packed += one.ljust(128, b"\0")
    return packed.ljust(384, b"\0")


def settings(flags=SINGLE, nodeid=1, clients=0, locks=0, version=1, boot_id=b"test-boot", toss_ms=0,
             address=(), port=0, recover_ms=0, protocol=0, queue_mib=0):
    """`address`: this node's, as text; with them it is a node of a cluster unless flags say SINGLE."""
    body = struct.pack("=12I", version, flags, nodeid, recover_ms, toss_ms, port, 0, protocol, clients, locks,
                       queue_mib, len(address))
    body += addresses(address) + struct.pack("=40s64s", boot_id, b"test")
    return struct.pack("=II", SETTINGS, 8 + len(body)) + body


def control_ls(kind, name=b"", number=0, result=0, count=0, tail=b""):
    return CONTROL_LS.pack(kind, CONTROL_LS.size + len(tail), number, result, count, 0, name) + tail


def peer(kind, nodeid, address=()):
    """PEER_ADD and PEER_REMOVE."""
    return struct.pack("=6I", kind, 408, nodeid, 0, len(address), 0) + addresses(address)


def ls_new(name, global_id, flags=0):
    return struct.pack("=IIIIII72s", LS_NEW, 96, global_id, flags, 0, 32, name)


def ls_start(name, number, members):
    tail = b"".join(struct.pack("=4I", nodeid, 1, 0, 0) for nodeid in members)
    return control_ls(LS_START, name, number, 0, len(members), tail)


PROBE_BODY = struct.Struct("=6I72s")
Probed = collections.namedtuple(
    "Probed", "number nodeid result their_version our_version their_lvb_bytes our_lvb_bytes "
    "their_flags our_flags")


def probe(kind, number, nodeid=0, name=b"", lvb_bytes=32, flags=0, keep=False, global_id=None):
    """PROBE and PROBE_END."""
    if global_id is None:
        global_id = binascii.crc32(b"dlm:ls:" + name + b"\0")
    body = PROBE_BODY.pack(number, nodeid, global_id, flags, lvb_bytes, keep, name)
    return struct.pack("=II", kind, 8 + len(body)) + body


def probed(message):
    """What a PROBED says."""
    return Probed(*struct.unpack_from("=2Ii6I", message.tail, 8))


Message = collections.namedtuple("Message", "kind number result name tail fds")


def message(data, fds=()):
    kind, _ = struct.unpack_from("=II", data)
    if kind in (ONLINE, OFFLINE):
        return Message(kind, 0, 0, data[24:96].split(b"\0")[0], data, fds)
    if kind == PROBED:
        number, _, result = struct.unpack_from("=IIi", data, 8)
        return Message(kind, number, result, data[48:120].split(b"\0")[0], data, fds)
    if kind in (READY, FATAL):
        return Message(kind, 0, 0, b"", data, fds)
    _, _, number, result, _, _, name = CONTROL_LS.unpack_from(data)
    return Message(kind, number, result, name.split(b"\0")[0], data[CONTROL_LS.size:], fds)
