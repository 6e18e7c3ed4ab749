# SPDX-License-Identifier: GPL-2.0-or-later
"""The local sockets of dlm_controld in a cluster: its tools, the reference's and those who read what they print, in
each phase; who may do what; those who do not keep to the protocol.

One lab for all of it: lockspace testls is in all three nodes from test_running on, and each test leaves the lab
as the next one wants it."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from lab import parse
from programs import Shell
from lib import shell

PYTHON = sys.executable
CLIENTS = (pathlib.Path(__file__).resolve().parent / "clients.py").read_text()
REFERENCE = "/usr/sbin/dlm_tool"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
FORMS = {"ours": ("dlm_tool", {}), "the reference's": (REFERENCE, {"LD_LIBRARY_PATH": ""}),
         "the reference's with our library": (REFERENCE, {})}

# ---- what the field's tool prints, and nothing else ----

NODES = r"(?:all nodes\n(?:nodeid \d+ member (?:-1|0|1) failed \d+ start [01] seq_add \d+ seq_rem \d+ " \
        r"check (?:none|fs|fence \d+)\n)+)"
FLAG = r"(?:save_plock|need_plock|fs_reg|kern_stop|leave|join)"
CHANGE = r"member \d+ joined \d+ remove \d+ failed \d+ seq \d+,\d+\n"
SPACE = re.compile(rf"name          \S+\nid            0x[0-9a-f]{{8}}\nflags         0x[0-9a-f]{{8}} (?:{FLAG}(?:,"
                   rf"{FLAG})*)?\nchange        {CHANGE}members       (?:\d+ )*\n(?:new change    {CHANGE}new status    "
                   r"wait (?:messages \d+|ringid|quorum|fencing|fsdone|unknown)\nnew members   (?:\d+ )*\n)?"
                   rf"{NODES}?\n")
LS = re.compile(rf"(?:dlm lockspaces\n(?:{SPACE.pattern})+)?")
NODE_LINE = r"node \d+ [MXU] add \d+ rem \d+ fail \d+ fence \d+ at \d+ \d+\n"
STATUS = re.compile(rf"cluster nodeid \d+ quorate [01] ring seq \d+ \d+\ndaemon now \d+ fence_pid \d+ (?:fence_init)?\n"
                    rf"(?:startup (?:node \d+\n|{NODE_LINE}))*"
                    r"(?:fence \d+ (?:unknown|nodedown|procdown|startup) (?:pid -?\d+|delay) actor \d+ fail \d+ "
                    r"fence \d+ now \d+(?: result_wait)?(?: killed)?\n)*"
                    rf"(?:{NODE_LINE})+")
DAEMON_KEYS = """member_count joined_count remove_count daemon_ringid cluster_ringid quorate fence_pid
    fence_in_progress_unknown zombie_count monotime stateful_merge_wait""".split()
NODE_KEYS = """member killed left_reason need_fencing delay_fencing fence_pid fence_pid_wait fence_result_wait
    fence_actor_last fence_actor_done add_time rem_time fail_walltime fail_monotime fence_walltime
    fence_monotime""".split()
KEYS = [r"".join(rf"    {key}=\S+\n" for key in keys) + "    \n" for keys in (DAEMON_KEYS, NODE_KEYS)]
VERBOSE = re.compile(rf"our_nodeid \d+\n{KEYS[0]}(?:nodeid \d+\n{KEYS[1]})+(?:startup nodeid \d+\n    \n)*")
GRAMMARS = {"ls": LS, "status": STATUS, "verbose": VERBOSE}

# What ours prints more, a line each; with -v all from the engine's line on.
MORE = {"ls": re.compile(r"^(waiting       .*)\n", re.M), "status": re.compile(r"^((?:engine|warning|waiting).*)\n", re.M),
        "verbose": re.compile(r"^(engine (?:.|\n)*)", re.M)}
CLOCK = re.compile(r"(daemon now |fence \d+ now |monotime=)\d+")


def use(node, form, *words, user=(), **more):
    program, environment = FORMS[form]
    return node.run([*user, program, *words], env=environment, **more)


def kind_of(words):
    return "verbose" if words[:2] == ("status", "-v") else words[0]


def field(node, *words):
    """What all forms of the tool print alike; ours without its own lines, which come second."""
    kind, texts, ours = kind_of(words), {}, []
    for form in FORMS:
        done = use(node, form, *words)
        assert (done.returncode, done.stderr) == (0, ""), (form, words, done)
        text = done.stdout
        if form == "ours":
            ours = MORE[kind].findall(text)
            text = MORE[kind].sub("", text)
        assert GRAMMARS[kind].fullmatch(text), (form, words, text)
        texts[form] = CLOCK.sub(r"\1T", text)
    assert len(set(texts.values())) == 1, texts
    return texts["ours"], ours


def readers(node, form):
    """What those who read the tools' texts make of them: agents, reports, exporters."""
    program, environment = FORMS[form]

    def sh(script):
        return node.run(["sh", "-c", script.replace("dlm_tool", program)], env=environment).stdout
    listed = sh("dlm_tool ls")
    return {
        "merge wait": sh('dlm_tool status -v | grep "stateful_merge_wait=" | cut -d= -f2'),
        "fencing": sh('dlm_tool ls | grep -q "wait fencing" && echo yes'),
        "any": sh('[ -n "$(dlm_tool ls)" ] && echo yes'),
        "testls": sh('dlm_tool ls testls 2>/dev/null | grep -Eqs "^name[[:space:]]+testls" && echo yes'),
        "names": [sh('dlm_tool ls | grep name | while read X N; do echo "$N"; done').split("\n")[:-1],
                  re.findall(r"^name\s*(.*)$", listed, re.M), re.findall(r"^name\s+([^\s]+)$", listed, re.M)],
        "config": dict(re.findall(r"(\w+)=(\w+)", sh("dlm_tool dump_config")))["enable_quorum_fencing"],
    }


