# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong with a lab, and the deadline that ends what hangs."""

DEADLINE = 60.0  # seconds; conditions are waited for, this only ends what hangs


class LabError(Exception):
    """Something did not work; the text is a sentence for people."""


class LabTimeout(LabError):
    """A condition did not come true in time; the text has the state of all nodes."""


class LabRefused(LabError):
    """This machine or user may not make nodes; the text says the cure."""
