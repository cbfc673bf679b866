"""The JSON Schema: every good configuration passes it, and it names what `check` refuses by shape."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from pronubes.config.located import read_located
from pronubes.config.schema import json_schema

GOOD = sorted((Path(__file__).parents[2] / "configs" / "good").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema_rs.validator_for(json_schema())


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_configuration_passes(path: Path, validator: Any) -> None:
    root = read_located(path.read_text(encoding="utf-8"), path.name).root
    assert root is not None
    assert [error.message for error in validator.iter_errors(root.plain_value())] == []


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"nam": "x"},
        {"sources": {"a": {"type": "mqqt"}}},
        {"sources": {"a": {"type": "mqtt", "url": "mqtt://127.0.0.1"}}},
        {"sinks": {"a": {"type": "stdout", "colour": 1}}},
        {"routes": {"r": {"filter": "a"}}},
        {"routes": {"r": {"filter": "a", "to": "s", "delivery": "sometimes"}}},
        {"routes": {"r": {"filter": "a", "to": "s", "steps": [{"rnd": 1}]}}},
        {"routes": {"r": {"filter": "a", "to": "s", "steps": [{"cast": {"field": "a", "type": "integer"}}]}}},
        {"limits": {"depth": "5"}},
        {"templates": {"t": {"routes": {"r": {"filter": "a", "to": "s"}}}}},
        {"templates": {"t": {"routes": {"r_${x}": {"filtre": "a", "to": "s"}}}}},
        {"templates": {"t": {"sources": {"s_${x}": {"type": "mqqt"}}}}},
        {"templates": {"t": {"parameters": {"x": "nam"}, "routes": {"r_${x}": {"filter": "a", "to": "s"}}}}},
        {"instances": [{"table": "machines.csv"}]},
    ],
)
def test_a_wrong_shape_does_not(change: dict[str, object], validator: Any) -> None:
    assert not validator.is_valid({"version": 1, "name": "n", **change})
