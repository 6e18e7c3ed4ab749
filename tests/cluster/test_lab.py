# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab itself: that nodes are nodes, that what is killed, cut or dropped is, and that nothing is left."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from lab import Lab, LabError, LabRefused, LabTimeout, parse, space

HERE = pathlib.Path(__file__).resolve().parent
NODES = HERE.parents[1] / "nodes"
PYTHON = "/usr/bin/python3"
LISTEN = """
import socket, sys
for port in sys.argv[1:]:
    listener = socket.create_server(("", int(port)))
    globals()["keep" + port] = listener
print("listening", flush=True)
sys.stdin.read()
"""
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))
    print("connected")
except TimeoutError:
    print("lost")
except ConnectionRefusedError:
    print("refused")
"""
# a line a moment into the shared file, by a process that ends at SIGKILL only
WRITE = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
os.fork()
os.setsid()
while True:
    with open(sys.argv[1], "a") as file:
        file.write("x")
    time.sleep(0.001)
"""


@pytest.fixture(scope="module")
def module_lab(make_module_lab):
    return make_module_lab(3, controld=False, transport="udpu", token=1000)


@pytest.fixture
def lab(module_lab):
    """Three nodes with corosync alone; whole again after each test."""
    yield module_lab
    module_lab.heal()
    for node in module_lab:
        if node.is_paused():
            node.resume()
        node.start()
    module_lab.wait_quorate()


def nodes(*words, **args):
    return subprocess.run([str(NODES), *map(str, words)], text=True, capture_output=True, timeout=120,
                          **dict({"check": False}, **args))


def size(path):
    return path.stat().st_size if path.exists() else 0


def grows(path):
    before = size(path)
    space.wait_until(lambda: size(path) > before, f"{path} grows")


def stands_still(path):
    before = size(path)
    time.sleep(0.3)  # nothing to wait for: what is asserted is that nothing comes
    return size(path) == before


# ---- nodes ----

def test_corosync_forms_a_quorate_cluster(lab):
    found = [node.quorum() for node in lab]
    assert [q["members"] for q in found] == [[1, 2, 3]] * 3
    assert all(q["quorate"] and q["expected"] == 3 for q in found)
    assert len({q["ring"] for q in found}) == 1


def test_a_node_has_its_own_world(lab):
    def each(*argv):
        return [node.run(argv, check=True).stdout.strip() for node in lab]
    assert each("hostname") == ["node1", "node2", "node3"]
    assert len(set(each("cat", "/proc/sys/kernel/random/boot_id"))) == 3
    for place in ("/run", "/dev/shm", "/etc/dlm", "/etc/corosync", "/var/log", "/var/lib/corosync"):
        lab[1].run(["touch", f"{place}/of-node-1"], check=True)
        assert lab[2].run(["test", "-e", f"{place}/of-node-1"]).returncode == 1, place
        assert not os.path.exists(f"{place}/of-node-1")
    assert "corosync" in each("ps", "-e", "-o", "comm=")[0]
    assert each("sh", "-c", "ps -e -o comm= | grep -c corosync") == ["1"] * 3
    assert "10.77.0.2/24" in lab[2].run(["ip", "-br", "addr"]).stdout


def test_files_are_shared_and_the_place_is_seen(lab, tmp_path):
    lab[1].run(["sh", "-c", "echo hello >$1/a", "sh", str(tmp_path)], check=True)
    assert lab[2].run(["cat", tmp_path / "a"]).stdout == "hello\n"
    assert lab[3].run(["test", "-d", lab[3].place]).returncode == 0


def test_no_real_time_priority(lab):
    assert os.sched_getscheduler(lab[1].pid("corosync")) == os.SCHED_OTHER
    assert lab[1].run(["chrt", "-r", "1", "true"]).returncode != 0


# ---- running ----

