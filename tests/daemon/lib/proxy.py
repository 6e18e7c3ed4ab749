# SPDX-License-Identifier: GPL-2.0-or-later
"""A network between two nodes that can be disturbed: it stands at an address of its own for each.

Node A knows node B by the address of the proxy's B side and the other way round; whoever connects
there is connected on, from the address that the other node expects.
"""
import contextlib
import select
import socket
import struct
import threading


class Pipe:
    """A connection and the one that it was connected on with."""

    def __init__(self, one, other):
        self.ends = (one, other)
        self.open = {one: True, other: True}  # may still send

    def to(self, end):
        return self.ends[1] if end is self.ends[0] else self.ends[0]

    def close(self, reset):
        for end in self.ends:
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()


class Proxy:
    def __init__(self, nodes, a, b):
        self.port = nodes.port
        self.pipes, self.lock = [], threading.Lock()
        self.piece = 65536     # bytes that are passed on in one piece
        self.drop = None       # called with each frame: true: it is lost
        self.rests = {}        # end -> the beginning of a frame
        self.refuses = False
        self.connections = 0
        self.sides = {}        # listener -> (address to connect from, address to connect to)
        front = {a: f"{nodes.net}.{100 + a}", b: f"{nodes.net}.{100 + b}"}
        for this, other in ((a, b), (b, a)):
            listener = socket.create_server((front[this], self.port), backlog=64)
            self.sides[listener] = (front[other], nodes.address(this))
            nodes.routes[other, this] = front[this]
        self.wake, self.waker = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _accept(self, listener):
        one, _ = listener.accept()
        source, target = self.sides[listener]
        try:
            if self.refuses:
                raise ConnectionRefusedError
            other = socket.create_connection((target, self.port), 5, (source, 0))
        except OSError:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
            return
        for sock in (one, other):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections += 1
        self.pipes.append(Pipe(one, other))

    def _frames(self, end, data):
        """Whole frames, without those that are lost."""
        data, kept = self.rests.pop(end, b"") + data, b""
        while len(data) >= 16 and len(data) >= (size := int.from_bytes(data[12:14], "little")):
            kept += b"" if self.drop(data[:size]) else data[:size]
            data = data[size:]
        self.rests[end] = data
        return kept

    def _pass(self, pipe, end):
        try:
            data = end.recv(self.piece)
            if data:
                pipe.to(end).sendall(self._frames(end, data) if self.drop else data)
                return
            pipe.to(end).shutdown(socket.SHUT_WR)
            pipe.open[end] = False
        except OSError:
            pipe.close(True)
            self.pipes.remove(pipe)
            return
        if not any(pipe.open.values()):
            pipe.close(False)
            self.pipes.remove(pipe)

    def _run(self):
        while True:
            with self.lock:
                ends = {end: pipe for pipe in self.pipes for end in pipe.ends if pipe.open[end]}
            try:
                ready, _, _ = select.select([self.wake, *self.sides, *ends], [], [])
            except (OSError, ValueError):
                continue  # closed by break_all() meanwhile
            with self.lock:
                if self.wake in ready and b"e" in self.wake.recv(64):
                    return
                for one in ready:
                    if one in self.sides:
                        self._accept(one)
                    elif one in ends and ends[one] in self.pipes:
                        self._pass(ends[one], one)

    def break_all(self, reset=True):
        """All connections end now: reset, or closed in order with what is under way lost."""
        with self.lock:
            count = len(self.pipes)
            for pipe in self.pipes:
                pipe.close(reset)
            self.pipes.clear()
            self.waker.send(b"w")
        return count

    def end(self):
        self.waker.send(b"end")
        self.thread.join()
        self.break_all()
        for sock in (*self.sides, self.wake, self.waker):
            with contextlib.suppress(OSError):
                sock.close()
