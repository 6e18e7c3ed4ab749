# SPDX-License-Identifier: GPL-2.0-or-later
"""libdlmcontrol, each function, against a daemon; and against who is not the daemon."""
import ctypes
import errno
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading

import pytest

from lib import controld as c
from lib import places, tool
from lib.child import Child

DUMP_BYTES = 1024 * 1024


class Change(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in (
        "member_count", "joined_count", "remove_count", "failed_count", "wait_condition",
        "wait_messages")] + [("seq", ctypes.c_uint32), ("combined_seq", ctypes.c_uint32)]


class Lockspace(ctypes.Structure):
    _fields_ = [("prev", Change), ("next", Change), ("flags", ctypes.c_uint32),
                ("global_id", ctypes.c_uint32), ("name", ctypes.c_char * 65)]


class Node(ctypes.Structure):
    _fields_ = [("nodeid", ctypes.c_int), ("flags", ctypes.c_uint32), ("added", ctypes.c_uint32),
                ("removed", ctypes.c_uint32), ("reason", ctypes.c_int), ("wall", ctypes.c_uint64),
                ("mono", ctypes.c_uint64)]


def path():
    return places.program("libdlmcontrol.so.3", "src/lib")


def generation():
    """Which one the library was built for: the arguments of its dumps say so."""
    here = os.path.dirname(path())
    for header in (os.path.join(here, "libdlmcontrol.h"),
                   os.path.join(here, "..", "include", "libdlmcontrol.h"),
                   os.path.join(here, "..", "..", "include", "libdlmcontrol.h")):
        if os.path.exists(header):
            text = open(header).read()
            return int(text.split("#define LIBDLMCONTROL_GENERATION ")[1].split()[0])
    raise FileNotFoundError("libdlmcontrol.h")


def sanitized():
    with open(path(), "rb") as library:
        return b"__asan_init" in library.read()


# A sanitized library ends the Python that loads it, which is not sanitized.
pytestmark = pytest.mark.skipif(sanitized(), reason="a sanitized library does not load here")


@pytest.fixture
def lib(run, monkeypatch):
    """The library, looking for its daemon in `run`."""
    monkeypatch.setenv("UDLM_RUN_DIR", run)
    return ctypes.CDLL(path(), use_errno=True)


@pytest.fixture
def space(start_controld):
    daemon = start_controld().ready()
    assert tool.call(daemon.run, "join", "testls").status == 0
    return daemon


def dump(lib, function, *words):
    buffer = ctypes.create_string_buffer(DUMP_BYTES)
    data = ctypes.c_int(77)
    extra = [ctypes.byref(data)] if generation() >= 403 else []
    result = getattr(lib, function)(*words, buffer, *extra)
    return result, buffer.value, data.value if extra else None


def test_dumps(lib, space):
    text = dump(lib, "dlmc_dump_config")
    assert text[0] == 0 and text[1].startswith(b"daemon_debug=1 (cli option)\n")
    assert b"dlm_controld" in dump(lib, "dlmc_dump_debug")[1]
    assert dump(lib, "dlmc_dump_run")[:2] == (0, b"")
    assert dump(lib, "dlmc_dump_log_plock")[:2] == (0, b"")
    assert dump(lib, "dlmc_dump_plocks", b"testls")[:2] == (0, b"")
    # the older form of the call has no way to say that the name is unknown
    result, text, data = dump(lib, "dlmc_dump_plocks", b"absent")
    assert (result, text) == (0, b"") and data in (None, -2)


def test_the_older_form_touches_no_argument_more(lib, space):
    if generation() >= 403:
        pytest.skip("built for 4.3")
    buffer, extra = ctypes.create_string_buffer(DUMP_BYTES), ctypes.c_int(77)
    assert lib.dlmc_dump_config(buffer, ctypes.byref(extra)) == 0
    assert extra.value == 77


def test_lockspace_info(lib, space):
    found = Lockspace()
    assert lib.dlmc_lockspace_info(b"testls", ctypes.byref(found)) == 0
    assert (found.name, found.global_id, found.flags) == (b"testls", 0xE5ADEF01, 0)
    assert (found.prev.member_count, found.prev.seq, found.next.seq) == (1, 1, 0)
    assert lib.dlmc_lockspace_info(b"absent", ctypes.byref(found)) == -2


def test_node_info(lib, space):
    node = Node()
    assert lib.dlmc_node_info(b"testls", 1, ctypes.byref(node)) == 0
    assert (node.nodeid, node.flags, node.added) == (1, 3, 1)
    assert lib.dlmc_node_info(b"testls", 9, ctypes.byref(node)) == 0
    assert (node.nodeid, node.flags) == (0, 0)
    assert lib.dlmc_node_info(b"absent", 1, ctypes.byref(node)) == -2


