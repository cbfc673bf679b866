"""What is not as a case expects, as people and programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pronubes.cases.matchers import FieldDifference

__all__ = ["Difference", "Kind"]

Kind = Literal["missing", "unexpected", "different", "order", "unrouted", "empty", "golden", "count"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not as the case expects.

    Attributes:
        kind: What is not right.
        sentence: The same in words.
        line: The line of the file of cases that it is about.
        topic: The topic of the message that is missing, too much or different.
        fields: What differs, field by field.
        payload: The payload that is there or expected, as text.
        sinks: Where it goes.
        route: The route that decided.
        step: The step that decided, from 1.
        cause: Which of the messages it came of.
    """

    kind: Kind
    sentence: str
    line: int
    topic: str | None = None
    fields: tuple[FieldDifference, ...] = ()
    payload: str | None = None
    sinks: tuple[str, ...] = ()
    route: str | None = None
    step: int | None = None
    cause: int | None = None
