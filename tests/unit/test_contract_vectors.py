"""Contracts by the shared vectors, through the extension module; Rust reads the same file."""

import json
from pathlib import Path
from typing import Any

import pytest

from pronubes import _core

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "contracts.json").read_text(encoding="utf-8"))
RECEIVED_NS = 1_732_259_200_000_000_000


@pytest.fixture(scope="module")
def contracts() -> dict[str, _core.Contract]:
    return {name: _core.Contract(json.dumps(spec).encode()) for name, spec in VECTORS["contracts"].items()}


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_verdict(contracts: dict[str, _core.Contract], case: dict[str, Any]) -> None:
    payload = case.get("payload") or "".join(piece * count for piece, count in case.get("repeat", []))
    found = contracts[case["contract"]].judge(payload.encode(), received_ns=case.get("received_ns", RECEIVED_NS))
    assert [list(one[: len(wanted)]) for one, wanted in zip(found, case["verdict"], strict=True)] == case["verdict"]


def test_everything_that_is_wrong_with_a_contract_comes_at_once() -> None:
    spec = {
        "name": "measurement",
        "version": 1,
        "fields": [
            {"path": "value", "type": "number", "range": [800, -40]},
            {"path": "unit", "type": "string", "pattern": "(["},
            {"path": "value", "type": "boolean", "null": "when_bad"},
        ],
    }
    with pytest.raises(_core.SpecFailure) as raised:
        _core.Contract(json.dumps(spec).encode())
    assert [error.path for error in raised.value.errors] == ["fields/0/range", "fields/1/pattern", "fields/2/path", "fields/2/null"]


def test_a_contract_knows_its_name() -> None:
    assert _core.Contract(b'{"name": "measurement", "version": 3}').id == "measurement@3"
