"""What can go wrong with the demonstration itself."""

from __future__ import annotations

from pronubes.errors import PronubesError

__all__ = ["DemoFailed"]


class DemoFailed(PronubesError):
    """The demonstration cannot go on; the text says why and what to do."""