def looks_right(node, names, fencing=False):
    """In this phase: the grammar in all forms, and what readers see."""
    field(node, "ls")
    field(node, "status", "-v")
    for form in ("ours", "the reference's"):
        assert readers(node, form) == {
            "merge wait": "0\n", "fencing": "yes\n" if fencing else "", "any": "yes\n" if names else "",
            "testls": "yes\n" if "testls" in names else "", "names": [names] * 3, "config": "1"}, form


def generation():
    lab_header = pathlib.Path(os.environ["UDLM_PREFIX"]) / "include/libdlmcontrol.h"
    return int(re.search(r"define LIBDLMCONTROL_GENERATION (\d+)", lab_header.read_text())[1])


def info(node):
    return parse.status(node.tool("status", "-v").stdout)["daemon"]


def dump(node):
    """Its log in memory, without the times."""
    return [line.split(" ", 1)[1] for line in node.tool("dump").stdout.splitlines() if " " in line]


def wait_settled(lab, members, name="testls", ids=None):
    lab.wait(lambda: all((space := lab[n].lockspaces().get(name)) and space["members"] == members
                         and "new_change" not in space and not space["flags"] for n in ids or members),
             f"{name} is in nodes {members}")


@pytest.fixture(scope="module")
def lab(make_module_lab):
    version = subprocess.run([REFERENCE, "-V"], text=True, capture_output=True, check=False).stdout \
        if os.path.exists(REFERENCE) else ""
    if "Red Hat" not in version:
        pytest.skip("the reference's dlm_tool is not installed: scripts/packages.sh check")
    if generation() != 402:
        del FORMS["the reference's with our library"]  # 4.2.0's tool, and a library of 4.3
    return make_module_lab(3)


# ---- the texts ----

def test_before_there_is_a_lockspace(lab):
    for words in (("ls",), ("ls", "-n")):
        assert field(lab[1], *words) == ("", [])
    text, ours = field(lab[1], "status")
    assert re.findall(r"^node (\d) M", text, re.M) == ["1", "2", "3"] and "fence" not in text.split("\n", 2)[2][:5]
    assert ours == ["engine user: engine=auto is user in this version"]
    looks_right(lab[1], [])
    texts = {form: [use(lab[1], form, word).stdout for word in ("dump_config", "log_plock", "run_list")] for form in FORMS}
    assert texts["ours"][1:] == ["\n", "\n"] and texts["ours"][0].endswith("version=-1\n\n")
    assert all(text == texts["ours"] for text in texts.values())
    assert [use(lab[1], form, "ls", "absent")[:2] for form in FORMS] == [(1, "")] * len(FORMS)
    assert [use(lab[1], form, "plocks", "absent")[:2] for form in list(FORMS)[1:]] == [(0, "")] * (len(FORMS) - 1)


