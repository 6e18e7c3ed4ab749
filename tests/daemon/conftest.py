# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the daemon tests. Each test has a run directory of its own and leaves nothing."""
import contextlib

import pytest

from lib import places, protocol
from lib.controld import Controld
from lib.lockd import Client, Lockd
from lib.nodes import Nodes


@pytest.fixture
def run():
    with places.run_directory() as path:
        yield path
        places.wait_for(lambda: not places.processes_with(path),
                        f"processes left behind: {places.processes_with(path)}")


@pytest.fixture
def start_lockd(run):
    """Starts a dlm_lockd; all are ended after the test."""
    with contextlib.ExitStack() as stack:
        def start(**args):
            lockd = Lockd(run, **args)
            stack.callback(lockd.end)
            return lockd
        stack.callback(Client.close_all)
        yield start


@pytest.fixture
def lockd(start_lockd):
    return start_lockd().ready()


@pytest.fixture
def space(lockd):
    """A dlm_lockd with the lockspace "x"."""
    assert lockd.create(b"x") == 0
    return lockd


@pytest.fixture
def nodes(run):
    """A cluster of several dlm_lockds, with none up yet."""
    cluster = Nodes(run)
    try:
        yield cluster
    finally:
        Client.close_all()
        cluster.end()


__all__ = ["protocol"]


@pytest.fixture
def start_controld(run):
    """Starts a dlm_controld --cluster=single; all are ended after the test."""
    with contextlib.ExitStack() as stack:
        def start(*words, **args):
            daemon = Controld(run, *words, **args)
            stack.callback(daemon.end)
            return daemon
        yield start
