"""Route sets made from a seed: three overlapping routes, messages in many shapes, 2 % of them bad, and what must come of each.

What must come back is computed here with `json` and plain Python, step by step: an oracle that shares no code with the engine. Only what
the design decides is generated; where it leaves something open (renaming a field that is missing) nothing is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.expressions import Captures, Expression, Names, Payload, condition
from harness.jsontext import BROKEN, STYLES, Raw, Style, write
from harness.steps import Steps, Twice

__all__ = ["Message", "RouteSet", "generate"]

BAD_SHARE = 0.02
LABELS = ["Motor 3", "Förderband/Süd", 'Ventil "A"', "Pumpe \\ 7", "温度", "Mo\tdul", "🏭 Halle", "plain"]
UNTOUCHED: list[Any] = [  # Any: JSON
    Raw("12345678901234567890"),
    Raw("-0"),
    Raw("1E5"),
    Raw("1.0"),
    Raw("0.30000000000000004"),
    None,
    True,
    "https://example.invalid/a/b",
    [1, [2, {"a": "]"}], "}"],
    {"a": {"b": {"c": [1, 2, 3]}}, "unit": "°C"},
    [],
    {},
]


@dataclass(frozen=True, slots=True)
class Message:
    """An input and its outputs in the order of the routes."""

    topic: str
    payload: str
    outputs: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RouteSet:
    """What a seed gives."""

    routes: dict[str, dict[str, Any]]  # Any: configuration as YAML would give it
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class Route:
    """A route for the oracle: which topics it takes, and what it does."""

    config: dict[str, Any]  # Any: as above
    captures: Callable[[list[str]], Captures | None]
    where: Expression | None
    steps: list[Callable[[Payload, Captures], None]]
    render: Callable[[Captures], str]

    def apply(self, levels: list[str], payload: str) -> tuple[str, str] | None:
        """What comes of a message, or nothing when it is filtered, quarantined or not taken."""
        captures = self.captures(levels)
        if captures is None:
            return None
        try:
            document = json.loads(payload, object_pairs_hook=_unique, parse_constant=_refuse)
            _limits(payload, document)
            if self.where is not None and not self.where.evaluate(document, captures):
                return None
            for step in self.steps:
                step(document, captures)
        except (ValueError, LookupError, TypeError):
            return None
        return self.render(captures), json.dumps(document, default=_last)


def _unique(pairs: list[tuple[str, Any]]) -> Payload:  # Any: JSON
    document: Payload = {}
    for key, value in pairs:
        document[key] = Twice(value) if key in document else value
    return document


def _last(twice: Twice) -> Any:  # Any: JSON
    return twice.last


def _refuse(word: str) -> None:
    raise ValueError(word)


def _limits(payload: str, document: Payload) -> None:
    """What Python's reader lets pass and the design refuses."""
    if "[" * 65 in payload or any(isinstance(value, str) and "\ud800" in value for value in document.values()):
        raise ValueError("too deep, or half of a character")