def test_running(lab):
    for node in lab:
        node.tool("join", "testls", check=True)
    wait_settled(lab, [1, 2, 3])
    text = """dlm lockspaces
name          testls
id            0xe5adef01
flags         0x00000000 
change        member 3 joined 1 remove 0 failed 0 seq 3,3
members       1 2 3 
"""  # noqa: W291
    assert field(lab[1], "ls") == field(lab[1], "ls", "testls") == (text + "\n", [])
    assert field(lab[1], "ls", "-n") == (text + """all nodes
nodeid 1 member 1 failed 0 start 1 seq_add 1 seq_rem 0 check none
nodeid 2 member 1 failed 0 start 1 seq_add 2 seq_rem 0 check none
nodeid 3 member 1 failed 0 start 1 seq_add 3 seq_rem 0 check none

""", [])
    looks_right(lab[1], ["testls"])
    assert [use(lab[1], form, "plocks", "testls") for form in FORMS] == [(0, "", "")] * len(FORMS)


@pytest.mark.parametrize("form", list(FORMS))
def test_settings(lab, form):
    if form not in FORMS:
        pytest.skip("another generation")
    node = lab[2]
    node.set_conf("log_debug=1\nenable_startup_fencing=0\npost_join_delay=4\n")
    assert use(node, form, "reload_config")[:2] == (0, "reload_config done\n")
    assert use(node, form, "set_config", "log_debug=0")[:2] == (0, "set_config done\n")

    def config():
        return use(node, form, "dump_config").stdout
    lab.wait(lambda: "post_join_delay=4 (dlm.conf)\n" in config() and "log_debug=0 (set_config)\n" in config(),
             "the settings are taken")
    assert use(node, form, "set_config", "restore_all")[:2] == (0, "set_config done\n")
    lab.wait(lambda: "log_debug=1 (dlm.conf)\n" in config(), "restore_all is taken")
    node.set_conf(lab.conf_of(2))
    assert use(node, form, "reload_config").returncode == 0
    # of a node that does not wait for it: the same text for all, and nothing happens
    assert use(node, form, "fence_ack", "3")[:2] == (0 if form != "ours" else 1, "")
    assert lab[1].fence_needed() == {}


# ---- who may do what ----

def test_another_user_asks_and_changes_nothing(lab):
    node = lab[1]
    before = info(node)["admin_denied"]
    for form in FORMS:
        assert "name          testls\n" in use(node, form, "ls", user=NOBODY).stdout
        assert use(node, form, "status", user=NOBODY).stdout.startswith("cluster nodeid 1 quorate 1 ")
        assert use(node, form, "dump", user=NOBODY).stdout.count("\n") > 10
    for words in (("fence_ack", "3"), ("set_config", "post_join_delay=9"), ("reload_config",),
                  ("lockdump", "testls"), ("ls", "--all")):
        done = use(node, "ours", *words, user=NOBODY)
        assert "only root" in done.stderr, (words, done)
        assert done.returncode == (0 if words[0] == "lockdump" else 1), (words, done)
    for words in (("fence_ack", "3"), ("set_config", "post_join_delay=9"), ("reload_config",)):
        assert use(node, "the reference's", *words, user=NOBODY).returncode == 0  # it does not wait for an answer
    assert use(node, "the reference's", "run_start", "true", user=NOBODY).returncode == 255
    assert use(node, "ours", "lost_ack", user=NOBODY).returncode == 1  # which asks first whether it is waited for
    lab.wait(lambda: info(node)["admin_denied"] == before + 9, "all are counted")
    assert "post_join_delay=1 (dlm.conf)\n" in node.tool("dump_config").stdout
    lines = [line for line in dump(node) if "of user 65534: not permitted" in line]
    assert 1 <= len(lines) <= 6, lines
    assert any("fence_ack" in line for line in lines), lines


# ---- locks of several nodes ----

def lock_lines(text, name):
    """Queue by queue: {"Granted": [line, ...], ...} of a resource, and its master word."""
    match = re.search(rf'Resource len +\d+  "{name}"\n(.*?)\n\n', text + "\n", re.S)
    part = match[1].split("\n") if match else ["-"]
    found, queue = {"master": part[0].split()[0]}, None
    for line in part[1:]:
        if line in ("Granted", "Convert", "Waiting", "Lookup"):
            queue = found.setdefault(line, [])
        elif queue is not None:
            queue.append(line)
    return found


