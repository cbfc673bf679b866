"""The steps of a route: one class per verb, with the meaning and the defaults of its arguments.

A step is one verb and its arguments, with `where:` beside the verb if wanted. These classes check the shape when a configuration is read;
what depends on the route (field paths, expressions, whether a later step can work) is checked by the engine, which compiles all steps
of a route into one pass. A new step gets a class here (one that remembers in `stateful.py`), a field
in `Step`, and `transform/<verb>.rs`; the parity test finds what is missing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, PlainValidator, TypeAdapter, model_validator

from pronubes.codecs import Codec, CodecName, codec
from pronubes.connectors.shapes import ShapeOption
from pronubes.connectors.strict import StrictModel
from pronubes.connectors.values import refuse
from pronubes.hooks.options import HookName, Python
from pronubes.stateful import (
    Combine,
    Deadband,
    Debounce,
    FieldPath,
    OnChange,
    Rate,
    Stale,
    SwingingDoor,
    Throttle,
    Window,
)

__all__ = [
    "VERBS",
    "Cast",
    "Clamp",
    "Convert",
    "Decode",
    "Encode",
    "Explode",
    "Flatten",
    "Lookup",
    "LookupCapture",
    "Map",
    "Nest",
    "Python",
    "Round",
    "Scale",
    "Shape",
    "ShapeDefault",
    "Step",
    "Timestamp",
    "UnitField",
]

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