class Builder:
    """Makes one route set."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        pick = self.random.choice
        self.names = Names(
            value=pick(["value", "v", "val", "measured_value"]),
            count=pick(["count", "n", "pieces"]),
            quality=pick(["quality", "q", "status"]),
            label=pick(["label", "name", "asset"]),
            nested=pick(["motor", "drive"]),
            optional="spare",
        )
        self.ts = pick(["ts", "t", "timestamp"])
        self.style: Style = pick(list(STYLES.values()))
        self.escape_share = pick([0.0, 0.0, 0.1, 0.5])
        self.extras = [(f"x{index}", pick(UNTOUCHED)) for index in range(self.random.randrange(6))]
        self.is_shuffled = self.random.random() < 0.7
        self.depth = self.random.randrange(2, 6)

    def routes(self) -> list[Route]:
        """Three routes that all take part of the same topics."""
        names = [f"l{index}" for index in range(self.depth)]
        middle = self.random.randrange(self.depth)
        wanted = f"a{self.random.randrange(4)}"

        def every(levels: list[str]) -> Captures | None:
            return dict(zip(names, levels, strict=True))

        def rest(levels: list[str]) -> Captures | None:
            return {"rest": "/".join(levels[1:])} if levels[0] == wanted else None

        def one(levels: list[str]) -> Captures | None:
            return {"here": levels[middle]}

        plus = ["+"] * self.depth
        plus[middle] = "{here}"
        return [
            self._route("raw/" + "/".join(f"{{{name}}}" for name in names), every, names, "uns/a/" + "/".join(f"{{{name}}}" for name in names[::-1])),
            self._route(f"raw/{wanted}/{{rest#}}", rest, ["rest"], f"uns/b/{wanted}/{{rest}}"),
            self._route("raw/" + "/".join(plus), one, ["here"], "uns/c/{here}"),
        ]

    def _route(self, filter_: str, captures: Callable[[list[str]], Captures | None], found: list[str], topic: str) -> Route:
        random = self.random
        where = condition(random, self.names) if random.random() < 0.6 else None
        made = Steps(random, self.names, self.ts, found)
        for kind in random.sample(Steps.KINDS, k=random.randrange(1, 5)):
            getattr(made, kind)()
        if random.random() < 0.3:
            made.keep()
        config: dict[str, Any] = {"from": "plant", "filter": filter_}  # Any: as above
        if where is not None:
            config["where"] = where.text
        config |= {"steps": made.config, "topic": topic, "to": ["uns"]}
        return Route(config, captures, where, made.run, lambda given: topic.format(**given))

    def payload(self, slot: int) -> str:
        """A right payload."""
        return self._write(self._fields(slot))

    def bad(self, slot: int) -> str:
        """A payload that some or all routes have to refuse."""
        fields = self._fields(slot)
        value = self.names.value
        kind = self.random.randrange(4)
        if kind == 0:
            return BROKEN[self.random.choice(list(BROKEN))](self._write(fields))
        if kind == 1:
            wrong = self.random.choice(["n/a", None, [1], {"raw": 1}])
            return self._write([(key, wrong if key == value else old) for key, old in fields])
        if kind == 2:
            return self._write([pair for pair in fields if pair[0] != value])
        return self._write([*fields, (value, 1.5)])

    def _fields(self, slot: int) -> list[tuple[str, Any]]:  # Any: JSON
        random, names = self.random, self.names
        value = random.choice([round(random.uniform(-80, 400), 3), random.randrange(-50, 300), Raw(f"{random.randrange(1, 9)}.5e1")])
        fields: list[tuple[str, Any]] = [  # Any: JSON
            (names.value, value),
            (self.ts, 1_700_000_000_000 + slot),
            (names.quality, random.choice(["GOOD", "GOOD", "GOOD", "UNCERTAIN", "BAD"])),
            (names.count, random.randrange(1000)),
            (names.label, random.choice(LABELS)),
            (names.nested, {"temp": random.choice([21.5, 80, -3.25]), "on": True}),
            *self.extras,
        ]
        if random.random() < 0.5:
            fields.append((names.optional, random.randrange(10)))
        if self.is_shuffled:
            random.shuffle(fields)
        return fields

    def _write(self, fields: list[tuple[str, Any]]) -> str:  # Any: JSON
        return write(self.random, fields, self.style, self.escape_share)

    def topic(self, slot: int) -> list[str]:
        """Levels behind `raw`; the last one makes topics distinct."""
        return [f"a{slot % 4}", *(f"p{slot // (level + 3) % 7}" for level in range(1, self.depth - 1)), f"t{slot}"]


def generate(seed: int, slots: int) -> RouteSet:
    """Makes the route set of a seed with `slots` messages."""
    builder = Builder(seed)
    routes = builder.routes()
    messages = []
    for slot in range(slots):
        levels = builder.topic(slot)
        is_bad = builder.random.random() < BAD_SHARE
        payload = builder.bad(slot) if is_bad else builder.payload(slot)
        outputs = [route.apply(levels, payload) for route in routes]
        messages.append(Message("/".join(["raw", *levels]), payload, [output for output in outputs if output is not None]))
    return RouteSet({f"r{index}": route.config for index, route in enumerate(routes)}, messages)
