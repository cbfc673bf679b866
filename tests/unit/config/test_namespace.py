"""The namespace in the configuration: what is refused, with its place; what is warned of."""

from pathlib import Path

import orjson
import pytest

from pronubes.config.compile import compile_router, refuse_errors
from pronubes.config.lint import lint
from pronubes.config.load import load_text
from pronubes.errors import ConfigurationError
from pronubes.router import Router

HEAD = """version: 1
name: n
sources:
  plant: {type: mqtt, url: mqtt://127.0.0.1:1883, topics: [raw/#]}
  boiler: {type: mqtt, url: mqtt://127.0.0.1:1884, topics: [hot/#]}
sinks:
  uns: {type: mqtt, url: mqtt://127.0.0.1:1885, retain: true}
"""
GOOD = """
routes:
  temperatures: {filter: 'raw/{site}/{tag}', topic: 'acme/{site}/packing/{tag}', to: uns}
  heat: {from: boiler, filter: 'hot/{tag}', topic: 'acme/bonn/heating/{tag}', to: uns}
namespace:
  levels: [enterprise, site, area, "signal#"]
  naming: {site: "[a-z]+"}
  case: {site: lower}
  illegal: escape
  branches:
    acme/+/packing: {owner: team-packing, publish: temperatures}
    acme/bonn/heating: {owner: team-heat, description: All that is warm., publish: [boiler]}
catalog: {memory: 10MiB}
"""


def found(text: str) -> list[tuple[str, int, str | None]]:
    """List path, line and hint of everything that is refused."""
    with pytest.raises(ConfigurationError) as caught:
        refuse_errors(compile_router(load_text(HEAD + text)))
    return [(one.path, one.position.line if one.position else 0, one.hint) for one in caught.value.diagnostics]


def test_the_engine_takes_what_is_written():
    compiled = compile_router(load_text(HEAD + GOOD))
    refuse_errors(compiled)
    spec = orjson.loads(compiled.spec)
    assert spec["namespace"]["levels"][1] == {"name": "site", "kind": "one", "pattern": "[a-z]+", "case": "lower"}
    assert spec["namespace"]["levels"][3] == {"name": "signal", "kind": "many", "pattern": "[A-Za-z0-9_.-]+", "case": None}
    assert [branch["publish"] for branch in spec["namespace"]["branches"]] == [["temperatures"], ["source:boiler"]]
    assert spec["catalog"] == {"bytes": 10 * 2**20, "payload_bytes": 4096}
    assert lint(load_text(HEAD + GOOD)) == []


def test_names_are_judged_and_escaped(tmp_path: Path):
    (tmp_path / "n.yaml").write_text(HEAD + GOOD)
    router = Router.from_file(tmp_path / "n.yaml")
    [outcome] = router.route("plant", [("raw/koeln/oven 1", b"1")], now_ns=0)
    assert (outcome.kind, outcome.topic) == ("emitted", "acme/koeln/packing/oven_x0020_1")
    [outcome] = router.route("plant", [("raw/k1/oven", b"1")], now_ns=0)
    assert (outcome.kind, outcome.reason) == ("quarantined", "name_illegal")
    assert outcome.detail == "level `site` of `acme/k_x0031_/packing/oven`: found `k_x0031_`, expected `[a-z]+` in lower case"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('naming: {site: "[a-z]+"}', 'naming: {sites: "[a-z]+"}', [("namespace.naming.sites", 14, "Did you mean `site`?")]),
        ('naming: {site: "[a-z]+"}', 'naming: {site: "[a-z"}', [("namespace.naming.site", 14, None)]),
        ('"signal#"', '"signal*"', [("namespace.levels[3]", 13, None)]),
        ("publish: temperatures", "publish: temperatuers", [("namespace.branches.acme/+/packing.publish[0]", 18, "Did you mean `temperatures`?")]),
        ("acme/bonn/heating:", "acme/b+/heating:", [("namespace.branches.acme/b+/heating", 19, None)]),
        (
            "publish: [boiler]",
            "publish: [plant]",
            [("routes.heat.topic", 11, "Add `heat` to `publish` of `acme/bonn/heating`, or correct the name.")],
        ),
        (
            "packing/{tag}'",
            "filling/{tag}'",
            [("routes.temperatures.topic", 10, "No branch covers such names: add one, or correct the name.")],
        ),
        ("topic: 'acme/{site}/packing/{tag}'", "topic: 'acme/{site}'", [("routes.temperatures.topic", 10, None)]),
    ],
)
def test_mistakes_are_found_at_load(old: str, new: str, expected: list[tuple[str, int, str | None]]) -> None:
    assert old in GOOD
    assert found(GOOD.replace(old, new)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("packing/{tag}'", "packing/DB10.DBW2'", ("address_as_name", "routes.temperatures.topic")),
        ("packing/{tag}'", "packing/40001/{tag}'", ("address_as_name", "routes.temperatures.topic")),
        ("packing/{tag}'", "packing/%MW100/{tag}'", ("address_as_name", "routes.temperatures.topic")),
        ("packing/{tag}'", "packing/ns=2;s=Oven/{tag}'", ("address_as_name", "routes.temperatures.topic")),
        ("packing/{tag}'", "packing/events/{tag}'", ("retained_event", "routes.temperatures.topic")),
        ("acme/bonn/heating: {", "acme/bonn/+: {publish: boiler, owner: a}\n    acme/bonn/heating: {", None),
        ("acme/bonn/heating: {", "acme/bonn: {publish: boiler, owner: a}\n    acme/bonn/heating: {", None),
        (
            "acme/+/packing: {",
            "acme/+/+: {publish: boiler, owner: a}\n    acme/+/packing: {",
            ("several_owners", "namespace.branches.acme/+/packing"),
        ),
        ("acme/bonn/heating: {", "acme/x: {owner: a}\n    acme/bonn/heating: {", ("closed_branch", "namespace.branches.acme/x")),
    ],
)
def test_anti_patterns_are_warned_of(old: str, new: str, expected: tuple[str, str] | None) -> None:
    assert old in GOOD
    loaded = load_text(HEAD + GOOD.replace(old, new))
    warned = [(one.code, one.path) for one in lint(loaded)]
    assert warned == ([expected] if expected else [])


def test_consumers_of_everything_are_warned_of() -> None:
    loaded = load_text(HEAD.replace("raw/#", "'#'") + GOOD)
    assert [(one.code, one.path) for one in lint(loaded)] == [("subscribes_to_all", "sources.plant.topics[0]")]
