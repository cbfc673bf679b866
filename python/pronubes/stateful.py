"""Steps that remember something: one class per verb, with the meaning and the defaults of its arguments.

They are fields of `Step` in `transforms.py`, as all steps are; what they have in common is `Stateful`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from pronubes.connectors.strict import StrictModel
from pronubes.connectors.values import Duration, refuse

__all__ = [
    "Combine",
    "CombineComplete",
    "CombineEvery",
    "CombineField",
    "Deadband",
    "Debounce",
    "FieldPath",
    "OnChange",
    "Rate",
    "Stale",
    "Stateful",
    "SwingingDoor",
    "Throttle",
    "Window",
]

FieldPath = Annotated[str, Field(min_length=1, max_length=1024)]
"""The way to a field of a payload: `value`, `motor.temp`."""
KeyCount = Annotated[int, Field(ge=1, le=100_000_000)]
PositiveDuration = Annotated[Duration, Field(gt=0, le=36_525 * 86_400)]
Late = Literal["pass", "drop", "quarantine"]
Span = Annotated[list[float], Field(min_length=2, max_length=2)]


class Stateful(StrictModel):
    """What all steps that remember something have in common."""

    by: list[str] | None = None
    """What has a state of its own: each combination of these captures; without it each topic. `[]` is one state for the whole route."""
    time: FieldPath | None = None
    """The field that says when the value was true, in milliseconds since 1970 (UTC); without it the source's own time, else the time received."""
    max_keys: KeyCount = 1_000_000
    """How many keys are remembered."""
    when_full: Literal["pass", "quarantine"] = "pass"
    """What messages of further keys get: they go on as they are, or are quarantined (`too_many_states`). Both are counted."""


class OnChange(Stateful):
    """Pass a message when a field has changed since the last one that passed; absorb it otherwise."""

    fields: list[FieldPath] | None = None
    """What is compared; the whole payload, byte by byte, when left out."""
    heartbeat: PositiveDuration | None = None
    """A message passes in any case when the last one that passed is as old."""
    late: Late = "pass"
    """What messages get whose time is older than that of the last one that passed."""


class Deadband(Stateful):
    """Pass a value when it differs from the last one that passed by more than a band; absorb it otherwise."""

    field: FieldPath
    """The number. `null` is a value of its own: it passes when it comes and when it ends."""
    absolute: float | None = Field(default=None, ge=0)
    """The band, in the unit of the value; 0 absorbs exact repeats."""
    percent: float | None = Field(default=None, ge=0)
    """Instead: the band in percent of `range`."""
    range: Span | None = None
    """Beside `percent`: the range of the value, lowest and highest."""
    heartbeat: PositiveDuration | None = None
    """A value passes in any case when the last one that passed is as old."""
    also: list[FieldPath] = []
    """A message passes in any case when one of these fields has changed."""
    late: Late = "pass"
    """What messages get whose time is older than that of the last one that passed."""

    @model_validator(mode="after")
    def _has_one_band(self) -> Self:
        _refuse_two("`deadband` needs one band.", "absolute", self.absolute, self)
        return self


class Throttle(Stateful):
    """Let at most one message of a key through per interval."""

    every: PositiveDuration
    """The interval. It begins with a message that passes."""
    keep: Literal["last", "first"] = "last"
    """What of an interval goes on: its last message, when it ends, or none but the first."""


class Rate(Stateful):
    """Add how fast a counter grows since the message before."""

    field: FieldPath
    """The counter."""
    into: Annotated[str, Field(min_length=1, max_length=1024)] = "rate"
    """The top-level field that gets the rate. It must not be there already."""
    per: PositiveDuration = 1.0
    """What the rate is per: `1s` when left out."""
    wrap: float | None = Field(default=None, gt=0)
    """Where the counter begins again at 0. Without it a counter that falls was reset to 0."""
    first: Literal["pass", "absorb"] = "pass"
    """What the first message of a key gets, which has no rate."""
    late: Late = "pass"
    """What messages get whose time is not behind that of the one before."""


class SwingingDoor(Stateful):
    """Pass only the points that are needed to draw the signal: straight lines between them are off by no more than a deviation."""

    field: FieldPath
    """The number. `null` ends a line: it passes when it comes and when it ends."""
    deviation: float | None = Field(default=None, ge=0)
    """The deviation, in the unit of the value."""
    percent: float | None = Field(default=None, ge=0)
    """Instead: the deviation in percent of `range`."""
    range: Span | None = None
    """Beside `percent`: the range of the value, lowest and highest."""
    max_time: PositiveDuration = 900.0
    """The longest time between two points that leave, and the longest that one is held when no more come: `15m` when left out."""
    also: list[FieldPath] = []
    """A message passes in any case when one of these fields has changed, with the point before it."""
    late: Late = "pass"
    """What messages get whose time is not behind that of the newest before them. The bound does not count them."""

    @model_validator(mode="after")
    def _has_one_deviation(self) -> Self:
        _refuse_two("`swinging_door` needs one deviation.", "deviation", self.deviation, self)
        return self


