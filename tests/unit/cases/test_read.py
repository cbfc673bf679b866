"""Files of cases are read as strictly as configurations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pronubes.cases.read import configuration_of, read_cases_text
from pronubes.errors import ConfigurationError

FILE = "cases:\n  - name: it\n    given: {given}\n{rest}"


def findings(text: str, **variables: str) -> list[tuple[int, str, str | None]]:
    with pytest.raises(ConfigurationError) as caught:
        read_cases_text(text, variables)
    return [(one.position.line if one.position else 0, one.message, one.hint) for one in caught.value.diagnostics]


def test_all_findings_come_at_once_with_their_lines() -> None:
    text = """\
cases:
  - name: one
    givn: []
    given:
      - {topic: raw/a}
      - {topic: raw/a, payload: 1, text: x}
      - {topic: raw/a, payload: 1, qos: 3}
      - {advance: 5}
      - {advance: 5s, payload: 1}
      - {}
    expect:
      - {payload: 1}
      - {topic: a, payload: {value: {$aprox: 1}}}
      - {topic: a, payload: 1, contains: 1}
      - {golden: x.ndjson, topic: a}
    quarantine: {reason: x, step: 0}
    unrouted: -1
  - name: one
    given: {topic: raw/a, base64: "!"}
    nothing: true
    expect: {topic: a}
  - name: two
    given: {topic: raw/a, payload: 1, source_time: yesterday}
    start: 2026-01-01
"""
    assert findings(text) == [
        (3, "There is no key `givn` here.", "Did you mean `given`?"),
        (5, "A message has one of `payload`, `text` and `base64`.", 'A message without a payload is written `text: ""`.'),
        (6, "A message has one of `payload`, `text` and `base64`.", None),
        (7, "The value is not allowed.", None),
        (8, "This is not a duration.", "Write the unit: `5s`."),
        (9, "`payload` belongs to a message, and this is `advance`.", None),
        (10, "A step has one of `topic`, `advance` and `recording`. Here is neither of them.", None),
        (12, "An expected message needs a `topic`.", None),
        (13, "There is no matcher `$aprox`.", "Did you mean `$approx`?"),
        (14, "`payload` and `contains` stand side by side.", "One says what the payload is."),
        (15, "A golden file says everything itself.", "Remove this key."),
        (16, "This names no step.", None),
        (17, "This says nothing of messages that no route takes.", None),
        (19, "This is not base64.", None),
        (23, "This is not a time.", None),
        (24, "This is not a time.", None),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "empty"),
        ("cases: []\n", 1, "not allowed"),
        ("cases:\n  - &a {name: x}\n", 2, "Anchors"),
        ("cases:\n  - name: x\n    given: {topic: '${sit}', payload: 1}\n", 3, "no variable `sit`"),
        ("cases:\n  - name: x\n    given: {topic: '${env:HOME}', payload: 1}\n", 3, "no references to secrets"),
        ("vars: {sit: x}\ncases:\n  - name: x\n    given: {topic: a, payload: 1}\n", 1, "no variable `sit`"),
        ("cases:\n  - name: x\n    vars: {site: [1]}\n    given: {topic: a, payload: 1}\n", 3, "A variable is"),
        ("cases:\n  - name: x\n    given: {topic: a, payload: 1}\n    nothing: true\n    expect: {topic: a}\n", 5, "cannot both be right"),
        (
            "cases:\n  - name: x\n    given: {topic: a, payload: 1}\n    nothing: true\n"
            "  - name: x\n    given: {topic: a, payload: 1}\n    nothing: true\n",
            5,
            "the same name",
        ),
        ("cases:\n  - name: x\n    given: {topic: a, payload: 1}\n    expect:\n      - {topic: a}\n      - {golden: a}\n", 6, "golden"),
    ],
)
def test_each_mistake_is_found(text: str, line: int, words: str) -> None:
    (found,) = findings(text, site="cologne")[:1]
    assert found[0] == line
    assert words in found[1]


def test_variables_of_the_case_come_before_those_of_the_file() -> None:
    text = """\
vars: {site: berlin}
cases:
  - {name: a, given: {topic: "${site}/${line}", payload: "${number}"}, nothing: true}
  - {name: b, vars: {site: bonn}, given: {topic: "${site}", payload: "$${site}"}, nothing: true}
"""
    first, second = read_cases_text(text, {"site": "cologne", "line": "l1", "number": 5}).cases
    assert (first.case.given[0].topic, first.case.given[0].payload, first.overrides) == ("berlin/l1", 5, {"site": "berlin"})
    assert (second.case.given[0].topic, second.case.given[0].payload, second.overrides) == ("bonn", "${site}", {"site": "bonn"})


def test_names_must_be_those_of_the_configuration(read: Callable[[str], Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read("""\
            cases:
              - name: x
                given:
                  - {source: plnt, topic: raw/a, payload: 1, at: 2s}
                  - {topic: raw/a, payload: 1, at: 1s}
                expect: {topic: a, sink: [uns, histry], route: splt}
                quarantine: {reason: mising_field, route: hookd}
        """)
    assert [(one.position.line if one.position else 0, one.hint or one.message) for one in caught.value.diagnostics] == [
        (4, "Did you mean `plant`?"),
        (6, "Did you mean `history`?"),
        (7, "Did you mean `missing_field`?"),
        (6, "Did you mean `split`?"),
        (7, "Did you mean `hooked`?"),
        (5, "Time never goes back. A message that is late has an earlier `source_time`."),
    ]


def test_a_file_may_name_its_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("config: ../other.yaml\ncases: []\n", encoding="utf-8")
    assert configuration_of(path) == (tmp_path.parent / "other.yaml").resolve()
    path.write_text("cases: []\n", encoding="utf-8")
    assert configuration_of(path) is None
