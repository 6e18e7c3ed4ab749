# SPDX-License-Identifier: GPL-2.0-or-later
"""A node of the lab that runs Debian's unmodified dlm_controld 4.2.0, "the reference", with a fake kernel
in front of a dlm_lockd of ours. So a cluster can have nodes of both kinds, and they really lock.

    for name, argv, env in reference.processes(place, prefix):   # to be started in this order, in the node
    env.update(reference.environment(place, prefix))             # for programs that run on such a node
    records = reference.trace(place)                             # what its dlm_controld said, did and heard

`place` is a directory of the node, the same path inside; the fake kernel is in it, and it may be used
again when the node boots again. `prefix` is an installed suite, or a build directory. All processes of
the node have to be started anew when one of fakekernel and dlm_lockd has ended: a kernel does not end.

Programs of the node find our libdlm, and dlm_lockd in RUN_DIR. `dlm_tool` there is the reference's, but
for the commands that lock (join, leave, lock ...), which are ours; dlm_tool lockdebug and lockdump
show our engine through the fake kernel.

In the place: shim.so, kernel (socket), root/ (what the kernel shows), ready (file, when programs may lock),
trace (see records.py).
"""
import contextlib
import os
import pathlib
import subprocess
import sys

from .records import FAILED, Message, Record, decisions, messages, normalise, read, without_plocks

__all__ = ["CONTROLD", "FAILED", "Message", "Record", "RUN_DIR", "decisions", "environment", "is_ready",
           "messages", "normalise", "processes", "trace", "without_plocks"]

HERE = pathlib.Path(__file__).resolve().parent
CONTROLD = "/usr/sbin/dlm_controld"
RUN_DIR = "/run/udlm"  # of the node, the default of our library
NOT_INHERITED = ("LD_PRELOAD", "LD_LIBRARY_PATH", "UDLM_RUN_DIR", "NOTIFY_SOCKET")
SHIM_FLAGS = ("-std=c17", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-shared", "-fPIC")


def program(prefix, name, folder):
    for place in (f"sbin/{name}", f"bin/{name}", f"usr/sbin/{name}", f"{folder}/{name}"):
        path = pathlib.Path(prefix) / place
        if path.exists():
            return str(path)
    raise FileNotFoundError(f"no {name} in {prefix}")


def shim(place):
    """Build it, unless it is there and newer than its sources. Return: its path"""
    sources = sorted((HERE / "shim").glob("*.c"))
    path = pathlib.Path(place) / "shim.so"
    newest = max(each.stat().st_mtime for each in (HERE / "shim").iterdir())
    if not path.exists() or path.stat().st_mtime < newest:
        made = path.with_suffix(".new")
        subprocess.run(["cc", *SHIM_FLAGS, "-o", made, *sources], check=True)
        os.rename(made, path)
    return str(path)


def processes(place, prefix, controld_args=()):
    """What has to run in the node: (name, argv, environment) in the order of starting. dlm_controld waits
    for the fake kernel by itself."""
    os.makedirs(place, exist_ok=True)
    if not os.path.exists(CONTROLD):
        raise FileNotFoundError(f"no {CONTROLD}: install dlm-controld")
    env = {name: text for name, text in os.environ.items() if name not in NOT_INHERITED}
    kernel = [sys.executable or "/usr/bin/python3", "-B", str(HERE / "fakekernel.py"), str(place),
              program(prefix, "dlm_lockd", "src/lockd"), RUN_DIR]
    # by env(1), so that nothing but dlm_controld itself gets the shim
    controld = ["/usr/bin/env", f"LD_PRELOAD={shim(place)}", f"UDLM_REFERENCE_PLACE={place}", CONTROLD, "-D",
                *controld_args]
    return [("fakekernel", kernel, env), ("controld", controld, env)]


def environment(place, prefix):
    """What programs that run on the node need in their environment."""
    prefix = pathlib.Path(prefix)
    folders = [HERE / "bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", prefix / "sbin", prefix / "bin"]
    env = {"PATH": ":".join(str(folder) for folder in folders), "UDLM_RUN_DIR": RUN_DIR,
           "UDLM_REFERENCE_PLACE": str(place), "UDLM_REFERENCE_SHIM": str(pathlib.Path(place) / "shim.so")}
    with contextlib.suppress(FileNotFoundError):
        env["UDLM_REFERENCE_TOOL"] = program(prefix, "dlm_tool", "src/tool")
    return env


def is_ready(place):
    """Whether programs may lock there: dlm_controld is a member a moment before it says who the nodes are, and
    only then dlm_lockd is started."""
    return (pathlib.Path(place) / "ready").exists()


def trace(place):
    """All records of the node so far, of all its boots."""
    return read(pathlib.Path(place) / "trace")
