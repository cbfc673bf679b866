"""The traps of YAML: where they are reported and what is advised."""

import pytest

from pronubes.config.load import load_text
from pronubes.errors import ConfigurationError

HEAD = "version: 1\nname: n\n"


@pytest.mark.parametrize(
    ("line", "place", "message", "hint"),
    [
        ("where: !has(payload.x)", (3, 8), "cannot start with `!`", "'!has(payload.x)'"),
        ("where: !has(payload.x) && payload.a > 1", (3, 25), "cannot start with `!`", "`where: '!has(payload.x) && payload.a > 1'`"),
        ("where: !(payload.x == 'a')", (3, 8), "cannot start with `!`", "`\"!(payload.x == 'a')\"`"),
        ("filter: {area}/x", (3, 15), "cannot start with `{`", "`filter: '{area}/x'`"),
        ("filter: {area}/{tag}", (3, 15), "cannot start with `{`", "`filter: '{area}/{tag}'`"),
        ('where: "GOOD" == payload.q', (3, 15), "follows the closing quote", "`where: '\"GOOD\" == payload.q'`"),
        ("where: payload.a ? payload.b : payload.c", (3, 30), "cannot hold `: `", "`where: 'payload.a ? payload.b : payload.c'`"),
        ("unit: %", (3, 7), "cannot start with `%`", "`unit: '%'`"),
        ("unit: @x", (3, 7), "cannot start with `@`", "`unit: '@x'`"),
        ("to: {sink: uns, topic: ${site}/a}", (3, 25), "not what it seems", "quote every text"),
        ("compute: {hot: payload.x in [1, 2]}", (3, 29), "not what it seems", "quote every text"),
        ("topics: [raw/#, #]", (3, 9), "not what it seems", "quote every text"),
        ("\tname: a", (3, 1), "tab cannot indent", "spaces"),
        (" filter: a", (3, 8), "not YAML", "indentation"),
        ("name2: 'open", (3, 8), "not YAML", "quote is not closed"),
        ('name2: "a\\d"', (3, 10), "not YAML", "single quotes"),
        ("limits: [1", (3, 9), "not YAML", "not closed"),
        ("filter: *", (3, 10), "cannot start with `*`", "`filter: '*'`"),
    ],
)
def test_what_is_no_yaml(line: str, place: tuple[int, int], message: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_text(HEAD + line + "\n")
    first = next(diagnostic for diagnostic in caught.value.diagnostics if message in diagnostic.message)
    assert first.position is not None
    assert (first.position.line, first.position.column) == place
    assert hint in (first.hint or "")


@pytest.mark.parametrize(
    ("route", "hint"),
    [
        ("filter: #", "`filter: '#'`"),
        ("filter: # all of it", "`filter: '#'`"),
        ("filter: a\n    steps:\n      - compute: {hot: max(payload.a, payload.b)}", "`'max(payload.a, payload.b)'`"),
    ],
)
def test_a_value_that_is_lost_to_yaml_is_found_again(route: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_text(f"{HEAD}sinks: {{s: {{type: stdout}}}}\nroutes:\n  one:\n    {route}\n    to: s\n")
    assert [hint in (diagnostic.hint or "") for diagnostic in caught.value.diagnostics if diagnostic.code == "no_value"] == [True]


def test_a_line_made_to_stall_a_regular_expression_does_not() -> None:
    with pytest.raises(ConfigurationError):
        load_text(HEAD + "a: '" + "''" * 1_000_000 + "x' y")
