"""Payloads and what is expected of them."""

from typing import Any

import pytest

from pronubes.cases.matchers import MATCHERS, MatcherProblem, check_pattern, differences, escaped


@pytest.mark.parametrize(
    ("expected", "found", "different"),
    [
        ({"value": 1}, {"value": 1.0}, []),
        ({"value": 1}, {"value": True}, ["value"]),
        ({"value": None}, {"value": None}, []),
        ({"value": None}, {}, ["value"]),
        ({}, {"value": None}, ["value"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"motor": {"temp": 1, "on": True}}, {"motor": {"temp": 2, "on": True, "x": 1}}, ["motor.temp", "motor.x"]),
        ([1, {"x": 2}], [1, {"x": 3}, 4], ["[1].x", "[2]"]),
        ([1, 2], [1], ["[1]"]),
        ("1", 1, [""]),
        ({"v": {"$approx": 68.9}}, {"v": 68.90000000000001}, []),
        ({"v": {"$approx": 68.9}}, {"v": 68.91}, ["v"]),
        ({"v": {"$approx": 68.9, "$within": 0.05}}, {"v": 68.91}, []),
        ({"v": {"$approx": 1}}, {"v": True}, ["v"]),
        ({"v": {"$any": "number"}}, {"v": 1.5}, []),
        ({"v": {"$any": "integer"}}, {"v": 1.5}, ["v"]),
        ({"v": {"$any": "value"}}, {"v": None}, []),
        ({"v": {"$any": "value"}}, {}, ["v"]),
        ({"v": {"$between": [0, 1]}}, {"v": 1}, []),
        ({"v": {"$between": [0, 1]}}, {"v": 1.01}, ["v"]),
        ({"v": {"$regex": "t[0-9]+"}}, {"v": "t12"}, []),
        ({"v": {"$regex": "t[0-9]+"}}, {"v": "t12x"}, ["v"]),
        ({"v": {"$one_of": ["GOOD", {"$regex": "B.*"}]}}, {"v": "BAD"}, []),
        ({"v": {"$one_of": ["GOOD", "BAD"]}}, {"v": "UNCERTAIN"}, ["v"]),
        ({"v": {"$contains": {"x": 1}}}, {"v": {"x": 1, "y": 2}}, []),
        ({"v": {"$contains": {"x": 1}}}, {"v": {"x": 2, "y": 2}}, ["v.x"]),
        ({"v": {"$contains": {"x": 1}}}, {"v": 1}, ["v"]),
        ({"v": {"$absent": True}}, {}, []),
        ({"v": {"$absent": True}}, {"v": 1}, ["v"]),
        ({"$$ref": 1}, {"$ref": 1}, []),
        ({"$any": "object"}, {"anything": 1}, []),
    ],
)
def test_a_payload_is_compared_field_by_field(expected: Any, found: Any, different: list[str]) -> None:
    check_pattern(expected)
    assert [one.path for one in differences(expected, found)] == different


def test_a_part_may_have_more_around_it() -> None:
    assert differences({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, is_part=True) == []
    (missing,) = differences({"a": {"b": 1}}, {"a": {"c": 2}}, is_part=True)
    assert (missing.path, missing.expected, missing.found) == ("a.b", "1", None)


@pytest.mark.parametrize(
    ("pattern", "path", "words"),
    [
        ({"v": {"$aprox": 1}}, "v.$aprox", "Did you mean `$approx`?"),
        ({"v": {"$approx": "1"}}, "v.$approx", "a number"),
        ({"v": {"$approx": 1, "$within": -1}}, "v.$within", "0 or more"),
        ({"v": {"$within": 1}}, "v.$within", "`$approx`"),
        ({"v": {"$any": "float"}}, "v.$any", "`number`"),
        ({"v": {"$any": ["x"]}}, "v.$any", "`number`"),
        ({"v": {"$between": [2, 1]}}, "v.$between", "the smaller first"),
        ({"v": {"$regex": "("}}, "v.$regex", "a regular expression"),
        ({"v": {"$one_of": []}}, "v.$one_of", "a list of values"),
        ({"v": {"$one_of": [{"$x": 1}]}}, "v.$one_of.0.$x", "written `$$x`"),
        ({"v": {"$contains": 1}}, "v.$contains", "a mapping"),
        ({"v": {"$absent": False}}, "v.$absent", "`true`"),
        ({"v": [{"$any": "number", "x": 1}]}, "v.0.x", "stands alone"),
    ],
)
def test_a_matcher_that_is_none_is_refused(pattern: Any, path: str, words: str) -> None:
    with pytest.raises(MatcherProblem) as caught:
        check_pattern(pattern)
    assert caught.value.path == path
    assert words in f"{caught.value.expected} {caught.value.hint}"


def test_what_came_can_be_expected() -> None:
    payload = {"$ref": {"$any": 1}, "list": [{"$$": 2}]}
    check_pattern(escaped(payload))
    assert differences(escaped(payload), payload) == []


def test_every_matcher_has_an_example() -> None:
    assert all(name in example and text.endswith((".", "`.")) for name, (example, text) in MATCHERS.items())