def test_run_streams_and_gives_the_status(lab):
    command = [str(NODES), "--lab", str(lab.directory), "run", "2", "sh", "-c",
               "read line; echo got $line; echo bad >&2; read line; exit 7"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, bufsize=1) as run:
        run.stdin.write("one\n")
        assert run.stdout.readline() == "got one\n"  # before its input has ended
        run.stdin.close()
        assert run.stderr.read() == "bad\n"
        assert run.wait(60) == 7


@pytest.mark.parametrize("words,status", [(["2", "true"], 0), (["2", "sh", "-c", "kill -9 $$"], 137),
                                          (["2", "no-such-program"], 127), (["9", "true"], 2), (["2"], 2),
                                          (["1,2", "true"], 2)])
def test_run_statuses(lab, words, status):
    assert nodes("--lab", lab.directory, "run", *words).returncode == status


def test_what_runs_ends_with_its_run(lab):
    with subprocess.Popen([str(NODES), "--lab", str(lab.directory), "run", "2", "sh", "-c", "echo $$; exec sleep 1000"],
                          stdout=subprocess.PIPE, text=True) as run:
        inner = int(run.stdout.readline())
        pid = next(pid for pid in lab[2].all_pids() if space.pid_in(pid) == inner)
        run.kill()
    space.wait_until(lambda: not space.is_alive(pid), "end of the program")


def test_result_of_run(lab):
    done = lab[1].run(["sh", "-c", "cat; echo err >&2; exit 3"], input="in")
    assert done == (3, "in", "err\n")
    with pytest.raises(LabError, match="gave 3"):
        lab[1].run(["sh", "-c", "exit 3"], check=True)
    with pytest.raises(LabTimeout):
        lab[1].run(["sleep", "1000"], timeout=0.2)
    assert "sleep" not in [space.comm(pid) for pid in lab[1].all_pids()]


def test_tools_are_found(lab):
    if not lab.prefix:
        pytest.skip("no installed suite: set UDLM_PREFIX")
    assert lab[1].run(["sh", "-c", "command -v dlm_tool"]).stdout.strip() == f"{lab.prefix}/sbin/dlm_tool"
    assert lab[1].run(["sh", "-c", "ldd $(command -v dlm_tool)"]).stdout.count(f"{lab.prefix}/lib/libdlm") >= 1


# ---- power ----

def test_kill_leaves_no_process(lab, tmp_path):
    path = tmp_path / "written"
    path.touch()
    boot = lab[2]._boot()
    writer = lab[2].popen([PYTHON, "-c", WRITE, str(path)])
    grows(path)
    lab[2].kill()
    # the first process may still be ending: it waits for the dead, whose parent may be the machine's first process
    assert set(space.processes(boot["space"])) <= {boot["init"]}
    assert stands_still(path)
    assert writer.wait(60) == -signal.SIGKILL
    assert not lab[2].is_on() and lab[2].all_pids() == [] and lab[2].pid("corosync") is None
    with pytest.raises(LabError, match="node 2 is off"):
        lab[2].run(["true"])
    lab.wait_quorate([1, 3])
    assert nodes("--lab", lab.directory, "status").stdout.splitlines()[2].split()[2] == "off"


def test_a_started_node_is_a_new_boot_with_the_old_disk(lab):
    before = lab[2].run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout
    lab[2].run(["touch", "/run/volatile", "/var/lib/corosync/lasting"], check=True)
    lab[2].kill()
    lab[2].start()
    lab.wait_quorate()
    assert lab[2].run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout != before
    assert lab[2].run(["test", "-e", "/run/volatile"]).returncode == 1
    assert lab[2].run(["test", "-e", "/var/lib/corosync/lasting"]).returncode == 0


