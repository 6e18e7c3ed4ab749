# SPDX-License-Identifier: GPL-2.0-or-later
"""A dlm_controld of one's own, and the admin sockets' protocol: src/proto/dlmc.h, field by field."""
import collections
import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess

from . import places

HEADER = struct.Struct("=IIIIIiII64s")
MAGIC, VERSION = 0xD13CD13C, 0x00010001
(DUMP_DEBUG, DUMP_PLOCKS, LOCKSPACE_INFO, NODE_INFO, LOCKSPACES, LOCKSPACE_NODES, FS_REGISTER,
 FS_UNREGISTER, FS_NOTIFIED, DEADLOCK_CHECK, DUMP_LOG_PLOCK, FENCE_ACK, DUMP_STATUS, DUMP_CONFIG,
 RUN_START, RUN_CHECK, DUMP_RUN, RELOAD_CONFIG, SET_CONFIG) = range(1, 20)
(DAEMON_INFO, ENGINE_INFO, ENGINE_DUMP, LOST_ACK, LOCKSPACE_WAITING,
 ALL_NODES) = range(1000, 1006)
WANTS_ANSWER = 0x80000000

Reply = collections.namedtuple("Reply", "command option data name body")


def request(command, name=b"", option=0, data=0, flags=0, payload=b"", magic=MAGIC,
            version=VERSION, length=None):
    length = HEADER.size + len(payload) if length is None else length
    return HEADER.pack(magic, version, command, option, length, data, flags, 0, name) + payload


class Admin:
    """One connection to an admin socket."""

    def __init__(self, run, query=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # blocking, so that it waits where many others wait to be accepted
        self.socket.connect(os.path.join(run, "dlmc_query_sock" if query else "dlmc_sock"))
        self.socket.settimeout(places.DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError(f"ended after {len(data)} of {size} bytes")
            data += piece
        return data

    def rest(self):
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(65536):
                data += piece
        return data

    def reply(self):
        magic, version, command, option, length, data, flags, unused, name = HEADER.unpack(
            self.read(HEADER.size))
        assert (magic, version, flags, unused) == (MAGIC, VERSION, 0, 0)
        return Reply(command, option, data, name.rstrip(b"\0"), self.read(length - HEADER.size))

    def ask(self, *args, **more):
        self.send(request(*args, **more))
        return self.reply()


class Controld:
    """Starts dlm_controld --cluster=single in `run`, in the foreground."""

    def __init__(self, run, *words, environment=(), uid=None, cluster="--cluster=single"):
        self.run = run
        self.log_path = os.path.join(run, "controld.log")
        with open(self.log_path, "ab") as log:
            self.log_from = log.tell()
            self.process = subprocess.Popen(
                [program(), "-D", *([cluster] if cluster else []), "--config_file=/dev/null", *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, UDLM_RUN_DIR=run, **dict(environment)),
                preexec_fn=(lambda: become(uid)) if uid is not None else None)
        self.pid = self.process.pid

    # ---- looking ----

    def log(self):
        with open(self.log_path, errors="replace") as file:
            file.seek(self.log_from)
            return file.read()

    def expect_log(self, text):
        places.wait_for(lambda: text in self.log() or self.process.poll() is not None,
                        f"log line {text!r}; log:\n{self.log()}")
        assert text in self.log(), self.log()

    def ask(self, *args, query=True, **more):
        with Admin(self.run, query) as admin:
            return admin.ask(*args, **more)

    def info(self):
        """DAEMON_INFO as a dict of lists."""
        values = collections.defaultdict(list)
        for line in self.ask(DAEMON_INFO).body.decode().splitlines():
            key, _, value = line.partition("=")
            values[key].append(value)
        return values

    def state(self):
        try:
            return self.info()["state"][0]
        except OSError:
            return "absent"

    def wait_state(self, *states):
        def there():
            assert self.process.poll() is None or "absent" in states, self.log()
            return self.state() in states
        places.wait_for(there, f"state {states}, is {self.state()}; log:\n{self.log()}", every=0.02)
        return self

    def ready(self):
        return self.wait_state("ready")

    def lockd_pid(self):
        return int(self.info()["lockd_pid"][0])

    # ---- doing ----

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(places.DEADLINE)

    def end(self):
        """After a test: gone, with its dlm_lockd."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        log = self.log()
        assert "Sanitizer" not in log and "runtime error" not in log, log


def become(uid):
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def program():
    return places.program("dlm_controld", "src/control")


def alive(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] not in "ZX"


def wait_gone(pid):
    places.wait_for(lambda: not alive(pid), f"process {pid} still lives")
