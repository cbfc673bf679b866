"""`pronubes replay` into a configuration: counts, the recording's own time, rounds, pace, what is damaged."""

import json
import time
from pathlib import Path

import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode
from pronubes.playing import Player, Speed

CONFIG = """\
version: 1
name: line
sources:
  plant: {type: mqtt, url: "mqtt://127.0.0.1", topics: [raw/#]}
  other: {type: generator}
sinks:
  uns: {type: mqtt, url: "mqtt://127.0.0.1"}
  history: {type: sqlite, path: history.db}
routes:
  temperatures:
    from: plant
    filter: raw/{line}/temp
    where: payload.value < 100
    steps: [{scale: {field: value, factor: 2}}]
    topic: acme/{line}
    to: [uns, history]
  slow: {filter: raw/slow, steps: [{throttle: {every: 10s}}], to: uns}
  at: {filter: raw/at, steps: [{compute: {at: meta.received_ms}}], to: uns}
"""
BEGIN = 1_770_000_000_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pronubes.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, messages: list[dict[str, object]], name: str = "in.ndjson") -> str:
    (folder / name).write_text("".join(json.dumps(message) + "\n" for message in messages), encoding="utf-8")
    return name


def played(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code = main(["replay", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_counts_by_route_sink_and_topic(folder, capsys):
    values = [1, 2, 200, "x"]
    messages = [{"topic": f"raw/l{n % 2}/temp", "payload": {"value": value}, "received_ns": BEGIN + n} for n, value in enumerate(values)]
    file = write(folder, [*messages, {"topic": "raw/nobody", "payload": 1}])
    code, found = played(capsys, file)
    assert code == ExitCode.OK
    assert (found["messages"], found["outputs"], found["unrouted"], found["sources"]) == (5, 2, 2, {"plant": 5})
    assert (found["sinks"], found["topics"]) == ({"uns": 2, "history": 2}, {"acme/l0": 1, "acme/l1": 1})
    route = found["routes"]["temperatures"]
    assert (route["matched"], route["passed"], route["filtered"], route["quarantined"]) == (4, 2, 1, 1)
    assert sum(route["reasons"].values()) == 1
    assert main(["replay", file]) == ExitCode.OK
    text = capsys.readouterr().out
    # A message that a condition sends away and nobody else takes is unrouted, too.
    assert "5 messages of 0.0 s into pronubes.yaml: 2 left, 2 unrouted" in text
    assert "1 quarantined by temperatures" in text


def test_the_clock_is_that_of_the_recording(folder, capsys):
    file = write(folder, [{"topic": "raw/slow", "payload": n, "received_ns": BEGIN + n * SECOND} for n in range(25)])
    began = time.monotonic()
    _, found = played(capsys, file)
    _, lingered = played(capsys, file, "--linger", "10s")
    assert time.monotonic() - began < 20
    assert (found["topics"], lingered["topics"]) == ({"raw/slow": 3}, {"raw/slow": 4})
    assert found["span_s"] == 24.0


def test_a_recording_is_played_again_one_pause_later(folder):
    file = write(folder, [{"topic": "raw/at", "payload": {}, "received_ns": BEGIN + at * SECOND} for at in (0, 1, 4)])
    player = Player(file, rounds=3)
    assert [due.offset_ns // SECOND for due in player] == [0, 1, 4, 6, 7, 10, 12, 13, 16]
    assert (player.first_ns, player.rounds_done, player.problem) == (BEGIN, 3, "")


def test_time_never_goes_back_and_may_be_missing(folder):
    times = [0, BEGIN, BEGIN + 5, BEGIN + 3, 0, BEGIN + 9]
    file = write(folder, [{"topic": "raw/at", "payload": 1} | ({"received_ns": at} if at else {}) for at in times])
    assert [due.offset_ns for due in Player(file)] == [0, 0, 5, 5, 5, 9]
    assert list(Player(write(folder, [], "empty.ndjson"), rounds=0)) == []


def test_a_filter_and_a_source_choose(folder, capsys):
    file = write(folder, [{"topic": "raw/at", "payload": {}}, {"topic": "raw/l1/temp", "payload": {"value": 1}}])
    _, found = played(capsys, file, "--filter", "raw/+/temp")
    assert (found["messages"], found["topics"]) == (1, {"acme/l1": 1})
    _, found = played(capsys, file, "--source", "other")
    assert (found["sources"], found["unrouted"], found["topics"]) == ({"other": 2}, 1, {"raw/at": 1})


def test_the_source_that_was_recorded_counts_where_there_is_one(folder, capsys):
    messages = [{"topic": "raw/at", "payload": {}, "source": source} for source in ("plant", "other", "gone")]
    _, found = played(capsys, write(folder, messages))
    assert found["sources"] == {"plant": 2, "other": 1}


def test_a_speed_is_kept_by_the_wall_clock(folder, capsys):
    file = write(folder, [{"topic": "raw/at", "payload": {}, "received_ns": BEGIN + n * SECOND} for n in range(4)])
    began = time.monotonic()
    _, found = played(capsys, file, "--speed", "10")
    assert time.monotonic() - began >= 0.3
    assert found["messages"] == 4


def test_what_is_whole_of_a_torn_recording_is_played(folder, capsys):
    file = write(folder, [{"topic": "raw/at", "payload": {}}] * 3)
    assert main(["recording", "convert", file, "line.pnrec"]) == ExitCode.OK
    path = folder / "line.pnrec"
    path.write_bytes(path.read_bytes()[:-64])
    capsys.readouterr()
    code = main(["replay", "line.pnrec", "--json"])
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert (code, found["messages"]) == (ExitCode.FAILED, 3)
    assert "has no end" in found["problem"]
    assert "has no end" in printed.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["in.ndjson", "--speed", "0"], ExitCode.USAGE, "`0` is no speed"),
        (["in.ndjson", "--speed", "fast"], ExitCode.USAGE, "write 1, 10, 0.5 or max"),
        (["in.ndjson", "--loop", "-1"], ExitCode.USAGE, "number of rounds"),
        (["in.ndjson", "--source", "plont"], ExitCode.USAGE, "Did you mean `plant`?"),
        (["in.ndjson", "--filter", "a/#/b"], ExitCode.USAGE, "must be alone"),
        (["none.pnrec"], ExitCode.UNAVAILABLE, "No such file"),
        (["pronubes.yaml"], ExitCode.UNAVAILABLE, "line 1"),
    ],
)
def test_what_cannot_be_played_is_said(folder, words, code, said, capsys):
    write(folder, [{"topic": "raw/at", "payload": {}}])
    assert main(["replay", *words]) == code
    assert said in capsys.readouterr().err


def test_speeds():
    assert [Speed(factor).wall_ns(1_000) for factor in (None, 1.0, 10.0, 0.5)] == [0, 1_000, 100, 2_000]
    assert [str(Speed(factor)) for factor in (None, 1.0, 0.5)] == ["max", "1", "0.5"]