def test_nobody_sees_the_sockets_of_a_killed_node_close(lab):
    """After a power cut no FIN and no RST comes: a connection of the dead node just stays."""
    with lab[1].popen([PYTHON, "-c", "import socket\ns = socket.create_server(('', 9000))\nprint('x', flush=True)\n"
                       "c, _ = s.accept()\nprint('y', flush=True)\nc.settimeout(1)\n"
                       "try: print(repr(c.recv(1)))\nexcept OSError as error: print(type(error).__name__)\n"],
                      stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "x\n"
        lab[2].popen([PYTHON, "-c", "import socket, time\ns = socket.create_connection(('10.77.0.1', 9000))\n"
                      "time.sleep(1000)"])
        assert server.stdout.readline() == "y\n"
        lab[2].kill()
        assert server.stdout.readline() == "TimeoutError\n"


def test_kill_of_one_daemon(lab):
    lab[3].kill(only="corosync")
    assert lab[3].is_on() and lab[3].pids("corosync") == []
    lab.wait(lambda: lab[3].end_of("corosync") == -signal.SIGKILL, "its end is written down")
    lab.wait_quorate([1, 2])
    with pytest.raises(LabError, match="no lockd runs"):
        lab[3].kill(only="lockd")


def test_stop_is_orderly_and_keeps_the_power(lab):
    lab[3].stop()
    assert lab[3].is_on() and lab[3].end_of("corosync") == 0
    lab.wait_quorate([1, 2])


def test_pause_and_resume(lab, tmp_path):
    path = tmp_path / "written"
    lab[2].popen([PYTHON, "-c", WRITE, str(path)])
    grows(path)
    lab[2].pause()
    assert stands_still(path)
    assert {space.stat(pid)[0] for pid in lab[2].all_pids()} == {"T"}
    assert lab[2].quorum() is None
    lab.wait_quorate([1, 3])
    lab[2].resume()
    grows(path)
    lab.wait_quorate([1, 2, 3])
    for pid in lab[2].all_pids():
        if space.comm(pid).startswith("python"):
            space.send(pid, signal.SIGKILL)


# ---- network ----

def connect(lab, one, other, port, timeout=2.0):
    return lab[one].run([PYTHON, "-c", CONNECT, lab[other].address, port, timeout]).stdout.strip()


@contextlib.contextmanager
def listening(lab, nodeid, *ports):
    with lab[nodeid].popen([PYTHON, "-c", LISTEN, *ports], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           text=True) as server:
        assert server.stdout.readline() == "listening\n"
        try:
            yield
        finally:
            server.kill()


def test_cut_makes_two_partitions_and_heal_joins_them(lab):
    lab.cut([1, 2], [3])
    lab.wait(lambda: [node.quorum()["members"] for node in lab] == [[1, 2], [1, 2], [3]], "two partitions")
    assert [node.quorum()["quorate"] for node in lab] == [True, True, False]
    with listening(lab, 3, 9001), listening(lab, 2, 9001):
        assert [connect(lab, 1, n, 9001) for n in (2, 3)] == ["connected", "lost"]
    lab.heal()
    lab.wait_quorate([1, 2, 3])


def test_cut_of_all_from_all(lab):
    lab.cut(1, 2, 3)
    lab.wait(lambda: [node.quorum()["members"] for node in lab] == [[1], [2], [3]], "three partitions")
    for wrong in ([[1, 2]], [[1], [1, 2]], [[1], [4]]):
        with pytest.raises(ValueError):
            lab.cut(*wrong)


@pytest.mark.parametrize("is_reset,seen", [(False, "lost"), (True, "refused")])
def test_drop_port_drops_only_that_port(lab, is_reset, seen):
    ring = lab[1].quorum()["ring"]
    with listening(lab, 1, 21064), listening(lab, 2, 21064, 21065), listening(lab, 3, 21064):
        assert connect(lab, 1, 2, 21064) == "connected"
        lab.drop_port(2, reset=is_reset)
        assert [connect(lab, 1, 2, 21064), connect(lab, 2, 1, 21064)] == [seen, seen]
        assert [connect(lab, 1, 2, 21065), connect(lab, 1, 3, 21064)] == ["connected", "connected"]
        lab.heal()
        lab.drop_port(2, reset=is_reset, peer=1)
        assert [connect(lab, 1, 2, 21064), connect(lab, 3, 2, 21064)] == [seen, "connected"]
        lab.heal()
        assert connect(lab, 1, 2, 21064) == "connected"
    assert [node.quorum()["members"] for node in lab] == [[1, 2, 3]] * 3
    assert lab[1].quorum()["ring"] == ring


def test_a_started_node_is_still_cut_off(lab):
    lab.drop_port(2, reset=True)
    lab[2].kill()
    lab[2].start()
    with listening(lab, 2, 21064):
        assert connect(lab, 1, 2, 21064) == "refused"


# ---- nothing is left ----

def traces(lab):
    """What there is of a lab while it is up: its directory, namespaces and processes."""
    spaces = {(kind, space.namespace(pid, kind)) for pid in (lab.switch, *(node.init for node in lab))
              for kind in ("pid", "net", "mnt")}
    return lab.directory, spaces


def left(directory, spaces):
    found = [str(directory)] if directory.exists() else []
    for name in filter(str.isdigit, os.listdir("/proc")):
        found += [(name, space.comm(name), kind) for kind in ("pid", "net", "mnt")
                  if (kind, space.namespace(name, kind)) in spaces]
        with contextlib.suppress(OSError):
            if str(directory).encode() in pathlib.Path(f"/proc/{name}/cmdline").read_bytes() \
                    and int(name) != os.getpid():
                found.append((name, space.comm(name)))
    if str(directory) in pathlib.Path("/proc/self/mountinfo").read_text():
        found.append("a mount")
    return found


def assert_nothing_left(what):
    directory, spaces = what
    assert len(spaces) >= 6
    space.wait_until(lambda: not left(directory, spaces), f"left behind: {left(directory, spaces)}")


def test_nothing_is_left_after_down(rights):
    if not rights:
        pytest.skip("nodes cannot be made here")
    links = os.listdir("/sys/class/net")
    with Lab(2, controld=False, fencer=True) as lab:
        what = traces(lab)
        assert left(*what)
        sleeper = lab[1].popen(["sleep", "1000"])
        lab[2].pause()
    assert left(*what) == []
    assert sleeper.returncode == -signal.SIGKILL
    assert sorted(os.listdir("/sys/class/net")) == sorted(links)


def test_nothing_is_left_after_an_exception(rights):
    if not rights:
        pytest.skip("nodes cannot be made here")
    with pytest.raises(ZeroDivisionError):
        with Lab(2, controld=False) as lab:
            what = traces(lab)
            print(1 // 0)
    assert left(*what) == []


def test_nothing_is_left_of_a_lab_that_did_not_come_up(rights, tmp_path):
    if not rights:
        pytest.skip("nodes cannot be made here")
    lab = Lab(2, controld=False, quorum={"expected_votes": 20}, directory=tmp_path / "lab", timeout=4)
    with pytest.raises(LabTimeout, match="quorate"):
        lab.up()
    assert not lab.directory.exists() and not lab.is_up()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_an_owner_that_is_killed(rights, number):
    if not rights:
        pytest.skip("nodes cannot be made here")
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from lab import Lab\n"
            "with Lab(2, controld=False, corosync=False) as lab:\n"
            "    print(lab.directory, flush=True)\n    lab[1].run(['sleep', '1000'], timeout=1000)\n")
    with subprocess.Popen([PYTHON, "-B", "-c", code, str(HERE)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as owner:
        what = traces(Lab.open(owner.stdout.readline().strip()))
        owner.send_signal(number)
        owner.wait(60)
    assert_nothing_left(what)


def test_nothing_is_left_of_a_keeper_that_is_killed(rights):
    if not rights:
        pytest.skip("nodes cannot be made here")
    lab = Lab(2, controld=False, corosync=False)
    lab.up()
    what = traces(lab)
    space.send(lab._state()["keeper"], signal.SIGKILL)
    space.wait_until(lambda: [x for x in left(*what) if isinstance(x, tuple)] == [], "end of its processes")
    with pytest.raises(LabError, match="has been killed"):
        Lab.open(lab.directory)
    lab.down()
    assert_nothing_left(what)


# ---- the command ----

def test_command_up_and_down(rights, tmp_path):
    if not rights:
        pytest.skip("nodes cannot be made here")
    place, other = tmp_path / "a", tmp_path / "b"
    try:
        for each in (place, other):  # side by side
            done = nodes("--lab", each, "up", 1, "--no-controld", "--transport", "knet", "--conf", r"a=1\nb=2")
            assert done.returncode == 0, done.stderr
        what = traces(Lab.open(place))
        assert nodes("--lab", place, "up", 1, "--no-controld").returncode == 1
        assert nodes("--lab", place, "run", 1, "cat", "/etc/dlm/dlm.conf").stdout == "a=1\nb=2\n"
        assert nodes("--lab", place, "run", 1, NODES, "--lab", place, "down").returncode == 1  # a node is not the place
        assert "transport" in nodes("--lab", place, "run", 1, "cat", "/etc/corosync/corosync.conf").stdout
        assert "started: corosync" in nodes("--lab", place, "logs", 1, "corosync", "-n", 1000).stdout
        assert "-----" not in nodes("--lab", place, "status").stdout
        assert nodes("--lab", place, "down").returncode == 0
        assert_nothing_left(what)
        assert Lab.open(other).is_up()
    finally:
        nodes("--lab", place, "down")
        nodes("--lab", other, "down")
    assert not place.exists() and not other.exists()


@pytest.mark.parametrize("words", [[], ["up"], ["up", "0"], ["up", "x"], ["up", "2", "--node", "3=reference"],
                                   ["up", "2", "--node", "1=other"], ["up", "1", "--conf", "/no/such/file"],
                                   ["nonsense"], ["cut"], ["run", "1"]])
def test_wrong_use_is_a_sentence(words, tmp_path):
    done = nodes("--lab", tmp_path / "none", *words)
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stderr.strip()


def test_without_a_lab_it_says_so(tmp_path):
    done = nodes("--lab", tmp_path / "none", "status")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert nodes("--lab", tmp_path / "none", "down").returncode == (0 if os.geteuid() == 0 else 3)
    (tmp_path / "mine").mkdir()
    assert nodes("--lab", tmp_path / "mine", "down").returncode == 2  # never removes what is no lab's
    assert (tmp_path / "mine").is_dir()


def test_help_explains():
    done = nodes("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in ("up", "run", "kill", "pause", "cut", "heal", "drop-port", "down"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_others_are_told_the_cure(tmp_path):
    tmp_path.chmod(0o755)
    copy = tmp_path / "tree"  # others may not enter everybody's clone
    subprocess.run(["cp", "-r", "--parents", "nodes", "tests/cluster/lab", str(tmp_path)], cwd=HERE.parents[1],
                   check=True)
    subprocess.run(["chmod", "-R", "a+rX", str(tmp_path), *map(str, list(tmp_path.parents)[:3])], check=True)
    assert not copy.exists()
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PYTHON, "-B",
                           str(tmp_path / "nodes"), "--lab", "/tmp/udlm-nobody", "up", "1", "--no-controld"],
                          text=True, capture_output=True, check=False)
    assert done.returncode == 3 and "root" in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to lose")
def test_refused_rights_are_told_with_the_cure(tmp_path):
    done = subprocess.run(["setpriv", "--bounding-set=-sys_admin", str(NODES), "--lab", str(tmp_path / "lab"), "up",
                           "1", "--no-controld"], text=True, capture_output=True, check=False)
    assert done.returncode == 3 and "--privileged" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "lab").exists()


# ---- the fencer ----

@pytest.fixture
def reference_lab(make_lab):
    if not os.path.exists("/usr/sbin/dlm_controld"):
        pytest.skip("the reference is not installed: scripts/packages.sh check")

    def make(**args):
        return make_lab(3, {1: "reference", 2: "reference", 3: "reference"}, **args)
    return make


def test_fencer_kills_the_whole_node_and_then_acknowledges(reference_lab, tmp_path):
    lab = reference_lab(fencer=True)
    path = tmp_path / "written"
    lab[3].popen([PYTHON, "-c", WRITE, str(path)])
    grows(path)
    lab[3].kill(only="corosync")
    record = lab.wait(lambda: lab.fencer_records(), "the fencer acted")[0]
    assert not lab[3].is_on() and stands_still(path)
    assert (record["victim"], record["by"] in (1, 2)) == (3, True)
    assert record["seen"] <= record["killed"] <= record["acked"]
    lab.wait(lambda: not lab[1].fence_needed() and not lab[2].fence_needed(), "the fencing is done")
    lab[3].start()
    lab.wait_joined([1, 2, 3])
    assert lab[3].is_on() and len(lab.fencer_records()) == 1


def test_without_fencer_it_stays_until_the_acknowledgement(reference_lab):
    lab = reference_lab(fencer=True)
    lab.fencer_off()
    lab[3].kill(only="corosync")
    lab.wait(lambda: any(3 in lab[n].fence_needed() for n in (1, 2)), "node 3 needs fencing")
    now = lab[1].status()["monotime"]
    lab.wait(lambda: lab[1].status()["monotime"] > now + 2, "two seconds of the daemon")
    assert lab[3].is_on() and lab.fencer_records() == []
    assert any(3 in lab[n].fence_needed() for n in (1, 2))
    lab[3].kill()
    lab[1].tool("fence_ack", "3", check=True)
    lab.wait(lambda: not any(lab[n].fence_needed() for n in (1, 2)), "the fencing is done")


# ---- what tools print ----

def test_parsing_of_status():
    found = parse.status("our_nodeid 2\n    member_count=3\n    quorate=1\n    \nnodeid 1\n    member=1\n"
                         "    left_reason=unknown\n    \ndaemon\n    state=ready\n")
    assert found == {"our_nodeid": 2, "member_count": 3, "quorate": 1, "daemon": {"state": "ready"},
                     "nodes": {1: {"member": 1, "left_reason": "unknown"}}}
    assert parse.status("cannot connect to dlm_controld\n") is None


def test_parsing_of_fence_lines():
    found = parse.fences("cluster nodeid 1 quorate 1 ring seq 31 31\n"
                         "fence 3 nodedown pid 0 actor 1 fail 1795486727 fence 0 now 1795486730 result_wait\n"
                         "fence 2 procdown delay actor 1 fail 5 fence 0 now 7\nnode 1 M add 1 rem 0\n")
    assert found[3]["actor"] == 1 and not found[3]["delay"] and found[3]["rest"] == "now 1795486730 result_wait"
    assert found[2]["delay"] and found[2]["reason"] == "procdown"


def test_parsing_of_lockspaces():
    found = parse.lockspaces("""dlm lockspaces
name          testls
id            0xe5adef01
flags         0x00000004 kern_stop
change        member 3 joined 1 remove 0 failed 0 seq 3,3
members       1 2 3 
new change    member 1 joined 0 remove 1 failed 1 seq 4,5
new status    wait quorum
new members   1 
all nodes
nodeid 1 member 1 failed 0 start 1 seq_add 1 seq_rem 0 check none

""")
    assert found["testls"]["members"] == [1, 2, 3] and found["testls"]["new_members"] == [1]
    assert found["testls"]["change"] == {"member": 3, "joined": 1, "remove": 0, "failed": 0, "seq": (3, 3)}
    assert found["testls"]["new_status"] == "wait quorum" and found["testls"]["flag_names"] == ["kern_stop"]
    assert found["testls"]["nodes"][1]["check"] == "none"
    assert parse.lockspaces("") == {}


def test_wait_shows_the_nodes(lab):
    with pytest.raises(LabTimeout, match="(?s)what never comes: not within.*'node': 1.*corosync.log"):
        lab.wait(lambda: False, "what never comes", timeout=0.2)


def test_kinds_are_checked():
    for count, kinds in ((0, {}), (2, {3: "reference"}), (2, {1: "other"})):
        with pytest.raises(ValueError):
            Lab(count, kinds)
    assert LabRefused.__mro__[1] is LabError and sys.version_info >= (3, 11)
