"""Routes that judge each tag by the contract that its name has."""

from pathlib import Path

import orjson
import pytest

from pronubes.config.compile import compile_router, refuse_errors
from pronubes.config.load import Loaded, load_values
from pronubes.errors import ConfigurationError
from pronubes.router import Router

CONTRACT = "contract: {name}\nversion: 1\npayload: {{value: {{type: number, range: [0, {high}]}}}}\nmode: quarantine\n"
TABLE = "tag,topic,contract\ntag0,a/low,low@1\ntag1,a/none,\n"
RULES = [{"tag": "tag2", "topic": "a/high", "contract": "high@1"}]


def loaded(folder: Path, table: str = TABLE, **route: object) -> Loaded:
    (folder / "names.csv").write_text(table)
    for name, high in (("low", 10), ("high", 100)):
        path = folder / "contracts" / name / "1.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CONTRACT.format(name=name, high=high))
    sources = {"boiler": {"type": "generator", "tags": 4, "names": {"table": "names.csv", "rules": RULES}}, "other": {"type": "generator"}}
    values = {"version": 1, "name": "n", "contracts": "contracts", "sources": sources, "sinks": {"out": {"type": "stdout"}}}
    return load_values(values | {"routes": {"r": {"filter": "#", "contract": "from_names", "to": "out", **route}}}, base_dir=folder)


def test_each_tag_is_judged_by_the_contract_of_its_name(tmp_path: Path):
    compiled = compile_router(loaded(tmp_path, topic="x"))
    refuse_errors(compiled)
    router = Router(compiled)
    topics = ["a/low", "a/none", "a/high", "boiler/tag3"]
    kinds = [[outcome.kind for outcome in router.route("boiler", [(topic, b'{"value": 50}')], now_ns=0)] for topic in topics]
    assert kinds == [["quarantined"], ["emitted"], ["emitted"], ["emitted"]]
    assert [outcome.kind for outcome in router.route("other", [("a/low", b'{"value": 50}')], now_ns=0)] == ["emitted"]


def test_what_is_handed_to_the_engine(tmp_path: Path):
    spec = orjson.loads(compile_router(loaded(tmp_path)).spec)
    assert spec["named_contracts"] == {"boiler": {"low@1": ["a/low"], "high@1": ["a/high"]}}
    assert (spec["routes"][0]["contract_from_names"], "contract" in spec["routes"][0]) == (True, False)


@pytest.mark.parametrize(
    ("table", "route", "said"),
    [
        (TABLE.replace("low@1", "lwo@1"), {}, "lwo"),
        (TABLE, {"from": "other"}, "No name of the sources of this route has a contract."),
    ],
)
def test_what_names_say_wrong_is_said_at_load(tmp_path: Path, table: str, route: dict[str, object], said: str):
    with pytest.raises(ConfigurationError, match=said):
        loaded(tmp_path, table, **route)
