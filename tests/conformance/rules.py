# SPDX-License-Identifier: GPL-2.0-or-later
"""The lock rules of one resource, for the exam: what each program sees after each step.

Written from the rules (docs/protocol/wire.md, "Lock semantics"), not from the engine, so that the two
can disagree. It is slow and plain on purpose. Everything happens on the resource's master, one
step at a time, and every callback has been delivered before the next step.
"""
IV, NL, CR, CW, PR, PW, EX = -1, 0, 1, 2, 3, 4, 5
MODES = (NL, CR, CW, PR, PW, EX)
NAME = {IV: "IV", NL: "NL", CR: "CR", CW: "CW", PR: "PR", PW: "PW", EX: "EX"}

# rows and columns NL CR CW PR PW EX
COMPATIBLE = ("yyyyyy",
              "yyyyy-",
              "yyy---",
              "yy-y--",
              "yy----",
              "y-----")

# granted row, requested column: what happens to the value block. R: the caller gets the resource's,
# W: the resource gets the caller's, .: nothing
VALUE = {IV: "RRRRRR",
         NL: "RRRRRR",
         CR: ".RRRRR",
         CW: "..RRRR",
         PR: "...RRR",
         PW: "WWWWWR",
         EX: "WWWWWW"}

# a conversion with QUECVT is legal from the row to the modes in it
QUECVT = {NL: (CR, CW, PR, PW, EX), CR: (CW, PR, PW, EX), CW: (PR, PW, EX), PR: (CW, PW, EX),
          PW: (EX,), EX: ()}


def compatible(granted, requested):
    return IV in (granted, requested) or COMPATIBLE[granted][requested] == "y"


class Lock:
    """One actor's lock, as the master has it."""

    def __init__(self, actor):
        self.actor, self.granted, self.requested = actor, IV, IV
        self.flags, self.told, self.highbast = frozenset(), set(), 0
        self.has_value, self.value = False, None

    def __repr__(self):
        return f"{self.actor}:{NAME[self.granted]}->{NAME[self.requested]}"


