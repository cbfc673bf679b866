"""The codecs of `decode` and `encode`: one class per format that has arguments, with their meaning and defaults.

A new format gets a field in `Codec`, a class where it has arguments, and `payload/codec/<format>.rs`; the parity test finds what is missing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pronubes.connectors.options import StrictModel
from pronubes.connectors.shapes import FieldName, TimePlace
from pronubes.connectors.values import refuse

__all__ = ["Codec", "CodecName", "InfluxCodec", "OpcuaJsonCodec", "ProtobufCodec", "ScalarCodec", "codec"]


class NoArguments(StrictModel):
    """A codec that has no arguments; its name alone is enough."""


class ProtobufCodec(StrictModel):
    """Protobuf (proto2 and proto3), by a `.proto` file or a descriptor set."""

    schema_: Annotated[str, Field(min_length=1, max_length=4096)] = Field(alias="schema")
    """A `.proto` file, which finds what it imports beside it or beside the configuration, or a descriptor set, as `protoc --include_imports
    --descriptor_set_out` and `buf build -o` write it."""
    message: Annotated[str, Field(min_length=1, max_length=1024)]
    """The full name of the message that payloads are: `plant.Reading`."""
    defaults: bool = True
    """Whether `decode` writes fields that are not on the wire because they have their default (proto3: 0, `false`, empty)."""


class ScalarCodec(StrictModel):
    """One value without a frame: a register, a text, bytes."""

    type: Literal[
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "bool", "utf8", "latin1", "hex", "base64"
    ]
    """How the bytes are read; `hex` and `base64` take any bytes and give text."""
    byte_order: Literal["big", "little"] = "big"
    """The order of the bytes of a number."""
    field: Annotated[str, Field(min_length=1, max_length=1024)] = "value"
    """The field that has the value."""


class MeasurementField(StrictModel):
    """A field that has the measurement."""

    field: FieldName
    """The field."""


class InfluxCodec(StrictModel):
    """Influx line protocol, as InfluxDB 2 has it."""

    form: Literal["points", "point", "values", "flat"] | None = None
    """What the JSON looks like: an object with a point for each line in `points`, one point for exactly one line, a point for each field, or
    all names side by side. `points` when left out, `flat` where `measurement` or `tags` is there."""
    precision: Literal["ns", "us", "ms", "s"] = "ns"
    """The unit of the timestamps in lines."""
    time: FieldName | TimePlace = "timestamp"
    """The field that has the time; a name alone means the unit of the lines."""
    measurement: FieldName | MeasurementField | None = None
    """`flat` alone: the measurement of every line, or the field that has it; `{field: measurement}` when left out."""
    tags: list[FieldName] | None = None
    """`flat` alone: the fields that are tags."""


class OpcuaJsonCodec(StrictModel):
    """JSON messages of OPC UA PubSub."""

    publisher: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """`encode` alone: the PublisherId where a record has none."""
    writer: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """`encode` alone: the DataSetWriterName where a record has none."""
    writer_id: Annotated[int, Field(ge=1, le=65535)] | None = None
    """`encode` alone: the DataSetWriterId where a record has none."""
    field: FieldName = "value"
    """`encode` alone: the field of the data set where a record does not say it."""


class Codec(StrictModel):
    """One codec with its arguments."""

    cbor: NoArguments | None = None
    """CBOR, RFC 8949."""
    messagepack: NoArguments | None = None
    """MessagePack."""
    protobuf: ProtobufCodec | None = None
    """Protobuf: `{protobuf: {schema: plant.proto, message: plant.Reading}}`."""
    scalar: ScalarCodec | None = None
    """One value without a frame: `{scalar: {type: float32}}`."""
    influx: InfluxCodec | None = None
    """Influx line protocol: `{influx: {measurement: climate, tags: [line]}}`."""
    opcua_json: OpcuaJsonCodec | None = None
    """JSON messages of OPC UA PubSub: `{opcua_json: {publisher: plant1, writer: line1}}`."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise refuse(f"There are {len(self.model_fields_set)} codecs.", expected=_CODECS)
        (name,) = self.model_fields_set
        if getattr(self, name) is None:
            raise refuse(f"`{name}` has no arguments.", field=name)
        return self


_CODECS = f"one of {', '.join(f'`{name}`' for name in Codec.model_fields)}"

CodecName = Literal["cbor", "messagepack", "influx", "opcua_json"]
"""The codecs that need no arguments."""


def codec(value: Any) -> Any:  # Any: whatever stands in the YAML
    """Take the name of a codec for the codec without arguments."""
    if not isinstance(value, str):
        return value
    if value not in Codec.model_fields:
        raise refuse(f"There is no codec `{value}`.", expected=_CODECS)
    return {value: {}}
