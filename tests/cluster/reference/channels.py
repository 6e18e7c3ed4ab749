# SPDX-License-Identifier: GPL-2.0-or-later
"""The connections of the shim, which are packets: its requests, and what stands for a netlink socket and for
devices, by the kind that a connection says first (shim/kernel.c)."""
import array
import selectors
import socket
import struct
import sys
import time

PACKET_MAX = 65536


def log(line):
    print(f"{time.monotonic_ns() // 1000000} fakekernel: {line}", file=sys.stderr, flush=True)


class Channel:
    def __init__(self, connection):
        self.socket, self.kind = connection, None
        self.waiting = []  # what its socket had no room for

    def fileno(self):
        return self.socket.fileno()

    def answer(self, error, fd=None):
        """To a request: an errno, and a descriptor."""
        parts = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        try:
            self.socket.sendmsg([struct.pack("=i", error)], parts)
        except OSError as problem:
            log(f"an answer is not taken: {problem}")

    def flush(self):
        """Return: whether all has been sent, or nobody is there"""
        while self.waiting:
            try:
                self.socket.send(self.waiting[0])
            except BlockingIOError:
                return False
            except OSError:
                self.waiting.clear()
                return True
            self.waiting.pop(0)
        return True


class Channels:
    """Calls request(channel, packet) and hung_up(channel). `path` is the socket's, that does not exist yet."""

    def __init__(self, path, selector, request, hung_up):
        self.selector, self.request, self.hung_up = selector, request, hung_up
        self.all = set()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen(64)
        selector.register(self.listener, selectors.EVENT_READ, self._accept)

    def of(self, kind):
        return [channel for channel in self.all if channel.kind == kind]

    def send(self, channel, data):
        """In order, whenever there is room."""
        channel.waiting.append(data)
        self._want(channel)

    def _want(self, channel):
        events = selectors.EVENT_READ | (0 if channel.flush() else selectors.EVENT_WRITE)
        self.selector.modify(channel, events, self.selector.get_key(channel).data)

    def _accept(self, _):
        connection, _ = self.listener.accept()
        connection.setblocking(False)
        channel = Channel(connection)
        self.all.add(channel)
        self.selector.register(channel, selectors.EVENT_READ, lambda events: self._ready(channel, events))

    def _ready(self, channel, events):
        if events & selectors.EVENT_WRITE:
            self._want(channel)
        if events & selectors.EVENT_READ:
            try:
                data = channel.socket.recv(PACKET_MAX)
            except OSError:
                data = b""
            self._heard(channel, data)

    def _heard(self, channel, data):
        if not data:
            self.selector.unregister(channel)
            self.all.discard(channel)
            channel.socket.close()
            self.hung_up(channel)
        elif channel.kind is None:
            channel.kind = data.decode()
            if channel.kind != "requests":
                log(f"{channel.kind} opened")
        elif channel.kind == "requests":
            self.request(channel, data)
