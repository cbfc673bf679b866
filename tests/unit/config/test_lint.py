"""Warnings: each rule with a configuration that it is about and one that it is not."""

import pytest

from pronubes.config.compile import compile_router, refuse_errors
from pronubes.config.filter_index import Steps
from pronubes.config.lint import lint
from pronubes.config.load import load_text
from pronubes.diagnostics import Severity

BROKER = "url: mqtt://127.0.0.1:1883"
OTHER = "url: mqtt://127.0.0.1:1884"


def codes(sources: str, sinks: str, routes: str, head: str = "") -> list[tuple[str, str]]:
    """Lint a configuration; give the codes with the paths."""
    text = f"version: 1\nname: n\n{head}\nsources:\n{sources}\nsinks:\n{sinks}\nroutes:\n{routes}\n"
    loaded = load_text(text)
    refuse_errors(compile_router(loaded))
    found = lint(loaded)
    assert all(diagnostic.position is not None for diagnostic in found)
    return [(diagnostic.code, diagnostic.path) for diagnostic in found]


S = f"  a: {{type: mqtt, {BROKER}, topics: [raw/#]}}"
K = f"  k: {{type: mqtt, {OTHER}}}"


@pytest.mark.parametrize(
    ("name", "routes", "expected"),
    [
        ("nothing", "  r: {filter: 'raw/{x}/{y#}', topic: 'out/{x}/{y}', to: k}", []),
        ("dead", "  r: {filter: 'raw/#', final: true, to: k}\n  s: {filter: raw/+/x, topic: a, to: k}", [("dead_route", "routes.s")]),
        ("final_with_condition", "  r: {filter: 'raw/#', final: true, where: payload.x > 1, to: k}\n  s: {filter: raw/+/x, topic: a, to: k}", []),
        ("final_narrower", "  r: {filter: raw/+/x, final: true, to: k}\n  s: {filter: 'raw/#', topic: a, to: k}", []),
        ("final_behind", "  s: {filter: raw/+/x, topic: a, to: k}\n  r: {filter: 'raw/#', final: true, to: k}", []),
        ("unreachable", "  q: {filter: 'raw/#', to: k}\n  r: {filter: rwa/x, topic: b, to: k}", [("unreachable_route", "routes.r.filter")]),
        (
            "unrouted",
            "  r: {filter: other, otherwise: false, to: k}",
            [("unrouted_topic", "sources.a.topics[0]"), ("unreachable_route", "routes.r.filter")],
        ),
        ("otherwise", "  r: {otherwise: true, to: k}", []),
        (
            "same_topic",
            "  r: {filter: raw/x/+, topic: a, to: k}\n  s: {filter: raw/+/y, topic: a, to: k}\n  t: {filter: raw/z/z, topic: a, to: k}",
            [("same_topic", "routes.s")],
        ),
        ("told_apart", "  r: {filter: raw/x, where: payload.x > 1, to: k}\n  s: {filter: raw/x, where: payload.x <= 1, to: k}", []),
        ("same_name_kept", "  r: {filter: raw/x, to: k}\n  s: {filter: raw/x, to: k}", [("same_topic", "routes.s")]),
        ("through", "  r: {filter: 'raw/#', delivery: through, to: k}", [("through_without_effect", "routes.r.delivery")]),
    ],
)
def test_routes(name: str, routes: str, expected: list[tuple[str, str]]) -> None:
    assert codes(S, K, routes) == expected


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("topic: 'acme/{x}'", []),
        ("topic: 'raw/{x}'", [("loop", "routes.r.topic")]),
        ("topic: 'raw/sub/{x}'", [("echo", "routes.r.topic")]),
        ("topic: '{x}/y'", [("loop", "routes.r.topic")]),
        ("topic: 'a-{x}/y'", []),
    ],
)
def test_what_comes_back(topic: str, expected: list[tuple[str, str]]) -> None:
    sinks = "  k: {type: mqtt, url: mqtt://localhost}"
    assert codes(S, sinks, f"  r: {{filter: 'raw/{{x}}', {topic}, to: k}}") == expected


def test_what_keeps_its_name_goes_round() -> None:
    assert codes(S, f"  k: {{type: mqtt, {BROKER}}}", "  r: {filter: 'raw/#', to: k}") == [("loop", "routes.r.to[0]")]


