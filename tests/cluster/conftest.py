# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the cluster tests: labs, which are gone after the test or module, whatever it did.

UDLM_PREFIX names the installed suite under test (default: what was built in this tree last), UDLM_BUILD the
build directory with the tests' programs, which then are in PATH in the nodes.
"""
import contextlib
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lab import Lab, LabRefused  # noqa: E402

LABS = pytest.StashKey()
refusal = []


@pytest.fixture(scope="session")
def rights():
    """Skips where nodes cannot be made on this machine."""
    try:
        with Lab(1, corosync=False, controld=False):
            pass
    except LabRefused as error:
        refusal.append(str(error))
    return not refusal


def pytest_terminal_summary(terminalreporter):
    for line in refusal:
        terminalreporter.section("NO CLUSTER TEST WAS RUN", sep="!")
        terminalreporter.line(line)


@contextlib.contextmanager
def labs(node, rights):
    """A maker of labs; those that it made are shown if the test fails."""
    if not rights:
        pytest.skip(refusal[0])
    made = node.stash.setdefault(LABS, [])
    with contextlib.ExitStack() as stack:
        def make(count=3, kinds=None, **args):
            lab = stack.enter_context(Lab(count, kinds, **args))
            made.append(lab)
            return lab
        yield make
    made.clear()


@pytest.fixture
def make_lab(request, rights):
    """make_lab(3, fencer=True, ...): a lab that is up, gone after the test."""
    with labs(request.node, rights) as make:
        yield make


@pytest.fixture(scope="module")
def make_module_lab(request, rights):
    """The same, gone after the module."""
    with labs(request.node, rights) as make:
        yield make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for owner in item.listchain():
            for lab in owner.stash.get(LABS, []):
                report.sections.append((f"lab {lab.directory}", lab.describe()))
