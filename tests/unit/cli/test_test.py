"""`pronubes test`: codes, words and files."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.test_watch import snapshot

CONFIG = """\
version: 1
name: n
sources: {plant: {type: mqtt, url: "mqtt://127.0.0.1", topics: [raw/#]}}
sinks: {uns: {type: mqtt, url: "mqtt://127.0.0.1"}}
routes:
  all: {filter: "raw/{rest#}", topic: "acme/{rest}", to: uns}
"""
GOOD = "  - {name: good one, given: {topic: raw/a, payload: 1}, expect: {topic: acme/a, payload: 1}}\n"
BAD = "  - {name: bad one, given: {topic: raw/a, payload: 1}, expect: {topic: acme/b, payload: 1}}\n"
LATER = "  - {name: later, given: {topic: raw/a, payload: 1}, skip: no time}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pronubes.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRONUBES_CONFIG", raising=False)
    return tmp_path


def write(folder: Path, *cases: str, name: str = "a.yaml", head: str = "") -> None:
    (folder / "tests" / name).write_text(f"{head}cases:\n{''.join(cases)}", encoding="utf-8")


def test_what_is_good_ends_with_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, GOOD, LATER)
    assert main(["test"]) == ExitCode.OK
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == ".s"
    assert shown[1] == "skipped  tests/a.yaml:3  later: no time"
    assert shown[2].startswith("2 cases: 1 passed, 1 skipped in ")


def test_what_is_bad_ends_with_1_and_a_file_for_ci(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, GOOD, BAD, LATER)
    assert main(["test", "-v", "--junit", "out.xml"]) == ExitCode.FAILED
    shown = capsys.readouterr().out
    assert "failed  tests/a.yaml:3  bad one\n" in shown
    assert "An expected message does not leave.  (line 3)\n    acme/b\n" in shown
    assert "A message leaves that is not expected.  (line 3)\n    acme/a -> uns  by route all\n" in shown
    (suite,) = ET.parse(folder / "out.xml").getroot()
    assert {name: suite.get(name) for name in ("name", "tests", "failures", "errors", "skipped")} == {
        "name": "tests/a.yaml",
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["skipped"]]


def test_programs_read_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, GOOD, BAD)
    assert main(["test", "--json", "-k", "bad"]) == ExitCode.FAILED
    result = json.loads(capsys.readouterr().out)
    assert (result["ok"], result["failed"], result["passed"]) == (False, 1, 0)
    (case,) = result["cases"]
    assert (case["file"], case["line"], case["verdict"]) == ("tests/a.yaml", 3, "failed")
    assert [(one["kind"], one["topic"], one["line"]) for one in case["differences"]] == [("missing", "acme/b", 3), ("unexpected", "acme/a", 3)]
    assert case["differences"][1]["explain"] == "pronubes explain -c pronubes.yaml --source plant --received-ms 1767225600000 raw/a 1"


def test_the_first_failure_ends_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, BAD, GOOD)
    assert main(["test", "-x"]) == ExitCode.FAILED
    assert "1 case: 1 failed" in capsys.readouterr().out


def test_update_writes_and_is_content(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, BAD.replace("{name", "name").replace(", given", "\n    given").replace(", expect", "\n    expect").replace("}}\n", "}\n"))
    assert main(["test", "--update"]) == ExitCode.OK
    assert "Review the diff" in capsys.readouterr().out
    assert main(["test"]) == ExitCode.OK


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["test", "-k", "nowhere"], ExitCode.USAGE, "None of the 1 cases fits `-k nowhere`."),
        (["test", "-k", "a and"], ExitCode.USAGE, "A word is missing"),
        (["test", "--cases", "elsewhere"], ExitCode.USAGE, "There are no cases for `pronubes.yaml` in `elsewhere`."),
        (["test", "missing.yaml"], ExitCode.CONFIGURATION, "missing.yaml"),
    ],
)
def test_no_case_is_no_success(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str) -> None:
    write(folder, GOOD)
    assert main(words) == code
    assert said in capsys.readouterr().err


def test_mistakes_in_cases_are_shown_as_those_of_configurations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, GOOD.replace("expect", "expct"), name="a.yaml")
    write(folder, GOOD.replace("payload: 1}}", "sink: un}}"), name="b.yaml")
    assert main(["test"]) == ExitCode.CONFIGURATION
    shown = capsys.readouterr().err
    assert "tests/a.yaml:2:" in shown
    assert "Did you mean `expect`?" in shown
    assert "tests/b.yaml:2:" in shown
    assert "Did you mean `uns`?" in shown


def test_files_that_name_another_configuration_are_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, BAD, name="a.yaml", head="config: ../other.yaml\n")
    write(folder, GOOD, name="b.yaml", head="config: ../pronubes.yaml\n")
    assert main(["test"]) == ExitCode.OK
    (folder / "tests" / "b.yaml").unlink()
    assert main(["test"]) == ExitCode.USAGE
    assert "1 files there name another configuration." in capsys.readouterr().err


def test_the_watch_sees_what_changes(folder: Path) -> None:
    write(folder, GOOD)
    (folder / "data").mkdir()
    (folder / "data" / "x.yaml").write_text("", encoding="utf-8")
    before = snapshot("pronubes.yaml", [])
    assert {path.name for path in before} == {"pronubes.yaml", "a.yaml"}
    write(folder, GOOD, BAD)
    assert snapshot("pronubes.yaml", []) != before
