# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that a kernel with the dlm module shows, as far as dlm_controld and dlm_tool look: made
below PLACE/root, where the shim leads them."""
import os
import pathlib
import shutil

CLUSTER = "/sys/kernel/config/dlm/cluster"
SYSFS = "/sys/kernel/dlm"
DEBUG = "/sys/kernel/debug/dlm"
DEVICES = {"dlm-monitor": 60, "dlm-control": 61, "dlm_plock": 62}

CLUSTER_FILES = {
    "tcp_port": "21064", "buffer_size": "4096", "rsbtbl_size": "1024", "recover_timer": "5",
    "toss_secs": "10", "scan_secs": "5", "log_debug": "0", "log_info": "1", "protocol": "0",
    "mark": "0", "new_rsb_count": "128", "recover_callbacks": "0", "cluster_name": ""}
COMM_FILES = {"nodeid": "", "addr": "", "addr_list": "", "mark": "0", "local": "0"}
NODE_FILES = {"nodeid": "", "weight": "1"}
SPACE_FILES = {"control": "", "event_done": "", "id": "0", "nodir": "0", "recover_status": "0",
               "recover_nodeid": "0"}


class Tree:
    def __init__(self, place):
        self.root = pathlib.Path(place) / "root"

    def boot(self):
        """As a kernel shows it that has just started."""
        for name in ("sys", "dev", "proc"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        for path in (os.path.dirname(CLUSTER), SYSFS, DEBUG, "/dev/misc", "/proc"):
            self.at(path).mkdir(parents=True)
        for name in DEVICES:
            self.write(f"/dev/misc/{name}", b"")
        lines = "".join(f"{minor:3} {name}\n" for name, minor in DEVICES.items())
        self.write("/proc/misc", lines.encode())

    def at(self, path):
        return self.root / path.lstrip("/")

    def exists(self, path):
        return self.at(path).exists()

    def directory(self, path, files, folders=()):
        self.at(path).mkdir()
        for name, content in files.items():
            self.write(f"{path}/{name}", content.encode())
        for name in folders:
            self.at(f"{path}/{name}").mkdir()

    def remove(self, path):
        shutil.rmtree(self.at(path))

    def names(self, path):
        return sorted(entry.name for entry in self.at(path).iterdir())

    def write(self, path, data):
        self.at(path).write_bytes(data)

    def text(self, path):
        return self.at(path).read_bytes().rstrip(b"\0\n").decode(errors="replace")

    def number(self, path):
        return int(self.text(path), 0)
