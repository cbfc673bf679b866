"""`pronubes discover` on a recording."""

import orjson
import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "monday.ndjson"
    lines = [
        {
            "topic": f"raw/line{number % 3}/temp/t{number % 7}",
            "payload": {"value": number / 2, "unit": "Cel", "ts": 1_700_000_000_000},
            "time_ns": 17 * 10**17,
        }
        for number in range(100)
    ]
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    return path


def test_a_draft_passes_check_and_takes_every_message(recording, tmp_path, capsys):
    folder = tmp_path / "draft"
    assert main(["discover", "--recording", str(recording), "-o", str(folder)]) == ExitCode.OK
    assert main(["check", str(folder / "pronubes.yaml")]) == ExitCode.OK
    topics = (folder / "topics.csv").read_text().splitlines()
    assert len(topics) == 22
    assert main(["explain", "-c", str(folder / "pronubes.yaml"), "raw/line1/temp/t1", '{"value": 1.5, "unit": "Cel", "ts": 1}']) == ExitCode.OK
    assert "acme/plant1/line1/temp/t1" in capsys.readouterr().out


def test_what_was_found_as_json(recording, capsys):
    assert main(["discover", "--recording", str(recording), "--json"]) == ExitCode.OK
    found = orjson.loads(capsys.readouterr().out)
    assert (found["messages"], found["topics"], found["kinds"][0]["filter"]) == (100, 21, "raw/{line}/temp/{tag}")


def test_a_folder_that_has_a_draft_is_not_touched(recording, tmp_path, capsys):
    (tmp_path / "pronubes.yaml").write_text("mine")
    assert main(["discover", "--recording", str(recording), "-o", str(tmp_path)]) == ExitCode.FAILED
    assert (tmp_path / "pronubes.yaml").read_text() == "mine"
    assert "Choose another folder" in capsys.readouterr().err


def test_no_message_is_a_failure(tmp_path, capsys):
    (tmp_path / "empty.ndjson").write_text("")
    assert main(["discover", "--recording", str(tmp_path / "empty.ndjson")]) == ExitCode.FAILED
    assert "No message came" in capsys.readouterr().err