def test_lockdump_and_lockdebug_of_two_nodes(lab):
    one, two = (Shell(lab[n]) for n in (1, 2))
    lkid = {}
    for number, program in ((1, one), (2, two)):
        assert not program.do("open", "testls") and not program.do("thread")
        lkid[number, "PR"] = int(program.lock(0, shell.PR, name=b"res").lkid)
    for number, program, queued in ((2, two, 1), (1, one, 2)):
        lkid[number, "EX"] = int(program.lock(1, shell.EX, name=b"res", how="lock").lkid)
        lab.wait(lambda: any(len(lock_lines(node.tool("lockdebug", "testls").stdout, "res").get("Waiting", [])) == queued
                             for node in lab), "it is in the queue")  # noqa: B023
    lkid[2, "convert"] = lkid[2, "PR"]
    assert two.lock(0, shell.EX, shell.CONVERT, name=b"res", how="lock").error == 0
    master = lab.wait(lambda: next((n for n in (1, 2, 3) if "Convert" in lab[n].tool("lockdebug", "testls").stdout
                                    and "Waiting" in lab[n].tool("lockdebug", "testls").stdout), 0), "all of them wait")
    print("the master is node", master)
    masters = lock_lines(lab[master].tool("lockdebug", "testls").stdout, "res")
    assert masters["master"] == "Master"

    def line(number, which, modes, waits=False):
        """Of a lock of that node, as the master shows it."""
        own = lkid[number, which]
        found = [each for each in sum((masters[q] for q in masters if q != "master"), [])
                 if modes in each and (each.startswith(f"{own:08x} ") and "Remote" not in each if number == master
                                       else f"Remote: {number:3d} {own:08x}" in each)]
        assert len(found) == 1, (number, which, masters)
        return found[0]
    assert line(1, "PR", " PR      ") in masters["Granted"] and len(masters["Granted"]) == 1
    assert line(2, "convert", " PR (EX)") in masters["Convert"] and len(masters["Convert"]) == 1
    assert [line(2, "EX", " -- (EX)"), line(1, "EX", " -- (EX)")] == masters["Waiting"]
    for number in {1, 2} - {master}:
        holders = lock_lines(lab[number].tool("lockdebug", "testls").stdout, "res")
        assert holders["master"] == f"Master:{master}"
        mine = sum((holders[q] for q in holders if q != "master"), [])
        assert len(mine) == 2
        for each in mine:
            assert re.fullmatch(rf"[0-9a-f]{{8}} (PR|--) (    |\(EX\)) Master: {master:3d} [0-9a-f]{{8}}  .*", each), each
    for number in (1, 2):
        dumped = lab[number].tool("lockdump", "testls").stdout
        assert {int(word, 16) for word in re.findall(r"^id ([0-9a-f]{8}) ", dumped, re.M)} \
            >= {lkid[number, "PR"], lkid[number, "EX"]}, dumped
        assert re.search(r'^id [0-9a-f]{8} gr PR rq (?:IV|EX) pid \d+ master \d+ "res"$', dumped, re.M), dumped
        verbose = lab[number].tool("lockdebug", "-svw", "testls").stdout
        assert re.search(r" time \d{16} flags [0-9a-f]{8} [0-9a-f]{8} bast \d+ \d+ pid \d+$", verbose, re.M), verbose
    for program in (one, two):
        program.process.kill()
        program.process.wait()
    lab.wait(lambda: "Granted" not in lab[master].tool("lockdebug", "testls").stdout, "the locks are gone")


# ---- what is waited for ----

