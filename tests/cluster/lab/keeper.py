# SPDX-License-Identifier: GPL-2.0-or-later
"""The keeper of a lab: a process that holds all of it and ends it.

usage: keeper.py DIRECTORY OWNER_PID

Its child is the first process of the lab's process-id namespace and the switch of its network. All nodes
are below that, so killing this one process kills every process of the lab, and the kernel
drops the namespaces, interfaces and mounts that they held. The keeper does this when its owner ends
(until it is told `detach`), at SIGTERM, and when it is killed itself.
"""
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import space  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 10.0  # seconds for the dead to be waited for by whoever started them


def reap_for_ever():
    """The rest of a first process's life: to wait for those whose parents have ended."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            signal.sigwait({signal.SIGCHLD})


def switch_main(ready):
    """The first process of the lab. It never returns."""
    try:
        space.die_with_parent()
        os.setsid()
        space.unshare(space.NEWNET | space.NEWNS)
        space.mount(None, "/", flags=space.MS_REC | space.MS_PRIVATE)
        for words in ("link set lo up", "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                      "link set br0 up"):
            subprocess.run(["ip", *words.split()], check=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        os.write(ready, f"pid {os.readlink('/proc/self')}".encode())
    except subprocess.CalledProcessError as error:
        os.write(ready, f"{' '.join(error.cmd)}: {error.stderr.strip()}".encode())
        os._exit(1)
    except BaseException as error:
        os.write(ready, str(error).encode())
        os._exit(1)
    os.close(ready)
    reap_for_ever()


class Keeper:
    def __init__(self, directory, owner):
        self.directory = directory
        self.fencer = None
        self.owner = os.pidfd_open(owner)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(directory / "keeper"))
        self.switch = None

    def start(self):
        """Make the switch; a sentence, where that is refused."""
        here, there = os.pipe()
        try:
            space.unshare(space.NEWPID)
        except OSError as error:
            return str(error)
        self.switch = os.fork()
        if not self.switch:
            switch_main(there)
        os.close(there)
        text = b""
        while piece := os.read(here, 4096):
            text += piece
        os.close(here)
        word, _, pid = text.decode(errors="replace").partition(" ")
        if word != "pid" or int(pid) != self.switch:
            return text.decode(errors="replace") or "the switch ended"
        space.setns(os.pidfd_open(os.getpid()), space.NEWPID)  # later children are the machine's again
        (self.directory / "keeper.json").write_text(json.dumps({
            "space": space.namespace("self"), "keeper": os.getpid(), "keeper_started": space.started(os.getpid()),
            "switch": self.switch, "switch_started": space.started(self.switch)}))
        return ""

    def serve(self):
        """Until the lab is to end."""
        switch = os.pidfd_open(self.switch)
        owner = [self.owner]
        while True:
            ready, _, _ = select.select([self.socket, switch, *owner], [], [])
            if switch in ready or self.owner in ready:
                return
            if self.socket in ready:
                data, sender = self.socket.recvfrom(256)
                word = data.decode(errors="replace")
                if word == "detach":
                    owner.clear()
                elif word == "fencer on":
                    self.fencer_start()
                elif word == "fencer off":
                    self.fencer_stop()
                with contextlib.suppress(OSError):
                    self.socket.sendto(b"done", sender)

    def fencer_start(self):
        if self.fencer is None or self.fencer.poll() is not None:
            self.fencer = subprocess.Popen(
                [sys.executable, "-B", str(HERE / "fencer.py"), str(self.directory)],
                stdin=subprocess.DEVNULL, preexec_fn=space.die_with_parent)

    def fencer_stop(self):
        if self.fencer is not None:
            self.fencer.kill()
            self.fencer.wait()
            self.fencer = None

    def end(self):
        self.fencer_stop()
        if not self.switch:
            return
        space.send(self.switch, signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if os.waitpid(self.switch, os.WNOHANG)[0]:
                return
            time.sleep(0.005)
        print("keeper: what was killed is not waited for by its parent", file=sys.stderr, flush=True)


def main():
    directory, owner = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    keeper = Keeper(directory, owner)
    try:
        wrong = keeper.start()
        print(wrong or "ready", flush=True)
        if not wrong:
            os.dup2(2, 1)
            keeper.serve()
    except Exception:
        traceback.print_exc()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        keeper.end()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