class Resource:
    def __init__(self):
        self.grants, self.converts, self.waits = [], [], []
        self.value, self.value_valid = None, True
        self.events = []  # (actor, text) of this step, in order

    # ---- what a program sees ----

    def completion(self, lock, status, value=None):
        text = status
        if status == "ok":
            text += "".join(f"+{word}" for word in ("demoted", "alt", "invalid")
                            if word in lock.told)
            text += f"={value}" if value is not None else ""
        self.events.append((lock.actor, text))

    def bast(self, lock, mode):
        self.events.append((lock.actor, "bast"))

    # ---- can it be granted? ----

    def grantable_as_is(self, lock, now):
        converting = lock.granted != IV
        if "EXPEDITE" in lock.flags:
            return True
        if any(not compatible(other.granted, lock.requested)
               for other in self.grants + self.converts if other is not lock):
            return False
        if now and converting:
            return "QUECVT" not in lock.flags or not self.converts
        if "NOORDER" in lock.flags:
            return True
        if converting:
            return self.converts[0] is lock
        if now:
            return not self.converts and not self.waits
        return not self.converts and self.waits[0] is lock

    def deadlocked(self, lock):
        queued, ahead = lock in self.converts, True
        for other in self.converts:
            if other is lock:
                ahead = False
            elif (not compatible(lock.granted, other.requested)
                  and (ahead or not queued or not compatible(other.granted, lock.requested))):
                return True
        return False

    def grantable(self, lock, now):
        """"yes", "no", "deadlock" or "demoted"; an alternative mode may be taken on the way."""
        if self.grantable_as_is(lock, now):
            return "yes"
        if lock.granted != IV and "NOQUEUE" not in lock.flags and self.deadlocked(lock):
            if "CONVDEADLK" not in lock.flags:
                return "deadlock"
            lock.granted = NL
            lock.told.add("demoted")
            return "demoted"
        wanted = lock.requested
        alternative = (PR if "ALTPR" in lock.flags and wanted != PR else
                       CW if "ALTCW" in lock.flags and wanted != CW else None)
        if alternative is not None:
            lock.requested = alternative
            if self.grantable_as_is(lock, now):
                lock.told.add("alt")
                return "yes"
            lock.requested = wanted
        return "no"

    # ---- value blocks ----

    def value_at_grant(self, lock):
        """Return: what the program's block holds afterwards; None: not told here."""
        way = VALUE[lock.granted][lock.requested]
        takes_part = lock.has_value and "VALBLK" in lock.flags
        seen = None
        if way == "R":
            if not takes_part:
                return None
            if self.value is None:
                return "0" if lock.granted == IV else None
            seen = self.value
        elif way == "W":
            if "IVVALBLK" in lock.flags:
                self.value_valid = False
                return None
            if not takes_part:
                return None
            self.value, self.value_valid = lock.value, True
        if not self.value_valid:
            lock.told.add("invalid")
        return seen

    def value_at_unlock(self, lock, flags):
        if lock.granted < PW:
            return
        if "IVVALBLK" in flags | lock.flags:
            self.value_valid = False
        elif "VALBLK" in flags | lock.flags and lock.has_value:
            self.value, self.value_valid = lock.value, True

    # ---- steps ----

    def remove(self, lock):
        for queue in (self.grants, self.converts, self.waits):
            if lock in queue:
                queue.remove(lock)

    def grant(self, lock):
        seen = self.value_at_grant(lock)
        if seen is not None:
            lock.value = seen
        self.remove(lock)
        self.grants.insert(0, lock)
        lock.granted, lock.requested, lock.highbast = lock.requested, IV, 0
        self.completion(lock, "ok", seen)

    def blocked_by(self, lock, others):
        """lock has just been queued (or refused with NOQUEUEBAST): who hears of it"""
        for other in list(others):
            if other is lock:
                continue
            if {other.granted, lock.requested} == {PR, CW}:
                needed = other.highbast < EX
            else:
                needed = (other.highbast < lock.requested
                          and not compatible(other.granted, lock.requested))
            if needed:
                self.bast(other, lock.requested)
                other.highbast = lock.requested

    def scan_converts(self):
        blocked, demoted_once = [], False
        again = True
        while again:
            again, blocked = False, []
            for lock in list(self.converts):
                answer = self.grantable(lock, now=False)
                if answer == "yes":
                    self.grant(lock)
                    again = True
                    break
                if answer == "demoted" and not demoted_once:
                    demoted_once = again = True
                    break
                if answer == "deadlock":
                    if "NODLCKWT" in lock.flags:
                        self.bast(lock, lock.requested)
                    continue
                blocked.append(lock)
        return blocked

    def scan_waits(self):
        blocked = []
        for lock in list(self.waits):
            if self.grantable(lock, now=False) == "yes":
                self.grant(lock)
            else:
                blocked.append(lock)
        return blocked

    def scan(self):
        blocked = self.scan_converts() + self.scan_waits()
        if not blocked:
            return
        high = max(lock.requested for lock in blocked)
        concurrent_write = any(lock.requested == CW for lock in blocked)
        for other in self.grants:
            if other.granted == PR and concurrent_write:
                needed = other.highbast < EX
            else:
                needed = other.highbast < high and not compatible(other.granted, high)
            if needed:
                self.bast(other, high)
                other.highbast = high

    def queue(self, lock, queue):
        self.remove(lock)
        queue.insert(0 if "HEADQUE" in lock.flags else len(queue), lock)
        self.blocked_by(lock, self.grants)

    def refuse(self, lock):
        self.completion(lock, "EAGAIN")
        if "NOQUEUEBAST" in lock.flags:
            self.blocked_by(lock, self.grants + self.converts)

    def request(self, lock, mode, flags, value=None):
        lock.requested, lock.flags = mode, frozenset(flags)
        lock.has_value, lock.value = "VALBLK" in flags, "0"
        if self.grantable(lock, now=True) == "yes":
            self.grant(lock)
        elif "NOQUEUE" in flags:
            self.refuse(lock)
        else:
            self.queue(lock, self.waits)

    def convert(self, lock, mode, flags, value=None):
        lock.requested, lock.flags, lock.told = mode, frozenset(flags), set()
        if "VALBLK" in flags:
            lock.has_value = True
            lock.value = value if value is not None else lock.value
        answer = self.grantable(lock, now=True)
        if answer == "demoted":
            self.scan_converts()
            if self.grantable_as_is(lock, now=True):
                answer = "yes"
        if answer == "yes":
            self.grant(lock)
            self.scan()
        elif answer == "deadlock" and "NODLCKWT" not in flags:
            lock.requested = IV
            self.completion(lock, "EDEADLK")
        elif "NOQUEUE" in flags:
            self.refuse(lock)
        else:
            self.queue(lock, self.converts)

    def unlock(self, lock, flags=(), value=None, quiet=False):
        if value is not None:
            lock.value = value
        self.value_at_unlock(lock, frozenset(flags))
        self.remove(lock)
        if not quiet:
            self.completion(lock, "EUNLOCK")
        self.scan()

    def cancel(self, lock, status="ECANCEL"):
        if lock in self.grants:
            return
        if lock in self.converts:
            self.converts.remove(lock)
            self.grants.insert(0, lock)
            lock.requested = IV
        else:
            self.remove(lock)
        self.completion(lock, status)
        self.scan()
