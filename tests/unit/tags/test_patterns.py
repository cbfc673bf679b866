"""Patterns take tags apart in one way, the shortest first, and as fast as the tag is long."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronubes.tags.levels import escaped, is_topic, unescaped
from pronubes.tags.patterns import NameTemplate, PatternProblem, TagPattern

CASES = [
    ("{machine}_{signal}", "oven1_temp", {"machine": "oven1", "signal": "temp"}),
    ("{machine}_{signal}", "oven1_temp_set", {"machine": "oven1", "signal": "temp_set"}),
    ("{machine}_{signal}", "_temp_set", {"machine": "_temp", "signal": "set"}),
    ("{machine}_{signal}", "oven1", None),
    ("{machine}_{signal}", "oven1_", None),
    ("{a}.{b}.{c}", "x.y.z.w", {"a": "x", "b": "y", "c": "z.w"}),
    ("PLC_{a}_PV", "PLC_t1_PV", {"a": "t1"}),
    ("PLC_{a}_PV", "PLC_PV", None),
    ("PLC_{a}_PV", "PLC__PV", None),
    ("PLC_{a}_PV", "PLC_t1_SP", None),
    ("pump", "pump", {}),
    ("pump", "pump1", None),
    ("{a}", "=cmd|' /C calc'!A0", {"a": "=cmd|' /C calc'!A0"}),
    ("{a}bb", "bbb", {"a": "b"}),
]


@pytest.mark.parametrize(("pattern", "tag", "captures"), CASES)
def test_cases(pattern: str, tag: str, captures: dict[str, str] | None):
    assert TagPattern.parse(pattern).match(tag) == captures


@given(st.lists(st.text("ab", max_size=2), min_size=1, max_size=5), st.text("ab", max_size=9))
def test_matches_like_the_expression_that_tries_everything(literals: list[str], tag: str):
    literals = [literals[0], *(literal or "a" for literal in literals[1:-1]), *literals[-1:]] if len(literals) > 1 else [literals[0] or "a"]
    names = [f"c{number}" for number in range(len(literals) - 1)]
    text = literals[0] + "".join(f"{{{name}}}{literal}" for name, literal in zip(names, literals[1:], strict=True))
    naive = re.escape(literals[0]) + "".join(f"(?P<{name}>.+?){re.escape(part)}" for name, part in zip(names, literals[1:], strict=True))
    found = re.fullmatch(naive, tag)
    assert TagPattern.parse(text).match(tag) == (found.groupdict() if found else None)


def test_a_tag_made_to_be_slow_is_not():
    pattern = TagPattern.parse("".join(f"{{c{number}}}a" for number in range(30)) + "b")
    began_s = time.process_time()
    assert pattern.match("a" * 100_000) is None
    assert time.process_time() - began_s < 1


@pytest.mark.parametrize("text", ["", "{a}{b}", "{a}_{a}", "{a", "a}", "{}", "{a b}", "{1}"])
def test_what_is_no_pattern(text: str):
    with pytest.raises(PatternProblem):
        TagPattern.parse(text)


@pytest.mark.parametrize(
    ("text", "values"), [("x/{a}", "b/c"), ("x/{a}", "+"), ("x/{a}", ""), ("x/{a}", "\0"), ("{a}/x", "$SYS"), ("x/{a}", "y" * 70_000)]
)
def test_a_value_may_not_break_a_level(text: str, values: str):
    with pytest.raises(PatternProblem):
        NameTemplate.parse(text, ["a"]).render({"a": values})


@pytest.mark.parametrize("text", ["", "x//{a}", "x/+", "#", "$x/{a}", "x/{b}", "x/{a"])
def test_what_is_no_template(text: str):
    with pytest.raises(PatternProblem):
        NameTemplate.parse(text, ["a"])


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(["a+_x002B_", "_x_x002B_+", "+_x005F_", " a", "$a"]))
def test_escaping_can_be_undone_and_gives_names(topic: str):
    legal = escaped(topic)
    assert is_topic(legal) or "" in topic.split("/")
    if not is_topic(topic):
        assert (
            "/".join(unescaped(level) if level != before else level for level, before in zip(legal.split("/"), topic.split("/"), strict=True))
            == topic
        )