def test_wait_messages(lab):
    for n in (2, 3):
        lab[n].tool("join", "second", check=True)
    wait_settled(lab, [2, 3], "second")
    lab[3].signal("controld", signal.SIGSTOP)
    joining = lab[1].popen(["dlm_tool", "join", "second"], stdout=subprocess.DEVNULL)
    for n in (1, 2):
        lab.wait(lambda n=n: lab[n].lockspaces().get("second", {}).get("new_status") == "wait messages 1",
                 f"node {n} waits for a message")
    text, ours = field(lab[1], "ls", "second")
    assert text == """dlm lockspaces
name          second
id            0xc1f5c66b
flags         0x00000005 kern_stop,join
change        member 0 joined 0 remove 0 failed 0 seq 0,0
members       
new change    member 3 joined 1 remove 0 failed 0 seq 1,1
new status    wait messages 1
new members   1 2 3 

"""  # noqa: W291
    assert any("node 3" in line for line in ours) and not any("node 2" in line for line in ours)
    text, ours = field(lab[2], "ls", "-n", "second")
    assert "change        member 2 joined 1 remove 0 failed 0 seq 2,2\nmembers       2 3 \nnew change    member 3 " in text
    assert "nodeid 3 member 1 failed 0 start 0 seq_add 2 seq_rem 0 check none\n" in text
    assert any("node 3" in line for line in ours)
    looks_right(lab[2], ["second", "testls"])
    assert any(re.fullmatch("waiting: .*second.*node 3.*", line) for line in field(lab[2], "status")[1])
    lab[3].signal("controld", signal.SIGCONT)
    assert joining.wait(60) == 0
    wait_settled(lab, [1, 2, 3], "second")
    for node in lab:
        node.tool("leave", "second", check=True)
        lab.wait(lambda node=node: "second" not in node.lockspaces(), "it is left")


