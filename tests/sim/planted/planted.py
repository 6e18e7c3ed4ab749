#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The test of the simulator: each planted defect must be found.

A patch of this folder is applied to a copy of the engine, the changed files are compiled and linked in
front of the built libraries, and dlm_sim runs seeds until a rule breaks. A patch that no longer applies
is a failure too: refresh it by hand, with the same defect.

planted.py --cc CC --source ROOT --work DIR --seeds N --main OBJECTS_OR_SOURCES... -- LIBRARIES...
"""
import argparse
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys

FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-w"]


def changed_files(patch):
    return re.findall(r"^\+\+\+ b/(\S+\.c)", patch.read_text(), re.M)


def build(options, patch, copy):
    """Return the path of a dlm_sim with the defect; raises CalledProcessError."""
    shutil.copytree(options.source / "src", copy / "src")
    subprocess.run(["patch", "-s", "-p1", "-F3", "-i", str(patch)], cwd=copy, check=True)
    objects = []
    for name in changed_files(patch):
        objects.append(str(copy / (pathlib.Path(name).stem + ".o")))
        subprocess.run([options.cc, *FLAGS, "-I", str(copy / "src"), "-c", str(copy / name),
                        "-o", objects[-1]], check=True)
    program = copy / "dlm_sim"
    subprocess.run([options.cc, *FLAGS, "-I", str(copy / "src"), "-I",
                    str(options.source / "tests/sim"), *options.main, *objects,
                    *options.libraries, "-o", str(program)], check=True)
    return program


def hunt(options, patch):
    """Return (found, sentence)."""
    copy = options.work / patch.stem
    shutil.rmtree(copy, ignore_errors=True)
    try:
        program = build(options, patch, copy)
        run = subprocess.run([str(program), "--seeds", str(options.seeds), "--quiet"],
                             capture_output=True, text=True, errors="replace")
    except subprocess.CalledProcessError as error:
        return False, f"cannot be built: {error}"
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    report = re.search(r"^FAILED (seed \d+).*?: (.*)$", run.stderr, re.M)
    if run.returncode == 0 or not report:
        return False, f"not found within {options.seeds} seeds"
    return True, f"{report[1]}: {report[2][:100]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cc", required=True)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--main", action="append", required=True)
    parser.add_argument("--only")
    parser.add_argument("libraries", nargs="+")
    options = parser.parse_args()
    patches = sorted(pathlib.Path(__file__).parent.glob("*.patch"))
    if options.only:
        patches = [patch for patch in patches if patch.stem == options.only]
    if not patches:
        print("no patches")
        return 1
    options.work.mkdir(parents=True, exist_ok=True)
    missed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for patch, (found, text) in zip(patches, pool.map(lambda p: hunt(options, p), patches)):
            print(f"{'found' if found else 'MISSED'}  {patch.stem}: {text}", flush=True)
            missed += not found
    print(f"{len(patches)} planted defects, {len(patches) - missed} found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
