"""The steps of a route: one class per verb, with the meaning and the defaults of its arguments.

A step is one verb and its arguments, with `where:` beside the verb if wanted. These classes check the shape when a configuration is read;
what depends on the route (field paths, expressions, whether a later step can work) is checked by the engine, which compiles all steps
of a route into one pass. A new step gets a class here, a field in `Step`, and `transform/<verb>.rs`; the parity test finds what is missing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, PlainValidator, TypeAdapter, model_validator

from pronubes.codecs import Codec, CodecName, codec
from pronubes.connectors.shapes import ShapeOption
from pronubes.connectors.strict import StrictModel
from pronubes.connectors.values import Duration, refuse
from pronubes.hooks.options import HookName, Python

__all__ = [
    "VERBS",
    "Cast",
    "Clamp",
    "Combine",
    "CombineComplete",
    "CombineEvery",
    "CombineField",
    "Convert",
    "Deadband",
    "Debounce",
    "Decode",
    "Encode",
    "Explode",
    "Flatten",
    "Lookup",
    "LookupCapture",
    "Map",
    "Nest",
    "OnChange",
    "Python",
    "Rate",
    "Round",
    "Scale",
    "Shape",
    "ShapeDefault",
    "Stale",
    "Stateful",
    "Step",
    "SwingingDoor",
    "Throttle",
    "Timestamp",
    "UnitField",
    "Window",
]

FieldPath = Annotated[str, Field(min_length=1, max_length=1024)]
FieldList = Annotated[list[FieldPath], Field(min_length=1, max_length=1000)]
Expression = Annotated[str, Field(min_length=1, max_length=10_000)]
UnitCode = Annotated[str, Field(min_length=1, max_length=100)]
UnitText = Annotated[str, Field(min_length=1, max_length=1000)]


class Scale(StrictModel):
    """Multiply a number by a factor and add an offset."""

    field: FieldPath
    """The number."""
    factor: float = 1
    """What it is multiplied by."""
    offset: float = 0
    """What is added afterwards."""


class UnitField(StrictModel):
    """A field of the payload that says the unit of another."""

    field: FieldPath
    """The field."""


def _unit_source(value: Any) -> Any:  # Any: whatever stands in the YAML
    return _UNIT_CODE.validate_python(value) if isinstance(value, str) else UnitField.model_validate(value)


def _units(value: Any) -> Any:  # Any: whatever stands in the YAML
    return (_UNIT_CODES if isinstance(value, list) else _UNIT_TEXTS).validate_python(value)


UnitCodes = Annotated[list[UnitCode], Field(min_length=1, max_length=1000)]
UnitTexts = Annotated[dict[UnitText, UnitCode], Field(min_length=1, max_length=1000)]
_UNIT_CODE: TypeAdapter[str] = TypeAdapter(UnitCode)
_UNIT_CODES: TypeAdapter[list[str]] = TypeAdapter(UnitCodes)
_UNIT_TEXTS: TypeAdapter[dict[str, str]] = TypeAdapter(UnitTexts)


class Convert(StrictModel):
    """Give a number in another unit."""

    field: FieldPath
    """The number."""
    from_: Annotated[UnitField | str, PlainValidator(_unit_source, json_schema_input_type=UnitField | UnitCode)] | None = Field(
        default=None, alias="from"
    )
    """The unit that it has, as a UCUM code, or `{field: unit}` where the payload says it. Left out: what the contract under `expect` says."""
    to: UnitCode
    """The unit that it gets, as a UCUM code."""
    units: Annotated[list[str] | dict[str, str], PlainValidator(_units, json_schema_input_type=UnitCodes | UnitTexts)] | None = None
    """With `from: {field: unit}`: the units that may stand there, as a list of codes or as a map from what is written to the code. What is not
    listed goes to the quarantine (`unknown_unit`)."""
    unit_field: FieldPath | None = None
    """The field that gets the code of the new unit. Left out: with `from: {field: unit}` that field, else none."""

    @model_validator(mode="after")
    def _says_which_units(self) -> Self:
        if isinstance(self.from_, UnitField) and self.units is None:
            raise refuse("The units that may stand in the field are not listed.", expected='`units: ["[degF]", Cel]`', field="from")
        if self.units is not None and not isinstance(self.from_, UnitField):
            raise refuse("`units` belongs to a `from` that names a field.", expected="`from: {field: unit}`", field="units")
        return self

    def codes(self) -> tuple[str, ...]:
        """List the units under `units`."""
        return tuple(self.units.values() if isinstance(self.units, dict) else self.units or ())


class Cast(StrictModel):
    """Make a value an integer, a double, a text or a truth value."""

    field: FieldPath
    """The value."""
    type: Literal["int", "double", "string", "bool"]
    """What it becomes."""


class Round(StrictModel):
    """Round a number to some digits behind the point."""

    field: FieldPath
    """The number."""
    digits: int = Field(default=0, ge=0, le=15)
    """Digits behind the point."""


class Clamp(StrictModel):
    """Bring a number within bounds."""

    field: FieldPath
    """The number."""
    min: float | None = None
    """The smallest value."""
    max: float | None = None
    """The largest value."""

    @model_validator(mode="after")
    def _has_bounds(self) -> Self:
        if self.min is None and self.max is None:
            raise refuse("`clamp` needs a bound.", expected="`min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise refuse(f"`min` ({self.min:g}) is greater than `max` ({self.max:g}).", field="min")
        return self


class Map(StrictModel):
    """Replace a value by what a table says, or make fields of the bits of an integer."""

    field: FieldPath
    """The value that is looked up."""
    values: dict[str, JsonValue] | None = None
    """The table: the value, and what it becomes."""
    default: JsonValue = None
    """What a value becomes that is not in the table. Without it such a message goes to the quarantine (`not_in_map`)."""
    to: FieldPath | None = None
    """Where the result goes; `field` itself when left out."""
    bits: dict[Annotated[str, Field(pattern=r"^([0-9]|[1-5][0-9]|6[0-3])$")], FieldPath] | None = None
    """In place of a table: bits of an integer by their number, 0 to 63, and the fields that get them as truth values."""

    @model_validator(mode="after")
    def _has_one_table(self) -> Self:
        if (self.values is None) == (self.bits is None):
            raise refuse("`map` needs one table.", expected="either `values` or `bits`")
        return self


TimeFormat = Literal["iso8601", "unix_s", "unix_ms", "unix_us", "unix_ns"]


class LookupCapture(StrictModel):
    """A capture of the route's filter, as the key of a table."""

    capture: Annotated[str, Field(min_length=1, max_length=1000)]
    """The capture."""


