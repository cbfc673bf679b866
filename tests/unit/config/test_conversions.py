"""`convert` in a configuration: where its unit comes from, what reaches the engine, and what is refused."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from pronubes import Router
from pronubes.config.compile import compile_router
from pronubes.config.load import load_text
from pronubes.errors import ConfigurationError

VECTORS = orjson.loads((Path(__file__).parents[2] / "vectors/steps/convert.json").read_bytes())
HEAD = 'version: 1\nname: n\nsources: {a: {type: ndjson, path: "-"}}\nsinks: {s: {type: stdout}}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, unit in (("raw", "Cel"), ("out", '"[degF]"')):
        path = tmp_path / "contracts" / name / "1.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f"contract: {name}\nversion: 1\npayload:\n  value: {{type: number, unit: {unit}}}\n", encoding="utf-8")
    return tmp_path


def spec_of(folder: Path, steps: str, rest: str = "") -> dict[str, Any]:
    text = f"{HEAD}contracts: contracts/\nroutes:\n  r:\n    filter: x\n    to: s\n    steps: [{steps}]\n{rest}"
    spec: dict[str, Any] = orjson.loads(compile_router(load_text(text, base_dir=folder)).spec)
    return spec


def refusals(folder: Path, steps: str, rest: str = "") -> list[tuple[str, str, str | None]]:
    with pytest.raises(ConfigurationError) as caught:
        spec_of(folder, steps, rest)
    return [(one.path, one.message, one.hint or one.expected) for one in caught.value.diagnostics]


def _values(case: dict[str, Any]) -> dict[str, Any]:
    routes = {"r": {"filter": "a/{tag}", "steps": case["steps"], "to": "s"}}
    return {"version": 1, "name": "n", "sources": {"a": {"type": "ndjson", "path": "-"}}, "sinks": {"s": {"type": "stdout"}}, "routes": routes}


@pytest.mark.parametrize("case", [case for case in VECTORS["cases"] if "error" not in case], ids=lambda case: case["name"])
def test_the_vectors_hold_with_what_python_works_out(case: dict[str, Any]) -> None:
    outcomes = Router.from_dict(_values(case)).route("a", [("a/b", case["input"].encode())], now_ns=0)
    if "reason" in case:
        assert [outcome.reason for outcome in outcomes] == [case["reason"]]
    else:
        assert [outcome.payload.decode() for outcome in outcomes] == case["output"]


@pytest.mark.parametrize("given", VECTORS["conversions"], ids=lambda given: f"{given['from']} to {given['to']}")
def test_the_conversions_of_the_vectors_are_those_of_the_unit_library(given: dict[str, Any]) -> None:
    from pronubes.contracts.conversion import specification

    assert orjson.loads(orjson.dumps(specification(given["from"], given["to"]))) == given


def test_the_unit_comes_from_the_contract_that_is_expected(folder: Path) -> None:
    steps = '{rename: {value: v}}, {round: {field: v}}, {convert: {field: v, to: K}}, {convert: {field: v, to: "[degF]"}}'
    spec = spec_of(folder, steps, "    expect: raw@1\n")
    assert [step.get("convert", {}).get("from") for step in spec["routes"][0]["steps"]] == [None, None, "Cel", "K"]
    assert [(one["from"], one["to"]) for one in spec["conversions"]] == [("Cel", "K"), ("K", "[degF]")]


def test_every_listed_unit_has_a_conversion(folder: Path) -> None:
    spec = spec_of(folder, "{convert: {field: value, from: {field: unit}, units: {C: Cel, F: '[degF]'}, to: K}}")
    assert [(one["from"], one["to"]) for one in spec["conversions"]] == [("Cel", "K"), ("[degF]", "K")]
    assert "conversions" not in spec_of(folder, "{drop: [value]}")


@pytest.mark.parametrize(
    ("steps", "rest", "finding"),
    [
        (
            "{convert: {field: value, to: K}}",
            "",
            (
                "routes.r.steps[0].convert",
                "Nobody says which unit `value` has. There is no `expect`.",
                "`from: CODE`, or a contract under `expect` that gives the field a unit",
            ),
        ),
        (
            "{scale: {field: value, factor: 2}}, {convert: {field: value, to: K}}",
            "    expect: raw@1\n",
            (
                "routes.r.steps[1].convert",
                "Nobody says which unit `value` has. Behind the steps before, no contract says it.",
                "`from: CODE`, or a contract under `expect` that gives the field a unit",
            ),
        ),
        (
            '{convert: {field: value, from: "[degF]", to: K}}',
            "    expect: raw@1\n",
            (
                "routes.r.steps[0].convert.from",
                "The contract `raw@1` gives `value` in `Cel`.",
                "Leave `from` out: it is known. Or correct the contract.",
            ),
        ),
        (
            "{convert: {field: value, from: Cel, to: K}}, {convert: {field: value, from: Cel, to: K}}",
            "",
            (
                "routes.r.steps[1].convert.from",
                "The step `convert` before gives `value` in `K`.",
                "Leave `from` out: it is known. Or correct the contract.",
            ),
        ),
        (
            "{convert: {field: value, to: K}}",
            "    expect: raw@1\n    contract: out@1\n",
            ("routes.r.contract", "`value` leaves in `K`, and the contract `out@1` gives it in `[degF]`.", "Convert it to `[degF]`."),
        ),
        (
            "{convert: {field: value, from: {field: u}, units: [K, bar], to: Cel}}",
            "",
            ("routes.r.steps[0].convert.units[1]", "`bar` measures `m-1.kg.s-2`, `Cel` measures `K`.", None),
        ),
        (
            "{convert: {field: value, from: {field: u}, units: {a: K, b: degC}, to: Cel}}",
            "",
            ("routes.r.steps[0].convert.units.b", "This is no UCUM code.", "Did you mean `Cel`?"),
        ),
        (
            "{convert: {field: value, from: W, to: dB}}",
            "",
            (
                "routes.r.steps[0].convert.to",
                "`B` is a logarithm or another function: no factor and offset lead to another unit.",
                "Use `compute` with the formula.",
            ),
        ),
        (
            "{convert: {field: value, from: {field: u}, to: Cel}}",
            "",
            ("routes.r.steps[0].convert.from", "The units that may stand in the field are not listed.", '`units: ["[degF]", Cel]`'),
        ),
        (
            "{convert: {field: value, from: K, units: [K], to: Cel}}",
            "",
            ("routes.r.steps[0].convert.units", "`units` belongs to a `from` that names a field.", "`from: {field: unit}`"),
        ),
        (
            "{convert: {field: value, from: {feld: u}, units: [K], to: Cel}}",
            "",
            ("routes.r.steps[0].convert.from.feld", "There is no key `feld` here.", "Did you mean `field`?"),
        ),
    ],
)
def test_what_cannot_be_is_said_where_it_stands(folder: Path, steps: str, rest: str, finding: tuple[str, str, str | None]) -> None:
    assert finding in refusals(folder, steps, rest)
