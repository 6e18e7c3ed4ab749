# SPDX-License-Identifier: GPL-2.0-or-later
"""The admin sockets of dlm_controld: the reference's protocol, and those who do not keep to it."""
import contextlib
import os
import resource
import select
import signal
import socket
import struct
import time

import pytest

from lib import controld as c
from lib import places, tool
from lib.child import Child

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
NOBODY = 65534


@pytest.fixture
def daemon(start_controld):
    return start_controld().ready()


@pytest.fixture
def space(daemon):
    assert tool.call(daemon.run, "join", "testls").status == 0
    return daemon


def answers(daemon):
    """It still answers, and at once."""
    before = time.monotonic()
    assert daemon.state() == "ready"
    return time.monotonic() - before < 5


# ---- queries ----

def test_lockspace_info(space):
    reply = space.ask(c.LOCKSPACE_INFO, b"testls")
    assert (reply.command, reply.data, reply.name, len(reply.body)) == (3, 0, b"testls", 140)
    numbers = struct.unpack_from("=6iII6iIIII", reply.body)
    assert numbers == (1, 1, 0, 0, 0, 0, 1, 1) + (0,) * 8 + (0, 0xE5ADEF01)
    assert reply.body[72:] == b"testls".ljust(68, b"\0")


def test_errors_show_nothing(space):
    for command, size in ((c.LOCKSPACE_INFO, 140), (c.NODE_INFO, 40)):
        reply = space.ask(command, b"absent", data=1)
        assert (reply.data, reply.body) == (-2, bytes(size))
    assert space.ask(c.LOCKSPACE_NODES, b"absent", option=1, data=8)[2:] == (-2, b"absent", b"")
    assert space.ask(c.DUMP_PLOCKS, b"absent").data == -2
    assert space.ask(c.DUMP_PLOCKS, b"testls").data == 0


def test_node_info(space):
    reply = space.ask(c.NODE_INFO, b"testls", data=1)
    assert struct.unpack("=iIIIi4xQQ", reply.body) == (1, 3, 1, 0, 0, 0, 0)
    assert space.ask(c.NODE_INFO, b"testls", data=77) == (4, 0, 0, b"testls", bytes(40))


def test_lockspaces(space):
    assert tool.call(space.run, "join", "second").status == 0
    reply = space.ask(c.LOCKSPACES)
    assert reply.data == 2 and len(reply.body) == 280
    assert reply.body[72:78] == b"second" and reply.body[212:218] == b"testls"
    # the older form of the request says how many it can take
    assert space.ask(c.LOCKSPACES, data=2).data == 2
    reply = space.ask(c.LOCKSPACES, data=1)
    assert reply.data == -7 and len(reply.body) == 140


def test_lockspace_nodes(space):
    for kind, count in ((1, 1), (2, 1), (3, 0)):
        reply = space.ask(c.LOCKSPACE_NODES, b"testls", option=kind, data=8)
        assert (reply.data, len(reply.body)) == (count, count * 40)
    assert space.ask(c.LOCKSPACE_NODES, b"testls", option=1, data=0)[2] == -7
    assert space.ask(c.LOCKSPACE_NODES, b"testls", option=1, data=-1)[2] == -7
    assert space.ask(c.LOCKSPACE_NODES, b"testls", option=9, data=8).data == -22


def test_status_records(daemon):
    with c.Admin(daemon.run) as admin:
        admin.send(c.request(c.DUMP_STATUS))
        data = admin.rest()
    found = []
    while data:
        kind, flags, nodeid, d32, d64, size, binary = struct.unpack_from("=IIiIIII", data)
        assert (flags, d32, d64, binary) == (0, 0, 0, 0)
        text, data = data[28:28 + size], data[28 + size:]
        assert text.endswith(b" \0")
        found.append((kind, nodeid, [word.split(b"=")[0].decode() for word in text[:-1].split()]))
    assert found == [
        (1, 1, "member_count joined_count remove_count daemon_ringid cluster_ringid quorate fence_pid "
               "fence_in_progress_unknown zombie_count monotime stateful_merge_wait".split()),
        (2, 1, "member killed left_reason need_fencing delay_fencing fence_pid fence_pid_wait "
               "fence_result_wait fence_actor_last fence_actor_done add_time rem_time fail_walltime "
               "fail_monotime fence_walltime fence_monotime".split())]


def test_dumps(space):
    reply = space.ask(c.DUMP_DEBUG)
    assert reply.command == 1 and b"dlm_controld" in reply.body
    assert not reply.body.endswith(b"\n")
    assert space.ask(c.DUMP_LOG_PLOCK).command == c.DUMP_DEBUG
    reply = space.ask(c.DUMP_CONFIG)
    assert reply.command == 14 and reply.body.startswith(b"daemon_debug=1 (cli option)\n")
    assert space.ask(c.DUMP_RUN) == (17, 0, 0, b"", b"")