def _refuse_two(message: str, name: str, value: float | None, step: Deadband | SwingingDoor) -> None:
    """Refuse a width that is said in no way or in two: in the unit of the value, or in percent of a range."""
    if (value is None) == (step.percent is None):
        raise refuse(message, expected=f"either `{name}`, or `percent` with `range`")
    if (step.percent is None) != (step.range is None):
        raise refuse("`percent` and `range` belong together.", expected="both or neither")


class Debounce(Stateful):
    """Let the last message of a key go on when nothing else has come for some time; absorb those before it."""

    for_: PositiveDuration = Field(alias="for")
    """How long it must be quiet."""
    fields: list[FieldPath] | None = None
    """It is quiet as long as these do not change; without it as long as no message comes."""


class Stale(Stateful):
    """Pass every message, and send the last one of a key once more, marked, when the key has fallen silent."""

    after: PositiveDuration
    """How long nothing comes before the key counts as silent."""
    emit: Annotated[dict[FieldPath, JsonValue], Field(min_length=1)] = {"quality": "STALE"}
    """How the last message is marked: these top-level fields are set."""


Aggregate = Literal["count", "min", "max", "mean", "sum", "first", "last", "stddev", "time_weighted_mean"]
"""What can be calculated of a window."""


class Window(Stateful):
    """Make one message of the values of a time or of a number of messages: count, extremes, means."""

    field: FieldPath
    """The number. `null` is no value: it counts for nothing, and ends the time that the value before it held."""
    length: PositiveDuration | None = None
    """How long windows are. They begin at whole multiples of `every` since 1970 (UTC)."""
    every: PositiveDuration | None = None
    """Beside `length`: windows slide, and one ends this often. Without it windows follow each other."""
    session: PositiveDuration | None = None
    """Instead of `length`: a window lasts as long as values follow each other within this time."""
    count: int | None = Field(default=None, ge=1)
    """Instead of `length`: a window has so many values, in the order in which they come."""
    calculate: Annotated[list[Aggregate], Field(min_length=1)] = ["count", "min", "max", "mean"]
    """The fields of the message beside `start` and `end`."""
    wait: PositiveDuration | None = None
    """With `length`: how long after its end a window takes values that come late."""
    late: Literal["quarantine", "drop"] = "quarantine"
    """What values get whose window is closed."""
    when_full: Literal["pass", "quarantine"] = "quarantine"
    """A value of a key beyond `max_keys`: it is quarantined, because what leaves this step has other fields than what comes."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        kinds = [name for name in ("length", "session", "count") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise refuse("It is not clear when a window begins and ends.", expected="one of `length`, `session` and `count`")
        for name in ("every", "wait"):
            if kinds != ["length"] and getattr(self, name) is not None:
                raise refuse(f"`{name}` belongs to `length`.", field=name)
        return self


class CombineField(StrictModel):
    """Where a field of a combined object comes from."""

    topic: str
    """The topics whose value it gets: a topic filter."""
    field: FieldPath | None = None
    """The value in the message; that of the step when left out."""


class CombineEvery(StrictModel):
    """Objects leave by the clock."""

    every: PositiveDuration
    """At whole multiples of this time, when something came since the last object."""


class CombineComplete(StrictModel):
    """Objects leave when all fields have come anew."""

    complete: PositiveDuration
    """So long after the first, an object leaves with what there is."""


class Combine(Stateful):
    """Make one object of the newest values of several tags, and say whether it is complete."""

    by: list[str]
    """What has an object of its own: each combination of these captures; `[]` makes one object of the whole route."""
    fields: Annotated[dict[str, str | CombineField], Field(min_length=1, max_length=256)]
    """The top-level fields of the object, each with the topic filter whose value it gets."""
    field: FieldPath = "value"
    """The value in each message."""
    emit: Literal["each"] | CombineEvery | CombineComplete = "each"
    """When an object leaves: with each value, by the clock, or when all fields have come anew."""
    flag: str = "complete"
    """The field that says whether all fields are there."""
    max_age: PositiveDuration | None = None
    """Values that were received longer ago are left out."""
    late: Literal["quarantine", "drop"] = "quarantine"
    """What a value gets that is older than the one its field has."""
    when_full: Literal["pass", "quarantine"] = "quarantine"
    """A value of a key beyond `max_keys`: it is quarantined, because what leaves this step has other fields than what comes."""
