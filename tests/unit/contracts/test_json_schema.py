"""Contracts as JSON Schema: there and back, and the same verdicts as an independent validator's."""

import json
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from pronubes.contracts.engine import checker, engine_problems
from pronubes.contracts.folder import ContractFile, read_contract_text
from pronubes.contracts.json_import import import_schema
from pronubes.contracts.json_schema import DIALECT, export
from pronubes.contracts.yaml_text import contract_text
from pronubes.errors import ConfigurationError

NAMES = st.sampled_from(["a", "b", "c.d", "c.e", "c.f.g", 'x."y.z"', "c", "c.f", "a b"])
WORDS = st.sampled_from(["A", "B", "ab", "abc", "", "ä", "a\nb", "1"])
NUMBERS = st.one_of(st.integers(-20, 20), st.sampled_from([0.5, -1.5, 2.0, 1e3, -0.0]))
PATTERNS = st.sampled_from(["a+", "[A-Z]?", "a|ab|abc", ".*", "ä", r"\d+"])


@st.composite
def bounds(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> list[Any]:  # Any: numbers
    low, high = sorted([draw(values), draw(values)])
    return [draw(st.sampled_from([low, None])), draw(st.sampled_from([high, None]))]


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:  # Any: what YAML holds
    kind = draw(st.sampled_from(["number", "integer", "boolean", "string", "object", "array", "any"]))
    rule: dict[str, Any] = {"type": kind, "null": draw(st.sampled_from(["never", "never", "allowed"]))}
    if kind in ("number", "integer") and draw(st.booleans()):
        rule["range"] = draw(bounds(st.integers(-20, 20) if kind == "integer" else NUMBERS))
    if kind == "string":
        rule |= draw(st.sampled_from([{}, {"pattern": draw(PATTERNS)}, {"enum": draw(st.lists(WORDS, min_size=1, unique=True))}]))
    if kind in ("string", "array") and "enum" not in rule and draw(st.booleans()):
        rule["length"] = draw(bounds(st.integers(0, 3)))
    if kind == "number" and "range" not in rule and draw(st.booleans()):
        rule |= {"enum": draw(st.lists(NUMBERS, min_size=1, max_size=4, unique=True)), "unit": draw(st.sampled_from(["bar", "%", "m3/h"]))}
    if draw(st.integers(0, 3)) == 0:
        rule["description"] = draw(st.sampled_from(["words", 'more: "words"']))
    return rule


@st.composite
def contracts(draw: st.DrawFn) -> ContractFile:
    values: dict[str, Any] = {"contract": "made", "version": draw(st.integers(1, 9)), "extra": draw(st.sampled_from(["keep", "refuse"]))}
    if draw(st.integers(0, 4)) == 0:
        values["scalar"] = draw(rules())
        values["extra"] = "keep"
    else:
        names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
        values["payload"] = {name: draw(rules()) | draw(st.sampled_from([{}, {"optional": True}])) for name in names}
    values |= draw(st.sampled_from([{}, {"owner": "team", "mode": "observe", "retain": "never", "state": "draft", "expiry": "2h"}]))
    try:
        file = read_contract_text(contract_text(values))
    except ConfigurationError as error:
        if {diagnostic.code for diagnostic in error.diagnostics} != {"member_of_array"}:
            raise
        reject()
    assume(not engine_problems(file))
    return file


SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=4), st.dictionaries(st.sampled_from(["d", "e", "f", "g", "y.z", "q"]), SCALARS, max_size=3))
DEEP = st.one_of(VALUES, st.fixed_dictionaries({}, optional={"d": VALUES, "e": VALUES, "f": st.one_of(VALUES, st.fixed_dictionaries({"g": VALUES}))}))
PAYLOADS = st.one_of(
    SCALARS,
    st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES, "a b": VALUES, "c": DEEP, "x": VALUES, "extra": SCALARS}),
    st.lists(SCALARS, max_size=2),
)


@given(contracts())
@settings(max_examples=300, deadline=None)
def test_export_of_import_is_the_same_schema(file: ContractFile) -> None:
    schema = export(file.contract).schema
    imported = import_schema(schema)
    again = read_contract_text(contract_text(imported.values))
    assert engine_problems(again) == []
    assert export(again.contract).schema == schema
    assert imported.notes == []


@given(contracts(), st.lists(PAYLOADS, min_size=1, max_size=20))
@settings(max_examples=300, deadline=None)
def test_the_gate_and_an_independent_validator_say_the_same(file: ContractFile, payloads: list[Any]) -> None:
    schema = export(file.contract).schema
    jsonschema_rs.meta.validate(schema)
    validator, gate = jsonschema_rs.validator_for(schema), checker(file)
    for payload in payloads:
        text = orjson.dumps(payload)
        verdict = gate.judge(text, received_ns=0)
        assert validator.is_valid(payload) == (not verdict), (text, verdict, json.dumps(schema))


