"""`pronubes log` on the golden log of the Rust tests: twelve records, of which `sink-1` has not received number 3 and all from 9 on."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.log.export import _payload
from pronubes.cli.moments import WrongTime, moment

GOLDEN = Path(__file__).parents[3] / "rust" / "pronubes-log" / "tests" / "golden"


def lay_out(vector: Path, folder: Path) -> None:
    """Write the files of a vector: `== NAME`, then bytes in hexadecimal or `zeros N`."""
    name, contents = "", bytearray()
    folder.mkdir()
    for line in [*vector.read_text(encoding="utf-8").splitlines(), "== "]:
        if line.startswith("== "):
            if name:
                (folder / name).write_bytes(contents)
            name, contents = line[3:], bytearray()
        elif line.startswith("zeros "):
            contents += bytes(int(line[6:]))
        elif not line.startswith("#"):
            contents += bytes.fromhex(line)


@pytest.fixture(params=["v1-none.hex", "v1-zstd.hex"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    lay_out(GOLDEN / request.param, tmp_path / "log")
    return tmp_path / "log"


def state(folder: Path) -> Mapping[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def output(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = main(["log", *map(str, arguments)])
    return code, capsys.readouterr().out


def exported(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, object]]:
    code, text = output(capsys, "export", *arguments)
    assert code == ExitCode.OK
    return [json.loads(line) for line in text.splitlines()]


def test_inspect_shows_segments_and_backlogs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(folder)
    code, text = output(capsys, "inspect", folder, "--json")
    found = json.loads(text)
    assert (code, found["version"], len(found["uuid"])) == (ExitCode.OK, 1, 16)
    segment, *_ = found["segments"]
    assert (segment["first"], sum(one["records"] for one in found["segments"]), segment["damage"]) == (1, 12, 0)
    assert 0 < segment["used"] <= segment["bytes"]
    assert segment["oldest_ns"] < segment["newest_ns"]
    first, second = found["consumers"]
    assert (first["name"], first["next"], first["pending"], first["backlog"]["records"]) == ("sink-0", 2, [], 7)
    assert (second["name"], second["next"], second["pending"], second["backlog"]["records"]) == ("sink-1", 9, [[3, 4]], 4)
    assert first["backlog"]["bytes"] > second["backlog"]["bytes"] > 0
    assert second["backlog"]["age_ns"] > 0
    code, text = output(capsys, "inspect", folder)
    assert code == ExitCode.OK
    assert "12 records in " in text
    assert "sink-1" in text
    assert state(folder) == before


def test_verify_finds_damage_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = output(capsys, "verify", folder, "--json")
    found = json.loads(text)
    assert (code, found["records"], found["damage"], found["unfinished"]) == (ExitCode.OK, 12, [], 0)
    assert "no damage" in output(capsys, "verify", folder)[1]
    segment, *_ = sorted(folder.glob("*.seg"))
    contents = bytearray(segment.read_bytes())
    contents[json.loads(output(capsys, "inspect", folder, "--json")[1])["segments"][0]["used"] // 2] ^= 4
    segment.write_bytes(contents)
    before = state(folder)
    code, text = output(capsys, "verify", folder, "--json")
    (damage,) = json.loads(text)["damage"]
    assert (code, damage["file"]) == (ExitCode.FAILED, segment.name)
    assert 1 <= damage["first"] < damage["end"] <= 13
    assert output(capsys, "verify", folder)[1].startswith(f"damage: {segment.name}: byte {damage['offset']}")
    assert len(exported(capsys, folder)) == 12 - (damage["end"] - damage["first"])
    assert state(folder) == before


def test_export_writes_what_was_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = exported(capsys, folder)
    assert [line["seq"] for line in lines] == list(range(1, 13))
    assert [line["seq"] for line in exported(capsys, folder, "--sink", "sink-1")] == [2, 3, 5, 6, 8, 9, 11, 12]
    assert [line["seq"] for line in exported(capsys, folder, "--sink", "sink-1", "--pending")] == [3, 9, 11, 12]
    assert [line["seq"] for line in exported(capsys, folder, "--pending")] == [3, 4, 6, 7, 9, 10, 11, 12]
    third = lines[2]
    assert (third["topic"], third["route"], third["source"], third["received_ns"], third["time_ns"]) == (
        "plant/3/to/0",
        "route/0",
        "source-1",
        1_000_003,
        -2,
    )
    assert third["sinks"] == [
        {"sink": "sink-0", "topic": "plant/3/to/0", "qos": 0, "retain": False, "pending": True},
        {"sink": "sink-1", "topic": "plant/3/to/1", "qos": 0, "retain": False, "pending": True},
    ]
    assert base64.b64decode(str(third["payload_base64"])).startswith(b"3:") if "payload_base64" in third else "payload_text" in third
    assert exported(capsys, folder, "--to", "1970-01-01T00:00+00:00") == []
    assert len(exported(capsys, folder, "--from", "1970-01-01T00:00+00:00", "--to", "1h")) == 12


def test_wrong_words_are_explained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "export", str(folder), "--sink", "sink-2"]) == ExitCode.USAGE
    assert "Did you mean" in capsys.readouterr().err
    assert main(["log", "export", str(folder), "--from", "yesterday"]) == ExitCode.UNAVAILABLE
    assert "is no time" in capsys.readouterr().err
    assert main(["log", "inspect", str(folder / "nowhere")]) == ExitCode.UNAVAILABLE
    assert "cannot be read as a log" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        (b'{"a": 1.10}', b'{"payload":{"a": 1.10}}'),
        (b"21.50", b'{"payload":21.50}'),
        (b"{\n}", b'{"payload_text":"{\\n}"}'),
        (b"running", b'{"payload_text":"running"}'),
        (b"", b'{"payload_text":""}'),
        (b"\xff\x00", b'{"payload_base64":"/wA="}'),
    ],
)
def test_payloads_keep_every_byte(payload: bytes, line: bytes) -> None:
    import orjson

    assert orjson.dumps(_payload(payload)) == line


def test_times_are_ages_or_dates() -> None:
    assert moment(None, 0) is None
    assert moment("90min", 6_000 * 10**9) == 600 * 10**9
    assert moment("1970-01-01T01:00:00.5+00:00", 0) == 3_600_500_000_000
    with pytest.raises(WrongTime):
        moment("soon", 0)
