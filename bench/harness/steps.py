"""Random steps of a generated route: what the configuration says, and the same in plain Python, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.expressions import Captures, Names, Payload, number_or_text

__all__ = ["Steps", "Twice"]


@dataclass(frozen=True, slots=True)
class Twice:
    """A value whose key stands twice: whatever touches it fails; untouched, both pass as they stand and readers take the last."""

    last: Any  # Any: JSON


class Steps:
    """The steps of a route under construction, in configuration and in Python, side by side."""

    KINDS = ("scale", "rename", "drop", "set", "compute", "compute_two", "clamp", "round", "cast", "map")

    def __init__(self, random: Random, names: Names, ts: str, captures: list[str]) -> None:
        self.random, self.names, self.ts, self.captures = random, names, ts, captures
        self.config: list[dict[str, Any]] = []  # Any: as above
        self.run: list[Callable[[Payload, Captures], None]] = []
        self.made: list[str] = []
        self.has_quality = True
        self.has_whole_count = True

    def scale(self) -> None:
        """value * factor + offset, as a double."""
        field, factor, offset = self.names.value, self.random.choice([1.8, 0.001, 10.0]), self.random.choice([0.0, 32.0, -273.15])
        self.config.append({"scale": {"field": field, "factor": factor, "offset": offset}})

        def run(payload: Payload, _: Captures) -> None:
            payload[field] = payload[field] * factor + offset

        self.run.append(run)

    def rename(self) -> None:
        """The time gets another name."""
        old, new = self.ts, "timestamp_ms"
        self.ts = new
        self.config.append({"rename": {old: new}})
        self.run.append(lambda payload, _: payload.__setitem__(new, payload.pop(old)))

    def drop(self) -> None:
        """The quality goes, always or when it is good; nothing after it reads it then."""
        field = self.names.quality
        if self.random.random() < 0.5:
            self.config.append({"drop": [field], "where": f'payload.{field} == "GOOD"'})
        else:
            self.config.append({"drop": [field], "where": f'payload.{field} != ""'})
        always = self.config[-1]["where"].endswith('!= ""')
        self.has_quality = False

        def run(payload: Payload, _: Captures) -> None:
            if always or payload[field] == "GOOD":
                del payload[field]

        self.run.append(run)

    def set(self) -> None:
        """A literal under a new name."""
        name, literal = f"s{len(self.made)}", self.random.choice(["[degF]", "°C", 17, -2.5, True, 'a "b"'])
        self.made.append(name)
        self.config.append({"set": {name: literal}})
        self.run.append(lambda payload, _: payload.__setitem__(name, literal))

    def compute(self) -> None:
        """An expression under a new name."""
        expression = number_or_text(self.random, self.names, self.captures)
        is_text_of_double = not self.has_whole_count and expression.text == f"string(payload.{self.names.count})"
        if is_text_of_double or (not self.has_quality and f"payload.{self.names.quality}" in expression.text):
            return self.set()
        name = f"c{len(self.made)}"
        self.made.append(name)
        self.config.append({"compute": {name: expression.text}})
        self.run.append(lambda payload, captures: payload.__setitem__(name, _no_twice(expression.evaluate(payload, captures))))
        return None

    def compute_two(self) -> None:
        """Two in a row."""
        self.compute()
        self.compute()

    def clamp(self) -> None:
        """Within bounds that some values are beyond."""
        field, low, high = self.names.value, -10.0, 250.0
        self.config.append({"clamp": {"field": field, "min": low, "max": high}})
        self.run.append(lambda payload, _: payload.__setitem__(field, low if payload[field] < low else min(payload[field], high)))

    def round(self) -> None:
        """To no digits, halves away from zero; with digits the rounding of binary fractions would be a matter of taste."""
        field = self.names.value
        self.config.append({"round": {"field": field, "digits": 0}})

        def run(payload: Payload, _: Captures) -> None:
            value = payload[field]
            payload[field] = math.copysign(math.floor(abs(value) + 0.5), value) if isinstance(value, float) else value + 0

        self.run.append(run)

    def cast(self) -> None:
        """The count becomes a double; it stays a number for what comes after."""
        field = self.names.count
        self.config.append({"cast": {"field": field, "type": "double"}})
        self.has_whole_count = False
        self.run.append(lambda payload, _: payload.__setitem__(field, float(payload[field])))

    def map(self) -> None:
        """A code for the quality, under a new name."""
        if not self.has_quality:
            return self.set()
        field, name, table = self.names.quality, f"m{len(self.made)}", {"GOOD": 192, "BAD": 0}
        self.made.append(name)
        self.config.append({"map": {"field": field, "values": table, "default": 64, "to": name}})
        self.run.append(lambda payload, _: payload.__setitem__(name, table.get(payload[field], 64)))
        return None

    def keep(self) -> None:
        """Only some fields stay, the time among them."""
        kept = [self.ts, self.names.count, *self.made]
        self.config.append({"keep": kept})

        def run(payload: Payload, _: Captures) -> None:
            for key in [key for key in payload if key not in kept]:
                del payload[key]

        self.run.append(run)


def _no_twice(value: Any) -> Any:  # Any: JSON
    if isinstance(value, Twice):
        raise TypeError("the key stands twice")
    return value
