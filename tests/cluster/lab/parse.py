# SPDX-License-Identifier: GPL-2.0-or-later
"""What the cluster's tools print, as dicts. Numbers become int, everything else stays text."""
import re

FENCE = re.compile(r"^fence (?P<victim>\d+) (?P<reason>\S+) (?:pid (?P<pid>-?\d+)|(?P<delay>delay)) "
                   r"actor (?P<actor>-?\d+) fail (?P<fail>\d+) fence (?P<fence>\d+)(?P<rest>.*)$")
NODE = re.compile(r"^(?:startup )?node (\d+) (\S) (.*)$")


def value(text):
    try:
        return int(text)
    except ValueError:
        return text


def status(text):
    """`dlm_tool status -v`: {"our_nodeid": 1, "quorate": 1, ..., "nodes": {id: {"member": 1, ...}},
    "daemon": {...}}; daemon: what only udlm's says."""
    found = {"nodes": {}, "daemon": {}}
    section = found
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["our_nodeid"] and len(words) == 2:
            section, found["our_nodeid"] = found, int(words[1])
        elif "nodeid" in words[:2] and not line.startswith(" "):
            section = found["nodes"].setdefault(int(words[-1]), {})
        elif line == "daemon":
            section = found["daemon"]
        elif line.startswith("    ") and "=" in line:
            key, _, text = line.strip().partition("=")
            section[key] = value(text)
    return found if "our_nodeid" in found else None


def fences(text):
    """The fence lines of `dlm_tool status`: {victim: {"reason", "actor", "delay": bool, "fail", ...}}."""
    found = {}
    for match in filter(None, map(FENCE.match, text.splitlines())):
        fields = {key: value(part) for key, part in match.groupdict().items() if part is not None}
        found[fields["victim"]] = dict(fields, delay=match["delay"] is not None, rest=match["rest"].strip())
    return found


def _space_line(space, key, words):
    if key in ("change", "new change"):
        seq = words[words.index("seq") + 1] if "seq" in words else "0,0"
        change = {name: int(n) for name, n in zip(words[0:8:2], words[1:8:2])}
        space[key.replace(" ", "_")] = dict(change, seq=tuple(int(n) for n in seq.split(",")))
    elif key in ("members", "new members"):
        space[key.replace(" ", "_")] = [int(word) for word in words if word.isdigit()]
    elif key == "flags":
        space["flags"] = int(words[0], 16)
        space["flag_names"] = words[1].split(",") if len(words) > 1 else []
    elif key == "nodeid":
        pairs = dict(zip(words[1::2], words[2::2]))
        space["nodes"][int(words[0])] = {name: value(text) for name, text in pairs.items()}
    else:
        space[key.replace(" ", "_")] = " ".join(words)


def lockspaces(text):
    """`dlm_tool ls -n`: {name: {"id", "flags", "flag_names", "change": {"member", "joined", "remove",
    "failed", "seq"}, "members": [...], "nodes": {...}}}, and new_change, new_status, new_members while a
    change is under way."""
    found, space = {}, None
    for line in text.splitlines():
        match = re.match(r"^(new change|new status|new members|\w+)\s+(.*)$", line)
        if not match:
            continue
        key, words = match[1], match[2].split()
        if key == "name":
            space = found.setdefault(match[2].strip(), {"nodes": {}})
        elif space is not None:
            _space_line(space, key, words)
    return found


def quorum(text):
    """`corosync-quorumtool -s`: {"quorate": bool, "members": [...], "ring", "expected", "total"}."""
    found = {"quorate": False, "members": [], "ring": "", "expected": 0, "total": 0}
    keys = {"Ring ID": "ring", "Expected votes": "expected", "Total votes": "total"}
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        if key == "Quorate":
            found["quorate"] = rest.strip() == "Yes"
        elif key in keys:
            found[keys[key]] = value(rest.strip())
        elif re.match(r"^ +\d+ +\d+ +\S", line):
            found["members"].append(int(line.split()[0]))
    found["members"].sort()
    return found
