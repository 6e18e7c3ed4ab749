#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A seed is a function: run with other bytes in fresh memory, other addresses and another environment,
it must go through the same events. Compares the hashes that dlm_sim makes of them.

determinism.py DLM_SIM FIRST COUNT
"""
import os
import shutil
import subprocess
import sys


def run(program, seed, fill, fixed_addresses, clutter):
    command = [program, "--seed", str(seed), "--hash", "--quiet", "--fill", hex(fill)]
    if fixed_addresses and shutil.which("setarch"):
        command = ["setarch", "-R", *command]
    environment = {**os.environ, "CLUTTER": "x" * clutter}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    return done.stdout.strip() or f"failed: {done.stderr[:300]}"


def main():
    program, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    differing = 0
    for seed in range(first, first + count):
        hashes = {run(program, seed, 0xA5, False, 0), run(program, seed, 0x00, True, 999),
                  run(program, seed, 0x5A, False, 4242)}
        if len(hashes) != 1 or "hash" not in next(iter(hashes)):
            differing += 1
            print(f"seed {seed}: {sorted(hashes)}")
    print(f"{count} seeds run three times, {differing} differ")
    return 1 if differing or not count else 0


if __name__ == "__main__":
    sys.exit(main())
