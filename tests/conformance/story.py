# SPDX-License-Identifier: GPL-2.0-or-later
"""A row of the exam in the making: each step is written down with what the rules make of it."""
from rules import NAME, QUECVT, Lock, Resource


class Story:
    def __init__(self, name):
        self.name, self.resource, self.steps, self.locks = name, Resource(), [], {}

    def add(self, text, call=None):
        events = [f"call {call}"] if call else []
        events += [f"{actor} {what}" for actor, what in sorted(self.resource.events,
                                                               key=lambda event: event[0])]
        self.resource.events = []
        self.steps.append(f"{text}: {', '.join(events)}".strip())

    @staticmethod
    def words(actor, verb, *rest, value=None):
        parts = [actor, verb, *rest]
        return " ".join(parts + ([f"={value}"] if value is not None else []))

    def lock(self, actor, mode, *flags):
        lock = self.locks[actor] = Lock(actor)
        self.resource.request(lock, mode, flags)
        self.add(self.words(actor, "lock", NAME[mode], *flags))
        return self

    def convert(self, actor, mode, *flags, value=None):
        lock, call = self.locks[actor], None
        if "QUECVT" in flags and mode not in QUECVT[lock.granted]:
            call = "EINVAL"
        elif lock not in self.resource.grants:
            call = "EBUSY"
        else:
            self.resource.convert(lock, mode, flags, value)
        self.add(self.words(actor, "convert", NAME[mode], *flags, value=value), call)
        return self

    def unlock(self, actor, *flags, value=None):
        self.resource.unlock(self.locks[actor], flags, value)
        self.add(self.words(actor, "unlock", *flags, value=value))
        return self

    def cancel(self, actor):
        self.resource.cancel(self.locks[actor])
        self.add(self.words(actor, "cancel"))
        return self

    def deadlock(self, actor):
        self.resource.cancel(self.locks[actor], "EDEADLK")
        self.add(self.words(actor, "deadlock"))
        return self

    def close(self, actor):
        """The program is gone: its lock too, and a writer's block is not to be trusted."""
        self.resource.unlock(self.locks[actor], ("IVVALBLK",), quiet=True)
        self.add(self.words(actor, "close"))
        return self

    def holds(self, actor):
        return self.locks[actor] in self.resource.grants

    def waits(self, actor):
        lock = self.locks[actor]
        return lock in self.resource.waits or lock in self.resource.converts

    def end(self):
        """Unlock what is still there, in the order of the actors, and give the row."""
        for actor, lock in sorted(self.locks.items()):
            if self.holds(actor) or self.waits(actor):
                self.unlock(actor)
        return f"{self.name} | " + " | ".join(self.steps)
