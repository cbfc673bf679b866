"""Payloads held against what a case expects: field by field, with matchers where a value need not be exact.

A matcher is a mapping whose only keys begin with `$`: `{$approx: 68.9}`. A field whose name begins with `$` is written with two.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pronubes.suggest import did_you_mean

__all__ = ["MATCHERS", "FieldDifference", "MatcherProblem", "check_pattern", "differences", "escaped", "parsed", "text_of"]

Json = Any  # Any: a JSON value
RELATIVE = 1e-9
"""How far a number may be from `$approx` without `$within`, as a share of it."""

MATCHERS: dict[str, tuple[str, str]] = {
    "$any": ("`{$any: number}`", "Any value of a kind: `value` (whatever there is), `number`, `integer`, `text`, `boolean`, `object`, `array`."),
    "$approx": ("`{$approx: 68.9, $within: 0.05}`", "A number about as large: at most `$within` away; left out, a billionth of it."),
    "$between": ("`{$between: [0, 100]}`", "A number in a range, both ends included."),
    "$regex": ('`{$regex: "t[0-9]+"}`', "A text that the pattern matches as a whole (Python's regular expressions)."),
    "$one_of": ("`{$one_of: [GOOD, UNCERTAIN]}`", "One of these values."),
    "$contains": ("`{$contains: {value: 1}}`", "An object with at least these fields."),
    "$absent": ("`{$absent: true}`", "The field is not there; for `contains`."),
}
"""Each matcher with an example and what it matches; the reference page is made from this."""

_KINDS: dict[str, Callable[[Json], bool]] = {
    "value": lambda _value: True,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}
_BESIDE = {"$approx": ("$within",)}
_NOTHING = object()


class MatcherProblem(ValueError):
    """A matcher is written wrongly.

    Attributes:
        path: Where in the expected payload, dotted.
        expected: What may stand there.
        hint: What to do.
    """

    def __init__(self, message: str, path: str = "", *, expected: str | None = None, hint: str | None = None) -> None:
        self.path = path
        self.expected = expected
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field that is not as expected.

    Attributes:
        path: The field, such as `motor.temp` or `points[2].x`; empty for the whole payload.
        expected: What was expected, as text; None when the field was not.
        found: What is there, as text; None when the field is not.
    """

    path: str
    expected: str | None
    found: str | None


def check_pattern(pattern: Json) -> None:
    """Look whether all matchers in an expected payload are right.

    Raises:
        MatcherProblem: One is not; the first.
    """
    _check(pattern, "")


def _check(pattern: Json, path: str) -> None:
    if isinstance(pattern, list):
        for index, item in enumerate(pattern):
            _check(item, _dotted(path, str(index)))
        return
    if not isinstance(pattern, dict):
        return
    name = _matcher(pattern)
    if name is None:
        for key, item in pattern.items():
            _check(item, _dotted(path, key))
        return
    _check_matcher(name, pattern, path)


def _check_matcher(name: str, pattern: Mapping[str, Json], path: str) -> None:
    if name not in MATCHERS:
        hint = did_you_mean(name, MATCHERS) or f"A field with this name is written `${name}`."
        raise MatcherProblem(f"There is no matcher `{name}`.", _dotted(path, name), expected=", ".join(f"`{one}`" for one in MATCHERS), hint=hint)
    for key in pattern:
        if key != name and key not in _BESIDE.get(name, ()):
            raise MatcherProblem(f"`{key}` cannot stand beside `{name}`.", _dotted(path, key), hint="A matcher stands alone.")
    problem = _argument_problem(name, pattern)
    if problem is not None:
        key, expected = problem
        raise MatcherProblem(f"The matcher `{key}` has the wrong argument.", _dotted(path, key), expected=expected)
    if name == "$contains":
        _check(pattern[name], _dotted(path, name))
    if name == "$one_of":
        for index, item in enumerate(pattern[name]):
            _check(item, _dotted(_dotted(path, name), str(index)))


def _argument_problem(name: str, pattern: Mapping[str, Json]) -> tuple[str, str] | None:
    value, is_number = pattern[name], _KINDS["number"]
    if name == "$any" and not (isinstance(value, str) and value in _KINDS):
        return name, ", ".join(f"`{kind}`" for kind in _KINDS)
    if name == "$approx" and not is_number(value):
        return name, "a number"
    if name == "$approx" and "$within" in pattern and not (is_number(pattern["$within"]) and pattern["$within"] >= 0):
        return "$within", "a number, 0 or more"
    if name == "$between" and not (isinstance(value, list) and len(value) == 2 and all(map(is_number, value)) and value[0] <= value[1]):
        return name, "two numbers, the smaller first"
    if name == "$regex" and not _is_regex(value):
        return name, "a regular expression"
    if name == "$one_of" and not (isinstance(value, list) and value):
        return name, "a list of values"
    if name == "$contains" and not isinstance(value, dict):
        return name, "a mapping of fields"
    return (name, "`true`") if name == "$absent" and value is not True else None


def _is_regex(value: Json) -> bool:
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except re.error:
        return False


