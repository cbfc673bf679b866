"""The catalogue as Python sees it: calls, JSON, errors. Its behaviour is tested in Rust."""

import json

import pytest

from pronubes import _core

NOW = 1_700_000_000_000_000_000
LEVELS = [{"name": "site", "kind": "one", "pattern": "[a-z]+"}, {"name": "signal", "kind": "many", "pattern": "[a-z0-9]+"}]
BRANCHES = [{"filter": "acme", "publish": ["all"], "owner": "team"}]


def make(topic="acme/{rest}", **changes):
    routes = [{"name": "all", "filter": "raw/{rest#}", "topic": topic, "to": [{"sink": "sql"}]}]
    return json.dumps({"sources": ["plant"], "sinks": ["sql"], "routes": routes, "catalog": {}} | changes).encode()


NODE = json.dumps({"sources": [{"name": "plant", "kind": "batch", "delivery": "volatile"}], "sinks": [{"name": "sql", "kind": "batch"}]}).encode()


@pytest.fixture
def pipeline():
    pipeline = _core.Pipeline(make(namespace={"levels": LEVELS, "branches": BRANCHES}), NODE, now_ns=NOW)
    push(pipeline, [("raw/l1/t1", b'{"value": 1}'), ("raw/l1/t2", b"no json"), ("raw/l2/t1", b"\xff")])
    return pipeline


def push(pipeline, messages):
    topics, payloads = zip(*messages, strict=True)
    pipeline.push("plant", list(topics), list(payloads), now_ns=NOW)


def test_pages_of_names(pipeline):
    page = json.loads(pipeline.catalog_page(limit=2, now_ns=NOW))
    assert page["next"] == "acme/l1/t2"
    assert page["topics"][0] == {
        "topic": "acme/l1/t1",
        "payload": {"value": 1},
        "payload_bytes": 12,
        "received_ns": NOW,
        "first_ns": NOW,
        "count": 1,
        "rate": 0.0,
        "route": "all",
        "source": "plant",
        "origin": "raw/l1/t1",
        "contract": None,
        "branch": "acme",
        "owner": "team",
        "violations": 0,
        "sequence": 1,
        "orphan": False,
    }
    assert page["topics"][1]["text"] == "no json"
    rest = json.loads(pipeline.catalog_page(after=page["next"], limit=2, now_ns=NOW))
    assert (rest["next"], [topic["base64"] for topic in rest["topics"]]) == (None, ["/w=="])


def test_filters_searches_children_and_single_names(pipeline):
    def found(**query):
        return [topic["topic"] for topic in json.loads(pipeline.catalog_page(**query, limit=9, now_ns=NOW))["topics"]]

    assert found(filter="acme/+/t1") == ["acme/l1/t1", "acme/l2/t1"]
    assert found(search="l2") == ["acme/l2/t1"]
    children = json.loads(pipeline.catalog_children("acme", limit=9))
    assert children == {"children": [{"name": "l1", "is_topic": False, "below": 2}, {"name": "l2", "is_topic": False, "below": 1}], "next": None}
    assert json.loads(pipeline.catalog_get("acme/l1/t2", now_ns=NOW))["origin"] == "raw/l1/t2"
    assert pipeline.catalog_get("acme", now_ns=NOW) is None
    with pytest.raises(_core.TopicError):
        pipeline.catalog_page(filter="a/#/b", limit=9, now_ns=NOW)


def test_changes_and_counters(pipeline):
    first = json.loads(pipeline.catalog_changes(0, limit=2, now_ns=NOW))
    assert (first["more"], first["sequence"], [topic["sequence"] for topic in first["topics"]]) == (True, 3, [1, 2])
    push(pipeline, [("raw/L/t", b"1")])  # refused: it takes no name
    counters = json.loads(pipeline.status(now_ns=NOW))["catalog"]
    assert (counters["topics"], counters["sequence"], counters["collisions"], counters["untracked"]) == (3, 3, 0, 0)
    assert 0 < counters["bytes"] <= counters["limit"]


def test_a_reload_keeps_values(pipeline):
    pipeline.swap(make(topic="acme/new/{rest}", namespace={"levels": LEVELS, "branches": BRANCHES}), NODE, now_ns=NOW)
    kept = json.loads(pipeline.catalog_get("acme/l1/t1", now_ns=NOW))
    assert (kept["payload"], kept["orphan"]) == ({"value": 1}, True)


def test_no_catalogue_is_said():
    pipeline = _core.Pipeline(make(catalog=None), NODE, now_ns=NOW)
    for call in (
        lambda: pipeline.catalog_page(limit=1, now_ns=NOW),
        lambda: pipeline.catalog_children(limit=1),
        lambda: pipeline.catalog_get("a", now_ns=NOW),
        lambda: pipeline.catalog_changes(0, limit=1, now_ns=NOW),
    ):
        with pytest.raises(KeyError):
            call()
    assert json.loads(pipeline.status(now_ns=NOW))["catalog"] is None
