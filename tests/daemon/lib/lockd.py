# SPDX-License-Identifier: GPL-2.0-or-later
"""A dlm_lockd of one's own, with the test in dlm_controld's place."""
import array
import binascii
import contextlib
import os
import signal
import select
import socket
import struct
import subprocess
import threading
import time

from . import places
from . import protocol as p


class Lockd:
    """Starts dlm_lockd in `run` and answers it like dlm_controld with one node.

    auto=False: the test says everything itself with send(). `uid`: as that user. `prefix`: words
    before the program's, of one that executes it. `before`: called in the child before that.
    """

    def __init__(self, run, auto=True, settings=None, uid=None, prefix=(), before=None):
        self.run, self.auto = run, auto
        self.messages, self.news = [], threading.Condition()
        self.closed = False
        self.stops = 0
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(places.DEADLINE)
        self.socket = ours
        self.log_path = os.path.join(run, "lockd.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, places.program("dlm_lockd", "src/lockd")], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=dict(os.environ, UDLM_RUN_DIR=run), close_fds=False,
                preexec_fn=lambda: self._child(theirs.fileno(), uid, before))
        theirs.close()
        self.pid = self.process.pid
        self.send(settings if settings is not None else p.settings())
        self.thread = threading.Thread(target=self._pump, daemon=True)
        self.thread.start()

    @staticmethod
    def _child(fd, uid, before):
        if before:
            before()
        os.dup2(fd, 3, inheritable=True) if fd != 3 else os.set_inheritable(3, True)
        if uid is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)

    # ---- dlm_controld's side ----

    def send(self, data):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.send(data)

    def _pump(self):
        while True:
            try:
                self.socket.settimeout(None)
                data, ancillary, _, _ = self.socket.recvmsg(p.PACKET_MAX, socket.CMSG_SPACE(4))
            except OSError:
                data = b""
            if not data:
                break
            fds = array.array("i")
            for level, kind, payload in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(payload[:4])
            message = p.message(data, tuple(fds))
            if self.auto:
                self._serve(message)
            with self.news:
                self.messages.append(message)
                self.news.notify_all()
        with self.news:
            self.closed = True
            self.news.notify_all()

    def _serve(self, message):
        if message.kind == p.ONLINE:
            flags = struct.unpack_from("=I", message.tail, 8)[0]
            self.ls_new(message.name, flags)
            self.ls_start(message.name, 1)
            self.send(p.control_ls(p.EVENT_DONE, message.name))
        elif message.kind == p.OFFLINE:
            self.stops += 1
            self.send(p.control_ls(p.LS_STOP, message.name, 1000 + self.stops))
        elif message.kind == p.STOPPED and message.number > 1000:
            self.send(p.control_ls(p.EVENT_DONE, message.name))

    def ls_new(self, name, flags=0):
        global_id = binascii.crc32(b"dlm:ls:" + name + b"\0") or 1
        self.send(p.ls_new(name, global_id, flags & ~p.NEWEXCL))

    def ls_start(self, name, number, members=(1,)):
        self.send(p.ls_start(name, number, members))

    def expect(self, kind, match=lambda message: True, deadline=places.DEADLINE):
        """Wait for a message and take it out."""
        end = time.monotonic() + deadline
        with self.news:
            while True:
                for message in self.messages:
                    if message.kind == kind and match(message):
                        self.messages.remove(message)
                        return message
                left = end - time.monotonic()
                if left <= 0 or self.closed:
                    raise TimeoutError(f"no message {kind}: {self.messages}\n{self.log()}")
                self.news.wait(left)

    def ready(self):
        self.expect(p.READY)
        return self

    def stop(self, name, number=1):
        self.send(p.control_ls(p.LS_STOP, name, number))
        return self.expect(p.STOPPED, lambda m: m.number == number)

    def start(self, name, number, members=(1,)):
        self.ls_start(name, number, members)
        return self.expect(p.RECOVERED, lambda m: m.number == number)

    def status(self):
        """(values, lockspaces, clients) of the status text."""
        number = time.monotonic_ns() % 2**31
        self.send(p.control_ls(p.STATUS, b"", number))
        text = self.expect(p.STATUS_IS, lambda m: m.number == number).tail.decode()
        values, lockspaces, clients = {}, [], []
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "peer":
                continue
            if word not in ("lockspace", "client"):
                key, _, value = line.partition("=")
                values[key] = int(value) if value.isdigit() else value
                continue
            words = dict(part.split("=", 1) for part in rest.split(" ") if "=" in part)
            words = {k: int(v) if v.isdigit() else v for k, v in words.items()}
            (lockspaces if word == "lockspace" else clients).append(words)
        return values, lockspaces, clients

    def dump(self, name, kind=0, number=77):
        self.send(p.control_ls(p.DUMP, name, number, kind))
        message = self.expect(p.DUMP_IS, lambda m: m.number == number)
        if message.result:
            return message.result
        with os.fdopen(message.fds[0], "rb") as file:
            file.seek(0)
            return file.read()

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def hang_up(self):
        self.socket.shutdown(socket.SHUT_RDWR)

    def wait(self):
        return self.process.wait(places.DEADLINE)

    def end(self):
        with contextlib.suppress(OSError):
            self.hang_up()
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.thread.join(places.DEADLINE)
        self.socket.close()
        log = self.log()
        # a test may have killed it; a fault ends with another signal
        assert code in (0, 1, -signal.SIGKILL), f"dlm_lockd ended with {code}\n{log}"
        assert "Sanitizer" not in log and "runtime error" not in log, log
        return code

    # ---- programs ----

    def control(self, **args):
        return Client(os.path.join(self.run, "control"), **args)

    def connect(self, name, **args):
        return Client(os.path.join(self.run, "lockspaces", name), **args)

    def create(self, name, flags=0, mode=0):
        with self.control() as client:
            return client.ask(p.create(name, flags, mode, serial=7))[0]

    def release(self, name, force=False):
        with self.control() as client:
            return client.ask(p.release(name, force, serial=8))[0]