def _lookup_key(value: Any) -> Any:  # Any: whatever stands in the YAML
    return _FIELD_PATH.validate_python(value) if isinstance(value, str) else LookupCapture.model_validate(value)


_FIELD_PATH: TypeAdapter[str] = TypeAdapter(FieldPath)


class Lookup(StrictModel):
    """Take values out of a table, by a key."""

    key: Annotated[LookupCapture | str, PlainValidator(_lookup_key, json_schema_input_type=LookupCapture | FieldPath)]
    """What is looked up: a field, or `{capture: NAME}`."""
    table: Annotated[str, Field(min_length=1, max_length=1000)]
    """The table, as it is called under `tables`."""
    into: Annotated[dict[FieldPath, Annotated[str, Field(min_length=1, max_length=1000)]], Field(min_length=1, max_length=1000)]
    """The fields, and the columns that they get: `{field: column}`."""
    default: dict[FieldPath, JsonValue] | None = None
    """What fields of `into` get when the table has no such key; those that it does not name are left alone."""
    missing: Literal["quarantine", "pass"] | None = None
    """In place of `default`: what becomes of a message whose key is not in the table. Left out: `quarantine` (`not_in_table`)."""

    @model_validator(mode="after")
    def _says_once_what_misses_get(self) -> Self:
        if self.default is not None and self.missing is not None:
            raise refuse(
                "The step says twice what becomes of a key that is not in the table.", expected="either `default` or `missing`", field="missing"
            )
        return self


class Timestamp(StrictModel):
    """Read a time in one format and write it in another."""

    field: FieldPath
    """The time."""
    from_: Literal["iso8601", "unix_s", "unix_ms", "unix_us", "unix_ns", "source", "received"] = Field(alias="from")
    """How it is written. `source` is the time that the source gave, `received` the time of receipt; the field is then only written."""
    to: TimeFormat
    """How it is to be written."""
    into: FieldPath | None = None
    """Where the result goes; `field` itself when left out."""


class Flatten(StrictModel):
    """Make fields of the members of nested objects, with joined names."""

    separator: str = "_"
    """What joins the names."""
    field: FieldPath | None = None
    """The object to flatten; the whole payload when left out."""


class Nest(StrictModel):
    """Move fields into an object."""

    into: FieldPath
    """The object; it is made if it is not there."""
    fields: FieldList
    """What moves."""


class ShapeDefault(StrictModel):
    """What counts where a payload does not say it."""

    quality: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """A quality: `GOOD`, a name of OPC UA (`UncertainInitialValue`) or its number (`0x40920000`)."""
    unit: UnitCode | None = None
    """A unit."""
    origin: UnitText | None = None
    """An origin."""
    time: Literal["received"] | None = None
    """`received`: the time at which pronubes received the message, where neither payload nor source say one."""


class Shape(StrictModel):
    """Write a value with its quality, time, unit and origin in another shape of payload."""

    from_: ShapeOption = Field(alias="from")
    """The shape that the payload has: `value`, `reading`, `record`, `umh`, `i3x`, `opcua`, or a map of fields."""
    to: ShapeOption
    """The shape that it gets."""
    default: ShapeDefault = ShapeDefault()
    """What counts where the payload does not say it."""
    without: list[Literal["quality", "time", "received", "unit", "origin"]] = []
    """What is left out on purpose. A shape that has no place for something is refused without it."""
    extra: Literal["keep", "drop"] | None = None
    """What becomes of other top-level fields; they stay when left out, where the new shape has room for them."""


