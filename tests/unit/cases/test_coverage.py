"""What the cases of a configuration have run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pronubes.cases.coverage import Coverage
from pronubes.cases.suite import run_case
from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode

CASES = """\
cases:
  - name: good
    given: {topic: raw/l1/temp/t1, payload: {value: 20, quality: GOOD}}
    expect: {topic: cologne/l1/t1}
  - name: hooked
    given: {topic: raw/hook, payload: {value: 2}}
    expect: {topic: raw/hook}
  - name: slow
    given: [{topic: raw/slow/a, payload: 1}, {advance: 1s}]
    expect: {topic: slow/a}
  - name: later
    given: {topic: raw/split, payload: {points: {a: 1}}}
    skip: later
"""


def covered(suite: Any, cases: Any) -> Coverage:
    coverage = Coverage(suite.compiled({}).loaded)
    for named in cases:
        happening = run_case(suite, named, is_covered=True).happening
        if happening is not None:
            coverage.add(happening)
    return coverage


def test_what_nothing_runs_is_said_with_its_line(read: Callable[[str], Any]) -> None:
    coverage = covered(*read(CASES))
    assert list(coverage.lines("c.yaml")) == [
        "c.yaml:15  temperatures  its condition is never false",
        "c.yaml:22  split         its filter is never hit",
        "c.yaml:27  broker        its filter is never hit",
        "c.yaml:37  strict        its filter is never hit",
        "coverage: 54.1 %, 13 of 24 filters, conditions, steps and targets",
    ]


def test_conditions_of_steps_have_two_sides(folder: Path, read: Callable[[str], Any]) -> None:
    path = folder / "pronubes.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("- set: {behind: true}", "- set: {behind: true}\n        where: payload.twice > 4"), encoding="utf-8")
    case = "cases:\n  - name: it\n    given: [{given}]\n    expect: [{expect}]\n"
    low, high = "{topic: raw/hook, payload: {value: 1}}", "{topic: raw/hook, payload: {value: 3}}"
    told = {}
    for name, given in (("low", [low]), ("high", [high]), ("both", [low, high])):
        filled = case.replace("{given}", ", ".join(given)).replace("{expect}", ", ".join(["{topic: raw/hook}"] * len(given)))
        told[name] = [part.sentence for part in covered(*read(filled)).routes["hooked"].missed()]
    assert told == {
        "low": ["step 2, set, never runs: its `where` is never true"],
        "high": ["step 2, set, is never left out: its `where` is never false"],
        "both": [],
    }


def test_routes_of_a_template_count_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "machines.csv").write_text("line\nl1\nl2\n", encoding="utf-8")
    (tmp_path / "pronubes.yaml").write_text(
        """\
version: 1
name: n
sources: {plant: {type: generator}}
sinks: {uns: {type: stdout}}
templates:
  filler:
    parameters: {line: name}
    routes:
      values_${line}:
        filter: raw/${line}/{tag}
        where: payload.value > 0
        to: uns
instances: [{template: filler, table: machines.csv}]
""",
        encoding="utf-8",
    )
    cases = "cases:\n  - {name: it, given: {topic: raw/l2/a, payload: {value: 1}}, expect: {topic: raw/l2/a}}\n"
    (tmp_path / "tests" / "a.yaml").write_text(cases, encoding="utf-8")
    config = str(tmp_path / "pronubes.yaml")
    assert main(["test", config, "--json", "--coverage"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)["coverage"]
    assert (found["percent"], found["covered"], found["total"]) == (75.0, 3, 4)
    assert found["routes"] == [
        {
            "route": "filler: values_${line}",
            "line": 10,
            "parts": [
                {"part": "filter", "line": 10, "count": 1},
                {"part": "where true", "line": 11, "count": 1},
                {"part": "where false", "line": 11, "count": 0},
                {"part": "to 1", "line": 12, "count": 1},
            ],
            "missed": ["its condition is never false"],
        }
    ]
    assert main(["test", config, "--fail-under", "75"]) == ExitCode.OK
    assert "coverage: 75 %, 3 of 4" in capsys.readouterr().out
    assert main(["test", config, "--fail-under", "75.1"]) == ExitCode.FAILED
    assert "The coverage is below 75.1 %." in capsys.readouterr().err
