# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the programs under test are, and run directories of one's own.

UDLM_BUILD names a meson build directory, UDLM_PREFIX an installed suite; the build directory wins.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

DEADLINE = 30.0  # seconds; conditions are waited for, this only ends a test that hangs
ROOT = pathlib.Path(__file__).resolve().parents[3]


def program(name, folder):
    """The path of a program: `folder` is its place in the build directory."""
    places = []
    if os.environ.get("UDLM_BUILD"):
        places.append(pathlib.Path(os.environ["UDLM_BUILD"]) / folder / name)
    if os.environ.get("UDLM_PREFIX"):
        prefix = pathlib.Path(os.environ["UDLM_PREFIX"])
        places += [prefix / sub / name for sub in ("sbin", "bin", "libexec", "usr/sbin")]
    places += [ROOT / build / folder / name for build in ("build", "builddir")]
    for place in places:
        if place.exists():
            return str(place)
    raise FileNotFoundError(f"{name}: set UDLM_BUILD or UDLM_PREFIX (looked at {places})")


def wait_for(condition, what, deadline=DEADLINE, every=0.005):
    """Wait until condition() is true and return what it gave."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {deadline} s")
        time.sleep(every)


@contextlib.contextmanager
def run_directory():
    """A run directory that others may search, removed at the end."""
    path = tempfile.mkdtemp(prefix="udlm-")
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def processes_with(path):
    """Pids of processes whose environment names this run directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if f"UDLM_RUN_DIR={path}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def memory_kib(pid, field="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


def descriptor_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def compile_c(source, output, *flags):
    subprocess.run(["cc", "-O1", "-g", "-o", output, source, *flags], check=True)
