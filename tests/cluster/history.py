# SPDX-License-Identifier: GPL-2.0-or-later
"""Histories of many processes that lock, and whether they can be true.

A history is the file of one progs/contender.c, which says what its lines are. Their times are of one clock for
all nodes. A process holds a lock from the moment when it saw the grant to the moment before it asked to give
it up, or to the last line that it wrote. So whatever overlaps here was held at the same time.
"""
import bisect
import collections
import pathlib

NL, CR, CW, PR, PW, EX = range(6)
COMPATIBLE = {NL: (NL, CR, CW, PR, PW, EX), CR: (NL, CR, CW, PR, PW), CW: (NL, CR, CW), PR: (NL, CR, PR),
              PW: (NL, CR), EX: (NL,)}
READS = {-1: range(6), NL: range(6), CR: (CR, CW, PR, PW, EX), CW: (CW, PR, PW, EX), PR: (PR, PW, EX),
         PW: (EX,), EX: ()}
VALBLK, CONVDEADLK = 0x8, 0x40
DEMOTED, VALNOTVALID = 1, 2
EUNLOCK, ECANCEL, EAGAIN, EDEADLK, ENOTCONN = 0x10002, 0x10001, 11, 35, 107
OUTCOMES = {"new": {0, ECANCEL, EAGAIN}, "convert": {0, ECANCEL, EAGAIN, EDEADLK}, "unlock": {EUNLOCK}}
NOTHING = "-"  # in the place of a value

Call = collections.namedtuple("Call", "at kind before wanted flags value")
Hold = collections.namedtuple("Hold", "start end mode who")
Write = collections.namedtuple("Write", "start end value who")
Read = collections.namedtuple("Read", "start end value mode who is_valid")
Grant = collections.namedtuple("Grant", "at name mode")


def while_converting(call):
    """What is surely held before a conversion has ended. (Recovery may settle one between PR and CW either way.)"""
    if call.flags & CONVDEADLK and call.wanted > call.before:
        return NL
    return CR if {call.before, call.wanted} == {CW, PR} else min(call.before, call.wanted)


class Slot:
    """One lock of a process at a time."""

    def __init__(self):
        self.name, self.mode, self.since, self.call = None, -1, 0, None


class Process:
    """What one process did and saw. holds, writes, reads: {resource: [...]}; grants: in their order."""

    def __init__(self, path):
        self.who = pathlib.Path(path).name
        self.holds, self.writes, self.reads = (collections.defaultdict(list) for _ in range(3))
        self.faults, self.grants, self.outcomes = [], [], collections.Counter()
        self.longest = self.last = 0
        self.lost, self.is_ended = None, False
        self._slots = collections.defaultdict(Slot)
        for line in pathlib.Path(path).read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # else its end was not written
                self._line(line.split())
        self._end()

    def _line(self, words):
        self.last, event = int(words[0]), words[1]
        if event == "call":
            mode, wanted, flags = map(int, words[5:8])
            self._call(self._slots[int(words[2])], words[3], Call(self.last, words[4], mode, wanted, flags, words[8]))
        elif event == "done":
            self._done(self._slots[int(words[2])], int(words[3]), int(words[4]), words[5])
        elif event == "lost":
            self.lost = self.last
        elif event == "end":
            self.is_ended = True

    def _hold(self, slot, start, end, mode):
        if mode > NL:
            self.holds[slot.name].append(Hold(start, end, mode, self.who))

    def _call(self, slot, name, call):
        if slot.call:
            self.faults.append(f"{self.who}: {name}: a call at {call.at} while another is under way")
        self._hold(slot, slot.since, call.at, slot.mode)
        slot.name, slot.call = name, call

    def _done(self, slot, status, flags, value):
        call = slot.call
        if not call:
            self.faults.append(f"{self.who}: {slot.name}: a completion at {self.last} that nobody waits for")
        elif status != ENOTCONN:
            if status not in OUTCOMES[call.kind]:
                self.faults.append(f"{self.who}: {slot.name}: {call.kind} ended with {status} at {self.last}")
            self.outcomes[call.kind, status] += 1
            self.longest = max(self.longest, self.last - call.at)
            self._settle(slot, status, flags)
            self._values(slot, call, status, flags, value)

    def _settle(self, slot, status, flags):
        call, after = slot.call, NL if flags & DEMOTED else slot.call.before
        if call.kind == "convert":
            unchanged = after if status or flags & DEMOTED else while_converting(call._replace(flags=0))
            self._hold(slot, call.at, self.last, unchanged)
        elif call.kind == "unlock":
            after = -1
        slot.mode, slot.since, slot.call = call.wanted if status == 0 else after, self.last, None

    def _values(self, slot, call, status, flags, value):
        if call.value != NOTHING and status in (0, EUNLOCK):
            self.writes[slot.name].append(Write(call.at, self.last, call.value, self.who))
        if status:
            return
        self.grants.append(Grant(self.last, slot.name, call.wanted))
        if call.flags & VALBLK and call.wanted in READS[NL if flags & DEMOTED else call.before]:
            self.reads[slot.name].append(Read(call.at, self.last, value, call.wanted, self.who,
                                              not flags & VALNOTVALID))

    def _end(self):
        """It has ended, or been ended: with what it had at last."""
        end = self.lost or self.last
        for slot in self._slots.values():
            if slot.call is None:
                self._hold(slot, slot.since, end, slot.mode)
            elif slot.call.kind == "convert":
                self._hold(slot, slot.call.at, end, while_converting(slot.call))
            if slot.call and slot.call.value != NOTHING:  # done or not
                self.writes[slot.name].append(Write(slot.call.at, float("inf"), slot.call.value, self.who))


