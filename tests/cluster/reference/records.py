# SPDX-License-Identifier: GPL-2.0-or-later
"""The trace that the shim writes, and the messages of the cluster in a form that can be compared.

A line is a monotonic time in ms, an event and its words:

    send GROUP RESULT HEX           a multicast, 1: corosync took it
    deliver GROUP NODEID HEX        every message of a group, in the order that all its members see
    change GROUP MEMBERS LEFT JOINED    node ids; with a reason each after `:`; "-" for none
    join GROUP RESULT, leave GROUP RESULT
    kill NODEID REASON              corosync_cfg_kill_node
    write PATH ERRNO MS HEX         a write of configfs or sysfs, when it returned, and how long it took
    mkdir PATH ERRNO, rmdir PATH ERRNO
"""
import collections
import errno
import re
import struct

Record = collections.namedtuple("Record", "ms event words")
Message = collections.namedtuple("Message", "group sender type seq flags counts members detail")

TYPES = {1: "PROTOCOL", 2: "START", 3: "PLOCK", 4: "PLOCK_OWN", 5: "PLOCK_DROP", 6: "PLOCK_SYNC_LOCK",
         7: "PLOCK_SYNC_WAITER", 8: "PLOCKS_DONE", 9: "PLOCKS_DATA", 14: "FENCE_RESULT", 15: "FENCE_CLEAR",
         16: "RUN_REQUEST", 17: "RUN_REPLY"}
JOINING, HAVEPLOCK, NACK, UDLM = 0x1, 0x2, 0x4, 0x100
FAILED = "failed"  # the result of a fence agent in normalise(), whatever it was
FIPU = 0x1  # a flag of FENCE_CLEAR: fencing in progress unknown
HEADER = struct.Struct("<3HH6I8x")
CHANGE = struct.Struct("<8I")
FENCE = struct.Struct("<3IiQ")
NODE_PATH = re.compile(r"/sys/kernel/config/dlm/cluster/spaces/([^/]+)/nodes/(\d+)$")
SPACE_PATH = re.compile(r"/sys/kernel/config/dlm/cluster/spaces/([^/]+)$")
FILE_PATH = re.compile(r"/sys/kernel/dlm/([^/]+)/(control|event_done)$")
HEX_EVENTS = ("send", "deliver", "write")


def read(path):
    records = []
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return records
    for line in lines:
        ms, event, *words = line.split(" ")
        if event in HEX_EVENTS:
            words[-1] = b"" if words[-1] == "-" else bytes.fromhex(words[-1])
        records.append(Record(int(ms), event, tuple(words)))
    return records


def parse(group, data):
    """A Message; `detail` is what its type has of its own."""
    _, _, _, kind, sender, _, _, flags, seq, seq2 = HEADER.unpack_from(data)
    body, counts, members, detail = data[HEADER.size:], (), (), ()
    name = TYPES.get(kind, str(kind))
    if name in ("START", "PLOCKS_DONE"):
        _, _, count, _, *counts = CHANGE.unpack_from(body)
        members = struct.unpack_from(f"<{count}I", body, CHANGE.size)
        detail = (seq2,) if name == "PLOCKS_DONE" else ()
    elif name == "PROTOCOL":
        numbers = struct.unpack_from("<16H", body)
        detail = tuple(".".join(str(n) for n in numbers[at:at + 4]) for at in range(0, 16, 4))
    elif name in ("FENCE_RESULT", "FENCE_CLEAR"):
        _, fence_flags, subject, result, _ = FENCE.unpack_from(body)
        detail = (subject, result, fence_flags)
    return Message(group, sender, name, seq, flags, tuple(counts), tuple(members), detail)


def messages(records, event="deliver"):
    """Those delivered at this node, in order: for each group the order of the whole cluster. With "send"
    those that it sent."""
    return [parse(record.words[0], record.words[-1]) for record in records
            if record.event == event and record.words[0].startswith("dlm:")
            and (event == "deliver" or record.words[1] == "1")]


