#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The options that `dlm_controld -h` lists and those of the example dlm.conf are the same, with the
same defaults. What only the command line can say is not in the file.

usage: options.py DLM_CONTROLD EXAMPLE
"""
import pathlib
import re
import subprocess
import sys

from findings import Findings

COMMAND_LINE_ONLY = {"help", "version", "run_dir", "config_file", "daemon_debug", "foreground"}
# The example shows a path where the default is none.
SHOWN_OTHERWISE = {"lockd_path": "/usr/sbin/dlm_lockd"}
HELP = re.compile(r"^  --(\w+)[^\n]*\n\s+[^\n]*?\[([^\]\n]*)\]$", re.M)
LINE = re.compile(r"^#?(\w+) *= *(.*?) *$", re.M)


def main(program, example):
    findings = Findings("options")
    text = subprocess.run([program, "-h"], check=True, capture_output=True, text=True).stdout
    listed = {name: value for name, value in HELP.findall(text) if name not in COMMAND_LINE_ONLY}
    listed = {**listed, **{n: v for n, v in SHOWN_OTHERWISE.items() if n in listed}}
    shown = dict(LINE.findall(pathlib.Path(example).read_text()))
    for name in sorted(listed.keys() | shown.keys()):
        findings.looked += 1
        if name not in shown:
            findings.add(example, f"{name} is missing")
        elif name not in listed:
            findings.add(example, f"{name} is no option of {program}")
        elif listed[name] != shown[name]:
            findings.add(example, f"{name} = {shown[name]}, but the default is {listed[name]}")
    return findings.exit_status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