def test_engine(space):
    reply = space.ask(c.ENGINE_DUMP, b"testls", option=0)
    assert reply.data == 0, reply
    assert space.ask(c.ENGINE_DUMP, b"absent")[2] == -2
    assert b"absent" in space.ask(c.ENGINE_DUMP, b"absent").body
    for name, kind in ((b"", 0), (b"../x", 0), (b"testls", 4), (b"testls", 0xFFFFFFFF)):
        assert space.ask(c.ENGINE_DUMP, name, option=kind).data == -22
    assert space.ask(c.ENGINE_INFO).data == 0


def test_a_large_dump(space):
    """More than any socket's buffer: it comes whole, and others are served meanwhile."""
    assert space.ask(c.ENGINE_INFO).data == 0
    with c.Admin(space.run) as admin:
        admin.send(c.request(c.DUMP_DEBUG))
        assert answers(space)
        assert len(admin.reply().body) > 100


# ---- changes ----

def change(daemon, *args, **more):
    return daemon.ask(*args, query=False, **more)


def test_set_config(daemon):
    def config():
        return daemon.ask(c.DUMP_CONFIG).body

    reply = change(daemon, c.SET_CONFIG, flags=c.WANTS_ANSWER, payload=b"post_join_delay=7".ljust(1024, b"\0"))
    assert (reply.data, reply.body) == (1, b"post_join_delay=7\n")
    assert b"post_join_delay=7 (set_config)\n" in config()
    for payload in (b"", b" " * 1024, b"x" * 4096, b"port=1", b"\0" * 1024, bytes(range(256))):
        assert change(daemon, c.SET_CONFIG, flags=c.WANTS_ANSWER, payload=payload).data == 0
    # without the flag there is no answer, and the connection goes on
    with c.Admin(daemon.run, query=False) as admin:
        admin.send(c.request(c.SET_CONFIG, payload=b"restore_all"))
        assert admin.ask(c.LOST_ACK).data == -2
    assert b"post_join_delay=30\n" in config()


def test_reload_config(start_controld, tmp_path):
    path = tmp_path / "dlm.conf"
    path.write_text("post_join_delay=3\n")
    daemon = start_controld(f"--config_file={path}").ready()
    path.write_text("post_join_delay=4\nlog_debug=1\n")
    assert change(daemon, c.RELOAD_CONFIG, flags=c.WANTS_ANSWER).data == 2
    assert b"post_join_delay=4 (dlm.conf)\n" in daemon.ask(c.DUMP_CONFIG).body
    path.write_text("post_join_delay=5\nlog_debug=maybe\n")
    reply = change(daemon, c.RELOAD_CONFIG, flags=c.WANTS_ANSWER)
    assert reply.data == -22 and b":2:11: log_debug" in reply.body
    assert b"post_join_delay=4 (dlm.conf)\n" in daemon.ask(c.DUMP_CONFIG).body


def test_what_single_has_not(daemon):
    assert change(daemon, c.FS_REGISTER, b"x").data == -95
    assert change(daemon, c.FS_NOTIFIED, b"x", data=3)[:3] == (9, 3, -2)
    assert change(daemon, c.RUN_START, payload=bytes(1024)).data == -1
    assert change(daemon, c.RUN_CHECK, b"uuid") == (16, 0, -1, b"uuid", bytes(4))
    assert change(daemon, c.FENCE_ACK, b"2", flags=c.WANTS_ANSWER).data == -2
    assert change(daemon, c.LOST_ACK).data == -2


def test_many_requests_on_one_connection(daemon):
    with c.Admin(daemon.run, query=False) as admin:
        admin.send(c.request(c.RUN_CHECK, b"u") * 200)
        assert [admin.reply().command for _ in range(200)] == [16] * 200


# ---- who may do what ----

@root
def test_another_user_may_ask_and_not_change(space):
    def work():
        c.become(NOBODY)
        with c.Admin(space.run, query=False) as admin:
            admin.send(c.request(c.SET_CONFIG, payload=b"post_join_delay=1"))
            closed = admin.rest()
        return (space.ask(c.LOCKSPACES).data, space.ask(c.DUMP_DEBUG).data,
                space.ask(c.ENGINE_DUMP, b"testls").data,
                change(space, c.LOST_ACK).data, closed,
                change(space, c.SET_CONFIG, flags=c.WANTS_ANSWER, payload=b"post_join_delay=1").data)
    with Child(work) as child:
        assert child.value == (1, 0, -13, -13, b"", -13)
    assert space.info()["admin_denied"] == ["4"]
    assert b"post_join_delay=30\n" in space.ask(c.DUMP_CONFIG).body


