# SPDX-License-Identifier: GPL-2.0-or-later
"""dlm_controld: starting, refusing to start, stopping."""
import contextlib
import os
import signal
import socket
import struct
import subprocess
import time

import pytest

from lib import controld as c
from lib import places, tool


@contextlib.contextmanager
def background(run, *words):
    """Started without -D: what the command said; whatever runs then is ended."""
    try:
        yield run_once(run, "--cluster=single", "--config_file=/dev/null", *words)
    finally:
        for pid in places.processes_with(run):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def run_once(run, *words, env=None):
    return subprocess.run([c.program(), *words], capture_output=True, text=True, timeout=places.DEADLINE,
                          env=dict(os.environ, UDLM_RUN_DIR=run, **(env or {})))


@pytest.fixture
def conf(tmp_path):
    def write(text):
        path = tmp_path / "dlm.conf"
        path.write_text(text)
        return f"--config_file={path}"
    return write


# ---- starting ----

def test_ready_within_a_second(start_controld):
    before = time.monotonic()
    daemon = start_controld().ready()
    assert time.monotonic() - before < 1
    info = daemon.info()
    assert info["cluster"] == ["single"] and info["cluster_text"] == ["single: not a cluster"]
    assert info["engine"] == ["user"] and info["run_dir"] == [daemon.run]
    assert info["waiting"] == [] and info["lost_ack_needed"] == ["0"]
    assert c.alive(daemon.lockd_pid())


def test_no_port_is_opened(start_controld):
    daemon = start_controld().ready()
    for pid in (daemon.pid, daemon.lockd_pid()):
        for family in ("tcp", "tcp6", "udp", "sctp/eps"):
            table = f"/proc/{pid}/net/{family}"
            if not os.path.exists(table):
                continue
            inodes = {f"socket:[{line.split()[9]}]" for line in open(table).readlines()[1:]
                      if len(line.split()) > 9}
            ours = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            assert not inodes & ours


def test_from_dlm_conf(start_controld, conf):
    daemon = start_controld(conf("# here\ncluster = single\npost_join_delay=3\n"), cluster=None)
    daemon.ready()
    assert b"cluster=single (dlm.conf)\n" in daemon.ask(c.DUMP_CONFIG).body


def test_status_of_the_tool(start_controld):
    daemon = start_controld().ready()
    done = tool.call(daemon.run, "status")
    assert done.status == 0
    assert done.out.splitlines()[0] == "cluster nodeid 1 quorate 1 ring seq 1 1"
    assert "single: not a cluster" in done.out
    verbose = tool.call(daemon.run, "status", "-v")
    assert verbose.out.count("stateful_merge_wait=") == 1
    assert "    stateful_merge_wait=0\n" in verbose.out
    assert tool.call(daemon.run, "ls").out == ""


def test_background(run):
    with background(run) as done:
        assert done.returncode == 0, done.stderr
        pid = int(open(os.path.join(run, "controld.lock")).read())
        with c.Admin(run) as admin:
            assert f"pid={pid}" in admin.ask(c.DAEMON_INFO).body.decode()
        assert os.getsid(pid) == pid or os.getsid(pid) != os.getsid(0)
        assert os.readlink(f"/proc/{pid}/fd/1") == "/dev/null"
        assert open(f"/proc/{pid}/comm").read() == "dlm_controld\n"
        places.wait_for(lambda: "ready: lockspaces" in open(
            os.path.join(run, "log", "dlm_controld.log")).read(), "the log file")
        os.kill(pid, signal.SIGTERM)
        c.wait_gone(pid)
    assert not os.path.exists(os.path.join(run, "dlmc_sock"))


def test_background_that_fails(run):
    """The command that was typed says so."""
    done = run_once(run, "--cluster=single", "--config_file=/dev/null", "--lockd_path=/bin/false")
    assert done.returncode == 1
    assert "dlm_lockd has ended with status 1" in done.stderr


