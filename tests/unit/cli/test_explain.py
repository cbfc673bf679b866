"""`pronubes explain`: what is said about a message, for people and for programs."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode

CONFIG = """\
version: 1
name: n
sources:
  other: {type: mqtt, url: mqtt://127.0.0.1, topics: [cmd/#]}
  plant: {type: mqtt, url: mqtt://127.0.0.1, topics: [raw/#]}
sinks: {uns: {type: mqtt, url: mqtt://127.0.0.1}}
routes:
  temperatures:
    from: plant
    filter: raw/{line}/temp/{tag}
    where: payload.quality == "GOOD"
    steps:
      - scale: {field: value, factor: 1.8, offset: 32}
      - drop: [quality]
        where: payload.value > 100
      - set: {unit: "[degF]"}
    topic: acme/{line}/{tag}
    to: uns
  hooked: {filter: hook/x, steps: [{python: "plant.hooks:oee"}], to: uns}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "pronubes.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return str(path)


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["explain", *words])
    return code, capsys.readouterr().out


def test_each_step_is_shown(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = explained(capsys, "-c", config, "raw/l1/temp/t1", '{"value": 20, "quality": "GOOD"}')
    assert code == ExitCode.OK
    assert shown == (
        'raw/l1/temp/t1  from plant  {"value": 20, "quality": "GOOD"}\n'
        "\n"
        "temperatures  raw/{line}/temp/{tag}  passed\n"
        "  captures  line=l1  tag=t1\n"
        '  where     payload.quality == "GOOD"  true\n'
        '  step 1  scale: {"field":"value","factor":1.8,"offset":32}\n'
        '            {"value": 68.0, "quality": "GOOD"}\n'
        '  step 2  drop: ["quality"]  where: payload.value > 100  (its `where` is false)\n'
        '  step 3  set: {"unit":"[degF]"}\n'
        '            {"value": 68.0, "quality": "GOOD","unit":"[degF]"}\n'
        '  -> uns  acme/l1/t1  {"value": 68.0, "quality": "GOOD","unit":"[degF]"}\n'
    )


def test_the_quarantine_says_why_and_what_to_do(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = explained(capsys, "-c", config, "raw/l1/temp/t1", '{"quality": "GOOD"}')
    assert code == ExitCode.FAILED
    assert "-> quarantine at step 1: missing_field" in shown
    assert "A field that the route needs is not there." in shown


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("raw/l1/pressure/t1", ["unrouted", "temperatures", "level 3: `temp` is wanted, the topic has `pressure`"]),
        ("raw/l1", ["unrouted", "temperatures"]),
        ("raw/#", ["rejected: invalid_topic"]),
    ],
)
def test_what_no_route_takes(config: str, capsys: pytest.CaptureFixture[str], topic: str, words: list[str]) -> None:
    code, shown = explained(capsys, "-c", config, topic)
    assert code == ExitCode.FAILED
    assert [word for word in words if word not in shown] == []


def test_hooks_are_named_and_not_run(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = explained(capsys, "-c", config, "hook/x", "1", "--source", "plant")
    assert code == ExitCode.OK
    assert "-> Python  plant.hooks:oee" in shown


def test_programs_get_json_and_payloads_come_from_standard_input(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"value": 1, "quality": "BAD"}')))
    code, shown = explained(capsys, "-c", config, "raw/l1/temp/t1", "-", "--json")
    document: dict[str, Any] = json.loads(shown)
    (route,) = document["routes"]
    assert (route["fate"], route["condition"]["holds"], document["source"]) == ("filtered", False, "plant")
    assert code == ExitCode.FAILED


def test_a_payload_cannot_move_the_cursor(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, shown = explained(capsys, "-c", config, "raw/l1/temp/t1", '{"quality": "\x1b[2J"}')
    assert "\x1b" not in shown


def test_an_unknown_source_is_named(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-c", config, "a", "--source", "plnt"]) == ExitCode.USAGE
    assert "Sources: other, plant." in capsys.readouterr().err