def imported(schema: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:  # Any: JSON documents
    found = import_schema(schema, name="a")
    read_contract_text(contract_text(found.values))
    return found.values.get("payload", found.values.get("scalar")), found.notes


@pytest.mark.parametrize(
    ("schema", "payload", "notes"),
    [
        (
            {"properties": {"v": {"type": "number", "exclusiveMinimum": 0}}, "required": ["v", "w"]},
            {"v": {"type": "number", "range": [0, None]}, "w": {"type": "any", "null": "allowed"}},
            ["`v`: `exclusiveMinimum: 0`: 0 itself is allowed in the contract."],
        ),
        (
            {"properties": {"n": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10, "multipleOf": 2}}},
            {"n": {"type": "integer", "range": [1, 9], "optional": True}},
            ["`n`: `multipleOf` cannot be said in a contract: left out."],
        ),
        (
            {"properties": {"s": {"enum": ["A", None]}, "c": {"const": 5}, "m": {"enum": [1, "x"]}}},
            {
                "s": {"type": "string", "enum": ["A"], "null": "allowed", "optional": True},
                "c": {"type": "number", "enum": [5], "optional": True},
                "m": {"type": "any", "enum": [1, "x"], "optional": True},
            },
            [],
        ),
        (
            {"properties": {"p": {"type": "string", "pattern": "ab", "format": "email"}, "t": {"type": "string", "format": "date-time"}}},
            {
                "p": {"type": "string", "pattern": r"[\s\S]*(?:ab)[\s\S]*", "optional": True},
                "t": {"type": "string", "time": "rfc3339", "optional": True},
            },
            [
                "`p`: `format` cannot be said in a contract: left out.",
                "`t`: `format: date-time` is checked by the gate, which validators often do not do.",
            ],
        ),
        (
            {"$defs": {"T": {"type": "object", "properties": {"x": {"type": "number"}, "t": {"$ref": "#/$defs/T"}}}}, "$ref": "#/$defs/T"},
            {
                "x": {"type": "number", "optional": True},
                "t": {"type": "object", "optional": True},
                "t.x": {"type": "number", "optional": True},
                "t.t": {"type": "any", "null": "allowed", "optional": True},
            },
            ["`t.t`: the reference `#/$defs/T` leads round in a circle: left out."],
        ),
        (
            {"properties": {"o": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}}, "a": {"oneOf": [{"type": "null"}]}}},
            {"o.x": {"type": "string", "optional": True}, "a": {"type": "any", "null": "allowed", "optional": True}},
            ["`o.x`: asked for only when `o` is there: optional here.", "`a`: `oneOf` cannot be said in a contract: left out."],
        ),
        ({"type": ["integer", "null"], "minimum": 1}, {"type": "integer", "range": [1, None], "null": "allowed"}, []),
        (
            {"type": "array", "items": {"type": "number"}, "minItems": 2},
            {"type": "array", "length": [2, None]},
            ["`items` cannot be said in a contract: left out."],
        ),
    ],
)
def test_a_schema_of_others_becomes_a_contract_and_what_it_cannot_say_is_said(schema: dict[str, Any], payload: Any, notes: list[str]) -> None:
    found = imported(schema)
    assert (found[0], sorted(found[1])) == (payload, sorted(notes))


def test_what_validators_do_not_check_is_under_x_and_in_the_notes() -> None:
    text = """\
contract: measurement
version: 2
payload:
  value: {type: number, unit: bar, null: when_bad}
  at: {type: integer, time: ms, not_after: 5s, not_before: 24h}
  when: {type: string, time: rfc3339}
  quality: {type: string}
  points.0: {type: number}
quality: quality
"""
    exported = export(read_contract_text(text).contract)
    properties = exported.schema["properties"]
    assert (exported.schema["$schema"], exported.schema["$id"]) == (DIALECT, "urn:pronubes:contract:measurement:2")
    assert properties["value"] == {"type": ["number", "null"], "x-unit": "bar", "x-null": "when_bad"}
    assert properties["at"] == {"type": "integer", "x-time": "ms", "x-not-after": "5s", "x-not-before": "86400s"}
    assert properties["when"] == {"type": "string", "x-time": "rfc3339", "format": "date-time"}
    assert exported.schema["x-fields"] == {"points.0": {"type": "number"}}
    assert len(exported.notes) == 5
    again = read_contract_text(contract_text(import_schema(exported.schema).values))
    assert export(again.contract).schema == exported.schema
