# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a lab can be made here, where the programs are, and what a dead lab leaves."""
import json
import os
import pathlib
import shutil

from . import space
from .errors import LabError, LabRefused

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = ("tests/daemon", "tests/cluster", "tests/conformance", "bench", "examples")
CURE = ("this needs root and the right to make namespaces and mounts; in a container: "
        "docker run --privileged (or --cap-add SYS_ADMIN --cap-add NET_ADMIN with AppArmor and seccomp "
        "unconfined)")


def default_prefix():
    """An installed suite: UDLM_PREFIX, else what ./check or ./quickstart built last; None."""
    if os.environ.get("UDLM_PREFIX"):
        return pathlib.Path(os.environ["UDLM_PREFIX"]).resolve()
    built = [ROOT / name / "prefix" for name in ("build-quickstart", "build-check")]
    built = [path for path in built if (path / "sbin/dlm_controld").exists()]
    return max(built, key=lambda path: (path / "sbin/dlm_controld").stat().st_mtime, default=None)


def test_programs():
    """Where the programs of the tests are, if UDLM_BUILD names the build directory."""
    build = os.environ.get("UDLM_BUILD")
    places = [pathlib.Path(build).resolve() / name for name in PROGRAMS] if build else []
    return [str(place) for place in places if place.is_dir()]


def check_rights():
    """LabRefused, with the cure, where this user or machine may not make a lab."""
    missing = [name for name in ("corosync", "corosync-quorumtool", "ip", "nft")
               if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")]
    if os.geteuid() != 0:
        raise LabRefused(f"only root can make nodes: {CURE}")
    if missing:
        raise LabRefused(f"missing: {', '.join(missing)}; scripts/packages.sh cluster installs them")


def check_home(state):
    """Pids mean something only in the process ids in which the lab was made."""
    if state and state["space"] != space.namespace("self"):
        raise LabError("this lab was made from outside: leave the node or container that you are in")


def remove_dead(directory):
    """Remove what a lab left whose keeper was killed. Whatever lived in it died with the keeper."""
    try:
        state = json.loads((directory / "keeper.json").read_text())
    except FileNotFoundError:
        state = None if (directory / "lab.json").exists() else False
    except (OSError, ValueError):
        state = None
    check_home(state)
    if state is False or (state and space.is_alive(state["keeper"], state["keeper_started"])):
        return
    if state:
        space.wait_until(lambda: not space.is_alive(state["switch"], state["switch_started"]),
                         f"end of process {state['switch']}")
    shutil.rmtree(directory, ignore_errors=True)
