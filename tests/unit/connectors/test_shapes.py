"""What is said here about shapes with names is what the engine writes."""

from __future__ import annotations

from typing import get_args

import orjson
import pytest

from pronubes import Router
from pronubes.config.lint_shapes import _FORMS
from pronubes.connectors.shapes import FieldsShape, ShapeName, top_fields

RECORD = {
    "value": 1,
    "quality": "BadNoCommunication",
    "timestamp": "1970-01-01T00:00:01.000000001Z",
    "received": "1970-01-01T00:00:02Z",
    "unit": "Cel",
    "origin": "x",
}
MEMBERS = {"quality": "quality", "timestamp": "time", "received": "received", "unit": "unit", "origin": "origin"}
QUALITIES = {"words": "BAD", "name": "BadNoCommunication", "i3x": "Bad", "status": 0x8031_0000}
TIMES = {"unix_ms": 1000, "iso8601": "1970-01-01T00:00:01.000000001Z"}


def written(name: str) -> dict[str, object]:
    """Let the engine write a record in a shape; what the shape has no place for is not in the record."""
    quality, time = _FORMS[name]
    held = {"value": True, "quality": quality is not None, "timestamp": time is not None}
    held |= {field: field in top_fields(name) for field in ("received", "unit", "origin")}
    payload = {field: value for field, value in RECORD.items() if held[field]}
    step = {"from": "record", "to": name, "extra": "drop", "without": [member for field, member in MEMBERS.items() if not held[field]]}
    config = {
        "version": 1,
        "name": "n",
        "sources": {"a": {"type": "ndjson", "path": "-"}},
        "sinks": {"s": {"type": "stdout"}},
        "routes": {"r": {"filter": "t", "steps": [{"shape": step}], "to": "s"}},
    }
    (outcome,) = Router.from_dict(config).route("a", [("t", orjson.dumps(payload))], now_ns=0)
    made = orjson.loads(outcome.payload)
    return made if isinstance(made, dict) else {"": made}


@pytest.mark.parametrize("name", get_args(ShapeName))
def test_fields_and_forms_are_those_of_the_engine(name: str) -> None:
    made = written(name)
    quality, time = _FORMS[name]
    assert set(made) == set(top_fields(name)) or (name, made) == ("value", {"": 1})
    assert (QUALITIES[quality] in made.values()) if quality else not set(QUALITIES.values()) & set(map(str, made.values()))
    assert time is None or TIMES[time] in made.values()


def test_the_top_fields_of_own_shapes_leave_objects_alone() -> None:
    shape = FieldsShape.model_validate({"value": "d.v", "quality": "q", "time": {"field": '"t.s"', "as": "unix_s"}, "unit": "u", "origin": "d.o"})
    assert set(top_fields(shape)) == {"q", "t.s", "u"}
