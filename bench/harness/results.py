"""Runs of a scenario put together: medians with spread, ratios, and goals."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.measure import Outcome
from harness.scenario import Goal, Scenario

__all__ = ["Entry", "Spread", "Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, median and greatest of the rounds."""

    least: float
    median: float
    greatest: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Of at least one value."""
        return cls(min(values), statistics.median(values), max(values))


@dataclass(slots=True)
class Entry:
    """All rounds of one contestant."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, Spread]:
        """The figures of the rounds that were right."""
        right = [outcome.figures for outcome in self.outcomes if outcome.figures]
        return {name: Spread.of([figures[name] for figures in right]) for name in (right[0] if right else {})}

    @property
    def problems(self) -> list[str]:
        """What was wrong in any round; a contestant with problems has no place in a ranking."""
        return [problem for outcome in self.outcomes for problem in outcome.problems]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal against what was found; `found` is nothing when it was not measured."""

    text: str
    found: float | None
    is_met: bool | None


def judge(scenario: Scenario, entries: dict[str, Entry]) -> list[Verdict]:
    """Judges the goals of a scenario on medians."""
    return [_judge(goal, entries) for goal in scenario.goals]


REDUCE: dict[str, Callable[[list[float]], float]] = {"worst set": max, "median set": statistics.median, "share of sets": statistics.mean}


def _median(entries: dict[str, Entry], name: str, metric: str) -> float | None:
    if name in REDUCE:
        values = [entry.figures[metric].median for key, entry in entries.items() if key.startswith("set ") and metric in entry.figures]
        return REDUCE[name](values) if values else None
    entry = entries.get(name)
    if entry is None or entry.problems or metric not in entry.figures:
        return None
    return entry.figures[metric].median


def _judge(goal: Goal, entries: dict[str, Entry]) -> Verdict:
    found = _median(entries, goal.of, goal.metric)
    text = f"{goal.metric} of {goal.of}"
    for other, combine, sign in ((goal.over, operator.truediv, "/"), (goal.less, operator.sub, "-")):
        if other is None:
            continue
        against = _median(entries, other, goal.metric)
        text += f" {sign} {other}"
        found = combine(found, against) if found is not None and against else None
    if goal.at_most is not None:
        return Verdict(f"{text} at most {goal.at_most:g}", found, None if found is None else found <= goal.at_most)
    limit = goal.at_least or 0.0
    return Verdict(f"{text} at least {limit:g}", found, None if found is None else found >= limit)
