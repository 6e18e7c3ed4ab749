# SPDX-License-Identifier: GPL-2.0-or-later
"""What bothers daemons, in a node: says "there" when it is, and stays until its standard input ends.

usage: intruder.py local COUNT LOCKSPACE      COUNT connections to each local socket that say nothing, a byte at a
                                              time, or half of something before they close their side
       intruder.py port ADDRESS [OWN]         garbage and broken frames to dlm_lockd of ADDRESS, from the address OWN
"""
import contextlib
import random
import resource
import socket
import struct
import sys
import threading
import time

PORT = 21064
HEADER = "=IIIHBB"  # version, lockspace, node, length, command, nothing
OURS = (b"\0dlmc_sock", b"\0dlmc_query_sock")
REFUSED = (ConnectionResetError, BrokenPipeError, ConnectionRefusedError, TimeoutError, BlockingIOError)
kept = []


def local(count, name):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * count + 100,) * 2)
    for n in range(count):
        for address in OURS:
            stream(address, n)
        if n < 50:
            for path in (f"/run/udlm/lockspaces/{name}", "/run/udlm/control"):
                packets(path, n)
    threading.Thread(target=one_byte, daemon=True).start()


def connect(sock, address):
    """Where the queue of those that want in is full, for a while."""
    for _ in range(20):
        with contextlib.suppress(BlockingIOError):
            return sock.connect(address)
        time.sleep(0.01)
    return None


def stream(address, n):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(10)
    with contextlib.suppress(*REFUSED):
        connect(sock, address)
        if n % 3 == 1:
            sock.send(bytes([n % 256]))
        if n % 3 == 2:
            sock.send(bytes(50))
            sock.shutdown(socket.SHUT_WR)
    kept.append(sock)


def packets(path, n):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(10)
    with contextlib.suppress(*REFUSED):
        connect(sock, path)
        if n % 3 == 1:
            sock.send(bytes([n % 256]))
        if n % 3 == 2:
            sock.shutdown(socket.SHUT_WR)
    kept.append(sock)


def one_byte():
    """All those that can still say something, do, and slowly."""
    while True:
        for sock in kept[::17]:
            with contextlib.suppress(OSError):
                sock.send(b"x", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        time.sleep(0.1)


def head(length, lockspace=0, node=3, cmd=2, version=0x30002):
    return struct.pack(HEADER, version, lockspace, node, length, cmd, 0)


def garbage():
    rng = random.Random(5)
    yield rng.randbytes(200000)
    yield bytes(100000)
    yield head(15) + bytes(100)
    yield head(65535) + bytes(70000)
    yield b"".join(head(64, cmd=rng.randrange(256)) + rng.randbytes(48) for _ in range(2000))
    yield b"x"
    yield b""
    for _ in range(40):
        frame = head(rng.randrange(16, 4096), rng.randrange(1 << 32), rng.randrange(1, 5), rng.randrange(8))
        yield frame[:rng.randrange(1, 16)]
        yield frame + rng.randbytes(rng.randrange(40))


def port(address, own=None):
    for data in garbage():
        with contextlib.suppress(OSError):
            sock = socket.create_connection((address, PORT), 10, (own, 0) if own else None)
            kept.append(sock)
            sock.sendall(data)
            if len(data) % 2:
                sock.close()


if __name__ == "__main__":
    if sys.argv[1] == "local":
        local(int(sys.argv[2]), sys.argv[3])
    else:
        port(*sys.argv[2:])
    print("there", flush=True)
    sys.stdin.read()
