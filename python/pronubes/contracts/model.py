"""A contract file: every key, what it means and what it is when it is left out.

The text under a field is its documentation; `docs/reference/contracts.md` is made from these classes. They check the shape of a file. What depends on
several keys (a range that is empty, a pattern that is none, a field below a number) is said by the engine, which has the same rules when it
judges, and by `contracts/rules.py` what the engine does not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pronubes.connectors.options import StrictModel
from pronubes.connectors.values import Duration, refuse
from pronubes.contracts.mode import Mode

__all__ = ["ID", "NAME", "Annotate", "Contract", "ContractField", "FieldType", "Quality", "ScalarField"]

NAME = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
ID = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}@[1-9][0-9]{0,8}$"

FieldType = Literal["number", "integer", "boolean", "string", "object", "array", "any"]
Scalar = str | int | float | bool
Number = int | float


def _unit(value: Any) -> Any:  # Any: whatever stands in the YAML
    if isinstance(value, int) and not isinstance(value, bool):
        from pronubes.contracts.units import of_opc_ua

        unit = of_opc_ua(value)
        hint = f"`{value}` is the OPC UA id of `{unit.code}`: write `{unit.written}`." if unit is not None else None
        raise refuse("A unit is written as a UCUM code.", expected="a UCUM code such as `Cel`, `bar` or `m3/h`", hint=hint)
    return value


def _bounds(value: Any) -> Any:  # Any: whatever stands in the YAML
    if not isinstance(value, list) or len(value) != 2:
        raise refuse("Bounds are a list of two.", expected="`[lowest, highest]`; `null` where there is no bound")
    return value


def _quality(value: Any) -> Any:  # Any: whatever stands in the YAML
    return {"field": value} if isinstance(value, str) else value


Path = Annotated[str, Field(min_length=1, max_length=1024)]
Sentence = Annotated[str, Field(min_length=1, max_length=4096)]
Party = Annotated[str, Field(min_length=1, max_length=256)]
Unit = Annotated[str, Field(min_length=1, max_length=64), BeforeValidator(_unit, json_schema_input_type=str)]
Range = Annotated[list[Number | None], Field(min_length=2, max_length=2), BeforeValidator(_bounds, json_schema_input_type=list[Number | None])]
Size = Annotated[int, Field(ge=0, le=2**32 - 1)]
Length = Annotated[list[Size | None], Field(min_length=2, max_length=2), BeforeValidator(_bounds, json_schema_input_type=list[Size | None])]
Words = Annotated[list[Scalar], Field(max_length=1000)]


class ScalarField(StrictModel):
    """What a value must be."""

    type: FieldType
    """What kind of value it is. `integer` is a number without fraction (`21.0` is one); `any` is everything but `null`."""
    description: Sentence | None = None
    """What it means, for people."""
    unit: Unit | None = None
    """The unit of the number (or of the numbers of an array), a UCUM code: `Cel`, `bar`, `m3/h`, `"[degF]"`, `"%"`."""
    range: Range | None = None
    """The lowest and the highest number, both allowed; `null` where there is no bound."""
    length: Length | None = None
    """The fewest and the most characters of a text or items of an array; `null` where there is no bound."""
    enum: Annotated[list[Scalar], Field(min_length=1, max_length=10_000)] | None = None
    """The values that it may have."""
    pattern: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """A regular expression for the whole text, without look-around and back references."""
    time: Literal["s", "ms", "us", "ns", "rfc3339"] | None = None
    """It is a time: a number of these units since 1970 (UTC), or a text such as `2026-11-22T07:06:40.123Z`."""
    not_after: Duration | None = Field(default=None, ge=0, le=366 * 86_400)
    """How far a time may lie after the message was received. Left out: any time."""
    not_before: Duration | None = Field(default=None, ge=0, le=36_600 * 86_400)
    """How far a time may lie before the message was received. Left out: any time."""
    null: Literal["never", "allowed", "when_bad"] = "never"
    """When it may be `null`. `when_bad`: exactly when the quality is bad."""


class ContractField(ScalarField):
    """What one field of a payload must be."""

    optional: bool = False
    """Whether it may be missing."""


class Quality(StrictModel):
    """Where the quality of a value stands, and what its codes say. A missing quality counts as good."""

    field: Path
    """The field. It must be one of `payload`."""
    good: Words = ["GOOD", "Good", "good", 192]
    """Codes that say good."""
    uncertain: Words = ["UNCERTAIN", "Uncertain", "uncertain", "STALE", "Stale", "stale", 64, 500]
    """Codes that say uncertain. 500 is Sparkplug's stale."""
    bad: Words = ["BAD", "Bad", "bad", "GoodNoData"]
    """Codes that say bad. `GoodNoData` (i3X, OPC UA) is among them because no value comes with it. 0 is not: it says bad in Sparkplug and good in
    OPC UA."""


