"""Random expressions, each as CEL text and as plain Python that says what it must give.

The Python side is the oracle: it shares no code with the engine. What fails in it (`LookupError`, `TypeError`) must be quarantined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

__all__ = ["Expression", "Names", "condition", "number_or_text"]

Payload = dict[str, Any]  # Any: JSON
Captures = dict[str, str]


@dataclass(frozen=True, slots=True)
class Expression:
    """CEL and its meaning."""

    text: str
    evaluate: Callable[[Payload, Captures], Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class Names:
    """What the fields are called at some point of a route."""

    value: str
    count: str
    quality: str
    label: str
    nested: str
    optional: str


def condition(random: Random, names: Names) -> Expression:
    """Something that is true for most messages."""
    limit = random.choice([-60.5, 0.0, 10.0])
    kind = random.randrange(5)
    if kind == 0:
        return Expression(f"payload.{names.value} > {limit}", lambda payload, _: payload[names.value] > limit)
    if kind == 1:
        return Expression(f'payload.{names.quality} != "BAD"', lambda payload, _: payload[names.quality] != "BAD")
    if kind == 2:
        return Expression(
            f'payload.{names.quality} == "GOOD" && payload.{names.value} > {limit}',
            lambda payload, _: payload[names.quality] == "GOOD" and payload[names.value] > limit,
        )
    if kind == 3:
        return Expression(f'payload.{names.quality} in ["GOOD", "UNCERTAIN"]', lambda payload, _: payload[names.quality] in {"GOOD", "UNCERTAIN"})
    return Expression(f"payload.{names.count} >= 3", lambda payload, _: payload[names.count] >= 3)


def number_or_text(random: Random, names: Names, captures: list[str]) -> Expression:
    """Something to compute."""
    factor = random.choice([0.1, 1.8, 2.5, 1000.0])
    value, count, quality, label, nested, optional = (
        names.value,
        names.count,
        names.quality,
        names.label,
        names.nested,
        names.optional,
    )
    capture = random.choice(captures)
    choices = [
        Expression(f"payload.{value} * {factor} + 1.0", lambda payload, _: payload[value] * factor + 1.0),
        Expression(f"payload.{value} / 4", lambda payload, _: payload[value] / 4),
        Expression(f"payload.{value} > 50.0", lambda payload, _: payload[value] > 50.0),
        Expression(f"payload.{count} + 3", lambda payload, _: payload[count] + 3),
        Expression(f"payload.{count} * 2 - 1", lambda payload, _: payload[count] * 2 - 1),
        Expression(f"payload.{nested}.temp + payload.{value}", lambda payload, _: payload[nested]["temp"] + payload[value]),
        Expression(f"size(payload.{label})", lambda payload, _: len(payload[label])),
        Expression(f'payload.{label}.startsWith("Mo")', lambda payload, _: payload[label].startswith("Mo")),
        Expression(f'{capture} + "-" + payload.{quality}', lambda payload, found: found[capture] + "-" + payload[quality]),
        Expression(f'payload.{quality} == "GOOD" ? 192 : 0', lambda payload, _: 192 if payload[quality] == "GOOD" else 0),
        Expression(
            f"has(payload.{optional}) ? payload.{optional} : -1",
            lambda payload, _: payload.get(optional, -1),
        ),
        Expression(f"string(payload.{count})", lambda payload, _: str(payload[count])),
        Expression(f"int(payload.{nested}.temp)", lambda payload, _: int(payload[nested]["temp"])),
    ]
    return random.choice(choices)
