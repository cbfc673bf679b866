"""What the engine is told, and how its findings come back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from pronubes.config.compile import compile_node, compile_router, diagnose
from pronubes.config.load import Loaded, load, load_text
from pronubes.errors import ConfigurationError
from pronubes.hooks.settings import HookSettings

GOOD = Path(__file__).parents[2] / "configs" / "good"
HEAD = """\
version: 1
name: n
vars: {site: "köln", long: a/b/c}
sources: {a: {type: ndjson, path: "-"}, b: {type: ndjson, path: x}}
sinks: {s: {type: stdout}}
"""


@dataclass
class Fault:
    """What the engine says about a specification."""

    path: str
    offset: int | None = None
    length: int | None = None
    message: str = "It is wrong."
    found: str | None = None
    expected: str | None = None
    hint: str | None = None


def routes(text: str) -> Loaded:
    return load_text(HEAD + "routes:\n" + text)


def spec_of(loaded: Loaded) -> dict[str, Any]:
    spec: dict[str, Any] = orjson.loads(compile_router(loaded).spec)
    return spec


def test_routes_go_over_as_they_are_written_in_their_order() -> None:
    spec = spec_of(
        routes(
            "  z: {from: a, filter: 'a/${site}', to: s, where: payload.x > 1.5}\n  y: {otherwise: true, final: true, to: [{sink: s, retain: true}]}\n"
        )
    )
    assert spec["routes"] == [
        {"filter": "a/köln", "where": "payload.x > 1.5", "name": "z", "from": ["a"], "to": [{"sink": "s"}]},
        {"otherwise": True, "final": True, "name": "y", "to": [{"sink": "s", "retain": True}]},
    ]
    assert (spec["sources"], spec["sinks"], spec["vars"]) == (["a", "b"], ["s"], {"site": "köln", "long": "a/b/c"})
    assert spec["limits"]["payload_bytes"] == 2**20


def test_steps_keep_their_numbers_and_the_order_of_their_keys() -> None:
    spec = spec_of(
        routes("  r:\n    filter: a\n    to: s\n    steps:\n      - {rename: {z: a, a: z}}\n      - {scale: {field: v, factor: 2, offset: 0.5}}\n")
    )
    (rename, scale) = spec["routes"][0]["steps"]
    assert list(rename["rename"]) == ["z", "a"]
    assert [type(scale["scale"][key]) for key in ("factor", "offset")] == [int, float]


def test_hooks_are_numbered_once_per_function_and_time_budget() -> None:
    compiled = compile_router(load(GOOD / "every_step.yaml"))
    steps = [step["python"] for step in orjson.loads(compiled.spec)["routes"][0]["steps"] if "python" in step]
    assert compiled.hooks == (HookSettings("plant.hooks:oee", 5.0), HookSettings("plant.hooks:oee", 0.25))
    assert steps == [{"hook": 0}, {"hook": 1}]


def test_the_retain_default_of_a_sink_reaches_its_targets() -> None:
    text = "  one: {filter: a, to: [m, {sink: m, retain: false}]}\n"
    loaded = load_text(HEAD.replace("sinks: {", "sinks: {m: {type: mqtt, url: 'mqtt://127.0.0.1', retain: true}, ") + "routes:\n" + text)
    assert [target["retain"] for target in spec_of(loaded)["routes"][0]["to"]] == [True, False]


def test_the_node_is_told_its_connections_with_secrets(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "password").write_text("from-a-file\n", encoding="utf-8")
    text = (GOOD / "secrets_and_tls.yaml").read_text(encoding="utf-8")
    environ = {"BROKER_USER": "cloud-user", "PLANT_PASSWORD": "from-the-environment"}
    node = orjson.loads(compile_node(load_text(text, base_dir=tmp_path), environ=environ))
    (source,), (sink,) = node["sources"], node["sinks"]
    session = source["mqtt"]
    assert (source["kind"], source["delivery"], sink["kind"], sink["queue_bytes"]) == ("mqtt", "spill", "mqtt", 64 * 2**20)
    assert (session["client_id"], session["protocol"], session["keep_alive_s"], session["clean_start"]) == ("edge-cloud", 4, 45, False)
    assert (session["username"], session["password"], sink["mqtt"]["password"]) == ("cloud-user", "from-a-file", "from-the-environment")
    assert session["subscriptions"] == [{"filter": "#", "qos": 0, "retain_handling": 0, "retain_as_published": True, "no_local": False}]
    assert session["session_expiry_s"] == 7 * 86_400
    assert node["routes"] == {"down": "volatile"}


def test_all_secrets_that_are_missing_are_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_node(load(GOOD / "secrets_and_tls.yaml"), environ={})
    found = [(diagnostic.path, diagnostic.position and diagnostic.position.line) for diagnostic in caught.value.diagnostics]
    assert found == [("sources.cloud.username", 12), ("sources.cloud.password", 13), ("sinks.plant.password", 28)]


ROUTE = r"""  first: {filter: a, to: s}
  second:
    from: a
    filter: raw/${site}/{a}/{b
    where: 'payload.q == ''ä'' && payload.x >> 1'
    steps:
      - compute:
          a/b: >-
            payload.x
            + payload.yy
          a: payload.x
    topic: "${long}/\x41{c}"
    to: {sink: s, topic: "x{y"}
"""


@pytest.mark.parametrize(
    ("fault", "line", "marked", "path"),
    [
        (Fault("routes/1/filter", len("raw/köln/{a}/".encode()), 2), 10, "{b", "routes.second.filter"),
        (Fault("routes/1/filter", 5, 1), 10, "${site}", "routes.second.filter"),
        (Fault("routes/1/where", len("payload.q == 'ä' && payload.x ".encode()), 2), 11, ">>", "routes.second.where"),
        (Fault("routes/1/where"), 11, "'payload.q == ''ä'' && payload.x >> 1'", "routes.second.where"),
        (Fault("routes/1/steps/0/compute/a/b", len("payload.x + "), 10), 16, "payload.yy", "routes.second.steps[0].compute.a/b"),
        (Fault("routes/1/steps/0/compute/a", 8, 1), 17, "x", "routes.second.steps[0].compute.a"),
        (Fault("routes/1/topic", len("a/b/c/A{"), 1), 18, "c", "routes.second.topic"),
        (Fault("routes/1/topic", len("a/b/c/"), 1), 18, "\\x41", "routes.second.topic"),
        (Fault("routes/1/to/0/topic", 1, 1), 19, "{", "routes.second.to[0].topic"),
        (Fault("routes/1/from/0"), 9, "a", "routes.second.from[0]"),
        (Fault("routes/0"), 7, "{filter: a, to: s}", "routes.first"),
        (Fault("routes/0/to/0/sink"), 7, "s", "routes.first.to[0].sink"),
        (Fault("routes/1/steps/0"), 13, "compute:", "routes.second.steps[0]"),
        (Fault("sources/1/mqtt/client_id"), 4, "{type: ndjson, path: x}", "sources.b.mqtt.client_id"),
    ],
)
def test_a_finding_of_the_engine_gets_its_line_and_column(fault: Fault, line: int, marked: str, path: str) -> None:
    text = HEAD + "routes:\n" + ROUTE
    (diagnostic,) = diagnose(compile_router(load_text(text)), [fault])  # type: ignore[list-item]  # the engine's class cannot be made here
    position = diagnostic.position
    assert position is not None
    begin = position.column - 1
    assert (diagnostic.path, diagnostic.message, position.line) == (path, fault.message, line)
    assert text.splitlines()[line - 1][begin : begin + position.length] == marked


def test_a_finding_about_what_nobody_wrote_has_a_path_only() -> None:
    (diagnostic,) = diagnose(compile_router(routes("  r: {filter: a, to: s}\n")), [Fault("limits/depth")])  # type: ignore[list-item]
    assert (diagnostic.path, diagnostic.position) == ("limits.depth", None)


HOOKED = """\
version: 1
name: n
sources: {s: {type: generator, tags: 1, rate: 1}}
sinks: {o: {type: stdout}}
routes:
  r:
    filter: a/{line}/{rest#}
"""


@pytest.mark.parametrize(
    ("arguments", "message", "line"),
    [
        ("memory: 64MiB", "`memory` bounds a process of the hook's own", 11),
        ("state: {by: [line, plc]}", "no capture `plc`", 11),
    ],
)
def test_arguments_of_hooks_that_mean_nothing_are_found_with_their_line(arguments: str, message: str, line: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_text(f"{HOOKED}    steps:\n      - python:\n          call: m:f\n          {arguments}\n    to: o\n", file="n.yaml")
    (found,) = caught.value.diagnostics
    assert message in str(found)
    assert f"n.yaml:{line}:" in str(found)


def test_a_hook_s_state_may_be_kept_by_any_capture_of_the_filter() -> None:
    load_text(f"{HOOKED}    steps: [{{python: {{call: 'm:f', state: {{by: [line, rest]}}}}}}]\n    to: o\n", file="n.yaml")
