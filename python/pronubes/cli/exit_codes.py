"""What a command's exit code says. `docs/reference/exit-codes.md` is generated from this table."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """What a command's exit code says."""

    OK = 0
    """The command did what was asked."""
    FAILED = 1
    """The command did its work and the answer is no: a test failed, `explain` ended in the quarantine, `check --strict` found warnings,
    `status` or `doctor` found something wrong, messages were lost on the way into a recording, a recording is cut or damaged."""
    USAGE = 2
    """The command line is wrong. Nothing was done."""
    CONFIGURATION = 3
    """The configuration has errors; they were printed. Nothing was started."""
    UNAVAILABLE = 4
    """Something outside is missing: a node that does not run, a port that is taken, a program that is not installed."""
    DEFECT = 70
    """A defect in pronubes. The traceback was printed: please report it."""
    INTERRUPTED = 130
    """Ended by Ctrl-C before it was done. (`run`, `top`, `tap`, `record` and `demo` end with 0 then: it is how they are meant to end.)"""
