"""`${...}` in texts."""

import pytest

from pronubes.config.load import load_values
from pronubes.config.variables import VariableProblem, substitute
from pronubes.connectors.values import Secret
from pronubes.errors import ConfigurationError

NAMES = {"site": "cologne", "line": 4, "factor": 1.5, "on": True}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${site}", "cologne"),
        ("${line}", 4),
        ("${factor}", 1.5),
        ("${on}", True),
        ("a/${site}/${line}", "a/cologne/4"),
        ("${on}-${factor}", "true-1.5"),
        ("$${site}", "${site}"),
        ("$$${site}", "$${site}"),
        ("{area}/$/${site}", "{area}/$/cologne"),
        ("${env:HOME}", Secret("${env:HOME}")),
        ("${file:/run/secrets/a b}", Secret("${file:/run/secrets/a b}")),
    ],
)
def test_variables_are_put_in(text: str, value: object) -> None:
    found = substitute(text, NAMES)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "offset", "length", "sentence"),
    [
        ("a/${sit}", 2, 6, "no variable `sit`"),
        ("${}", 0, 3, "no variable ``"),
        ("${ site }", 0, 9, "no variable ` site `"),
        ("a${site", 1, 2, "no `}`"),
        ("a/${env:HOME}", 2, 11, "must be the whole text"),
        ("${env:A}${file:b}", 0, 8, "must be the whole text"),
    ],
)
def test_what_cannot_be_put_in_says_where(text: str, offset: int, length: int, sentence: str) -> None:
    with pytest.raises(VariableProblem, match=sentence) as caught:
        substitute(text, NAMES)
    assert (caught.value.offset, caught.value.length) == (offset, length)


def test_variables_of_a_dict_are_put_in_and_the_dict_stays() -> None:
    values = {
        "version": 1,
        "name": "n",
        "vars": {"site": "cologne"},
        "sinks": {"s": {"type": "ndjson", "path": "${site}/a"}},
        "routes": {"r": {"filter": "a/${site}", "to": ["s"]}},
    }
    loaded = load_values(values)
    assert loaded.configuration.routes["r"].filter == "a/cologne"
    assert loaded.configuration.sinks["s"].options.path == "cologne/a"  # type: ignore[attr-defined]
    assert values["routes"]["r"]["filter"] == "a/${site}"  # type: ignore[index]


def test_findings_of_a_dict_have_paths_and_no_lines() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_values({"version": 1, "name": "n", "routes": {"r": {"filter": "a/${sit}", "to": "s"}}})
    assert [(diagnostic.path, diagnostic.position) for diagnostic in caught.value.diagnostics] == [
        ("routes.r.filter", None),
        ("routes.r.to[0].sink", None),
    ]
