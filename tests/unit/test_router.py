"""The Python face: what `import pronubes` offers."""

import subprocess
import sys
from pathlib import Path

import pytest

import pronubes

EXAMPLE = {
    "version": 1,
    "name": "example",
    "vars": {"site": "cologne"},
    "sources": {"plant": {"type": "mqtt", "url": "mqtt://127.0.0.1", "topics": ["raw/#"]}},
    "sinks": {"uns": {"type": "mqtt", "url": "mqtt://127.0.0.1", "retain": True}},
    "routes": {
        "temperatures": {
            "filter": "raw/{line}/temp",
            "where": "payload.value > -40.0",
            "steps": [{"scale": {"field": "value", "factor": 1.8, "offset": 32}}],
            "topic": "${site}/{line}/temperature",
            "to": "uns",
        }
    },
}


def test_importing_loads_nothing() -> None:
    script = "import sys, pronubes\nprint(sorted(name for name in sys.modules if name.startswith('pronubes.')))"
    assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip() == "[]"


def test_every_name_is_there() -> None:
    assert {name for name in pronubes.__all__ if getattr(pronubes, name) is None} == set()
    with pytest.raises(AttributeError, match="has no attribute `Ruter`"):
        pronubes.Ruter  # noqa: B018  the question is the test


def test_messages_become_outcomes() -> None:
    router = pronubes.Router.from_dict(EXAMPLE)
    messages = [("raw/l1/temp", b'{"value": 20}'), ("raw/l1/temp", b'{"value": -50}'), ("raw/l1/temp", b"{"), ("other", b"1"), ("bad/#", b"1")]
    outcomes = router.route("plant", messages, now_ns=0)
    assert [(one.index, one.kind, one.topic, one.payload, one.retain) for one in outcomes[:1]] == [
        (0, "emitted", "cologne/l1/temperature", b'{"value": 68.0}', True)
    ]
    assert [(one.index, one.kind, one.reason) for one in outcomes[1:]] == [
        (1, "filtered", None),
        (1, "unrouted", None),
        (2, "quarantined", "invalid_json"),
        (3, "unrouted", None),
        (4, "rejected", "invalid_topic"),
    ]
    assert router.stats()["balanced"] is True


def test_what_did_not_leave_has_the_message_as_it_came() -> None:
    messages = [("raw/l1/temp", b'{"value": -50}'), ("raw/l1/temp", b"{"), ("other", b"1"), ("bad/#", b"2")]
    outcomes = pronubes.Router.from_dict(EXAMPLE).route("plant", messages, now_ns=0)
    assert {one.kind for one in outcomes} == {"filtered", "quarantined", "unrouted", "rejected"}
    assert [(one.topic, one.payload) for one in outcomes] == [messages[one.index] for one in outcomes]


def test_stages_are_counted_by_how_they_run() -> None:
    routes = {
        "as_it_is": {"filter": "a/#", "to": "uns"},
        "fields": EXAMPLE["routes"]["temperatures"],
        "tree": {"filter": "b/#", "steps": [{"set": {"a.b": 1}}], "to": "uns"},
    }
    assert pronubes.Router.from_dict({**EXAMPLE, "routes": routes}).stats()["stages"] == {"pass": 1, "edit": 1, "general": 1}


def test_an_unknown_source_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="no source `nowhere`"):
        pronubes.Router.from_dict(EXAMPLE).route("nowhere", [("a", b"")], now_ns=0)


def test_findings_of_the_engine_have_lines(tmp_path: Path) -> None:
    path = tmp_path / "pronubes.yaml"
    path.write_text(
        "version: 1\nname: n\nsources: {a: {type: ndjson, path: '-'}}\nsinks: {s: {type: stdout}}\nroutes:\n"
        "  r:\n    filter: raw/{x}\n    where: payload.a > > 1\n    topic: b/{y}\n    to: s\n    steps:\n      - compute: {a: payload.b +}\n",
        encoding="utf-8",
    )
    with pytest.raises(pronubes.ConfigurationError) as caught:
        pronubes.Router.from_file(path)
    found = [(one.path, one.position and (one.position.line, one.position.column)) for one in caught.value.diagnostics]
    assert found == [("routes.r.where", (8, 24)), ("routes.r.topic", (9, 14)), ("routes.r.steps[0].compute.a", (12, 33))]


@pytest.mark.parametrize(
    ("filter_", "topic", "matches"),
    [("a/+/#", "a/b", True), ("$share/g/a/#", "a", True), ("#", "$SYS/x", False), ("+", "/a", False)],
)
def test_filters_match_topics(filter_: str, topic: str, *, matches: bool) -> None:
    assert pronubes.topic_matches(filter_, topic) is matches


def test_a_bad_filter_names_the_clause() -> None:
    with pytest.raises(pronubes.TopicError) as caught:
        pronubes.validate_filter("a/#/b")
    assert isinstance(caught.value, ValueError)
    assert "4.7.1" in caught.value.clause
