#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the seeds of the fuzzers "client" and "control" into corpus/: short stories in their steps."""
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "daemon"))
from lib import protocol as p  # noqa: E402


def word(value):
    return struct.pack("<I", value)


def connect(program, control=False, silent=False):
    return bytes([0, program, control | silent << 1])


def raw(program, data):
    data += bytes(-len(data) % 4)
    return bytes([1, program, len(data) // 4]) + data


def lock(program, lkid, block, mode, name, flags=0):
    return bytes([4, program, lkid, block, mode]) + word(flags) + bytes([name])


def operation(program, what, flags=0, mode=0):
    return bytes([5, program, what, flags]) + word(mode)


STOP_START, TURN = b"\6", b"\x09"


def read(program):
    return bytes([7, program])


def hang_up(program):
    return bytes([8, program])


def client_seeds():
    everyone = b"".join(lock(n, i, block, mode, i % 3) for i in range(6) for n in range(4)
                        for block, mode in ((2 * n + 1, i % 6), (2 * n + 3, 5)))
    records = b"".join(bytes([2 + n % 2, n % 4, 5]) + bytes(range(n, n + 60)) for n in range(30))
    return {
        "locks": everyone + b"".join(map(read, range(4))) + everyone,
        "hang_up": everyone + hang_up(0) + hang_up(1) + TURN + connect(0) + everyone,
        "stopped": everyone + STOP_START + everyone + hang_up(2) + TURN + STOP_START + everyone,
        "records": records,
        "persistent": b"".join(lock(0, i, 1, 5, i, 0x80) for i in range(3)) + hang_up(0) + TURN
        + connect(0) + records,
        "operations": connect(0, control=True) + connect(1, control=True) + operation(0, 129)
        + operation(1, 128, 8) + TURN + operation(0, 0) + operation(1, 64) + hang_up(1) + TURN
        + operation(0, 131) + operation(0, 130),
        "silent": connect(0, silent=True) + connect(1, control=True, silent=True) + raw(0, p.hello())
        + raw(1, p.hello()) + raw(0, p.lock(1, 5, b"abc")) + raw(1, p.create(b"x")),
        "raw": b"".join(raw(n % 4, data) + TURN for n, data in enumerate([
            p.lock(4097, p.EX, b"name", p.VALBLK, bytes(32), True, 3), p.unlock(4097, serial=1),
            p.record(p.NEED_IDS) * 9, p.record(p.TAKEOVER, serial=2), p.purge(0, 0, 5),
            p.lock(0, 5, b"a", p.ORPHAN, serial=9, kind=p.ADOPT), p.record(33), p.hello()])),
    }


def new(name, what=0):
    return bytes([0, name, what])


def start(name, number, members=(1,)):
    return bytes([2, name, number, len(members), 1]) + bytes(
        byte for nodeid in members[1:] for byte in (nodeid, 1))


def message(name, kind, number=1, what=0):
    return bytes([4, name, kind | what, number])


def program_operation(program, name, create):
    return bytes([8, program, name, create])


C_STOP, C_DONE, C_PING, C_STATUS, C_DUMP = 0, 1, 3, 4, 5


def control_seeds():
    up = program_operation(0, 0, 1) + new(0) + start(0, 1) + message(0, C_DONE)
    use = bytes([9, 1, 0]) + b"".join(bytes([10, 1, i, 1, 5, i]) for i in range(8))
    return {
        "served": b"\1" + program_operation(0, 0, 1) + program_operation(2, 1, 1) + use
        + program_operation(0, 0, 0) + program_operation(2, 1, 2),
        "by_hand": b"\0" + up + use + message(0, C_STOP) + start(0, 2) + message(0, C_STATUS)
        + message(0, C_DUMP) + program_operation(0, 0, 0),
        "release": b"\0" + up + program_operation(0, 0, 0) + message(0, C_STOP)
        + message(0, C_DONE),
        "order": b"\0" + message(0, C_DONE) + start(0, 1) + new(0) + up + new(0) + new(0, 1)
        + start(0, 2) + message(0, C_DONE) + message(0, C_STOP) + start(0, 3, (1, 2))
        + bytes([6, 1, 2]) + start(0, 4, (1, 2)) + bytes([6, 0, 2]) + message(0, C_STOP)
        + start(0, 5),
        "raw": b"\1" + bytes([7, 96]) + p.control_ls(p.PING) + bytes([7, 50])
        + p.control_ls(p.PING)[:50],
    }


def write(name, seeds):
    folder = HERE / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed, data in seeds.items():
        (folder / seed).write_bytes(data)


if __name__ == "__main__":
    write("client", client_seeds())
    write("control", control_seeds())
