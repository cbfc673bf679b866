"""Contracts in a configuration: found, read, locked and put into the engine's specification."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from pronubes.config.compile import compile_router
from pronubes.config.lint import lint
from pronubes.config.load import Loaded, load
from pronubes.contracts.folder import Contracts
from pronubes.contracts.locking import lock
from pronubes.errors import ConfigurationError

HEAD = """\
version: 1
name: n
sources: {a: {type: ndjson, path: "-"}}
sinks: {s: {type: stdout}, m: {type: mqtt, url: "mqtt://127.0.0.1", retain: true}}
"""


def contract(folder: Path, id_: str, rest: str = "", field: str = "type: number") -> None:
    name, _, version = id_.partition("@")
    path = folder / "contracts" / name / f"{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"contract: {name}\nversion: {version}\npayload:\n  value: {{{field}}}\n{rest}", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    contract(tmp_path, "raw@2", "mode: reject\n")
    contract(tmp_path, "measurement@1", field='type: number, unit: "[degF]"')
    contract(tmp_path, "measurement@2")
    contract(tmp_path, "event@1", "retain: never\n")
    contract(tmp_path, "state@1", "retain: true\n")
    return tmp_path


def read(folder: Path, route: str, contracts: str = "contracts: contracts/\n") -> Loaded:
    (folder / "pronubes.yaml").write_text(f"{HEAD}{contracts}routes:\n  r: {{filter: x, {route}}}\n", encoding="utf-8")
    return load(folder / "pronubes.yaml")


def spec_of(loaded: Loaded) -> dict[str, Any]:
    spec: dict[str, Any] = orjson.loads(compile_router(loaded).spec)
    return spec


def refusals(folder: Path, route: str, contracts: str = "contracts: contracts/\n") -> list[tuple[str, str, str | None]]:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, route, contracts)
    return [(one.path, one.message, one.hint or one.expected) for one in caught.value.diagnostics]


def test_the_contracts_that_routes_name_and_no_others_reach_the_engine(folder: Path) -> None:
    contract(folder, "broken@1", field="type: nonsense")
    spec = spec_of(read(folder, "to: s, expect: raw@2, contract: measurement@1"))
    assert [(one["name"], one["version"], one["mode"]) for one in spec["contracts"]] == [("measurement", 1, "quarantine"), ("raw", 2, "reject")]
    assert spec["contracts"][0]["fields"][0]["dimension"] == [0, 0, 0, 0, 1, 0, 0]
    assert (spec["routes"][0]["expect"], spec["routes"][0]["contract"]) == ("raw@2", "measurement@1")


def test_without_contracts_the_specification_has_none(folder: Path) -> None:
    assert "contracts" not in spec_of(read(folder, "to: s", ""))


@pytest.mark.parametrize(
    ("modes", "mode"),
    [
        ('{"*": observe}', "observe"),
        ('{"*": observe, measurement: annotate}', "annotate"),
        ('{measurement@1: reject, "*": observe, measurement: annotate}', "reject"),
        ("{measurement@2: reject, raw: observe}", "quarantine"),
    ],
)
def test_a_site_overrides_modes_the_nearest_name_first(folder: Path, modes: str, mode: str) -> None:
    loaded = read(folder, "to: s, contract: measurement@1", f"contracts: {{folder: contracts, modes: {modes}}}\n")
    assert spec_of(loaded)["contracts"][0]["mode"] == mode


@pytest.mark.parametrize(
    ("route", "found"),
    [
        ("contract: measurment@1", ("routes.r.contract", "There is no contract `measurment` in", "Did you mean `measurement`?")),
        ("contract: measurement", ("routes.r.contract", "A contract is named with its version.", "Write `measurement@2`.")),
        ("expect: measurement@3", ("routes.r.expect", "`measurement` has no version `3`.", "`measurement@1`, `measurement@2`")),
        ("expect: measurement@x", ("routes.r.expect", "`measurement` has no version `x`.", "`measurement@1`, `measurement@2`")),
        ("contract: 1", ("routes.r.contract", "The value has the wrong type.", 'Quote it: `"1"`.')),
    ],
)
def test_a_name_that_leads_nowhere_is_said(folder: Path, route: str, found: tuple[str, str, str]) -> None:
    ((path, message, hint),) = refusals(folder, f"to: s, {route}")
    assert (path, message.startswith(found[1]), hint) == (found[0], True, found[2])


def test_a_route_with_a_contract_needs_a_folder(folder: Path) -> None:
    (refusal,) = refusals(folder, "to: s, contract: measurement@1", "")
    assert refusal == ("routes.r.contract", "The configuration says of no folder of contracts.", "Say where they are: `contracts: contracts/`.")


def test_a_mode_for_a_contract_that_is_not_there_is_said(folder: Path) -> None:
    ((path, _, hint),) = refusals(folder, "to: s", "contracts: {folder: contracts, modes: {mesurement: observe}}\n")
    assert (path, hint) == ("contracts.modes.mesurement", "Did you mean `measurement`?")


def test_a_folder_that_is_not_there_is_said(folder: Path) -> None:
    (refusal,) = refusals(folder, "to: s", "contracts: nowhere\n")
    assert refusal[1] == "The folder of contracts cannot be read: no such file or directory."


def test_errors_of_the_configuration_and_of_contracts_come_together(folder: Path) -> None:
    contract(folder, "bad@1", field="type: nonsense")
    with pytest.raises(ConfigurationError) as caught:
        read(folder, "to: s, from: nobody, contract: bad@1")
    assert [Path(one.file).name for one in caught.value.diagnostics] == ["pronubes.yaml", "1.yaml"]


def test_a_retired_contract_cannot_be_used(folder: Path) -> None:
    contract(folder, "old@1", "state: retired\n")
    (refusal,) = refusals(folder, "to: s, contract: old@1")
    assert refusal[:2] == ("routes.r.contract", "`old@1` is retired.")


def test_an_edit_of_a_locked_version_stops_the_start(folder: Path) -> None:
    lock(Contracts(folder / "contracts"))
    contract(folder, "measurement@1", field="type: string")
    first, *_ = refusals(folder, "to: s, contract: measurement@1")
    assert first[:2] == ("payload.value.type", "`measurement@1` is locked: `type` of `value` was number, is string.")
    read(folder, "to: s, contract: measurement@2")


@pytest.mark.parametrize(
    ("route", "retain"),
    [
        ("to: [s, m]", [None, True]),
        ("to: [s, m], contract: measurement@1", [None, True]),
        ("to: [s, m], contract: state@1", [True, True]),
        ("to: [{sink: s, retain: false}, m], contract: state@1", [False, True]),
        ("to: [s, m], contract: event@1", [None, None]),
        ("to: [s, m], expect: state@1", [None, True]),
    ],
)
def test_a_target_takes_the_contract_s_retain_before_the_sink_s(folder: Path, route: str, retain: list[bool | None]) -> None:
    assert [target.get("retain") for target in spec_of(read(folder, route))["routes"][0]["to"]] == retain


def test_retaining_what_must_not_be_retained_is_an_error(folder: Path) -> None:
    ((path, message, _),) = refusals(folder, "to: [{sink: m, retain: true}], contract: event@1")
    assert (path, message) == ("routes.r.to[0].retain", "`event@1` says `retain: never`: brokers must not keep such messages.")


def test_contracts_that_are_not_settled_are_warnings(folder: Path) -> None:
    contract(folder, "draft@1", "state: draft\n")
    contract(folder, "draft@2", "state: deprecated\n")
    lock(Contracts(folder / "contracts"), ["measurement@1"])
    codes = {
        id_: [one.code for one in lint(read(folder, f"from: a, to: [s, m], contract: {id_}")) if one.code.endswith("contract")]
        for id_ in ("measurement@1", "measurement@2", "draft@1", "draft@2")
    }
    assert codes == {"measurement@1": [], "measurement@2": ["unlocked_contract"], "draft@1": ["draft_contract"], "draft@2": ["deprecated_contract"]}


TYPED = "v: {type: integer}, maybe: {type: integer, optional: true}, name: {type: string}, on: {type: boolean}, o: {type: object}, a: {type: any}"


def column_types(folder: Path, *routes: str) -> list[dict[str, str]]:
    contract(folder, "typed@1")
    (folder / "contracts" / "typed" / "1.yaml").write_text(f"contract: typed\nversion: 1\npayload: {{{TYPED}}}\n", encoding="utf-8")
    text = f"{HEAD}contracts: contracts/\nroutes:\n" + "".join(f"  r{number}: {{filter: x, to: s, {route}}}\n" for number, route in enumerate(routes))
    (folder / "pronubes.yaml").write_text(text, encoding="utf-8")
    return [dict(types) for types in compile_router(load(folder / "pronubes.yaml")).column_types]


def test_a_hook_s_columns_have_the_types_of_what_the_route_expects(folder: Path) -> None:
    (types,) = column_types(folder, 'expect: typed@1, steps: [{python: "plant:one"}]')
    assert types == {"v": "i64", "maybe": "f64", "name": "text", "on": "bool", "o": "json"}


def test_a_field_that_a_step_names_has_the_type_that_the_route_promises(folder: Path) -> None:
    steps = 'steps: [{cast: {field: v, type: string}}, {python: "plant:one"}]'
    assert column_types(folder, f"expect: typed@1, {steps}")[0].get("v") is None
    assert column_types(folder, f"expect: typed@1, contract: typed@1, {steps}")[0]["v"] == "i64"


def test_routes_that_share_a_hook_must_agree(folder: Path) -> None:
    hook = 'steps: [{python: "plant:one"}]'
    (types,) = column_types(folder, f"expect: typed@1, {hook}", f"expect: measurement@1, {hook}")
    assert types == {}
    assert column_types(folder, hook, 'steps: [{python: "plant:two"}], expect: measurement@1') == [{}, {"value": "f64"}]


def test_the_units_of_values_are_known_by_route(folder: Path) -> None:
    loaded = read(folder, "to: s, contract: measurement@1")
    assert loaded.contracts.units(loaded.configuration) == {"r": "[degF]"}
    loaded = read(folder, "to: s, expect: measurement@1, contract: measurement@2")
    assert loaded.contracts.units(loaded.configuration) == {}