def test_lockspaces(lib, space):
    count, found = ctypes.c_int(), ctypes.POINTER(Lockspace)()
    assert lib.dlmc_lockspaces(ctypes.byref(count), ctypes.byref(found)) == 0
    assert count.value == 1 and found[0].name == b"testls"
    ctypes.CDLL(None).free(found)
    assert tool.call(space.run, "leave", "testls").status == 0
    assert lib.dlmc_lockspaces(ctypes.byref(count), ctypes.byref(found)) == 0
    assert count.value == 0 and not found


def test_lockspace_nodes(lib, space):
    count, nodes = ctypes.c_int(), (Node * 4)()
    assert lib.dlmc_lockspace_nodes(b"testls", 1, 4, ctypes.byref(count), nodes) == 0
    assert count.value == 1 and nodes[0].nodeid == 1
    assert lib.dlmc_lockspace_nodes(b"testls", 1, 0, ctypes.byref(count), nodes) == 0
    assert count.value == -errno.E2BIG
    assert lib.dlmc_lockspace_nodes(b"absent", 1, 4, ctypes.byref(count), nodes) == -2


def test_changes(lib, space):
    assert lib.dlmc_set_config(b"post_join_delay=11") == 0
    places.wait_for(lambda: b"post_join_delay=11 (set_config)" in dump(lib, "dlmc_dump_config")[1],
                    "set_config")
    assert lib.dlmc_set_config(b"x" * 5000) == 0
    assert lib.dlmc_reload_config() == 0
    assert lib.dlmc_deadlock_check(b"testls") == 0
    assert lib.dlmc_fence_ack(b"3") == 0
    space.expect_log("fence_ack of node 3")


def test_fs(lib, space):
    fd = lib.dlmc_fs_connect()
    assert fd >= 0
    name = ctypes.create_string_buffer(65)
    kind, nodeid, result = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    outputs = [name, ctypes.byref(kind), ctypes.byref(nodeid), ctypes.byref(result)]
    assert lib.dlmc_fs_register(fd, b"testls") == 0
    assert lib.dlmc_fs_result(fd, *outputs) == 0
    assert (name.value, kind.value, result.value) == (b"testls", 1, -errno.EOPNOTSUPP)
    assert lib.dlmc_fs_notified(fd, b"testls", 5) == 0
    assert lib.dlmc_fs_result(fd, *outputs) == 0
    assert (kind.value, nodeid.value, result.value) == (2, 5, -errno.ESRCH)
    assert lib.dlmc_fs_unregister(fd, b"testls") == 0
    lib.dlmc_fs_disconnect(fd)
    with pytest.raises(OSError):
        os.fstat(fd)


def test_run(lib, space):
    uuid, status = ctypes.create_string_buffer(64), ctypes.c_uint32(77)
    assert lib.dlmc_run_start(b"lvm lvs", 7, 0, 1, uuid) == -1
    assert lib.dlmc_run_check(b"uuid", 4, 0, 0, ctypes.byref(status)) == 0
    assert status.value == 0


def every_call(lib):
    """All of them that need a daemon, and what they give."""
    buffer, number = ctypes.create_string_buffer(DUMP_BYTES), ctypes.c_int()
    by, status = ctypes.byref(number), ctypes.c_uint32()
    found, node = Lockspace(), Node()
    extra = [by] if generation() >= 403 else []
    calls = {
        "dlmc_dump_debug": [buffer, *extra], "dlmc_dump_config": [buffer, *extra],
        "dlmc_dump_run": [buffer, *extra], "dlmc_dump_log_plock": [buffer, *extra],
        "dlmc_dump_plocks": [b"x", buffer, *extra], "dlmc_reload_config": [],
        "dlmc_lockspace_info": [b"x", ctypes.byref(found)],
        "dlmc_node_info": [b"x", 1, ctypes.byref(node)],
        "dlmc_lockspaces": [by, ctypes.byref(ctypes.POINTER(Lockspace)())],
        "dlmc_lockspace_nodes": [b"x", 1, 1, by, ctypes.byref(node)],
        "dlmc_print_status": [0], "dlmc_set_config": [b""], "dlmc_fs_connect": [],
        "dlmc_deadlock_check": [b"x"], "dlmc_fence_ack": [b"1"],
        "dlmc_run_start": [b"", 0, 0, 0, buffer],
        "dlmc_run_check": [b"", 0, 0, 0, ctypes.byref(status)],
    }
    given = {}
    for name, words in calls.items():
        ctypes.set_errno(0)
        given[name] = (getattr(lib, name)(*words), ctypes.get_errno())
    return given


