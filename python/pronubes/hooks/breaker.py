"""The circuit breaker of a hook: a hook that fails too often is left alone, tried now and then, and taken back when it works.

    closed ──too many failures──▶ open ──the pause is over──▶ half open ──the trial worked──▶ closed
                                   ▲                              │
                                   └────the trial failed, twice the pause

Counts come in, verdicts go out: nothing here reads a clock, waits or acts.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pronubes.hooks.settings import BreakerSettings

__all__ = ["HookBreaker", "State"]

State = Literal["closed", "open", "half_open"]

PARTS = 10
"""A window is known to a tenth of its length."""


@dataclass(slots=True)
class _Part:
    """What happened in a part of the window."""

    began_s: float
    messages: int = 0
    failed: int = 0
    hangs: int = 0


class HookBreaker:
    """Decides whether a hook is called.

    Args:
        settings: When it is left alone.
    """

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._parts: deque[_Part] = deque()
        self._pause_s = settings.pause_s
        self.state: State = "closed"
        self.since_s = 0.0
        self.retry_s = 0.0
        self.why = ""

    def allows(self, now_s: float) -> bool:
        """Tell whether a batch may go to the hook now; one that may while the breaker is open is the trial."""
        if self.state == "open" and now_s >= self.retry_s:
            self.state = "half_open"
        return self.state != "open"

    def record(self, messages: int, *, failed: int, has_hung: bool, now_s: float) -> bool:
        """Count a batch that is back.

        Args:
            messages: How many messages it was.
            failed: How many of them failed.
            has_hung: Whether it ended by a time-out or the death of a worker.
            now_s: The time, in seconds of any clock that never goes back.

        Returns:
            Whether the breaker has opened or closed.
        """
        if self.state == "half_open":
            if has_hung or failed >= self._settings.share * messages:
                self._pause_s = min(2 * self._pause_s, self._settings.longest_pause_s)
                self._open(now_s, self.why)
                return False
            self._close()
            return True
        if self.state == "open":
            return False
        self._add(messages, failed, has_hung, now_s)
        why = self._excess()
        if why is None:
            return False
        self.since_s = now_s
        self._open(now_s, why)
        return True

    def _add(self, messages: int, failed: int, has_hung: bool, now_s: float) -> None:  # noqa: FBT001 - private
        parts, within_s = self._parts, self._settings.within_s
        while parts and parts[0].began_s < now_s - within_s:
            parts.popleft()
        if not parts or parts[-1].began_s < now_s - within_s / PARTS:
            parts.append(_Part(now_s))
        part = parts[-1]
        part.messages += messages
        part.failed += failed
        part.hangs += has_hung

    def _excess(self) -> str | None:
        if not self._parts[-1].failed:
            return None
        messages = sum(part.messages for part in self._parts)
        failed = sum(part.failed for part in self._parts)
        hangs = sum(part.hangs for part in self._parts)
        within = f"within {self._settings.within_s:g} s"
        if hangs >= self._settings.hangs:
            return f"it hung or died {hangs} times {within}"
        if messages >= self._settings.of and failed >= self._settings.share * messages:
            return f"{failed:,} of {messages:,} messages failed {within}"
        return None

    def _open(self, now_s: float, why: str) -> None:
        self.state = "open"
        self.why = why
        self.retry_s = now_s + self._pause_s

    def _close(self) -> None:
        self.state = "closed"
        self._parts.clear()
        self._pause_s = self._settings.pause_s
        self.why = ""
