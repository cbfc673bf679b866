"""Learns the draft of a contract from messages: types, ranges, enumerations, optional fields, units where they are named.

A draft accepts every message that it was learned from, except those that no contract can accept (no JSON, no object); these are counted. It is a
beginning for a person to read: each field carries what was seen as a comment, and ranges are wider than what was seen, by a rule that is written at
`_widened`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.contracts.units import known, of_alias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["DraftField", "Learner"]

MAX_FIELDS = 500
MAX_DEPTH = 8
MAX_DISTINCT = 12
"""A text with more different values than this is no enumeration."""
_SEEN_FOR_ENUM = 30
_SEEN_PER_CHOICE = 5
_NOT_AFTER_NS = 5_000_000_000
_UNIT_NAMES = frozenset({"unit", "units", "uom", "eu", "engunit", "engineering_unit", "engineering_units", "engineeringunits"})
_QUALITY_NAMES = frozenset({"quality", "q", "qualitycode", "quality_code"})
_QUALITY_WORDS = frozenset({"good", "bad", "uncertain", "stale", "goodnodata"})
_BAD_WORDS = frozenset({"bad", "stale", "goodnodata"})
_TIME_NAME = re.compile(r"(^|[_.])(ts|time|timestamp|date|t)([_.]|$)|time(stamp)?(_?(s|ms|us|ns))?$", re.IGNORECASE)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_TIME_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_YEAR_2000_NS, _YEAR_2100_NS = 946_684_800 * 10**9, 4_102_444_800 * 10**9
_LARGEST = 2**63


@dataclass(slots=True)
class _Seen:
    """What was seen of one field."""

    count: int = 0
    nulls: int = 0
    nulls_when_good: int = 0
    values_when_bad: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    low: float = math.inf
    high: float = -math.inf
    times: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*_TIME_UNITS, "rfc3339"), 0))
    latest_lead_ns: int = -_LARGEST
    choices: dict[str, int] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DraftField:
    """A field of a draft.

    Attributes:
        path: Where it stands, dotted; empty for a payload that is a bare value.
        rules: The rules as they stand in a contract file.
        seen: What was seen, for the person who reads the draft.
    """

    path: str
    rules: Mapping[str, Any]  # Any: scalars and lists of YAML
    seen: str


class Learner:
    """Learns from messages, in bounded memory."""

    def __init__(self) -> None:
        self._fields: dict[str, _Seen] = {}
        self._scalar = _Seen()
        self._objects: Counter[str] = Counter()
        self._good = 0
        self._is_full = False
        self.unreadable = 0
        """Messages that no contract accepts: no JSON, or an array."""

    @property
    def count(self) -> int:
        """Messages learned from."""
        return self._good

    @property
    def is_scalar(self) -> bool:
        """Whether payloads are bare values."""
        return self._scalar.count > 0 and not self._fields

    @property
    def is_contract(self) -> bool:
        """Whether there is something that a contract can say: fields, or bare values only."""
        return not self.is_mixed and bool(self._fields or self._scalar.count)

    @property
    def is_mixed(self) -> bool:
        """Whether some payloads are objects and others bare values: no contract fits both."""
        return self._scalar.count > 0 and bool(self._objects)

    @property
    def is_full(self) -> bool:
        """Whether there were more fields than are learned; what is beyond is left to `extra: keep`."""
        return self._is_full

    @property
    def quality_path(self) -> str | None:
        """The field that holds the quality of the others, if one is named so and holds quality words."""
        return next((path for path, seen in self._fields.items() if path.lower() in _QUALITY_NAMES and _is_quality(seen)), None)

    def observe(self, payload: bytes, time_ns: int) -> None:
        """Learn from one message.

        Args:
            payload: The payload as it came.
            time_ns: When it came, in nanoseconds since 1970; times in the payload are judged against it.
        """
        try:
            value = orjson.loads(payload)
        except orjson.JSONDecodeError:
            self.unreadable += 1
            return
        if isinstance(value, list):
            self.unreadable += 1
            return
        self._good += 1
        if isinstance(value, dict):
            self._objects[""] += 1
            is_good = _is_good(value)
            self._observe_object("", value, time_ns, is_good=is_good, depth=1)
        else:
            _observe(self._scalar, value, time_ns, is_good=True)

    def _observe_object(self, prefix: str, value: Mapping[str, Any], time_ns: int, *, is_good: bool, depth: int) -> None:  # Any: JSON
        for key, member in value.items():
            path = f"{prefix}{_segment(key)}"
            seen = self._fields.get(path)
            if seen is None:
                if len(self._fields) >= MAX_FIELDS:
                    self._is_full = True
                    continue
                seen = self._fields[path] = _Seen()
            _observe(seen, member, time_ns, is_good=is_good)
            if isinstance(member, dict) and member and depth < MAX_DEPTH:
                self._objects[f"{path}."] += 1
                self._observe_object(f"{path}.", member, time_ns, is_good=is_good, depth=depth + 1)

    def take(self, other: Learner) -> None:
        """Take over what another has learned."""
        self.unreadable += other.unreadable
        self._good += other._good
        self._objects += other._objects
        self._is_full |= other._is_full
        _add(self._scalar, other._scalar)
        for path, seen in other._fields.items():
            if path in self._fields or len(self._fields) < MAX_FIELDS:
                _add(self._fields.setdefault(path, _Seen()), seen)
            else:
                self._is_full = True

    def fields(self) -> Iterator[DraftField]:
        """Give the fields of the draft, in the order in which they were first seen."""
        if self.is_scalar:
            yield _draft("", self._scalar, self._scalar.count, unit=None, has_quality=False)
            return
        quality = self.quality_path
        for path, seen in self._fields.items():
            parent = path[: len(path) - len(_last(path))]
            if f"{path}." in self._objects and set(seen.kinds) == {"object"} and not seen.nulls:
                continue  # its members say more
            unit = self._unit_of(path, parent) if {"integer", "number"} & set(seen.kinds) else None
            yield _draft(path, seen, self._objects[""], unit=unit, has_quality=quality is not None and path != quality)

    def _unit_of(self, path: str, parent: str) -> str | None:
        """The unit of a number: what the one text field beside it that is called `unit` always says."""
        if _last(path).lower() != "value" and sum(self._is_number(other) for other in self._siblings(parent)) != 1:
            return None
        for other in self._siblings(parent):
            seen = self._fields[other]
            if _last(other).lower() in _UNIT_NAMES and set(seen.kinds) == {"string"} and seen.choices and len(seen.choices) == 1:
                return next(iter(seen.choices))
        return None

    def _is_number(self, path: str) -> bool:
        seen = self._fields[path]
        return bool({"integer", "number"} & set(seen.kinds)) and _time(path, seen) is None

    def _siblings(self, parent: str) -> list[str]:
        return [path for path in self._fields if path.startswith(parent) and path == parent + _last(path)]


def _add(seen: _Seen, other: _Seen) -> None:
    seen.count += other.count
    seen.nulls += other.nulls
    seen.nulls_when_good += other.nulls_when_good
    seen.values_when_bad += other.values_when_bad
    seen.kinds += other.kinds
    seen.low, seen.high = min(seen.low, other.low), max(seen.high, other.high)
    seen.latest_lead_ns = max(seen.latest_lead_ns, other.latest_lead_ns)
    seen.times = {unit: count + other.times[unit] for unit, count in seen.times.items()}
    if seen.choices is not None and other.choices is not None:
        choices = Counter(seen.choices) + Counter(other.choices)
        seen.choices = dict(choices) if len(choices) <= MAX_DISTINCT else None
    else:
        seen.choices = None


def _segment(key: str) -> str:
    return key if key and not re.search(r'[."\s]', key) else orjson.dumps(key).decode()


def _last(path: str) -> str:
    quoted = re.search(r'"(?:[^"\\]|\\.)*"$', path)
    return quoted.group() if quoted else path.rpartition(".")[2]


def _is_quality(seen: _Seen) -> bool:
    return bool(seen.choices) and set(seen.kinds) == {"string"} and all(choice.lower() in _QUALITY_WORDS for choice in seen.choices or ())


def _is_good(value: Mapping[str, Any]) -> bool:  # Any: JSON
    for key, member in value.items():
        if key.lower() in _QUALITY_NAMES:
            return not (isinstance(member, str) and member.lower() in _BAD_WORDS)
    return True


def _observe(seen: _Seen, value: Any, time_ns: int, *, is_good: bool) -> None:  # Any: JSON
    seen.count += 1
    if value is None:
        seen.nulls += 1
        seen.nulls_when_good += is_good
        return
    seen.values_when_bad += not is_good
    kind = _kind(value)
    seen.kinds[kind] += 1
    if kind in {"integer", "number"}:
        seen.low, seen.high = min(seen.low, value), max(seen.high, value)
        if kind == "integer":
            _observe_time(seen, value, time_ns)
    elif kind == "string":
        _observe_text(seen, value, time_ns)


def _kind(value: Any) -> str:  # Any: JSON
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    kinds: dict[type, str] = {float: "number", str: "string", dict: "object", list: "array"}
    return kinds[type(value)]


def _observe_time(seen: _Seen, value: int, time_ns: int) -> None:
    for unit, factor in _TIME_UNITS.items():
        if _YEAR_2000_NS <= value * factor < _YEAR_2100_NS:
            seen.times[unit] += 1
            seen.latest_lead_ns = max(seen.latest_lead_ns, value * factor - time_ns)


def _observe_text(seen: _Seen, value: str, time_ns: int) -> None:
    from datetime import datetime

    if seen.choices is not None:
        seen.choices[value] = seen.choices.get(value, 0) + 1
        if len(seen.choices) > MAX_DISTINCT or len(value) > 100:
            seen.choices = None
    if _RFC3339.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError:
            return
        seen.times["rfc3339"] += 1
        seen.latest_lead_ns = max(seen.latest_lead_ns, int(moment.timestamp() * 1e9) - time_ns)


def _time(path: str, seen: _Seen) -> str | None:
    """The unit of a field that holds a time, or None: it is named like one, and all its values are times of this century."""
    present = seen.count - seen.nulls
    units = [unit for unit, count in seen.times.items() if present and count == present]
    return units[0] if len(units) == 1 and _TIME_NAME.search(_last(path)) else None


def _draft(path: str, seen: _Seen, messages: int, *, unit: str | None, has_quality: bool) -> DraftField:
    kinds = set(seen.kinds)
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    rules: dict[str, Any] = {"type": next(iter(kinds)) if len(kinds) == 1 else "any"}  # Any: scalars and lists of YAML
    time = _time(path, seen)
    is_number = rules["type"] in {"integer", "number"}
    if unit is not None and time is None and is_number and known(unit) is not None:
        rules["unit"] = unit
    if time is not None:
        rules["time"] = time
        if seen.latest_lead_ns <= _NOT_AFTER_NS:
            rules["not_after"] = "5s"
    elif is_number:
        rules |= _range(seen, is_integer=rules["type"] == "integer")
    elif rules["type"] == "string" and _last(path).lower() not in _UNIT_NAMES and not _is_quality(seen) and (choices := _choices(seen)):
        rules["enum"] = choices
    if seen.nulls:
        # `when_bad` also refuses a value beside a bad quality: only a field that was null each time may say so.
        is_told_by_quality = has_quality and not seen.nulls_when_good and not seen.values_when_bad
        rules["null"] = "when_bad" if is_told_by_quality else "allowed"
    if seen.count < messages:
        rules["optional"] = True
    told = _told(seen, messages, rules)
    if unit is not None and time is None and is_number and "unit" not in rules:
        meant = of_alias(unit)
        told = "; ".join(filter(None, [told, f"its unit is called {unit}" + (f": {meant.code}?" if meant is not None else "")]))
    return DraftField(path, rules, told)


def _range(seen: _Seen, *, is_integer: bool) -> dict[str, Any]:  # Any: numbers
    if seen.low == seen.high:
        return {}  # one value says nothing about others
    low, high = _widened(seen.low, seen.high)
    if not (math.isfinite(low) and math.isfinite(high)) or max(abs(low), abs(high)) >= _LARGEST:
        return {}
    return {"range": [math.floor(low), math.ceil(high)] if is_integer or _is_whole(low, high) else [low, high]}


def _is_whole(low: float, high: float) -> bool:
    return float(low).is_integer() and float(high).is_integer()


def _widened(low: float, high: float) -> tuple[float, float]:
    """Give half of what was seen more room on either side, rounded outwards to two digits; what never was negative stays so."""
    room = max((high - low) / 2, abs(high) / 10, abs(low) / 10, 1e-9)
    wide_low, wide_high = _outwards(low - room, -1), _outwards(high + room, 1)
    return (0.0 if low >= 0 else wide_low), (0.0 if high <= 0 else wide_high)


def _outwards(value: float, direction: int) -> float:
    if value == 0 or not math.isfinite(value):
        return value
    grain = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = math.ceil(value / grain) if direction > 0 else math.floor(value / grain)
    return float(f"{steps * grain:.12g}")


def _choices(seen: _Seen) -> list[str] | None:
    present = seen.count - seen.nulls
    if not seen.choices or present < max(_SEEN_FOR_ENUM, len(seen.choices) * _SEEN_PER_CHOICE):
        return None
    return sorted(seen.choices)


def _told(seen: _Seen, messages: int, rules: Mapping[str, Any]) -> str:  # Any: scalars and lists of YAML
    parts = [f"{seen.count:,} of {messages:,}"] if seen.count < messages else []
    if seen.low <= seen.high and "time" not in rules:
        parts.append(f"{seen.low:g} to {seen.high:g}")
    if len(set(seen.kinds)) > 1 and rules["type"] == "any":
        parts.append(" or ".join(sorted(seen.kinds)))
    if seen.nulls:
        parts.append(f"{seen.nulls:,} null")
    if seen.choices and rules["type"] == "string" and "enum" not in rules and len(seen.choices) <= 3:
        parts.append(", ".join(sorted(seen.choices)))
    return "; ".join(parts)
