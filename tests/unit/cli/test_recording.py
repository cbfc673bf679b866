"""`pronubes recording`, and `record` where it needs nobody else: there and back, what is damaged, what is refused."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode
from pronubes.errors import UnreadableRecording
from pronubes.recording import Recorded, read_recording

LINES = [
    {"topic": "raw/l1/temp", "payload": {"value": 20.5}, "received_ns": 1_767_225_600_000_000_000, "qos": 1, "source": "plant"},
    {"topic": "raw/l1/temp", "payload": 1e400, "received_ns": 1_767_225_601_000_000_000, "time_ns": 5, "retain": True},
    {"topic": "raw/l2/ü", "payload_base64": "AP8=", "received_ns": 1_767_225_603_000_000_000, "route": "all"},
]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "in.ndjson"
    path.write_text("".join(json.dumps(line).replace("Infinity", "1e400") + "\n" for line in LINES), encoding="utf-8")
    return path


@pytest.fixture
def recording(lines: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = lines.with_name("line.pnrec")
    assert main(["recording", "convert", str(lines), str(path), "--plain"]) == ExitCode.OK
    capsys.readouterr()
    return path


def test_lines_become_a_recording_and_lines_again(lines, recording, capsys):
    back = lines.with_name("back.ndjson")
    assert main(["recording", "convert", str(recording), str(back)]) == ExitCode.OK
    assert list(read_recording(back)) == list(read_recording(recording)) == list(read_recording(lines))
    assert list(read_recording(recording))[1:] == [
        Recorded("raw/l1/temp", b"1e400", 1_767_225_601_000_000_000, retain=True, source_ns=5),
        Recorded("raw/l2/ü", b"\x00\xff", 1_767_225_603_000_000_000, route="all"),
    ]
    capsys.readouterr()
    assert main(["recording", "convert", str(recording), "-"]) == ExitCode.OK


@settings(max_examples=30, deadline=None)
@given(
    messages=st.lists(
        st.builds(
            Recorded,
            topic=st.text(st.characters(exclude_characters="\x00#+", exclude_categories=("Cs",)), min_size=1, max_size=20),
            payload=st.binary(max_size=60) | st.just(b'{"a": 1.10,\n"b": [1e400]}') | st.integers().map(lambda number: str(number).encode()),
            time_ns=st.integers(1, 2**62),
            retain=st.booleans(),
            qos=st.integers(0, 2),
            source=st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
            source_ns=st.none() | st.integers(-(2**62), 2**62),
            route=st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
        ),
        max_size=30,
    )
)
def test_nothing_is_lost_there_and_back(messages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recording")
    first, lines, second = (str(folder / name) for name in ("a.ndjson", "b.ndjson", "c.pnrec"))
    Path(first).write_text("".join(json.dumps(as_line(message)) + "\n" for message in messages), encoding="utf-8")
    assert main(["recording", "convert", first, second]) == ExitCode.OK
    assert main(["recording", "convert", second, lines]) == ExitCode.OK
    assert list(read_recording(second)) == list(read_recording(lines)) == messages


def as_line(message: Recorded) -> dict[str, object]:
    from base64 import b64encode

    line = {"topic": message.topic, "payload_base64": b64encode(message.payload).decode(), "received_ns": message.time_ns}
    line |= {"retain": message.retain, "qos": message.qos, "source": message.source, "route": message.route}
    return line | ({"time_ns": message.source_ns} if message.source_ns is not None else {})


def test_inspect_counts(recording, capsys):
    assert main(["recording", "inspect", str(recording), "--json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert (found["messages"], found["topics"], found["qos"]) == (3, {"raw/l1/temp": 2, "raw/l2/ü": 1}, {"1": 1, "0": 2})
    assert found["ending"]["is_whole"]
    assert main(["recording", "inspect", str(recording)]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "3 messages" in text
    assert "(3.000 s)" in text
    assert "2  raw/l1/temp" in text


def test_a_torn_recording_gives_what_is_whole_and_says_where_it_breaks(recording, lines, capsys):
    whole = recording.read_bytes()
    torn = recording.with_name("torn.pnrec")
    torn.write_bytes(whole[:-70])
    with pytest.raises(UnreadableRecording, match="breaks off at byte 64"):
        list(read_recording(torn))
    torn.write_bytes(whole[:-64])
    assert main(["recording", "inspect", str(torn)]) == ExitCode.FAILED
    printed = capsys.readouterr()
    assert "3 messages" in printed.out
    assert "has no end: it was cut at byte" in printed.err
    copied = recording.with_name("copied.pnrec")
    assert main(["recording", "convert", str(torn), str(copied), "--to", "recording"]) == ExitCode.FAILED
    assert list(read_recording(copied)) == list(read_recording(lines))


def test_a_wrong_line_is_named_and_what_stands_before_it_is_written(lines, capsys):
    lines.write_text(lines.read_text(encoding="utf-8") + '{"topic": "a", "payload": 1, "qos": 3}\n', encoding="utf-8")
    out = lines.with_name("out.pnrec")
    assert main(["recording", "convert", str(lines), str(out)]) == ExitCode.FAILED
    assert "line 4: `qos` of the line is none of 0, 1 and 2." in capsys.readouterr().err
    assert len(list(read_recording(out))) == 3


def test_gzip_is_read_and_a_torn_one_named(lines):
    packed = lines.with_name("in.ndjson.gz")
    packed.write_bytes(gzip.compress(lines.read_bytes()))
    assert list(read_recording(packed)) == list(read_recording(lines))
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(UnreadableRecording, match="breaks off or is damaged"):
        list(read_recording(packed))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["record", "x.ndjson"], ExitCode.USAGE, "no lines of JSON"),
        (["record", "x.pnrec", "--subscribe", "--side", "out"], ExitCode.USAGE, "needs a running node"),
        (["record", "x.pnrec", "--for", "5"], ExitCode.USAGE, "`5` is not a number with a unit"),
        (["record", "x.pnrec", "--url", "http://a"], ExitCode.CONFIGURATION, "address of a broker"),
        (["record", "x.pnrec", "--filter", "a/#/b"], ExitCode.USAGE, "must be alone"),
        (["recording", "convert", "in.ndjson", "line.pnrec"], ExitCode.USAGE, "there already"),
        (["recording", "convert", "line.pnrec", "line.pnrec"], ExitCode.USAGE, "same file"),
        (["recording", "convert", "in.ndjson", "-"], ExitCode.USAGE, "goes to a file"),
        (["recording", "inspect", "none.pnrec"], ExitCode.UNAVAILABLE, "No such file"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(words, code, said, recording, capsys, monkeypatch):
    monkeypatch.chdir(recording.parent)
    before = sorted(path.name for path in recording.parent.iterdir())
    assert main(words) == code
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in recording.parent.iterdir()) == before


def test_bench_takes_recordings(recording, lines):
    from pronubes.cli.bench import read_messages

    assert read_messages(recording) == [(one.topic, one.payload) for one in read_recording(lines)]
