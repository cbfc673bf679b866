"""How long to wait before the next attempt: full jitter, so that a hundred nodes do not come back at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

__all__ = ["Backoff"]


class Backoff:
    """Pauses that grow from `first_s` to `longest_s`, each drawn between 0 and the present bound.

    Args:
        randomness: Where the jitter comes from; tests seed it.
        first_s: The first bound, in seconds.
        longest_s: The last bound, in seconds.
    """

    def __init__(self, randomness: random.Random, *, first_s: float = 0.1, longest_s: float = 30.0) -> None:
        self._random = randomness
        self._first_s = first_s
        self._longest_s = longest_s
        self._bound_s = first_s
        self.attempts = 0

    def next_s(self) -> float:
        """Draw the next pause, in seconds."""
        self.attempts += 1
        pause_s = self._random.uniform(0.0, self._bound_s)
        self._bound_s = min(self._bound_s * 2, self._longest_s)
        return pause_s

    def is_worth_telling(self) -> bool:
        """Whether this attempt should be logged: the first, the second, the fourth, ..., so that an outage does not fill the log."""
        return self.attempts & (self.attempts - 1) == 0

    def reset(self) -> None:
        """It worked: begin again with short pauses."""
        self._bound_s = self._first_s
        self.attempts = 0
