"""Shapes: where a value and what belongs to it stand in a payload.

A record is a value with its quality, the time at the source, the time it came in, its unit and its origin. A shape says in which fields of a JSON
payload they stand and how they are written. Sources and steps name shapes; the engine reads and writes them (`record/` of the core).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, TypeAdapter

from pronubes.connectors.strict import StrictModel

__all__ = ["USUAL_SHAPE", "FieldsShape", "QualityPlace", "ShapeName", "ShapeOption", "TimePlace", "shape_json", "top_fields", "written_shape"]

ShapeName = Literal["value", "reading", "record", "umh", "i3x", "opcua"]
FieldName = Annotated[str, Field(min_length=1, max_length=1024)]


class QualityPlace(StrictModel):
    """Where a quality stands and how it is written."""

    field: FieldName
    """The field."""
    as_: Literal["words", "i3x", "name", "status", "classic", "sparkplug"] = Field(alias="as")
    """`words`: GOOD, UNCERTAIN, BAD. `i3x`: Good, GoodNoData, Uncertain, Bad. `name`: the name of the OPC UA status, `status` its number. `classic`:
    192, 64, 0 and what OPC DA has between them. `sparkplug`: 192, 500 (stale), 0."""


class TimePlace(StrictModel):
    """Where a time stands and how it is written."""

    field: FieldName
    """The field."""
    as_: Literal["iso8601", "unix_s", "unix_ms", "unix_us", "unix_ns"] = Field(alias="as")
    """How it is written."""


def _place(value: Any, usual: str) -> Any:  # Any: whatever stands in the YAML
    return {"field": value, "as": usual} if isinstance(value, str) else value


def _quality(value: Any) -> Any:  # Any: as above
    return _place(value, "words")


def _time(value: Any) -> Any:  # Any: as above
    return _place(value, "unix_ms")


Quality = Annotated[QualityPlace, BeforeValidator(_quality, json_schema_input_type=FieldName | QualityPlace)]
Time = Annotated[TimePlace, BeforeValidator(_time, json_schema_input_type=FieldName | TimePlace)]


class FieldsShape(StrictModel):
    """A shape of your own: the field of each member, which may be nested (`meta.unit`). What is left out is not in the payload."""

    value: FieldName
    """The value."""
    quality: Quality | None = None
    """How good it is; a name alone means `words`."""
    time: Time | None = None
    """When it was true at the source; a name alone means `unix_ms`."""
    received: Time | None = None
    """When pronubes received it; a name alone means `unix_ms`."""
    unit: FieldName | None = None
    """Its unit."""
    origin: FieldName | None = None
    """Where it comes from: the address in the device."""


USUAL_SHAPE: ShapeName = "reading"
"""The shape of a source that says nothing."""
_TOP_FIELDS = {
    "value": (),
    "reading": ("value", "quality", "unit", "timestamp_ms"),
    "record": ("value", "quality", "timestamp", "received", "unit", "origin"),
    "umh": ("timestamp_ms", "value"),
    "i3x": ("value", "quality", "timestamp"),
    "opcua": ("Value", "StatusCode", "SourceTimestamp"),
}
_NAME: TypeAdapter[str] = TypeAdapter(ShapeName)


def _shape(value: Any) -> Any:  # Any: whatever stands in the YAML
    return FieldsShape.model_validate(value) if isinstance(value, Mapping) else _NAME.validate_python(value)


ShapeOption = Annotated[FieldsShape | ShapeName, PlainValidator(_shape, json_schema_input_type=ShapeName | FieldsShape)]
"""One of the shapes that have names, or fields."""


def shape_json(shape: FieldsShape | str) -> bytes:
    """Write a shape for `SinkBatch.rows`."""
    return json.dumps(written_shape(shape)).encode()


def top_fields(shape: FieldsShape | str) -> tuple[str, ...]:
    """List the top-level fields that members of a record are; what stands inside of objects stays with them."""
    if isinstance(shape, str):
        return _TOP_FIELDS[shape]
    places = [shape.value, shape.unit, shape.origin, *(place.field for place in (shape.quality, shape.time, shape.received) if place is not None)]
    return tuple(place.strip('"') for place in places if place is not None and (place.startswith('"') or "." not in place))


def written_shape(shape: FieldsShape | str) -> str | dict[str, Any]:  # Any: as JSON has it
    """Write a shape as the engine reads it."""
    return shape if isinstance(shape, str) else shape.model_dump(by_alias=True, exclude_none=True)
