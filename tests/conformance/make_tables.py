#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the tables of the exam, *.table, from the rules; by_hand.table is not touched.

usage: make_tables.py DIRECTORY           write them
       make_tables.py --check DIRECTORY   say which differ from what the rules give
"""
import itertools
import pathlib
import sys

from rules import EX, MODES, NAME, NL, PW, QUECVT, VALUE, compatible
from story import Story

PAIRS = list(itertools.product(MODES, MODES))
BLOCKED = [(held, asked) for held, asked in PAIRS if not compatible(held, asked)]
TOGETHER = [(one, other) for one, other in PAIRS if compatible(one, other)]


def named(*parts):
    return Story("/".join(NAME.get(part, part) for part in parts if part != ""))


def flag_word(flags):
    return "+".join(flags)


def grant_rows():
    for mode in MODES:
        yield named("grant", "alone", mode).lock("A", mode).end()
    yield named("grant", "alone", "EXPEDITE").lock("A", NL, "EXPEDITE").end()
    for flags in ((), ("NOQUEUE",), ("NOQUEUE", "NOQUEUEBAST")):
        for held, asked in PAIRS:
            story = named("grant", held, asked, flag_word(flags))
            yield story.lock("A", held).lock("B", asked, *flags).end()
    for held, asked in PAIRS:
        for flags in (("ALTPR",), ("ALTCW",), ("ALTPR", "ALTCW"), ("ALTPR", "NOQUEUE"),
                      ("ALTCW", "NOQUEUE")):
            story = named("grant", held, asked, flag_word(flags))
            yield story.lock("A", held).lock("B", asked, *flags).end()


def queue_rows():
    for held, waiting in BLOCKED:
        for flags in ((), ("NOQUEUE",), ("NOORDER",), ("HEADQUE",)):
            for asked in MODES:
                story = named("queue", held, waiting, asked, flag_word(flags))
                yield story.lock("A", held).lock("B", waiting).lock("C", asked, *flags).end()
        story = named("queue", held, waiting, "EXPEDITE")
        yield story.lock("A", held).lock("B", waiting).lock("C", NL, "EXPEDITE").end()
    for held, one in BLOCKED:
        for two in MODES:
            story = named("queue", "last-first", held, one, two)
            yield (story.lock("A", held).lock("B", one).lock("C", two, "HEADQUE")
                   .lock("D", EX).end())


def convert_rows():
    for flags in ((), ("QUECVT",)):
        for held, wanted in PAIRS:
            story = named("convert", "alone", held, wanted, flag_word(flags))
            yield story.lock("A", held).convert("A", wanted, *flags).end()
    for flags in ((), ("QUECVT",), ("NOQUEUE",), ("NOQUEUE", "NOQUEUEBAST"), ("ALTPR",), ("ALTCW",)):
        for (mine, theirs), wanted in itertools.product(TOGETHER, MODES):
            if "QUECVT" in flags and wanted not in QUECVT[mine]:
                continue
            if flags and flags[0].startswith("ALT") and compatible(theirs, wanted):
                continue
            story = named("convert", mine, theirs, wanted, flag_word(flags))
            story.lock("A", mine).lock("B", theirs).convert("A", wanted, *flags)
            yield story.unlock("B").end()
    for (mine, waiting), wanted in itertools.product(BLOCKED, MODES):
        story = named("convert", "before-waiting", mine, waiting, wanted)
        yield story.lock("A", mine).lock("B", waiting).convert("A", wanted).end()


def two_converts_rows():
    """Two holders convert, the first of them has to wait: deadlocks, and queues without one."""
    for (mine, theirs), first, second in itertools.product(TOGETHER, MODES, MODES):
        story = named("converts", mine, theirs, first, second)
        story.lock("A", mine).lock("B", theirs).convert("A", first)
        if not story.waits("A"):
            continue
        story.convert("B", second)
        deadlock = "EDEADLK" in story.steps[-1]
        yield story.unlock("B").end()
        for flags in (("CONVDEADLK",), ("NODLCKWT",), ("NOQUEUE",)) if deadlock else ():
            story = named("converts", mine, theirs, first, second, flag_word(flags))
            story.lock("A", mine).lock("B", theirs).convert("A", first)
            story.convert("B", second, *flags)
            yield story.cancel("A").end() if "NODLCKWT" in flags else story.end()


def with_value(story):
    """W has written v1 and stays at NL, so that the block lives."""
    return story.lock("W", EX, "VALBLK").convert("W", NL, "VALBLK", value="v1")


def value_rows():
    for mode in MODES:
        yield with_value(named("value", "read", mode)).lock("A", mode, "VALBLK").end()
        yield named("value", "none", mode).lock("A", mode, "VALBLK").end()
    for flags in (("VALBLK",), (), ("VALBLK", "IVVALBLK")):
        for held, wanted in PAIRS:
            story = with_value(named("value", "convert", held, wanted, flag_word(flags)))
            story.lock("A", held, "VALBLK")
            story.convert("A", wanted, *flags, value="v2" if "VALBLK" in flags else None)
            yield story.lock("R", NL, "VALBLK").end()
    for flags in (("VALBLK",), (), ("IVVALBLK",), ("VALBLK", "IVVALBLK")):
        for held in MODES:
            story = with_value(named("value", "unlock", held, flag_word(flags)))
            story.lock("A", held, "VALBLK")
            story.unlock("A", *flags, value="v2" if flags == ("VALBLK",) else None)
            yield story.lock("R", NL, "VALBLK").end()
    for held in MODES:
        story = with_value(named("value", "close", held)).lock("A", held, "VALBLK").close("A")
        yield story.lock("R", NL, "VALBLK").end()
        story = with_value(named("value", "close", held, "waiting")).lock("A", held, "VALBLK")
        if held >= PW:
            story.lock("R", PW, "VALBLK").close("A")
            story.convert("R", NL, "VALBLK", value="v3")
            yield story.lock("S", NL, "VALBLK").end()
    for wanted in MODES:
        story = with_value(named("value", "invalid", wanted))
        story.lock("A", EX, "VALBLK").unlock("A", "IVVALBLK")
        story.lock("R", wanted, "VALBLK").lock("S", NL)
        yield story.unlock("R").end() if wanted < PW else story.end()


def cancel_rows():
    for held in MODES:
        yield named("cancel", "granted", held).lock("A", held).cancel("A").cancel("A").end()
    for (held, waiting), behind in itertools.product(BLOCKED, MODES):
        story = named("cancel", "waiting", held, waiting, behind)
        yield story.lock("A", held).lock("B", waiting).lock("C", behind).cancel("B").end()
    for held, waiting in BLOCKED:
        yield named("unlock", "waiting", held, waiting).lock("A", held).lock(
            "B", waiting).unlock("B").end()
        yield named("unlock", "waiting", held, waiting, "FORCEUNLOCK").lock("A", held).lock(
            "B", waiting).unlock("B", "FORCEUNLOCK").end()
        yield named("deadlock-cancel", "waiting", held, waiting).lock("A", held).lock(
            "B", waiting).deadlock("B").end()
    for (mine, theirs), wanted in itertools.product(TOGETHER, MODES):
        for verb in ("cancel", "deadlock"):
            story = named(verb, "converting", mine, theirs, wanted)
            story.lock("A", mine).lock("B", theirs).convert("A", wanted)
            if story.waits("A"):
                yield (story.cancel("A") if verb == "cancel" else story.deadlock("A")).end()
        story = named("unlock", "converting", mine, theirs, wanted, "FORCEUNLOCK")
        story.lock("A", mine).lock("B", theirs).convert("A", wanted)
        if story.waits("A"):
            yield story.unlock("A", "FORCEUNLOCK").end()
    for held, waiting in BLOCKED:
        yield named("close", held, waiting).lock("A", held).lock("B", waiting).close("A").end()
        yield named("close", "waiting", held, waiting).lock("A", held).lock(
            "B", waiting).lock("C", waiting).close("B").end()


TABLES = {"grant": grant_rows, "queue": queue_rows, "convert": convert_rows,
          "converts": two_converts_rows, "value": value_rows, "cancel": cancel_rows}

TOP = """# SPDX-License-Identifier: GPL-2.0-or-later
# Made by make_tables.py from rules.py. Do not edit: change the rules, and look at what changes here.
# row | step: what is seen | ...   A, B ...: programs with one lock each; README.md has the words.
"""


def main(*arguments):
    check = arguments[0] == "--check"
    directory, different, rows = pathlib.Path(arguments[-1]), 0, 0
    for name, make in TABLES.items():
        lines = list(make())
        rows += len(lines)
        text, path = TOP + "".join(line + "\n" for line in lines), directory / f"{name}.table"
        if not check:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            print(f"{path}: not what the rules give; run make_tables.py and look at the difference")
            different += 1
    print(f"{len(TABLES)} tables, {rows} rows, {different} differ")
    return 1 if different or not rows else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
