# SPDX-License-Identifier: GPL-2.0-or-later
"""The logs of a node."""
from .errors import DEADLINE


class Logs:
    """The part of a Node that reads what its daemons have written."""

    def log_path(self, name="controld"):
        return self.place / "log" / f"{name}.log"

    def log(self, name="controld", since=0):
        """What a daemon has written, from the offset `since` (see log_mark), over all of its starts."""
        try:
            with open(self.log_path(name), "rb") as file:
                file.seek(since)
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def log_mark(self, name="controld"):
        """Where its log ends now."""
        try:
            return self.log_path(name).stat().st_size
        except OSError:
            return 0

    def log_end(self, name="controld", lines=15):
        return "\n".join(self.log(name).splitlines()[-lines:])

    def wait_for(self, what, timeout=DEADLINE, name="controld", since=0):
        """Wait until the log of a daemon has the text `what`; or until the predicate what(node) is true."""
        if callable(what):
            return self.lab.wait(lambda: what(self), f"node {self.id}: {getattr(what, '__name__', what)}", timeout)
        return self.lab.wait(lambda: what in self.log(name, since), f"node {self.id}: {what!r} in {name}.log",
                             timeout)