@pytest.mark.parametrize(
    ("head", "sources", "sinks", "routes", "expected"),
    [
        ("vars: {x: 1, y: raw, z: 2}", S, K, "  r: {filter: '${y}/#', where: payload.x > vars.z, to: k}", [("unused_variable", "vars.x")]),
        ("", S, K + "\n  spare: {type: stdout}", "  r: {filter: 'raw/#', to: k}", [("unused_sink", "sinks.spare")]),
        ("", S + "\n  spare: {type: ndjson, path: '-'}", K, "  r: {from: a, filter: 'raw/#', to: k}", [("unused_source", "sources.spare")]),
        (
            "",
            S.replace("[raw/#]", "[raw/#, raw/x, other]"),
            K,
            "  r: {filter: '#', to: k}",
            [("overlapping_topics", "sources.a.topics[1]")],
        ),
        (
            "",
            S.replace("127.0.0.1:1883", "10.0.0.1:1883, allow_plaintext: true"),
            K,
            "  r: {filter: '#', to: k}",
            [("plain_text", "sources.a.url")],
        ),
        (
            "",
            S.replace("raw/#]", "raw/#], client_id: x") + "\n" + S.replace("  a:", "  b:").replace("raw/#]", "cmd/#], client_id: x"),
            K,
            "  r: {filter: '#', to: k}",
            [("same_client_id", "sources.b")],
        ),
        ("", S.replace("raw/#]", "raw/#], qos: 1"), K, "  r: {filter: '#', delivery: volatile, to: k}", [("volatile", "routes.r.delivery")]),
        (
            "",
            S.replace("raw/#]", "raw/#], qos: 1"),
            K + "\n  s: {type: stdout}",
            "  r: {filter: '#', delivery: through, to: [k, s]}",
            [("slowest_sink", "routes.r.delivery")],
        ),
        ("", S, K, "  r: {filter: '#', delivery: durable, to: k}", [("durable_qos_0", "routes.r.delivery")]),
        (
            "",
            S.replace("raw/#]", "raw/#], qos: 1, clean_start: true"),
            K,
            "  r: {filter: '#', to: k}",
            [("durable_clean_start", "sources.a.clean_start")],
        ),
        ("", S.replace("raw/#]", "raw/#], qos: 1"), K + "\n  s: {type: live}", "  r: {filter: '#', to: [k, s]}", []),
    ],
)
def test_the_rest(head: str, sources: str, sinks: str, routes: str, expected: list[tuple[str, str]]) -> None:
    assert codes(sources, sinks, routes, head) == expected


def test_notes_are_no_warnings() -> None:
    text = (
        "version: 1\nname: n\nsources: {a: {type: mqtt, url: 'mqtt://127.0.0.1:1884', topics: [raw], qos: 1}}\n"
        "sinks: {k: {type: stdout}, s: {type: stdout}}\nroutes: {r: {filter: raw, delivery: through, to: [k, s]}}\n"
    )
    assert [diagnostic.severity for diagnostic in lint(load_text(text))] == [Severity.NOTE]


def test_a_route_may_be_dead_behind_several() -> None:
    sources = S + "\n" + S.replace("  a:", "  b:")
    routes = (
        "  r: {from: a, filter: 'raw/#', final: true, to: k}\n  s: {from: b, filter: '#', final: true, to: k}\n  t: {filter: raw/x, topic: o, to: k}"
    )
    assert ("dead_route", "routes.t") in codes(sources, K, routes)
    assert ("dead_route", "routes.t") not in codes(sources, K, routes.replace("filter: '#'", "filter: raw/y"))


def test_many_routes_are_all_looked_at() -> None:
    """Ten thousand `final` routes with one output topic; the last two are dead, and meet with the first."""
    lines = [f"  r{number}: {{filter: raw/x{number}/+, final: {str(number > 0).lower()}, topic: same, to: k}}" for number in range(10_000)]
    lines += ["  late: {filter: raw/x9999/a, topic: b, to: k}", "  last: {filter: raw/x0/a, topic: same, to: k}"]
    expected = [("unused_sink", "sinks.spare"), ("dead_route", "routes.late"), ("same_topic", "routes.last")]
    assert codes(S, K + "\n  spare: {type: stdout}", "\n".join(lines)) == expected


def test_what_is_not_looked_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pronubes.config.lint.Steps", lambda: Steps(50))
    routes = "\n".join(f"  r{number}: {{filter: raw/+/x{number}/+, topic: same, to: k}}" for number in range(100))
    found = codes(S, K + "\n  spare: {type: stdout}", routes)
    assert ("unused_sink", "sinks.spare") in found
    assert ("lint_incomplete", "routes") in found


G = "  a: {{type: generator, shape: {}}}"
OWN = "{value: v, quality: {field: q, as: classic}, time: t}"