def test_background_that_has_to_wait(run):
    """It says for what, and the command ends all the same."""
    os.mkdir(os.path.join(run, "leases"))
    boot_id = open("/proc/sys/kernel/random/boot_id").read().strip().encode()
    lease = struct.pack("=8I40s72s64s", 0x5341454C, 1, 7, 1, 1, 0, 0, 0, boot_id, b"vg", b"lvmlockd")
    with open(os.path.join(run, "leases", "1.1"), "wb") as file:
        file.write(lease)
    with background(run) as done:
        assert done.returncode == 0, done.stderr
        assert "waiting: locks that go on without their programs" in done.stderr
        assert "1 PERSISTENT locks of lvmlockd (pid 7)" in done.stderr


def test_lockd_beside_or_named(start_controld, run):
    done = run_once(run, "-D", "--cluster=single", "--config_file=/dev/null",
                    "--lockd_path=/nonexistent/dlm_lockd")
    assert done.returncode == 1
    assert "/nonexistent/dlm_lockd" in done.stderr
    start_controld("--lockd_path=" + places.program("dlm_lockd", "src/lockd")).ready()


def test_the_service_manager_is_told(start_controld, tmp_path):
    address = str(tmp_path / "notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(address)
    manager.settimeout(places.DEADLINE)
    daemon = start_controld(environment={"NOTIFY_SOCKET": address}).ready()
    if "libsystemd" not in open(f"/proc/{daemon.pid}/maps").read():
        pytest.skip("built without libsystemd")
    said = []
    while b"READY=1" not in said:
        said.append(manager.recv(4096))
    assert b"STATUS=ready" in said
    with open(f"/proc/{daemon.lockd_pid()}/environ") as environ:
        assert "NOTIFY_SOCKET" not in environ.read()
    daemon.kill(signal.SIGTERM)
    while said[-1] != b"STOPPING=1":
        said.append(manager.recv(4096))
    assert daemon.wait() == 0
    manager.close()


# ---- refusing ----

@pytest.mark.parametrize("words", [[], ["--cluster=corosync"]])
def test_never_single_by_guess(start_controld, words):
    """Without a word about it the cluster is corosync, which is waited for; nothing is granted meanwhile."""
    if any(line.endswith("@cfg\n") for line in open("/proc/net/unix")):
        pytest.skip("corosync runs on this machine")
    daemon = start_controld(*words, cluster=None).wait_state("waiting")
    places.wait_for(lambda: "corosync" in "".join(daemon.info()["waiting"]), "what is waited for")
    info = daemon.info()
    assert (info["cluster"], info["cluster_text"]) == (["corosync"], [""])
    assert info["lockd_pid"] == ["0"] and info["lockspace_count"] == ["0"]
    assert not os.path.exists(os.path.join(daemon.run, "control"))
    assert tool.call(daemon.run, "ls").out == ""
    status = tool.call(daemon.run, "status")
    assert status.status == 0 and "waiting: corosync" in status.out
    assert status.out.startswith("cluster nodeid 0 quorate 0 ring seq 0 0\n")
    assert tool.call(daemon.run, "fence_ack", "2").status == 1
    assert tool.call(daemon.run, "join", "x").status != 0
    daemon.kill(signal.SIGTERM)
    assert daemon.wait() == 0


def test_engine_kernel(run):
    done = run_once(run, "-D", "--cluster=single", "--engine=kernel", "--config_file=/dev/null")
    assert done.returncode == 1 and "engine=kernel" in done.stderr


@pytest.mark.parametrize("words, said", [
    (["--bogus"], "unknown option --bogus\n"),
    (["word"], "unknown option arg word\n"),
    (["-Z"], "unknown option -Z\n"),
    (["-DZ"], "unknown option char Z\n"),
    (["-j"], "option -j no arg\n"),
    (["-j", "-D"], "option -j requires arg\n"),
    (["--foreground", "yes"], "option --foreground requires digit number\n"),
])
def test_bad_command_line(run, words, said):
    done = run_once(run, *words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_bad_dlm_conf(run, conf):
    done = run_once(run, "-D", "--cluster=single", conf("port=1\nenable_fencing=yes\n"))
    assert done.returncode == 1
    assert ":2:16: enable_fencing: \"yes\" is not a number" in done.stderr
    done = run_once(run, "-D", "--cluster=single", "--config_file=/nonexistent/dlm.conf")
    assert done.returncode == 1 and "/nonexistent/dlm.conf" in done.stderr


def test_unknown_key_is_said_and_passed_over(start_controld, conf):
    daemon = start_controld(conf("post_join_dely=3\n")).ready()
    assert "did you mean post_join_delay?" in daemon.log()


def test_second_instance(start_controld, run):
    daemon = start_controld().ready()
    done = run_once(run, "-D", "--cluster=single", "--config_file=/dev/null")
    assert done.returncode == 1
    assert f"process {daemon.pid}" in done.stderr
    assert daemon.state() == "ready"
    # in the background too the one who typed it sees why
    done = run_once(run, "--cluster=single", "--config_file=/dev/null")
    assert done.returncode == 1 and f"process {daemon.pid}" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a directory away")
def test_run_directory_of_another(run):
    os.chown(run, 12345, -1)
    try:
        done = run_once(run, "-D", "--cluster=single", "--config_file=/dev/null")
    finally:
        os.chown(run, 0, -1)
    assert done.returncode == 1 and "belongs to user 12345" in done.stderr
    os.chmod(run, 0o777)
    done = run_once(run, "-D", "--cluster=single", "--config_file=/dev/null")
    assert done.returncode == 1 and "0777" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_as_another_user(start_controld, run):
    os.chown(run, 12345, 12345)
    daemon = start_controld(uid=12345).ready()
    assert daemon.info()["uid"] == ["12345"]
    daemon.kill(signal.SIGTERM)
    assert daemon.wait() == 0
    os.chown(run, 0, 0)


def test_help_and_version():
    done = subprocess.run([c.program(), "-h"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("Usage:\n\ndlm_controld [options]\n\nOption [arg]\n")
    done = subprocess.run([c.program(), "-V"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("dlm_controld ")
    assert len(done.stdout.splitlines()) == 2


# ---- stopping ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop(start_controld, number):
    daemon = start_controld().ready()
    lockd = daemon.lockd_pid()
    daemon.kill(number)
    assert daemon.wait() == 0
    assert not c.alive(lockd)
    assert not os.path.exists(os.path.join(daemon.run, "dlmc_sock"))
    start_controld().ready()


def test_stop_is_refused_while_lockspaces_are_in_use(start_controld):
    daemon = start_controld().ready()
    for name in ("one", "two"):
        assert tool.call(daemon.run, "join", name).status == 0
    daemon.kill(signal.SIGTERM)
    daemon.expect_log("shutdown ignored, active lockspaces: two, one")
    assert daemon.state() == "ready"
    assert tool.call(daemon.run, "leave", "one").status == 0
    assert tool.call(daemon.run, "leave", "two").status == 0
    daemon.kill(signal.SIGTERM)
    assert daemon.wait() == 0


def test_hang_up_is_ignored(start_controld):
    daemon = start_controld().ready()
    daemon.kill(signal.SIGHUP)
    assert daemon.state() == "ready"


# ---- lockspaces ----

def test_lockspaces_by_the_tool(start_controld):
    daemon = start_controld().ready()
    assert tool.call(daemon.run, "join", "testls").status == 0
    assert tool.call(daemon.run, "join", "foo").status == 0
    assert tool.call(daemon.run, "ls").out == """dlm lockspaces
name          foo
id            0x6ce2339d
flags         0x00000000 
change        member 1 joined 1 remove 0 failed 0 seq 1,1
members       1 

name          testls
id            0xe5adef01
flags         0x00000000 
change        member 1 joined 1 remove 0 failed 0 seq 1,1
members       1 

"""
    assert "nodeid 1 member 1 failed 0 start 1 seq_add 1 seq_rem 0 check none" in tool.call(
        daemon.run, "ls", "-n").out
    assert tool.call(daemon.run, "leave", "testls").status == 0
    assert "testls" not in tool.call(daemon.run, "ls").out


def test_many_lockspaces(start_controld):
    daemon = start_controld().ready()
    names = [f"ls{i}" for i in range(50)]
    started = [tool.Started(daemon.run, "join", name) for name in names]
    assert [one.wait().status for one in started] == [0] * 50
    assert daemon.ask(c.LOCKSPACES).data == 50
    started = [tool.Started(daemon.run, "leave", name) for name in names]
    assert [one.wait().status for one in started] == [0] * 50
    assert daemon.ask(c.LOCKSPACES).data == 0