@contextlib.contextmanager
def crowd(*nodes):
    """Clients of root and of nobody that do all that they should not, in these nodes."""
    with contextlib.ExitStack() as stack:
        for node in nodes:
            for user in ([], NOBODY):
                client = stack.enter_context(node.popen([*user, PYTHON, "-c", CLIENTS, "hold"], stdin=subprocess.PIPE,
                                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
                stack.callback(client.kill)
                assert client.stdout.readline() == "holding\n"
        yield


def test_a_death_among_clients_that_hold_on_and_wait_fencing(lab):
    with crowd(lab[1], lab[2]):
        began = time.monotonic()
        lab[3].tool("join", "busy", check=True)
        lab[1].tool("join", "busy", check=True)
        wait_settled(lab, [1, 3], "busy")
        assert time.monotonic() - began < 10
        lab[3].tool("leave", "busy", check=True)
        lab[1].tool("leave", "busy", check=True)
        killed = lab[3].kill()
        lab.wait(lambda: all(lab[n].lockspaces()["testls"].get("new_status") == "wait fencing" for n in (1, 2)),
                 "both wait for fencing")
        assert time.monotonic() - killed < 15  # of which the token is 1.5
        for n in (1, 2):
            began = time.monotonic()
            assert lab[n].tool("status").returncode == 0 and time.monotonic() - began < 2
    # as after a death of a member in the reference: four changes, the third was the last one that was agreed
    text, ours = field(lab[1], "ls", "-n")
    assert re.sub(r"fence \d+", "fence T", text) == """dlm lockspaces
name          testls
id            0xe5adef01
flags         0x00000004 kern_stop
change        member 3 joined 1 remove 0 failed 0 seq 3,3
members       1 2 3 
new change    member 2 joined 0 remove 1 failed 1 seq 4,4
new status    wait fencing
new members   1 2 
all nodes
nodeid 1 member 1 failed 0 start 0 seq_add 1 seq_rem 0 check none
nodeid 2 member 1 failed 0 start 0 seq_add 2 seq_rem 0 check none
nodeid 3 member 0 failed 3 start 0 seq_add 3 seq_rem 4 check fence T

"""  # noqa: W291
    assert len(ours) == 1 and "node 3" in ours[0] and "fence_ack 3" in ours[0]
    text, ours = field(lab[2], "status")
    assert re.search(r"^fence 3 nodedown pid 0 actor [12] fail \d{10} fence 0 now T$", text, re.M), text
    assert re.search(r"^node 3 X add \d+ rem \d+ fail \d+ fence 0 at 0 0$", text, re.M), text
    assert any(re.match("waiting: node 3 ", line) for line in ours)
    for n in (1, 2):
        looks_right(lab[n], ["testls"], fencing=True)


def test_fence_ack(lab):
    assert use(lab[2], "the reference's", "fence_ack", "3", user=NOBODY).returncode == 0
    assert use(lab[2], "ours", "fence_ack", "3", user=NOBODY).returncode == 1
    assert list(lab[1].fence_needed()) == [3]
    assert use(lab[2], "the reference's", "fence_ack", "3") == (0, "", "")
    wait_settled(lab, [1, 2])
    text, ours = field(lab[1], "status")
    assert re.search(r"^node 3 X add \d+ rem (\d+) fail \1 fence \d+ at 2 \d{10}$", text, re.M), text
    assert len(ours) == 1
    looks_right(lab[1], ["testls"])
    text = field(lab[1], "ls", "-n")[0]
    assert "change        member 2 joined 0 remove 1 failed 1 seq 4,4\nmembers       1 2 \n" in text
    assert "nodeid 3 member 0 failed 3 start 0 seq_add 3 seq_rem 4 check none\n" in text


def test_the_log_in_memory_tells_the_story(lab):
    """Each fact has a line, in the order of the events."""
    lines = iter(dump(lab[1]))
    for pattern in (
            r"node 1 of the cluster lab", r"cluster: quorate, nodes 1 2 3 \(ring \d+\)",
            r"dlm_controld: members .*; joined: .*node 1.*",
            r"lockspace testls: created by process \d+ of user 0", r"lockspace testls: members 1; joined: node 1",
            r"lockspace testls: change 1 is agreed with 1 members", r"lockspace testls: recovered \d+",
            r"lockspace testls: members 1 2; joined: node 2", r"lockspace testls: stop 2", r"lockspace testls: stopped 2",
            r"lockspace testls: change 2: our START .*",
            r"lockspace testls: change 2 is agreed with 2 members", r"lockspace testls: recovered \d+",
            r"lockspace testls: members 1 2 3; joined: node 3", r"lockspace testls: change 3 is agreed with 3 members",
            r"lockspace testls: members 1 2; left: node 3 \(nodedown\)",
            r"lockspace testls: change 4 waits for fencing",
            r"node 3 is fenced, says node 2: fence_ack", r"lockspace testls: change 4: our START .*",
            r"lockspace testls: change 4 is agreed with 2 members", r"lockspace testls: recovered \d+"):
        assert any(re.fullmatch(pattern, line) for line in lines), (pattern, dump(lab[1]))
    text = dump(lab[1])
    for pattern in (r"cluster: quorate, nodes 1 2 \(ring \d+\)", r"dlm_controld: members 1 2; left: node 3 \(nodedown\)",
                    r"node 3 has to be fenced \(nodedown\), by node 1",
                    r"lockspace testls: START \d+ of node 2 is for change 2"):
        assert any(re.fullmatch(pattern, line) for line in text), (pattern, text)
    assert any(re.fullmatch(r"fence_ack of node 3 by process \d+ of user 0: node 3 is acknowledged as fenced", line)
               for line in dump(lab[2]))


def test_wait_quorum(lab):
    lab[2].kill()
    lab.wait(lambda: lab[1].lockspaces()["testls"].get("new_status") == "wait quorum", "node 1 waits for quorum")
    text, ours = field(lab[1], "ls")
    assert "new change    member 1 joined 0 remove 1 failed 1 seq 5,5\nnew status    wait quorum\nnew members   1 \n" in text
    assert len(ours) == 1 and "quorum" in ours[0]
    assert " quorate 0 " in field(lab[1], "status")[0]
    looks_right(lab[1], ["testls"])
    lab[2].start()  # back, and clean: nothing is to be acknowledged
    wait_settled(lab, [1])
    assert lab[1].fence_needed() == {}


# ---- those who do not keep to the protocol ----

def cost(node):
    """Descriptors, and memory in KiB."""
    pid = node.pid("controld")
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return len(os.listdir(f"/proc/{pid}/fd")), int(re.search(r"VmRSS:\s+(\d+)", text)[1])


def test_ten_thousand_connections_leave_nothing(lab):
    def many(count):
        done = lab[1].run([PYTHON, "-c", CLIENTS, "many", count])
        assert done.stdout == "done\n", done
        lab.wait(lambda: info(lab[1])["admin_connections"] == 1, "all of them are gone")
    many(1000)
    descriptors, memory = cost(lab[1])
    accepted = info(lab[1])["admin_accepted"]
    many(10000)
    after = cost(lab[1])
    assert after[0] == descriptors and after[1] < memory + 1024, (descriptors, memory, after)
    assert info(lab[1])["admin_accepted"] >= accepted + 10000


def test_the_log_in_memory_is_bounded_and_comes_whole(lab):
    done = lab[1].run([PYTHON, "-c", CLIENTS, "log", 1000])
    assert done.stdout == "done\n", done
    texts = [use(lab[1], form, "dump").stdout for form in FORMS]
    assert 1000 * 1024 < len(texts[0]) <= 1024 * 1024 + 1, len(texts[0])
    assert "no_such_999_29" in texts[0] and "no_such_0_0" not in texts[0]
    assert texts == texts[:1] * len(texts)


# ---- no daemon, or another one ----

def taking(node, user, how, *names):
    taker = node.popen([*user, PYTHON, "-c", CLIENTS, how, *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                       text=True)
    assert taker.stdout.readline() == "taken\n"
    return taker


def pid_inside(node, taker):
    """The pid that the node itself sees."""
    return int(re.search(r"^NSpid:.*\s(\d+)$", pathlib.Path(f"/proc/{taker.pid}/status").read_text(), re.M)[1])


def test_no_daemon(lab):
    """What the tools say and how they end follows the release whose library it is."""
    node = lab[3]
    node.power_on()
    assert [use(node, form, "status")[:2] for form in FORMS] == [(0, "cannot connect to dlm_controld\n")] * len(FORMS)
    assert [use(node, form, "ls")[:2] for form in FORMS] == [(1, "")] * len(FORMS)
    for word in ("dump", "dump_config", "log_plock", "run_list"):
        for form in FORMS:
            done = use(node, form, word)
            if form == "ours" and generation() >= 403:
                assert done[:2] == (1, "") and done.stderr.startswith("failed: Operation not permitted\n")
            else:
                assert done[:2] == (0, "\n"), (form, word, done)
    assert [use(node, form, "set_config", "a=1")[:2] for form in FORMS] == [(0, "set_config failed\n")] * len(FORMS)
    assert [use(node, form, "reload_config")[:2] for form in FORMS] == [(0, "reload_config failed\n")] * len(FORMS)
    assert [use(node, form, "fence_ack", "1")[:2] for form in FORMS] == [(0, "")] * len(FORMS)
    for tool in ("dlm_tool", REFERENCE):
        assert node.run(["sh", "-c", f'[ -n "$({tool} ls)" ]']).returncode == 1
    assert "is not running" in use(node, "ours", "status").stderr


def test_an_impostor_is_not_believed(lab):
    taker = taking(lab[3], NOBODY, "take", "dlmc_query_sock", "dlmc_sock")
    pid = pid_inside(lab[3], taker)
    for words in (("status",), ("ls",), ("fence_ack", "1"), ("set_config", "a=1")):
        done = lab[3].tool(*words, timeout=10)
        assert f"process {pid} of user 65534" in done.stderr, done
    start = lab[3].run(["dlm_controld", "-D"], timeout=20)
    assert start.returncode == 1 and re.search(rf"dlmc_sock.*\b{pid}\b", start.stderr), start
    taker.kill()
    taker.wait()
    taker = taking(lab[3], NOBODY, "bind", "dlmc_query_sock")  # one of the two is enough
    start = lab[3].run(["dlm_controld", "-D"], timeout=20)
    assert start.returncode == 1 and re.search(rf"dlmc_query_sock.*\b{pid_inside(lab[3], taker)}\b", start.stderr), start
    taker.kill()
    taker.wait()
    lab[3].start()


# ---- a corosync that stands still ----

def test_a_stopped_corosync_is_said_and_keeps_nobody(make_lab):
    lab = make_lab(1)
    lab[1].tool("join", "testls", check=True)
    lab[1].signal("corosync", signal.SIGSTOP)
    slowest, until = 0.0, time.monotonic() + 60
    said = ""
    while "corosync" not in said and time.monotonic() < until:
        began = time.monotonic()
        done = lab[1].tool("status")
        slowest = max(slowest, time.monotonic() - began)
        assert done.returncode == 0 and done.stdout.startswith("cluster nodeid 1 ")
        said = "".join(re.findall("^waiting: .*", done.stdout, re.M))
    assert "corosync to answer" in said and slowest < 2
    assert use(lab[1], "the reference's", "ls").stdout.startswith("dlm lockspaces\nname          testls\n")
    lab[1].signal("corosync", signal.SIGCONT)
    lab.wait(lambda: "waiting:" not in lab[1].tool("status").stdout, "it answers again")