@pytest.mark.parametrize(
    ("source", "step", "expected"),
    [
        ("reading", None, []),
        (OWN, None, []),
        ("umh", None, [("shape_without_quality", "sources.a.shape")]),
        ("{value: v, time: t}", None, [("shape_without_quality", "sources.a.shape")]),
        ("reading", "{from: reading, to: record}", []),
        ("record", "{from: record, to: reading, without: [received, origin]}", [("shape_narrows", "routes.r.steps[0].shape.to")]),
        ("opcua", "{from: opcua, to: i3x}", [("shape_narrows", "routes.r.steps[0].shape.to")]),
        (OWN, f"{{from: {OWN}, to: opcua}}", []),
    ],
)
def test_shapes(source: str, step: str | None, expected: list[tuple[str, str]]) -> None:
    steps = f", steps: [{{shape: {step}}}]" if step else ""
    assert codes(G.format(source), K, f"  r: {{filter: '#', to: k{steps}}}") == expected


BY = [("topic_beyond_by", "routes.r.topic")]
QOS_1 = S.replace("]}", "], qos: 1}")


@pytest.mark.parametrize(
    ("step", "topic", "expected"),
    [
        ("combine: {by: [line], fields: {a: raw/+/a}}", "'out/{line}'", []),
        ("combine: {by: [line], fields: {a: raw/+/a}}", "'out/{line}/{tag}'", BY),
        ("combine: {by: [line], fields: {a: raw/+/a}}", "'out/{line}/{payload.a}'", []),
        ("combine: {by: [], fields: {a: raw/+/a}}", "out/all", []),
        ("combine: {by: [line, tag], fields: {a: raw/+/a}}", None, []),
        ("combine: {by: [line], fields: {a: raw/+/a}}", None, [("topic_beyond_by", "routes.r.steps[0].combine")]),
        ("window: {by: [tag], field: value, count: 10}", "'out/{line}'", BY),
        ("window: {field: value, length: 1m}", "'out/{line}'", []),
        ("throttle: {by: [line], every: 1s}", "'out/{line}/{tag}'", BY),
        ("throttle: {by: [line], every: 1s, keep: first}", "'out/{line}/{tag}'", []),
        ("stale: {by: [line], after: 1m}", "'out/{tag}'", BY),
        ("debounce: {by: [], for: 1s}", "'out/{tag}'", BY),
        ("swinging_door: {by: [line], field: value, deviation: 1}", None, [("topic_beyond_by", "routes.r.steps[0].swinging_door")]),
        # What passes is the message that is there, with its own topic.
        ("deadband: {by: [line], field: value, absolute: 1}", "'out/{tag}'", []),
        ("on_change: {by: []}", None, []),
        ("rate: {by: [line], field: value}", "'out/{tag}'", []),
    ],
)
def test_topics_beyond_keys(step: str, topic: str | None, expected: list[tuple[str, str]]) -> None:
    names = f"topic: {topic}, " if topic else ""
    assert codes(S, K, f"  r: {{filter: 'raw/{{line}}/{{tag}}', steps: [{step}], {names}to: k}}") == expected


def test_each_target_has_a_topic_of_its_own() -> None:
    step = "window: {by: [line], field: value, length: 1m}"
    routes = f"  r: {{filter: 'raw/{{line}}/{{tag#}}', steps: [{step}], to: [{{sink: k, topic: 'out/{{line}}'}}, {{sink: k, topic: 'o/{{tag}}'}}]}}"
    assert codes(S, K, routes) == [("topic_beyond_by", "routes.r.to[1].topic")]


@pytest.mark.parametrize(
    ("source", "steps", "more", "expected"),
    [
        (QOS_1, "window: {field: value, length: 1m}", "", [("held_in_memory", "routes.r.steps[0].window")]),
        (S, "window: {field: value, length: 1m}", "", []),
        (S, "throttle: {every: 1s}", "delivery: durable, ", [("held_in_memory", "routes.r.steps[0].throttle")]),
        (QOS_1, "throttle: {every: 1s, keep: first}", "", []),
        (QOS_1, "window: {field: value, length: 1m}", "delivery: through, ", [("held_in_memory", "routes.r.steps[0].window")]),
        (QOS_1, "window: {field: value, length: 1m}", "delivery: volatile, ", []),
        (QOS_1, "deadband: {field: value, absolute: 1}", "", []),
        (QOS_1, "stale: {after: 1m}", "", []),
        (QOS_1, "stale: {after: 1m}}, {debounce: {for: 1s}", "", [("held_in_memory", "routes.r.steps[1].debounce")]),
    ],
)
def test_what_waits_in_steps_is_in_no_log(source: str, steps: str, more: str, expected: list[tuple[str, str]]) -> None:
    found = codes(source, K, f"  r: {{filter: 'raw/#', steps: [{{{steps}}}], {more}topic: out, to: k}}")
    assert [one for one in found if one[0] == "held_in_memory"] == expected