def test_no_daemon(lib):
    for name, (result, error) in every_call(lib).items():
        assert (result, error) == (-1, errno.ENOENT), name


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to let another user listen")
def test_who_is_not_the_daemon(lib, run):
    """Anybody can listen in the daemon's place; only root and our own user are believed."""
    os.chmod(run, 0o777)
    listening = []  # outlives the function in the child

    def pretend():
        c.become(65534)
        for name in ("dlmc_sock", "dlmc_query_sock"):
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            one.bind(os.path.join(run, name))
            one.listen(64)
            listening.append(one)
        return True

    with Child(pretend):
        for name, (result, error) in every_call(lib).items():
            assert (result, error) == (-1, errno.EPERM), name


def serve_once(run, answer):
    """A server of our own user that says something else than the daemon would."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.bind(os.path.join(run, "dlmc_query_sock"))
    one.listen(1)

    def serve():
        there, _ = one.accept()
        there.recv(96)
        there.sendall(answer)
        there.close()
        one.close()
        os.unlink(os.path.join(run, "dlmc_query_sock"))
    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize("answer", [
    b"", b"x", b"\0" * 96, c.request(5, length=0xFFFFFFFF, data=2**31 - 1),
    c.request(5, data=5), c.request(5, data=1, payload=b"x" * 139),
    c.request(5, data=2, length=96 + 280, payload=b"")[:96],
])
def test_answers_that_are_none(lib, run, answer):
    count, found = ctypes.c_int(7), ctypes.POINTER(Lockspace)()
    thread = serve_once(run, answer)
    assert lib.dlmc_lockspaces(ctypes.byref(count), ctypes.byref(found)) == -1
    thread.join()
    assert count.value == 7 and not found
    node = (Node * 2)()
    node[1].nodeid = 77
    thread = serve_once(run, c.request(6, data=100, payload=b"\1" * 4000))
    assert lib.dlmc_lockspace_nodes(b"x", 1, 1, ctypes.byref(count), node) == -1
    thread.join()
    assert node[1].nodeid == 77


def test_a_dump_that_is_too_long_is_cut(lib, run):
    thread = serve_once(run, c.request(1, payload=b"y" * (DUMP_BYTES + 5000)))
    buffer = ctypes.create_string_buffer(b"", DUMP_BYTES + 8)
    extra = [ctypes.byref(ctypes.c_int())] if generation() >= 403 else []
    assert lib.dlmc_dump_debug(buffer, *extra) == 0
    thread.join()
    assert buffer.raw == b"y" * DUMP_BYTES + bytes(8)


# ---- the text of status ----

DAEMON_KEYS = ("member_count=2 joined_count=1 remove_count=0 daemon_ringid=13 cluster_ringid=12 "
               "quorate=1 fence_pid=55 fence_in_progress_unknown={} zombie_count=0 monotime=95 "
               "stateful_merge_wait=0 ")
NODE_KEYS = ("member={member} killed={killed} left_reason={reason} need_fencing={need} "
             "delay_fencing={delay} fence_pid=66 fence_pid_wait=0 fence_result_wait={wait} "
             "fence_actor_last=1 fence_actor_done=2 add_time=10 rem_time=92 fail_walltime=500 "
             "fail_monotime=93 fence_walltime=600 fence_monotime=94 ")


def record(kind, nodeid, keys):
    data = keys.encode() + b"\0"
    return struct.pack("=IIiIIII", kind, 0, nodeid, 0, 0, len(data), 0) + data


def node(nodeid, member=1, killed=0, reason="unknown", need=0, delay=0, wait=0):
    return record(2, nodeid, NODE_KEYS.format(member=member, killed=killed, reason=reason, need=need,
                                              delay=delay, wait=wait))


def printed(run, records=None, flags=0):
    """records: None: nobody is there"""
    thread = serve_once(run, records) if records is not None else None
    done = subprocess.run(
        [sys.executable, "-c", "import ctypes, sys; lib = ctypes.CDLL(sys.argv[1]); "
         "code = lib.dlmc_print_status(int(sys.argv[2])); ctypes.CDLL(None).fflush(None); "
         "sys.exit(code & 255)", path(), str(flags)],
        capture_output=True, text=True, env=dict(os.environ, UDLM_RUN_DIR=run))
    if thread:
        thread.join()
    return done.returncode, done.stdout


def test_status_without_a_daemon(run):
    """It is the library that says so: programs of the field do not."""
    assert printed(run) == (255, "cannot connect to dlm_controld\n")


def test_status_of_a_cluster(run):
    records = (record(1, 1, DAEMON_KEYS.format(1)) + node(3, 0, 1, "nodedown", 1, 0, 1) + node(1)
               + node(2, 0, 0, "procdown", 1, 1) + record(3, 9, ""))
    status, text = printed(run, records)
    assert status == 0
    lines = re.sub(r"now 1\d{9}", "now NOW", text).split("\n")
    assert lines == [
        "cluster nodeid 1 quorate 1 ring seq 12 13",
        "daemon now 95 fence_pid 55 fence_init",
        "startup node 9",
        "fence 2 procdown delay actor 1 fail 500 fence 600 now NOW",
        "fence 3 nodedown pid 66 actor 1 fail 500 fence 600 now NOW result_wait killed",
        "node 1 M add 10 rem 92 fail 93 fence 94 at 2 600",
        "node 2 X add 10 rem 92 fail 93 fence 94 at 2 600",
        "node 3 X add 10 rem 92 fail 93 fence 94 at 2 600",
        ""]


def test_status_verbose_is_unsorted(run):
    records = record(1, 1, DAEMON_KEYS.format(0)) + node(3) + node(1)
    status, text = printed(run, records, 1)
    assert status == 0
    assert text.startswith("our_nodeid 1\n    member_count=2\n    joined_count=1\n")
    assert "    stateful_merge_wait=0\n    \nnodeid 3\n    member=1\n" in text
    assert text.endswith("    fence_monotime=94\n    \n")
    assert text.index("nodeid 3") < text.rindex("nodeid 1\n")


def test_status_of_more_nodes_than_the_reference_has_room_for(run):
    records = record(1, 1, DAEMON_KEYS.format(0)) + b"".join(node(i) for i in range(1, 400))
    status, text = printed(run, records)
    assert status == 0 and len(text.splitlines()) == 401


@pytest.mark.parametrize("records", [
    b"", struct.pack("=IIiIIII", 1, 0, 1, 0, 0, 0xFFFFFFFF, 0),
    struct.pack("=IIiIIII", 1, 0, 1, 0, 0, 100, 0) + b"member",
    struct.pack("=IIiIIII", 1, 0, 1, 0, 0, 0, 0xFFFFFFFF)])
def test_status_records_that_are_none(run, records):
    assert printed(run, records) == (255, "")


def test_status_records_of_kinds_to_come(run):
    status, text = printed(run, record(77, 5, "new=1 ") + record(1, 1, "quorate=1 "), 1)
    assert status == 0 and text == "our_nodeid 1\n    quorate=1\n    \n"


# ---- the reference's tool and library, where they are installed ----

REFERENCE_TOOL = "/usr/sbin/dlm_tool"


def namespaced(script):
    """In a network and mount namespace, with the default places: nothing of the machine is touched."""
    return subprocess.run(
        ["unshare", "-n", "-m", "sh", "-ec", "mount -t tmpfs none /run; mount -t tmpfs none /var/log;"
         + script], capture_output=True, text=True, timeout=places.DEADLINE,
        env={key: value for key, value in os.environ.items() if key != "UDLM_RUN_DIR"})


@pytest.fixture
def reference():
    if not os.path.exists(REFERENCE_TOOL):
        pytest.skip("Debian's dlm-controld is not installed")
    if "Red Hat" not in subprocess.run([REFERENCE_TOOL, "-V"], capture_output=True, text=True).stdout:
        pytest.skip("dlm_tool there is not the reference's")
    if not shutil.which("unshare") or namespaced("true").returncode:
        pytest.skip("namespaces are refused here")
    return REFERENCE_TOOL


def test_the_references_tool(reference):
    ours, daemon = tool.path(), c.program()
    done = namespaced(f"""
        {daemon} --cluster=single --config_file=/dev/null
        pid=$(cat /run/dlm_controld/dlm_controld.pid)
        trap 'kill -9 $pid' EXIT
        {ours} join testls >/dev/null
        {reference} status | head -n 1
        {reference} status -v | grep -c stateful_merge_wait=0
        {reference} ls -n
        {reference} dump_config | head -n 1
        {reference} plocks testls
        {reference} set_config post_join_delay=9
        {reference} reload_config
        {reference} dump_config | grep post_join
        {reference} dump | grep -c "dlm_controld .* started"
        {ours} leave testls >/dev/null
        {reference} ls
        trap - EXIT
        kill $pid
        while [ -e /run/dlm_controld/dlm_controld.pid ]; do sleep 0.01; done
    """)
    assert done.returncode == 0, done
    assert done.stdout == """cluster nodeid 1 quorate 1 ring seq 1 1
1
dlm lockspaces
name          testls
id            0xe5adef01
flags         0x00000000 
change        member 1 joined 1 remove 0 failed 0 seq 1,1
members       1 
all nodes
nodeid 1 member 1 failed 0 start 1 seq_add 1 seq_rem 0 check none

daemon_debug=0
set_config done
reload_config done
post_join_delay=9 (set_config)
1
"""
