# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs at dlm_controld's local sockets that do not keep to their protocol. The text of this file is run in a
node, by whatever user, so that it needs nothing else of the tree.

usage: many COUNT   so many connections, one after the other, of all kinds
       log COUNT    so many settings, each of which leaves 30 lines in the log
       hold         connections of all kinds, held and made anew, until standard input ends
       take NAME... listen under these abstract names, and say nothing, until standard input ends
       bind NAME    have this name, and not even listen
"""
import contextlib
import select
import socket
import struct
import sys

MAGIC, VERSION = 0xD13CD13C, 0x00010001
NAMES = ("dlmc_query_sock", "dlmc_sock")
DUMP_DEBUG, LOCKSPACES, RUN_CHECK, SET_CONFIG = 1, 5, 16, 19


def request(command, magic=MAGIC, version=VERSION, length=96):
    return struct.pack("=IIIIIiII64s", magic, version, command, 0, length, 0, 0, 0, b"x")


# what is sent, and how often a connection sends it
KINDS = (b"", b"\x3c", request(1)[:95], request(SET_CONFIG, length=96 + 1024), request(DUMP_DEBUG),
         request(DUMP_DEBUG) * 50, request(RUN_CHECK) * 200, request(LOCKSPACES), request(1, length=0xFFFFFFFF),
         request(1, length=0), request(1, magic=0), request(1, version=0x20001), request(0xFFFFFFFF), b"\xff" * 4096)


def connect(number):
    """One of kind `number`: half of them end their side at once."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect("\0" + NAMES[number % 2])  # waits where many others wait
    with contextlib.suppress(OSError):  # it may have been closed in the middle
        client.send(KINDS[number // 2 % len(KINDS)], socket.MSG_DONTWAIT)
        if number // 2 // len(KINDS) % 2:
            client.shutdown(socket.SHUT_WR)
    return client


def many(count):
    for number in range(count):
        connect(number).close()
    print("done", flush=True)


def log(count):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect("\0" + NAMES[1])
    for number in range(count):
        text = " ".join(f"no_such_{number}_{word}=1" for word in range(30)).encode().ljust(1024, b"\0")
        client.sendall(request(SET_CONFIG, length=96 + 1024) + text)
    client.sendall(request(RUN_CHECK))
    client.recv(100)  # all before it are done
    print("done", flush=True)


def is_told_to_end(seconds):
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def hold():
    held, number = [], 0
    while not is_told_to_end(0.002):
        with contextlib.suppress(OSError):  # too many are refused
            held.append(connect(number))
        number += 1
        if len(held) > 100:
            held.pop(0).close()
        if number == 100:
            print("holding", flush=True)


def take(names, does_listen=True):
    held = []
    for name in names:
        held.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        held[-1].bind("\0" + name)
        if does_listen:
            held[-1].listen(8)
    print("taken", flush=True)
    is_told_to_end(None)


if __name__ == "__main__":
    {"many": lambda: many(int(sys.argv[2])), "log": lambda: log(int(sys.argv[2])), "hold": hold,
     "take": lambda: take(sys.argv[2:]), "bind": lambda: take(sys.argv[2:], False)}[sys.argv[1]]()