def normalise(records, event="deliver", ignored_flags=UDLM):
    """The messages without what chance decides, so that two runs of one story give the same: by group, then
    by sender, those of each sender in its order. Without: the bits of `ignored_flags`; the order of members;
    what a failed fence agent gave, and all its failures at a victim but the first; announcements that a
    node does not know of fencing in progress, which it leaves out if it is told in time."""
    found, failed = [], set()
    for message in messages(records, event):
        message = message._replace(flags=message.flags & ~ignored_flags, detail=plain_detail(message),
                                   members=tuple(sorted(message.members)))
        if message.type == "FENCE_CLEAR" and message.detail[2] == FIPU:
            continue
        if message.type == "FENCE_RESULT" and message.detail[1] == FAILED:
            if message in failed:
                continue
            failed.add(message)
        found.append(message)
    return sorted(found, key=lambda message: message[:2])


def is_failure(message):
    """Whether it tells, in its normal form, that somebody could not be fenced."""
    return message.type == "FENCE_RESULT" and message.detail[1] == FAILED


def life(records):
    """The records of the last daemon."""
    begins = [i for i, record in enumerate(records) if record.event == "join" and record.words[0] == "dlm:controld"]
    return records[begins[-1]:] if begins else records


def without_plocks(found):
    """Messages as of daemons with enable_plock=0."""
    return [message._replace(flags=message.flags & ~HAVEPLOCK) for message in found
            if not message.type.startswith("PLOCK")]


def plain_detail(message):
    if message.type == "PLOCKS_DONE":
        return ()  # 4.2.0 leaves the count unset where it sent no data
    if message.type == "FENCE_RESULT" and message.detail[1] not in (0, -errno.ECANCELED):
        return (message.detail[0], FAILED, *message.detail[2:])
    return message.detail


def decisions(records):
    """What dlm_controld of this node decided, in its order: ("stop", lockspace), ("start", lockspace,
    members, those of them that have left and come back), ("done", lockspace, result) and ("kill", node)."""
    found, spaces = [], collections.defaultdict(Space)
    for record in records:
        words = record.words
        if record.event == "kill":
            found.append(("kill", int(words[0])))
        elif record.event in ("mkdir", "rmdir") and words[1] == "0":
            if match := NODE_PATH.match(words[0]):
                spaces[match[1]].change(record.event, int(match[2]))
            elif match := SPACE_PATH.match(words[0]):
                spaces.pop(match[1], None)
        elif record.event == "write" and (match := FILE_PATH.match(words[0])):
            value = int(words[3].rstrip(b"\0"))
            found.append(("done", match[1], value) if match[2] == "event_done"
                         else spaces[match[1]].control(match[1], value))
    return found


LOG_LINE = re.compile(r"dlm_controld: (?:warning: )?(?:lockspace (\S+): (members|stop|start) (.*)"
                      r"|node (\d+) is removed from the cluster)")


def decisions_in_log(text):
    """The same of a dlm_controld of ours, as far as brief() keeps it, from its log with log_debug=1."""
    found, members = [], {}
    for line in text.splitlines():
        match = LOG_LINE.search(line)
        if not match:
            continue
        name, word, rest, victim = match.groups()
        if victim:
            found.append(("kill", int(victim)))
        elif word == "members":
            members[name] = tuple(sorted(int(n) for n in rest.partition(";")[0].split()))
        elif word == "stop":
            found.append(("stop", name))
        elif word == "start":
            found.append(("start", name, members[name]))
    return found


def brief(found):
    """Decisions without what a log of ours does not say."""
    return [each[:3] for each in found if each[0] != "done"]


class Space:
    """The members of a lockspace as dlm_controld has written them."""

    def __init__(self):
        self.count = 0   # of entries that were made
        self.now = {}    # node id: which entry
        self.before = {}  # the same at the last start

    def change(self, event, nodeid):
        if event == "mkdir":
            self.count += 1
            self.now[nodeid] = self.count
        else:
            self.now.pop(nodeid, None)

    def control(self, name, value):
        if not value:
            return ("stop", name)
        back = tuple(sorted(n for n in self.now if self.before.get(n, self.now[n]) != self.now[n]))
        self.before = dict(self.now)
        return ("start", name, tuple(sorted(self.now)), back)
