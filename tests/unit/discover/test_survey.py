"""Kinds of messages, and the filters that find them again."""

import orjson

import pronubes
from pronubes._core import mqtt_filter
from pronubes.discover.survey import Survey


def surveyed(*messages) -> Survey:
    survey = Survey()
    for topic, payload in messages:
        survey.observe(topic, payload if isinstance(payload, bytes) else orjson.dumps(payload), 0)
    return survey


def test_levels_that_vary_become_captures_named_by_their_stem():
    topics = [f"raw/hall/line{line}/{machine}/temp/t{tag:02}" for line in (1, 2) for machine in ("filler", "capper") for tag in range(3)]
    kinds = surveyed(*((topic, {"value": 1}) for topic in topics)).kinds()
    assert [kind.filter() for kind in kinds] == ["raw/hall/{line}/{level4}/temp/{tag}"]


def test_payloads_of_other_fields_are_other_kinds():
    kinds = surveyed(("a/x", {"value": 1}), ("a/y", {"state": 1}), ("a/z", 5), ("a/w", b"\xff")).kinds()
    assert sorted(kind.filter() for kind in kinds) == ["a/w", "a/x", "a/y", "a/z"]
    assert [kind.is_opaque for kind in kinds if kind.filter() == "a/w"] == [True]


def test_a_topic_that_leaves_fields_out_is_of_one_kind():
    kinds = surveyed(("a/x", {"value": 1, "note": "n"}), ("a/x", {"value": 2})).kinds()
    assert len(kinds) == 1
    assert {field.path: field.rules.get("optional", False) for field in kinds[0].learner.fields()} == {"value": False, "note": True}


def test_every_topic_matches_the_filter_of_its_kind_and_names_that_mean_something_in_a_filter_are_captured():
    survey = surveyed(("a/{x}/t", {"v": 1}), ("a/$b/t", {"v": 1}), ("{odd}/t", {"w": 1}))
    for kind in survey.kinds():
        assert all(pronubes.topic_matches(mqtt_filter(kind.filter()), topic) for topic in kind.topics)
