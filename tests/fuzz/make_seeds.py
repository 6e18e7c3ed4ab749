#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the seeds of the fuzzers "wire", "link" and "engine" into corpus/.

The frames are put together here from literal offsets, apart from the codec, so that the two can be
compared: a seed whose name begins with bad_ must be refused by it, every other one taken.
Run by hand after a change; the result is kept in the repository.
"""
import re
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCKSPACE = 0x77222027
V32 = 0x00030002
MSG, RCOM, OPTS, ACK, FIN = 1, 2, 3, 4, 5
VALUE = bytes(range(32))
NAME = b"some resource"


def header(cmd, length, word=LOCKSPACE, node=3, version=V32):
    return struct.pack("<IIIHBB", version, word, node, length, cmd, 0)


def opts(inner, seq=0, node=3, option=b""):
    length = 24 + len(option) + len(inner)
    return (header(OPTS, length, seq, node)
            + struct.pack("<BBHI", inner[14], 0, len(option), 0) + option + inner)


def msg(kind, extra=b"", nodeid=2, flags=1, grmode=-1, rqmode=-1, bastmode=0, result=0):
    return header(MSG, 88 + len(extra)) + struct.pack(
        "<IIIIIIIIIIIIIiiiIi", kind, nodeid, 77, 1, 2, 0, 0, 8, 0, flags, 0, 0, 0,
        grmode, rqmode, bastmode, 3, result) + extra


def rcom(kind, payload=b"", result=0):
    return header(RCOM, 48 + len(payload)) + struct.pack(
        "<IiQQQ", kind, result, 5, 1, 1) + payload


def lock(status=2, grmode=3, rqmode=-1, wait=0, value=b"", result=0):
    return struct.pack("<IIIIIIIIibbBBHH", 9, 1, 0, 0, 0, 8, 1, 0, result, rqmode, grmode,
                       status, 3, wait, len(NAME)) + NAME.ljust(64, b"\0") + value


def config(lvb_bytes=32, slots=(), said=None):
    count = len(slots) if said is None else said
    return struct.pack("<IIIHHIIQ", lvb_bytes, 0, 0, 1, count, 4, 0, 0) + b"".join(
        struct.pack("<IHHQ", node, slot, 0, 0) for node, slot in slots)


def golden():
    text = (HERE.parent / "unit/engine/golden.h").read_text()
    for name, body in re.findall(r"GOLDEN_(\w+)\[\d+\] = \{(.*?)\};", text, re.S):
        yield name.lower(), bytes(int(x, 16) for x in re.findall(r"0x([0-9a-f]{2})\b", body))


def messages():
    return {
        "request": msg(1, NAME, rqmode=5), "convert": msg(2, VALUE, rqmode=5),
        "unlock": msg(3, VALUE), "cancel": msg(4), "request_reply": msg(5, VALUE, result=-115),
        "convert_reply": msg(6, VALUE, result=-35), "unlock_reply": msg(7, result=-0x10002),
        "cancel_reply": msg(8, result=-0x10001), "grant": msg(9, VALUE),
        "bast": msg(10, bastmode=5), "lookup": msg(11, NAME, rqmode=5),
        "remove": msg(12, NAME), "lookup_reply": msg(13, nodeid=0xffffffff), "purge": msg(14)}


def rcoms():
    records = b"".join(struct.pack(">H", len(x)) + x for x in (b"a", b"resource", b"x" * 64))
    return {
        "status": rcom(1, struct.pack("<IIQ", 1, 0, 0)), "names_first": rcom(2),
        "names_next": rcom(2, b"resource"), "lookup": rcom(3, b"resource"),
        "lock_granted": rcom(4, lock(value=VALUE)),
        "lock_waiting": rcom(4, lock(1, -1, 5, 1)),
        "lock_converting": rcom(4, lock(3, 3, 2, 2)),
        "status_reply": rcom(5, config(slots=((1, 1), (3, 2))), result=0xff),
        "not_ready": rcom(5, config(0xffffffff), result=-3),
        "names_reply_end": rcom(6, (records + b"\xff\xff").ljust(4024, b"\0")),
        "names_reply_more": rcom(6, records.ljust(4024, b"\0")),
        "lookup_reply": rcom(7, result=2), "lookup_reply_error": rcom(7, result=-12),
        "lock_reply": rcom(8, lock(result=-17))}


def bad():
    cancel = messages()["cancel"]
    return {
        "length_15": header(ACK, 15), "length_4097": header(ACK, 4097),
        "names_record_outside": rcom(6, b"\0\x40" + b"x" * 20),
        "names_record_too_long": rcom(6, b"\0\x41" + b"x" * 80),
        "slots_outside": rcom(5, config(said=9)), "flags_magic": msg(9, flags=0x02000000),
        "mode_6": msg(2, rqmode=6), "status_4": rcom(4, lock(4)),
        "name_65": msg(1, b"n" * 65, rqmode=5), "value_in_cancel": msg(4, VALUE),
        "inner_longer": header(OPTS, 24 + 88, 1) + struct.pack("<BBHI", 1, 0, 0, 0)
        + header(MSG, 200) + cancel[16:]}


def wire_seeds():
    seeds = {"golden_" + name: frame for name, frame in golden()}
    stream = b"".join(seeds.values())
    for name, frame in messages().items():
        seeds["msg_" + name] = frame
        seeds["opts_msg_" + name] = opts(frame, 4)
    for name, frame in rcoms().items():
        seeds["rcom_" + name] = frame
        seeds["opts_rcom_" + name] = opts(frame, 5)
    seeds["opts_with_option"] = opts(messages()["grant"], 3,
                                     option=struct.pack("<HHIQ", 9, 8, 0, 1))
    seeds["stream"] = stream + messages()["grant"]
    seeds |= {"bad_" + name: frame for name, frame in bad().items()}
    return seeds


# The steps of fuzz_link.c, in its order.
(PEER_BYTES, PEER_RCOM, PEER_MSG, PEER_FIN, PEER_ACK, SAY_MSG, SAY_RCOM, TAKE, CONNECT, DISCONNECT,
 TIME, MEMBER, NO_MEMBER, CLOSE, RESET, MEMORY_ENDS, ANSWERS, BURST) = range(18)


def step(kind, which=0, *rest):
    return bytes((kind, which) + rest)


def peer_bytes(data):
    return b"".join(step(PEER_BYTES, 0, len(data[i:i + 200])) + data[i:i + 200]
                    for i in range(0, len(data), 200))


def of_peer(frame):
    """The same frame in the name of node 2."""
    frame = bytearray(frame)
    frame[8:12] = struct.pack("<I", 2)
    if frame[14] == OPTS:
        frame[32:36] = struct.pack("<I", 2)
    return bytes(frame)


def link_seeds():
    member = b"\0" + step(MEMBER) + step(CONNECT) + step(PEER_RCOM) + step(TAKE, 255)
    take, reconnect = step(TAKE, 255), step(DISCONNECT) + step(CONNECT)
    stream = b"".join(map(of_peer, (
        rcoms()["status"], opts(messages()["grant"], 0), opts(rcoms()["names_reply_end"], 1),
        opts(messages()["bast"], 2))))
    say = step(SAY_MSG, 0, 1)
    fin = step(PEER_FIN, 1)
    return {
        "member": member + say + take + step(PEER_ACK, 5),
        "stream": member + peer_bytes(stream) + take,
        "reconnect": member + say * 20 + step(TAKE, 8) + step(DISCONNECT) + say + step(CONNECT)
        + take + step(PEER_ACK, 20) + step(TIME, 255) + take,
        "fin_leaver": member + step(NO_MEMBER) + step(CLOSE) + take + step(PEER_ACK, 5) + fin + take,
        "fin_stayer": member + fin + take + step(NO_MEMBER) + take + step(PEER_ACK, 5),
        "fin_again": member + fin + step(NO_MEMBER) + step(PEER_RCOM) + step(PEER_MSG, 1) + take,
        "stuck": member + fin + step(NO_MEMBER) + take + step(DISCONNECT) + step(MEMBER)
        + step(CONNECT) + step(PEER_RCOM, 4) + step(PEER_MSG, 1) + take,
        "duplicate_gap": member + step(PEER_MSG, 1) + step(PEER_MSG, 0) + step(PEER_MSG, 2)
        + step(TIME, 100) + step(PEER_MSG, 3) + take,
        "no_memory": member + step(MEMORY_ENDS, 1)
        + b"".join(step(SAY_MSG, 255, i & 1) for i in range(12)) + step(CLOSE) + step(TIME, 255)
        + step(MEMORY_ENDS, 0) + step(TIME, 255) + take,
        "answers": member + step(ANSWERS, 1) + step(PEER_MSG, 1, 1) * 20 + take
        + step(PEER_ACK, 20),
        "bare": b"\0" + step(MEMBER) + b"".join(step(SAY_RCOM, i * 16) for i in range(16)) * 3
        + step(SAY_RCOM, 4) * 80 + step(CONNECT) + take,
        "ours_3_1": b"\1" + step(MEMBER) + step(CONNECT) + step(PEER_RCOM, 16) + say
        + step(BURST, 100) + bytes(100) + take + step(CLOSE),
        "burst": member + step(BURST, 255) + b"\1" * 255 + take + step(PEER_ACK, 60) + reconnect
        + take}


# Some steps of fuzz_engine.c.
E_FIN, E_STATUS, E_TIME, E_STOP, E_START, E_BREAK, E_FORGET, E_PROBE, E_LEAVE = 7, 8, 13, 14, 15, 16, 17, 19, 21


def engine_seeds():
    """Probes, where no lockspace is shared with the peers, and where one is."""
    def probe(number, nodeid, known=True, equal=True, keep=False):
        return step(E_PROBE, number << 6 | equal << 5 | 16 | known << 3 | nodeid - 1 << 1 | keep)

    def end(number):
        return step(E_PROBE, number << 6 | 8)

    alone, second = b"\0" + step(E_LEAVE, 0), step(E_TIME, 255) * 2
    ask = probe(0, 2) + probe(1, 3) + second
    return {
        "probe": alone + ask + probe(0, 2, equal=False) + second,
        "probe_not_ready": alone + probe(0, 2, known=False) + second * 8,
        "probe_ended": alone + probe(0, 2, known=False) + end(0) + probe(1, 2, known=False) + second + end(1) + second,
        "probe_shared": b"\0" + ask + probe(2, 2, known=False) + second * 4,
        "probe_start": alone + probe(0, 2, known=False) + end(0) + step(E_START, 0x4e) + second * 3,
        "probe_fin": alone + probe(0, 2, known=False) + step(E_FIN, 1) + step(E_STATUS, 1) + second * 4,
        "probe_break": alone + probe(0, 2, known=False) + step(E_BREAK, 9) + second + step(E_FORGET, 1) + second,
        "probe_keep": alone + probe(0, 2, keep=True) + step(E_START, 0x4e) + second * 3}


def write(name, seeds):
    folder = HERE / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed, data in seeds.items():
        (folder / seed).write_bytes(data)


if __name__ == "__main__":
    write("wire", wire_seeds())
    write("link", link_seeds())
    write("engine", engine_seeds())