class Annotate(StrictModel):
    """How mode `annotate` marks a message: one of the two."""

    field: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """A field that is added to the payload, at the top level."""
    user_property: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """A user property of MQTT 5."""

    @model_validator(mode="after")
    def _is_one(self) -> Annotate:
        if (self.field is None) == (self.user_property is None):
            raise refuse("A message is marked in one way.", expected="`field` or `user_property`")
        return self


class Contract(StrictModel):
    """One version of a contract."""

    contract: Annotated[str, Field(pattern=NAME)]
    """The name; also that of the file's folder."""
    version: Annotated[int, Field(ge=1, le=999_999_999)]
    """The version, counted from 1; also the name of the file."""
    description: Sentence | None = None
    """What the messages are, for people."""
    owner: Party | None = None
    """Who decides about it: a team, not a person."""
    steward: Party | None = None
    """Who answers questions about it."""
    state: Literal["draft", "active", "deprecated", "retired"] = "active"
    """`draft`: may still change. `deprecated`: works, with a warning. `retired`: a route that names it is an error."""
    payload: dict[Path, ContractField] = {}
    """The fields by their paths. `motor.temp` is the member `temp` of `motor`; a name with a dot stands in quotes: `motor."a.b"`."""
    scalar: ScalarField | None = None
    """What the payload is when it is a bare value and no object; in place of `payload`."""
    extra: Literal["keep", "refuse"] = "keep"
    """What fields are that the contract does not name: welcome, or a violation."""
    quality: Annotated[Quality, BeforeValidator(_quality, json_schema_input_type=str | Quality)] | None = None
    """Where the quality stands and what its codes mean; the name of a field alone takes the usual codes."""
    mode: Mode = "quarantine"
    """What is done with a message that violates it: `observe` counts it, `annotate` marks it, both let it go on; `quarantine` keeps it apart with the
    reason; `reject` throws it away."""
    annotate: Annotate = Field(default_factory=lambda: Annotate(field="contract_violation"))
    """How mode `annotate` marks a message."""
    retain: Literal[True, False, "never"] | None = None
    """Whether brokers keep the newest message of a topic, for targets that do not say so themselves. `never`: a target that does is an error, as it
    should be for events and commands."""
    expiry: Duration | None = Field(default=None, gt=0, le=36_600 * 86_400)
    """How long a retained value counts, for those who read it. The node does not send it to brokers."""

    @property
    def id(self) -> str:
        """Name and version: `measurement@1`."""
        return f"{self.contract}@{self.version}"

    @model_validator(mode="after")
    def _says_what_the_payload_is(self) -> Contract:
        if not self.payload and self.scalar is None:
            raise refuse("The contract says nothing about the payload.", expected="fields under `payload`, or `scalar` for a bare value")
        if self.payload and self.scalar is not None:
            raise refuse("A payload has fields or is a bare value.", expected="`payload` or `scalar`", field="scalar")
        return self
