# SPDX-License-Identifier: GPL-2.0-or-later
"""The two generations of libdlmcontrol, each built by its option: what each does with the argument in which they
differ, and how dlm_tool ends where it fails."""
import collections
import ctypes
import os
import pathlib
import shutil
import subprocess

import pytest

from lib import places, tool

BYTES = 1024 * 1024
Built = collections.namedtuple("Built", "generation lib header tool")
TEXTS = ("dlmc_dump_debug", "dlmc_dump_config", "dlmc_dump_run", "dlmc_dump_log_plock")
HEADER = "/usr/include/libdlmcontrol.h"

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <stdint.h>
#include <libdlm.h>
#include <libdlmcontrol.h>

static char text[DLMC_DUMP_SIZE + 1];

int main(void)
{
	struct dlmc_lockspace *list = NULL, info = {0};
	struct dlmc_node node = {0}, nodes[4] = {{0}};
	int count = 0, rv = dlmc_lockspaces(&count, &list);

	printf("%d %d %s\n", rv, count, count ? list[0].name : "-");
	rv = dlmc_lockspace_info("testls", &info);
	printf("%d %s %x %d\n", rv, info.name, (unsigned)info.global_id, info.cg_prev.member_count);
	rv = dlmc_node_info("testls", 1, &node);
	printf("%d %d %x\n", rv, node.nodeid, (unsigned)node.flags);
	rv = dlmc_lockspace_nodes("testls", DLMC_NODES_ALL, 4, &count, nodes);
	printf("%d %d %d\n", rv, count, nodes[0].nodeid);
	rv = dlmc_dump_config(text);
	printf("%d %.13s\n", rv, text);
	printf("%d\n", dlmc_dump_plocks("testls", text));
	free(list);
	return 0;
}
"""


@pytest.fixture(scope="module", params=["4.2", "4.3"])
def built(request, tmp_path_factory):
    """The library and dlm_tool of a generation, and nothing else."""
    place = tmp_path_factory.mktemp("generation")
    for words in (["meson", "setup", place, places.ROOT, f"-Dgeneration={request.param}", "-Dtests=false"],
                  ["ninja", "-C", place, "src/lib/libdlmcontrol.so.3.2", "src/tool/dlm_tool"]):
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done
    lib = place / "src/lib/libdlmcontrol.so.3.2"
    return Built(request.param, lib, place / "src/lib/libdlmcontrol.h", place / "src/tool/dlm_tool")


@pytest.fixture
def library(built, run, monkeypatch):
    monkeypatch.setenv("UDLM_RUN_DIR", run)
    return ctypes.CDLL(str(built.lib), use_errno=True)


@pytest.fixture
def space(start_controld):
    daemon = start_controld().ready()
    assert tool.call(daemon.run, "join", "testls").status == 0
    return daemon


def call(built, run, *words):
    done = subprocess.run([built.tool, *words], capture_output=True, text=True, timeout=places.DEADLINE,
                          env=tool.environment(run, LD_LIBRARY_PATH=str(built.lib.parent)))
    return done.returncode, done.stdout, done.stderr


def dumps(library, extra):
    """What each gives, with something where 4.3 has its argument."""
    found = {}
    for name in TEXTS:
        buffer = ctypes.create_string_buffer(BYTES)
        found[name] = getattr(library, name)(buffer, extra), buffer.value
    buffer = ctypes.create_string_buffer(BYTES)
    found["dlmc_dump_plocks"] = library.dlmc_dump_plocks(b"absent", buffer, extra), buffer.value
    return found


def test_the_argument_that_only_4_3_has(built, library, space):
    """4.2: a caller may have anything there, and a store through it would end the program."""
    if built.generation == "4.2":
        for garbage in (1, 8, 2**64 - 1, 0xDEADBEEF0000):
            found = dumps(library, ctypes.c_void_p(garbage))
            assert {rv for rv, _ in found.values()} == {0}
        assert found["dlmc_dump_config"][1].startswith(b"daemon_debug=1")
        return
    data = ctypes.c_int(77)
    for name in TEXTS:
        data.value = 77
        assert getattr(library, name)(ctypes.create_string_buffer(BYTES), ctypes.byref(data)) == 0 and data.value == 0
    assert library.dlmc_dump_plocks(b"absent", ctypes.create_string_buffer(BYTES), ctypes.byref(data)) == 0
    assert data.value == -2


def test_without_a_daemon(built, library):
    data = ctypes.c_int(77)
    garbage = ctypes.c_void_p(1) if built.generation == "4.2" else ctypes.byref(data)
    assert {rv for rv, _ in dumps(library, garbage).values()} == {-1}
    assert data.value == (77 if built.generation == "4.2" else 0)


def test_the_tool_without_a_daemon(built, run):
    for word in ("dump", "dump_config", "log_plock", "run_list"):
        status, out, err = call(built, run, word)
        if built.generation == "4.2":
            assert (status, out) == (0, "\n") and err.startswith("dlm_tool: ")
        else:
            assert (status, out) == (1, "") and err.startswith("failed: Operation not permitted\ndlm_tool: ")
    assert call(built, run, "plocks", "x")[:2] == ((0, "") if built.generation == "4.2" else (1, ""))
    assert call(built, run, "status")[:2] == (0, "cannot connect to dlm_controld\n")
    assert call(built, run, "ls")[:2] == (1, "")
    assert call(built, run, "set_config", "a=1")[:2] == (0, "set_config failed\n")
    assert call(built, run, "reload_config")[:2] == (0, "reload_config failed\n")


def test_the_tool_and_a_lockspace_that_is_not_there(built, space):
    status, out, err = call(built, space.run, "plocks", "absent")
    assert out == "" and "absent" in err
    assert (status, err.startswith("failed: No such file or directory\n")) == \
        ((0, False) if built.generation == "4.2" else (1, True))
    assert call(built, space.run, "plocks", "testls") == (0, "", "")
    assert call(built, space.run, "ls", "absent")[:2] == (1, "")
    assert call(built, space.run, "dump_config")[0] == 0


@pytest.mark.parametrize("ours", [True, False])
def test_a_program_of_the_older_header(built, space, tmp_path, ours):
    """One that was built against the distribution's header runs with the library of that generation."""
    header = built.header if ours else pathlib.Path(HEADER)
    if built.generation != "4.2":
        pytest.skip("the program is one of 4.2")
    if not header.exists() or "dlmc_dump_config(char *buf);" not in header.read_text():
        pytest.skip("libdlmcontrol-dev 4.2 is not installed: scripts/packages.sh check")
    compiler = shutil.which("cc") or shutil.which("gcc")
    (tmp_path / "program.c").write_text(PROGRAM)
    (tmp_path / "libdlmcontrol.h").write_text(header.read_text())
    done = subprocess.run([compiler, "-Wall", "-Wno-discarded-qualifiers", "-I", tmp_path, "-idirafter",
                           places.ROOT / "include", "-o", tmp_path / "program", tmp_path / "program.c", built.lib],
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done
    ran = subprocess.run([tmp_path / "program"], capture_output=True, text=True, timeout=places.DEADLINE,
                         env=dict(os.environ, UDLM_RUN_DIR=space.run, LD_LIBRARY_PATH=str(built.lib.parent)))
    assert (ran.returncode, ran.stdout) == (0, """0 1 testls
0 testls e5adef01 1
0 1 3
0 1 1
0 daemon_debug=
0
"""), ran