class Client:
    """A program that speaks the records by itself. It stays connected until close()."""

    connected = set()

    def __init__(self, path, greet=True, receive_buffer=None):
        self.connected.add(self)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(places.DEADLINE)
        self.lease_fd = None
        self.arrived, self.ids, self.welcome = [], [], None
        self.serial = 100
        folder, name = os.path.split(path)
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)  # paths may be longer than an address
        try:
            self.socket.connect(f"/proc/self/fd/{fd}/{os.fsdecode(name)}")
        finally:
            os.close(fd)
        if greet:
            self.send(p.hello())
            self.receive()
            self.welcome = self.take(p.WELCOME)

    @classmethod
    def close_all(cls):
        for client in list(cls.connected):
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def close(self):
        self.connected.discard(self)
        self.close_lease()
        self.socket.close()

    def close_lease(self):
        if self.lease_fd is not None:
            os.close(self.lease_fd)
            self.lease_fd = None

    def send(self, data):
        self.socket.send(data)

    def receive(self):
        """One packet: its records go to `arrived`, ids and lease are kept. False: the end."""
        data, ancillary, _, _ = self.socket.recvmsg(p.PACKET_MAX, socket.CMSG_SPACE(64))
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = struct.unpack(f"={len(payload) // 4}i", payload)
                assert self.lease_fd is None and len(fds) == 1
                self.lease_fd = fds[0]
        for found in p.records(data):
            if found.kind == p.IDS:
                first, count = struct.unpack_from("=II", found.body)
                self.ids += range(first, first + count)
            else:
                self.arrived.append(found)
        return bool(data)

    def take(self, kind, match=lambda found: True):
        while True:
            for found in self.arrived:
                if found.kind == kind and match(found):
                    self.arrived.remove(found)
                    return found
            if not self.receive():
                raise ConnectionError(f"ended, without record {kind}: {self.arrived}")

    def ask(self, data):
        """Send a record with a serial and return (result, value) of its answer."""
        serial = p.HEAD.unpack_from(data)[3]
        self.send(data)
        return p.answer(self.take(p.ANSWER, lambda found: found.serial == serial))

    def ended(self):
        """Read to the end; what BYE said, None without one."""
        said = None
        with contextlib.suppress(ConnectionResetError):
            while self.receive():
                pass
        for found in self.arrived:
            if found.kind == p.BYE:
                said = p.bye(found)
        return said

    def next_id(self):
        return self.ids.pop(0)

    def done(self, lkid):
        found = self.take(p.COMPLETION, lambda f: p.completion(f).lkid == lkid)
        return p.completion(found), p.completion_lvb(found)

    def lock(self, name, mode, flags=0, lvb=None, bast=False):
        """A new lock; returns (id, completion, value block) when it has completed."""
        lkid = self.next_id()
        self.send(p.lock(lkid, mode, name, flags, lvb, bast))
        return (lkid, *self.done(lkid))

    def post(self, name, mode, flags=0, lvb=None, bast=False):
        lkid = self.next_id()
        self.send(p.lock(lkid, mode, name, flags, lvb, bast))
        return lkid

    def convert(self, lkid, mode, flags=0, lvb=None):
        self.send(p.lock(lkid, mode, b"", flags | p.CONVERT, lvb))
        return self.done(lkid)

    def unlock(self, lkid, flags=0, lvb=None):
        self.send(p.unlock(lkid, flags, lvb))
        return self.done(lkid)[0]

    def lease(self):
        return p.lease(os.pread(self.lease_fd, p.LEASE.size, 0))

    def quiet(self):
        """Whether nothing has arrived and nothing is on its way now."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return not self.arrived and not poll.poll(0)