class Explode(StrictModel):
    """Make one message of each member of an object or array. In templates `{key}`, in expressions `key` is the member's name or index."""

    field: FieldPath | None = None
    """The object or array; the whole payload when left out."""
    as_: FieldPath | None = Field(default=None, alias="as")
    """The member becomes the field of this name; without it, the payload."""
    carry: list[FieldPath] = []
    """Top-level fields that every message gets too."""


class Decode(Codec):
    """Read a payload that is not JSON; the steps behind it see JSON. `decode: cbor` is enough where a codec has no arguments."""


class Encode(Codec):
    """Write the payload in another format than JSON. It is the last step."""


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
        if (self.absolute is None) == (self.percent is None):
            raise refuse("`deadband` needs one band.", expected="either `absolute`, or `percent` with `range`")
        if (self.percent is None) != (self.range is None):
            raise refuse("`percent` and `range` belong together.", expected="both or neither")
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
        if (self.deviation is None) == (self.percent is None):
            raise refuse("`swinging_door` needs one deviation.", expected="either `deviation`, or `percent` with `range`")
        if (self.percent is None) != (self.range is None):
            raise refuse("`percent` and `range` belong together.", expected="both or neither")
        return self


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


def _call(value: Any) -> Any:  # Any: whatever stands in the YAML
    return {"call": value} if isinstance(value, str) else value


class Step(StrictModel):
    """One step: a verb with its arguments, and perhaps `where` and `from_scalar` beside it."""

    keep: FieldList | None = None
    """Keep these fields and drop all others."""
    drop: FieldList | None = None
    """Drop these fields."""
    rename: dict[FieldPath, FieldPath] | None = None
    """Give fields new names: `{old: new}`."""
    set: dict[FieldPath, JsonValue] | None = None
    """Write literals into fields."""
    compute: dict[FieldPath, Expression] | None = None
    """Write the results of expressions into fields."""
    scale: Scale | None = None
    """Multiply a number by a factor and add an offset."""
    convert: Convert | None = None
    """Give a number in another unit."""
    cast: Cast | None = None
    """Make a value an integer, a double, a text or a truth value."""
    round: Round | None = None
    """Round a number to some digits behind the point."""
    clamp: Clamp | None = None
    """Bring a number within bounds."""
    map: Map | None = None
    """Replace a value by what a table says, or make fields of the bits of an integer."""
    lookup: Lookup | None = None
    """Take values out of a table, by a key."""
    timestamp: Timestamp | None = None
    """Read a time in one format and write it in another."""
    flatten: Flatten | None = None
    """Make fields of the members of nested objects, with joined names."""
    nest: Nest | None = None
    """Move fields into an object."""
    shape: Shape | None = None
    """Write a value with its quality, time, unit and origin in another shape of payload."""
    explode: Explode | None = None
    """Make one message of each member of an object or array."""
    on_change: OnChange | None = None
    """Pass a message when a field has changed."""
    deadband: Deadband | None = None
    """Pass a value when it has moved far enough."""
    throttle: Throttle | None = None
    """Let at most one message through per interval."""
    rate: Rate | None = None
    """Add how fast a counter grows."""
    swinging_door: SwingingDoor | None = None
    """Pass only the points that are needed to draw the signal."""
    debounce: Debounce | None = None
    """Let a message go on when it has stood for some time."""
    stale: Stale | None = None
    """Say once that a key has fallen silent."""
    window: Window | None = None
    """Make one message of the values of a time or of a number of messages."""
    combine: Combine | None = None
    """Make one object of the newest values of several tags."""
    decode: Annotated[Decode, BeforeValidator(codec, json_schema_input_type=CodecName | Decode)] | None = None
    """Read a payload that is not JSON: the name of a codec, or a codec with its arguments."""
    encode: Annotated[Encode, BeforeValidator(codec, json_schema_input_type=CodecName | Encode)] | None = None
    """Write the payload in another format than JSON: the name of a codec, or a codec with its arguments."""
    python: Annotated[Python, BeforeValidator(_call, json_schema_input_type=HookName | Python)] | None = None
    """Hand messages to a Python function: `module:function`."""
    where: Expression | None = None
    """Do the step only when this is true. It sees the payload as the step before left it."""
    from_scalar: bool = False
    """Take a payload that is a bare value as `{value: ...}`."""

    @model_validator(mode="after")
    def _has_one_verb(self) -> Self:
        verbs = self.model_fields_set - _BESIDE
        if len(verbs) != 1:
            found = f"This step has {len(verbs)} verbs." if verbs else "This step has no verb."
            raise refuse(found, expected=f"one of {', '.join(f'`{verb}`' for verb in VERBS)}", hint="Steps are a list: give each verb its own `- `.")
        (verb,) = verbs
        if getattr(self, verb) is None:
            raise refuse(f"`{verb}` has no arguments.", field=verb)
        return self


_BESIDE = frozenset({"where", "from_scalar"})

VERBS = tuple(name for name in Step.model_fields if name not in _BESIDE)
"""The verbs, in the order of the documentation."""