@root
def test_the_crowd_of_one_user(daemon):
    """One user's connections are closed beyond a number; root is served all the time."""
    def work():
        c.become(NOBODY)
        held, closed = [], 0
        for _ in range(300):
            held.append(c.Admin(daemon.run))
        places.wait_for(lambda: len(select.select([h.socket for h in held], [], [], 0)[0]) >= 150,
                        "connections to be closed")
        return len(select.select([h.socket for h in held], [], [], 0)[0])
    with Child(work) as child:
        assert 150 <= child.value <= 180
        assert answers(daemon)
    places.wait_for(lambda: int(daemon.info()["admin_connections"][0]) == 1, "connections to go")


# ---- those who do not keep to it ----

@pytest.mark.parametrize("query", [True, False])
def test_malformed(daemon, query):
    bad = [c.request(1, magic=0), c.request(1, version=0x20001), c.request(1, length=95),
           c.request(1, length=0), c.request(1, length=0xFFFFFFFF), c.request(1, length=96 + 4097),
           c.request(0), c.request(20), c.request(999), c.request(1999), c.request(0xFFFFFFFF),
           b"\0" * 96, b"\xff" * 96, b"GET / HTTP/1.0\r\n\r\n".ljust(96),
           c.request(c.SET_CONFIG if query else c.DUMP_DEBUG)]
    for data in bad:
        with c.Admin(daemon.run, query) as admin:
            admin.send(data)
            assert admin.rest() == b""
    assert int(daemon.info()["admin_malformed"][0]) == len(bad)


def test_one_byte_and_hold(daemon):
    held = []
    for query in (True, False):
        for data in (b"", b"\x3c", c.request(1)[:95], c.request(c.SET_CONFIG, length=1120)):
            admin = c.Admin(daemon.run, query)
            admin.send(data)
            held.append(admin)
    assert answers(daemon)
    # a request has a time in which it must be whole
    begun = [admin for admin in held if admin is not held[4]]
    for admin in begun:
        assert admin.rest() == b""
    # a trusted one that has begun none may stay, as file systems do that have registered
    held[4].send(c.request(c.RUN_CHECK, b"u"))
    assert held[4].reply().command == 16
    assert int(daemon.info()["admin_expired"][0]) == len(begun)


def test_half_closed(daemon):
    with c.Admin(daemon.run) as admin:
        admin.send(c.request(c.DAEMON_INFO))
        admin.socket.shutdown(socket.SHUT_WR)
        assert admin.reply().data == 0
    with c.Admin(daemon.run, query=False) as admin:
        admin.socket.shutdown(socket.SHUT_WR)
        assert admin.rest() == b""
    before = cpu_ticks(daemon.pid)
    with c.Admin(daemon.run, query=False) as admin:
        admin.send(c.request(c.RUN_CHECK, b"u"))
        assert admin.reply().command == 16
        assert answers(daemon)
    assert cpu_ticks(daemon.pid) - before < 50


def cpu_ticks(pid):
    fields = tool.stat_fields(pid)
    return int(fields[11]) + int(fields[12])


def test_gone_before_the_reply(daemon):
    for i in range(2000):
        with c.Admin(daemon.run, i % 2 == 0) as admin:
            admin.send(c.request((c.DUMP_DEBUG, c.RUN_CHECK)[i % 2]) * (1 + i % 3))
            if i % 5 == 0:
                admin.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                        struct.pack("=ii", 1, 0))
    assert answers(daemon)
    places.wait_for(lambda: int(daemon.info()["admin_connections"][0]) == 1, "connections to go")


def test_ten_thousand_connects(daemon):
    descriptors = places.descriptor_count(daemon.pid)
    for i in range(10000):
        with c.Admin(daemon.run, i % 2 == 0) as admin:
            if i % 3 == 0:
                admin.send(b"\x3c\xd1")
    assert answers(daemon)
    places.wait_for(lambda: places.descriptor_count(daemon.pid) <= descriptors + 1,
                    "descriptors to be closed")


def test_a_thousand_at_once(daemon):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(c.Admin(daemon.run, i % 2 == 0)) for i in range(500)]
        assert answers(daemon)
        for admin in held[::2]:
            admin.send(c.request(c.LOCKSPACES))
        assert {admin.reply().data for admin in held[::2]} == {0}
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_one_that_does_not_read(daemon):
    """Its answers are in memory once, and it is dropped in the end."""
    before = places.memory_kib(daemon.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            admin = stack.enter_context(c.Admin(daemon.run, query=False))
            admin.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    admin.socket.send(c.request(c.RUN_CHECK, b"u") * 100)
        assert answers(daemon)
        assert places.memory_kib(daemon.pid) - before < 4096


def test_stopped_daemon_is_not_in_the_way(daemon):
    """A client waits while the daemon is stopped, and is served afterwards."""
    daemon.kill(signal.SIGSTOP)
    with c.Admin(daemon.run) as admin:
        admin.send(c.request(c.DAEMON_INFO))
        daemon.kill(signal.SIGCONT)
        assert admin.reply().data == 0