def _matcher(pattern: Mapping[str, Json]) -> str | None:
    """Return the name of the matcher that a mapping is, if it is one."""
    names = [key for key in pattern if key.startswith("$") and not key.startswith("$$")]
    return next((name for name in names if name != "$within"), names[0] if names else None)


def parsed(text: str | bytes) -> Json:
    """Read JSON as the standard has it.

    Raises:
        ValueError: It is none.
    """
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def differences(expected: Json, found: Json, *, is_part: bool = False) -> list[FieldDifference]:
    """Compare a payload with what is expected.

    Args:
        expected: What is expected; it has passed `check_pattern`.
        found: The payload.
        is_part: Whether further fields may be there.
    """
    return list(_compare(expected, found, "", is_part=is_part))


def _compare(expected: Json, found: Json, path: str, *, is_part: bool) -> Iterator[FieldDifference]:
    if isinstance(expected, dict):
        name = _matcher(expected)
        if name is not None:
            yield from _match(name, expected, found, path)
        elif isinstance(found, dict):
            yield from _compare_objects(expected, found, path, is_part=is_part)
        else:
            yield FieldDifference(path, text_of(expected), text_of(found))
    elif isinstance(expected, list) and isinstance(found, list):
        for index in range(max(len(expected), len(found))):
            here = f"{path}[{index}]"
            if index >= len(found):
                yield FieldDifference(here, text_of(expected[index]), None)
            elif index >= len(expected):
                yield FieldDifference(here, None, text_of(found[index]))
            else:
                yield from _compare(expected[index], found[index], here, is_part=is_part)
    elif not _is_same(expected, found):
        yield FieldDifference(path, text_of(expected), text_of(found))


def _compare_objects(expected: Mapping[str, Json], found: Mapping[str, Json], path: str, *, is_part: bool) -> Iterator[FieldDifference]:
    names = set()
    for key, item in expected.items():
        name = key[1:] if key.startswith("$$") else key
        names.add(name)
        value = found.get(name, _NOTHING)
        is_absent = isinstance(item, dict) and _matcher(item) == "$absent"
        if value is _NOTHING:
            if not is_absent:
                yield FieldDifference(_dotted(path, name), text_of(item), None)
        elif is_absent:
            yield FieldDifference(_dotted(path, name), None, text_of(value))
        else:
            yield from _compare(item, value, _dotted(path, name), is_part=is_part)
    if not is_part:
        for name in found:
            if name not in names:
                yield FieldDifference(_dotted(path, name), None, text_of(found[name]))


def _match(name: str, pattern: Mapping[str, Json], found: Json, path: str) -> Iterator[FieldDifference]:
    value = pattern[name]
    if name == "$contains":
        if isinstance(found, dict):
            yield from _compare_objects(value, found, path, is_part=True)
            return
        holds = False
    elif name == "$one_of":
        holds = any(not differences(one, found) for one in value)
    else:
        holds = _HOLDS[name](value, found, pattern)
    if not holds:
        yield FieldDifference(path, _sentence(name, pattern), text_of(found))


def _is_near(value: float, found: Json, pattern: Mapping[str, Json]) -> bool:
    if not _KINDS["number"](found):
        return False
    within = pattern.get("$within")
    return math.isclose(value, found, rel_tol=RELATIVE) if within is None else abs(found - value) <= within


_HOLDS: dict[str, Callable[[Json, Json, Mapping[str, Json]], bool]] = {
    "$any": lambda kind, found, _pattern: _KINDS[kind](found),
    "$approx": _is_near,
    "$between": lambda ends, found, _pattern: _KINDS["number"](found) and ends[0] <= found <= ends[1],
    "$regex": lambda regex, found, _pattern: isinstance(found, str) and re.fullmatch(regex, found) is not None,
    "$absent": lambda _true, _found, _pattern: False,
}


def _sentence(name: str, pattern: Mapping[str, Json]) -> str:
    value = pattern[name]
    if name == "$any":
        return "any value" if value == "value" else f"any {value}"
    if name == "$approx":
        return f"about {text_of(value)}" + (f", at most {text_of(pattern['$within'])} away" if "$within" in pattern else "")
    if name == "$between":
        return f"{text_of(value[0])} to {text_of(value[1])}"
    if name == "$regex":
        return f"a text like {text_of(value)}"
    if name == "$one_of":
        return "one of " + ", ".join(map(text_of, value))
    return "an object" if name == "$contains" else "nothing"


def _is_same(expected: Json, found: Json) -> bool:
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, int | float) and isinstance(found, int | float):
        return expected == found
    return type(expected) is type(found) and bool(expected == found)


def _dotted(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def text_of(value: Json) -> str:
    """Write a value on one line, as JSON."""
    if isinstance(value, dict):
        name = _matcher(value)
        if name in MATCHERS:
            return _sentence(name, value)
    return json.dumps(value, ensure_ascii=False)


def escaped(value: Json) -> Json:
    """Turn a payload into what a case expects for it: fields whose names begin with `$` get a second one."""
    if isinstance(value, dict):
        return {f"${key}" if key.startswith("$") else key: escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value
