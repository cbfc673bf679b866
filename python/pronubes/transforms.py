"""The steps of a route: one class per verb, with the meaning and the defaults of its arguments.

A step is one verb and its arguments, with `where:` beside the verb if wanted. These classes check the shape when a configuration is read;
what depends on the route (field paths, expressions, whether a later step can work) is checked by the engine, which compiles all steps
of a route into one pass. A new step gets a class here, a field in `Step`, and `transform/<verb>.rs`; the parity test finds what is missing.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from pronubes.connectors.options import StrictModel
from pronubes.connectors.values import Duration, refuse

__all__ = ["VERBS", "Clamp", "Explode", "Flatten", "Map", "Python", "Scale", "Step", "Timestamp"]

FieldPath = Annotated[str, Field(min_length=1, max_length=1024)]
FieldList = Annotated[list[FieldPath], Field(min_length=1, max_length=1000)]
Expression = Annotated[str, Field(min_length=1, max_length=10_000)]
HookName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$")]


class Scale(StrictModel):
    """Multiply a number by a factor and add an offset."""

    field: FieldPath
    """The field."""
    factor: float = 1
    """What to multiply by."""
    offset: float = 0
    """What to add afterwards."""


class Clamp(StrictModel):
    """Hold a number within bounds."""

    field: FieldPath
    """The field."""
    min: float | None = None
    """The least it may be."""
    max: float | None = None
    """The most it may be."""

    @model_validator(mode="after")
    def _has_bounds(self) -> Clamp:
        if self.min is None and self.max is None:
            raise refuse("`clamp` needs a bound.", expected="`min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise refuse(f"`min` ({self.min}) is greater than `max` ({self.max}).", field="min")
        return self


class Map(StrictModel):
    """Replace a value by what a table says, for enumerations, or take a number apart into named bits."""

    field: FieldPath
    """The field."""
    values: dict[str, JsonValue] | None = None
    """The table: the value as text, and what it becomes."""
    bits: dict[str, FieldPath] | None = None
    """Bits of a whole number, by their position from 0, and the field (true or false) that each becomes."""
    default: JsonValue = None
    """What a value becomes that is not in the table. Without it such a message goes to the quarantine."""

    @model_validator(mode="after")
    def _has_one_table(self) -> Map:
        if (self.values is None) == (self.bits is None):
            raise refuse("`map` needs one table.", expected="either `values` or `bits`")
        return self


class Timestamp(StrictModel):
    """Write a point in time into a field: read from another field, or the time of receipt."""

    field: FieldPath
    """The field to write."""
    source: FieldPath | None = None
    """The field to read; the same field when left out. `now` takes the time of receipt."""
    parse: str | None = None
    """How the field is written."""
    format: str | None = None
    """How the result is written."""


class Flatten(StrictModel):
    """Bring nested fields to the top; their names are joined."""

    field: FieldPath | None = None
    """The object to flatten; the whole payload when left out."""
    separator: str = "_"
    """What stands between the parts of a name."""


class Explode(StrictModel):
    """Make one message of each member of an object or array; `{key}` in the topic is the member's name or index."""

    field: FieldPath | None = None
    """The object or array; the whole payload when left out."""
    keep: list[FieldPath] = []
    """Fields beside it that every message gets."""


class Python(StrictModel):
    """Hand the messages to a Python hook, as a batch."""

    call: HookName
    """The hook: `module:function`."""
    timeout: Duration = Field(default=5.0, gt=0, le=3600)
    """How long one batch may take; what is late goes to the quarantine."""


def _call(value: Any) -> Any:  # Any: whatever stands in the YAML
    return {"call": value} if isinstance(value, str) else value


class Step(StrictModel):
    """One step: a verb with its arguments, and perhaps `where` and `from_scalar` beside it."""

    not_yet: ClassVar[dict[str, str]] = {
        "convert": "Use `scale` with the factor and offset of the conversion, and `set` the unit.",
        "lookup": "Use `map` for a fixed table, or a `python` hook.",
        "decode": "Payloads are JSON in this version; decode others in a `python` hook.",
        "encode": "Payloads are JSON in this version; encode others in a `python` hook.",
        "deadband": "Use a `python` hook until stateful steps are there.",
        "swinging_door": "Use a `python` hook until stateful steps are there.",
        "on_change": "Use a `python` hook until stateful steps are there.",
        "throttle": "Use a `python` hook until stateful steps are there.",
        "debounce": "Use a `python` hook until stateful steps are there.",
        "window": "Aggregate in the sink's database until stateful steps are there.",
        "rate": "Compute the rate in the sink's database until stateful steps are there.",
        "combine": "Combine the tags in the sink's database until stateful steps are there.",
        "stale": "Watch the age of values on the live page until stateful steps are there.",
    }

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
    cast: dict[FieldPath, Literal["int", "double", "string", "bool"]] | None = None
    """Read fields as another type."""
    round: dict[FieldPath, Annotated[int, Field(ge=0, le=15)]] | None = None
    """Round numbers to so many decimals."""
    clamp: Clamp | None = None
    """Hold a number within bounds."""
    map: Map | None = None
    """Replace a value by what a table says, or take a number apart into bits."""
    timestamp: Timestamp | None = None
    """Write a point in time into a field."""
    flatten: Flatten | None = None
    """Bring nested fields to the top."""
    nest: dict[FieldPath, FieldList] | None = None
    """Put fields into an object: `{motor: [temp, speed]}`."""
    explode: Explode | None = None
    """Make one message of each member of an object or array."""
    python: Annotated[Python, BeforeValidator(_call)] | None = None
    """Hand the messages to a Python hook: `module:function`."""
    where: Expression | None = None
    """Do the step only when this is true. It sees the payload as the step before left it."""
    from_scalar: bool = False
    """Take a payload that is a bare value as `{value: ...}`."""

    @model_validator(mode="after")
    def _has_one_verb(self) -> Step:
        verbs = self.model_fields_set - _BESIDE
        if len(verbs) != 1:
            found = f"This step has {len(verbs)} verbs." if verbs else "This step has no verb."
            raise refuse(found, expected=f"one of {', '.join(f'`{verb}`' for verb in VERBS)}", hint="Steps are a list: give each verb its own `- `.")
        return self


_BESIDE = frozenset({"where", "from_scalar"})

VERBS = tuple(name for name in Step.model_fields if name not in _BESIDE)
"""The verbs, in the order of the documentation."""
