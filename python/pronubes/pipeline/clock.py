"""The node's clock: wall time that never runs backwards by itself.

Timers must not fire because somebody set the clock, and messages must carry the right time after somebody did. So time is the monotonic
clock plus an offset, and the offset follows the wall clock only when the two are apart by more than a slewing clock can explain.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock"]

STEP_NS = 500_000_000
"""The wall clock was set when it is this far off."""


class Clock:
    """Nanoseconds since 1970 (UTC). Call it to read it: about 60 ns."""

    __slots__ = ("_monotonic", "_offset", "_wall")

    def __init__(self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def __call__(self) -> int:
        """Read the time."""
        return self._monotonic() + self._offset

    def follow(self) -> int:
        """Follow the wall clock if it was set; call it about once a second.

        Returns:
            By how many nanoseconds the clock stepped, 0 when it did not.
        """
        step = self._wall() - self()
        if abs(step) < STEP_NS:
            return 0
        self._offset += step
        return step
