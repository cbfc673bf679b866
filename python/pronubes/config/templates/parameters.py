"""The types of parameters: from what stands in a table or in YAML to a value that is right, or to what was expected in its place.

A cell of a CSV file is a text and is read as its parameter's type says; YAML and spreadsheets have types of their own, which must fit. Nothing is
guessed: what is no number is refused, and so is what could be two numbers (`1,234`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, Protocol, get_args

from pronubes.config.scalars import ScalarProblem, resolve
from pronubes.connectors.values import is_duration, is_reference
from pronubes.tables.writing import Writing

__all__ = ["PARAMETER_TYPES", "ParameterType", "Rules", "Value", "ValueProblem", "as_text", "read"]

Value = str | int | float | bool
ParameterType = Literal["name", "topic", "text", "number", "integer", "boolean", "duration", "secret"]
PARAMETER_TYPES: tuple[str, ...] = get_args(ParameterType)

_LEVEL = re.compile(r"[^/+#{}\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+")
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(,[0-9]{3})+")
_WORDS = {"true": True, "false": False}
_LEVEL_WORDS = "without `/`, `+`, `#`, `{`, `}` and control characters, no white space at its ends, no `$` at its beginning"
_EXPECTED: dict[str, str] = {
    "name": f"a name: one level of a topic, {_LEVEL_WORDS}",
    "topic": f"levels of a topic as in `packaging/line-1`, each {_LEVEL_WORDS}",
    "text": "a text",
    "number": "a number as in `80` or `80.5`",
    "integer": "a whole number",
    "boolean": "`true` or `false`",
    "duration": "a duration: `250ms`, `5s`, `2m`, `24h`, `7d`",
    "secret": "a reference to a secret: `${env:NAME}` or `${file:PATH}`",
}


class Rules(Protocol):
    """What a parameter asks of its values."""

    @property
    def type(self) -> ParameterType:
        """What a value is."""

    @property
    def range(self) -> Sequence[float | None] | None:
        """The least and the greatest number."""

    @property
    def enum(self) -> Sequence[Value] | None:
        """The only values there are."""


class ValueProblem(ValueError):
    """A value that its parameter does not take.

    Attributes:
        expected: What may stand there.
        hint: What to do.
    """

    def __init__(self, expected: str, hint: str | None = None) -> None:
        self.expected = expected
        self.hint = hint
        super().__init__(expected)


def read(rules: Rules, written: object, writing: Writing = Writing.YAML) -> Value:
    """Turn what was written into a value of a parameter.

    Args:
        rules: The parameter.
        written: The text of a cell, or a value of YAML or a spreadsheet.
        writing: Which of these.

    Raises:
        ValueProblem: The parameter does not take it.
    """
    kind = rules.type
    if isinstance(written, str):
        value = _from_text(kind, written, writing)
    elif isinstance(written, bool | int | float):
        value = _from_scalar(kind, written, writing)
    else:
        raise ValueProblem(_EXPECTED[kind])
    if rules.range is not None:
        _check_range(rules.range, value)
    if rules.enum is not None and not any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in rules.enum):
        raise ValueProblem(f"one of {', '.join(f'`{as_text(one)}`' for one in rules.enum)}")
    return value


def as_text(value: Value) -> str:
    """Write a value as a part of a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _from_text(kind: ParameterType, written: str, writing: Writing) -> Value:
    if kind == "text":
        return _plain(written)
    text = written if writing is Writing.YAML else written.strip()
    if kind in ("number", "integer", "boolean"):
        return _typed(kind, text, writing)
    good = {"name": _is_level, "topic": _is_topic, "duration": is_duration, "secret": is_reference}[kind]
    if not good(text):
        raise ValueProblem(_EXPECTED[kind])
    return text


def _plain(text: str) -> str:
    """A text is data: it may not become a reference to a secret where a template puts it."""
    if is_reference(text):
        raise ValueProblem("a text", "Declare the parameter with `type: secret` if it leads to a secret.")
    return text


def _typed(kind: ParameterType, text: str, writing: Writing) -> Value:
    if writing is Writing.YAML:
        raise ValueProblem(_EXPECTED[kind], "Remove the quotes." if _is_of(kind, _resolved(text)) else None)
    if kind == "boolean":
        if text.lower() not in _WORDS:
            raise ValueProblem(_EXPECTED[kind])
        return _WORDS[text.lower()]
    if "," in text:
        text = _with_point(kind, text, writing)
    value = _resolved(text)
    if not _is_of(kind, value):
        raise ValueProblem(_EXPECTED[kind])
    return value


def _with_point(kind: ParameterType, text: str, writing: Writing) -> str:
    point = text.replace(",", ".")
    if _THOUSANDS.fullmatch(text):
        without = text.replace(",", "")
        raise ValueProblem(
            _EXPECTED[kind], f"Write `{without}` or `{point}`: `{text}` could be both." if text.count(",") == 1 else f"Write `{without}`."
        )
    if writing is not Writing.COMMA_TEXT or not _DECIMAL_COMMA.fullmatch(text):
        raise ValueProblem(_EXPECTED[kind], f"Write a decimal point: `{point}`." if _DECIMAL_COMMA.fullmatch(text) else None)
    return point


def _resolved(text: str) -> Value:
    try:
        value = resolve(text)
    except ScalarProblem as problem:
        raise ValueProblem("a number that 64 bits hold", str(problem)) from problem
    return text if value is None else value


def _is_of(kind: ParameterType, value: Value) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return (isinstance(value, int) and kind in ("integer", "number")) or (isinstance(value, float) and kind == "number")


def _from_scalar(kind: ParameterType, written: Value, writing: Writing) -> Value:
    if writing is Writing.CELL:
        if isinstance(written, float) and kind == "integer" and written.is_integer() and abs(written) < 2**53:
            return int(written)
        if kind in ("name", "topic", "text") and not isinstance(written, bool):
            return as_text(written)
    if not _is_of(kind, written):
        is_text_wanted = kind in ("name", "topic", "text")
        raise ValueProblem(_EXPECTED[kind], f'Quote it: `"{as_text(written)}"`.' if is_text_wanted and writing is Writing.YAML else None)
    return written


def _check_range(bounds: Sequence[float | None], value: Value) -> None:
    low, high = bounds
    if isinstance(value, str | bool) or (low is not None and value < low) or (high is not None and value > high):
        raise ValueProblem(_words_of(low, high))


def _words_of(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"a number from {low:g} to {high:g}"
    return f"a number, {low:g} or more" if low is not None else f"a number, {high:g} or less"


def _is_level(text: str) -> bool:
    return _LEVEL.fullmatch(text) is not None and text.strip() == text and not text.startswith("$")


def _is_topic(text: str) -> bool:
    return all(_is_level(level) for level in text.split("/"))
