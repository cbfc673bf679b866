"""`pronubes bench`: what it measures is counted right, and what it cannot measure has a reason."""

import json
from pathlib import Path

import pytest

from pronubes.cli import main
from pronubes.cli.bench import read_messages
from pronubes.cli.exit_codes import ExitCode

CONFIG = """\
version: 1
name: n
sources:
  plant: {type: mqtt, url: mqtt://127.0.0.1, topics: [raw/#]}
  other: {type: generator}
sinks: {uns: {type: mqtt, url: mqtt://127.0.0.1}}
routes:
  good: {from: plant, filter: "raw/{line}/{rest#}", where: payload.quality == "GOOD", to: uns}
  made: {from: other, filter: other/+, to: uns}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "pronubes.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return str(path)


def benched(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    code = main(["bench", "--seconds", "0.02", "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def test_the_built_in_work_routes_every_message(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = benched(capsys)
    assert code == ExitCode.OK
    assert (report["work"], report["outcomes"]) == ("W1", {"emitted": 10_000})
    assert report["messages_per_second"] == pytest.approx(1e9 / report["ns_per_message"], rel=0.01)  # type: ignore[operator]


def test_messages_are_made_up_for_each_route(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = benched(capsys, "-c", config)
    assert code == ExitCode.OK
    assert report["outcomes"] == {"emitted": 4_687 + 5_000, "filtered": 313, "unrouted": 313}


def test_a_recording_is_measured(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = tmp_path / "r.ndjson"
    recording.write_text('{"topic": "raw/a/b", "payload": {"quality": "GOOD"}}\n\n{"topic": "x", "payload": 1}\n', encoding="utf-8")
    code, report = benched(capsys, "-c", config, "--messages", str(recording))
    assert code == ExitCode.OK
    assert report["outcomes"] == {"emitted": 1, "unrouted": 1}


def test_a_sample_that_no_route_takes_is_a_failure(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = tmp_path / "r.ndjson"
    recording.write_text('{"topic": "x", "payload": 1}\n', encoding="utf-8")
    assert benched(capsys, "-c", config, "--messages", str(recording))[0] == ExitCode.FAILED


def test_a_recording_keeps_every_form_of_payload(tmp_path: Path) -> None:
    recording = tmp_path / "r.ndjson"
    recording.write_text(
        '{"topic": "a", "payload": {"v": 1}}\n{"topic": "b", "payload": "t"}\n'
        '{"topic": "c", "payload_text": "t"}\n{"topic": "d", "payload_base64": "/w=="}\n',
        encoding="utf-8",
    )
    assert read_messages(recording) == [("a", b'{"v":1}'), ("b", b'"t"'), ("c", b"t"), ("d", b"\xff")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        ("", "has no message"),
        ('{"topic": "a", "payload": 1}\nno json\n', "line 2 is no JSON"),
        ('{"payload": 1}\n', "line 1 has no topic or no payload"),
        ('{"topic": "a"}\n', "line 1 has no topic or no payload"),
        ("[1]\n", "line 1 has no topic or no payload"),
        ('{"topic": "a", "payload_base64": "%%%"}\n', "line 1 has a `payload_base64` that is no base64"),
    ],
)
def test_a_recording_that_cannot_be_used(content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = tmp_path / "r.ndjson"
    if content is not None:
        recording.write_text(content, encoding="utf-8")
    assert main(["bench", "--messages", str(recording)]) == ExitCode.UNAVAILABLE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--seconds", "0"], ["--seconds", "nan"], ["--source", "nobody"]])
def test_what_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == ExitCode.USAGE
    assert capsys.readouterr().err


def test_people_are_told_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--seconds", "0.01"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "messages/s" in shown
    assert "Python API" in shown
    assert "make bench" in shown
