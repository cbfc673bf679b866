"""What the doctor found: one line each, with a figure, what it means and what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pronubes.amounts import age

__all__ = ["Finding", "Level", "Values", "duration"]

Values = dict[str, float | int | str | bool | None]


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    """Nothing to do."""
    WARN = "warn"
    """It works, and less well than it could or than one may think."""
    BAD = "bad"
    """The promise is broken, or the node will not run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: `disk`, `clock`, `machine`, `broker` or `delivery`.
        name: What was looked at.
        level: How bad it is.
        figure: What was found, in numbers where there are any.
        meaning: What that does to the promise or the rate, as a sentence.
        action: What to do, as a sentence; None where nothing is to be done.
        values: The numbers, for programs.
    """

    area: str
    name: str
    level: Level
    figure: str
    meaning: str
    action: str | None = None
    values: Values = field(default_factory=dict)


def duration(seconds: float) -> str:
    """Write a length of time that is given in seconds."""
    return age(seconds * 1e9)
