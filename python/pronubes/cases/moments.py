"""Times in cases: instants, and lengths of time that count from where a case begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from pronubes.connectors.values import Duration, refuse

__all__ = ["DEFAULT_START_NS", "Instant", "Moment", "seconds_text", "to_ns", "written"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.(?P<fraction>\d{1,9}))?(?:[Zz]|[+-]\d\d:\d\d)")
_DURATION: TypeAdapter[float] = TypeAdapter(Duration)

DEFAULT_START_NS = 1_767_225_600 * 10**9
"""Where a case begins that does not say: 2026-01-01T00:00:00Z."""


def to_ns(seconds: float) -> int:
    """Turn seconds into nanoseconds."""
    return round(seconds * 1e9)


def _instant_ns(text: str) -> int | None:
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    fraction = match["fraction"] or ""
    whole = text[: match.start("fraction") - 1] + text[match.end("fraction") :] if fraction else text
    try:
        moment = datetime.fromisoformat(whole.upper())
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(seconds=1) * 10**9 + int(fraction.ljust(9, "0") or 0)


def written(time_ns: int) -> str:
    """Write an instant as a case has it."""
    seconds, rest = divmod(time_ns, 10**9)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}".rstrip("0") + "Z" if rest else f"{text}Z"


def seconds_text(length_ns: int) -> str:
    """Write a length of time as a case has it."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if length_ns % size == 0:
            return f"{length_ns // size}{unit}"
    return f"{length_ns}ns"


def _instant(value: Any) -> Any:  # Any: whatever stands in the YAML
    found = _instant_ns(value) if isinstance(value, str) else None
    if found is None:
        raise refuse("This is not a time.", expected="a time with its zone: `2026-01-01T00:00:00Z`")
    return found


Instant = Annotated[int, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time: `2026-01-01T00:00:00Z`; nanoseconds since 1970 (UTC) in Python."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that may count from where a case begins.

    Attributes:
        ns: Nanoseconds: since 1970 (UTC), or since the case began.
        is_relative: Whether it counts from there.
    """

    ns: int
    is_relative: bool

    def at(self, start_ns: int) -> int:
        """Return the nanoseconds since 1970 for a case that begins then."""
        return self.ns + start_ns if self.is_relative else self.ns

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:  # Any: pydantic's own signature
        return core_schema.no_info_plain_validator_function(
            _moment, metadata={"pydantic_js_functions": [lambda _schema, _handler: {"type": "string"}]}
        )


def _moment(value: Any) -> Moment:  # Any: whatever stands in the YAML
    text = value if isinstance(value, str) else ""
    found = _instant_ns(text)
    if found is not None:
        return Moment(found, is_relative=False)
    sign = -1 if text.startswith("-") else 1
    try:
        return Moment(sign * to_ns(_DURATION.validate_python(text.removeprefix("-") if text else value)), is_relative=True)
    except ValidationError:
        expected = "a time with its zone, `2026-01-01T00:00:05Z`, or from the start of the case on, `5s`, `-5s`"
        raise refuse("This is not a time.", expected=expected) from None