def overlaps(name, holds):
    """Sentences about locks that were held at the same time and must not be."""
    ends = {}  # mode -> the one that is held longest
    for hold in sorted(holds):
        for mode, other in ends.items():
            if mode not in COMPATIBLE[hold.mode] and other.end > hold.start:
                yield f"{name}: {hold} beside {other}"
        if hold.mode not in ends or hold.end > ends[hold.mode].end:
            ends[hold.mode] = hold


def wrong_values(name, writes, reads, is_kept):
    """Sentences about values that were read as valid and are not the last. Who holds PR or more reads what was
    written last before; others, while somebody may write, one of those that were not overwritten yet."""
    writes = sorted(writes)
    starts = [write.start for write in writes]
    latest, last_done = [], -1  # of each moment at which a write was done: the last such write
    for end, index in sorted((write.end, index) for index, write in enumerate(writes)):
        last_done = max(last_done, index)
        latest.append((end, last_done))
    for read in reads:
        if not read.is_valid:
            continue
        newest = bisect.bisect_right(starts, read.end) - 1
        at = bisect.bisect_right(latest, (read.start, len(writes))) - 1
        oldest = newest if read.mode in (PR, PW, EX) else latest[at][1] if at >= 0 else -1
        allowed = [NOTHING if index < 0 else writes[index].value for index in range(oldest, newest + 1)]
        if read.value not in allowed and (is_kept or read.value != NOTHING):
            yield f"{name}: {read}, where the last are {allowed[-3:]}"


class History:
    """All histories of a run; `paths` are their files. Resources of which a lock is always held somewhere begin
    with hot; others come and go, and their values with them."""

    def __init__(self, paths):
        self.processes = [Process(path) for path in sorted(paths)]

    def _all(self, what):
        found = collections.defaultdict(list)
        for process in self.processes:
            for name, items in getattr(process, what).items():
                found[name] += items
        return found

    def faults(self):
        """All that cannot be, as sentences."""
        found = [fault for process in self.processes for fault in process.faults]
        for name, holds in self._all("holds").items():
            found += overlaps(name, holds)
        writes = self._all("writes")
        for name, reads in self._all("reads").items():
            found += wrong_values(name, writes.get(name, []), reads, name.startswith("hot"))
        return found

    def not_valid(self):
        """Reads of values that were marked not valid, of hot names."""
        return [read for name, reads in self._all("reads").items() for read in reads
                if name.startswith("hot") and not read.is_valid]

    def outcomes(self):
        return sum((process.outcomes for process in self.processes), collections.Counter())

    def longest(self):
        """Seconds that the longest call took."""
        return max(process.longest for process in self.processes) / 1e9

    def grants(self, start=0.0, end=float("inf"), who=""):
        """Those of processes whose name begins so, between two times in seconds."""
        return [grant for process in self.processes if process.who.startswith(who)
                for grant in process.grants if start <= grant.at / 1e9 <= end]
