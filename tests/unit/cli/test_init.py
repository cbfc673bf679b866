"""`pronubes init` writes what loads."""

import argparse
from pathlib import Path

import pytest

from pronubes.cli import init, main
from pronubes.cli.exit_codes import ExitCode
from pronubes.config.load import load

WAYS = {
    "nothing": [],
    "broker": ["--broker", "mqtt://127.0.0.1:1884", "--topics", "a/+/b/#", "c/d", "#"],
    "far_broker": ["--broker", "mqtt://10.0.0.9"],
    "tls_broker": ["--broker", "mqtts://broker.example", "--sink", "uns", "sqlite"],
    "plc": ["--modbus", "tcp://10.0.0.5:502", "--plc", "boiler.csv", "--sink", "sqlite", "ndjson", "stdout"],
    "tag_list_only": ["--plc", "boiler.csv"],
    "both": ["--broker", "mqtt://127.0.0.1", "--modbus", "tcp://127.0.0.1:5020"],
    "uns_without_broker": ["--modbus", "tcp://127.0.0.1:5020", "--sink", "uns"],
    "odd_names": ["--name", "2 Linie: Abfüllung #1", "--prefix", "it's: a prefix/"],
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_written_passes_check(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    path = tmp_path / "pronubes.yaml"
    assert main(["init", str(path), *WAYS[way]]) == ExitCode.OK
    loaded = load(path)
    assert loaded.configuration.sources
    assert loaded.configuration.routes
    assert main(["check", str(path)]) == ExitCode.OK


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pronubes.yaml"
    path.write_text("mine", encoding="utf-8")
    assert main(["init", str(path), "--broker", "mqtt://127.0.0.1"]) == ExitCode.FAILED
    assert path.read_text(encoding="utf-8") == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["init", str(path), "--broker", "mqtt://127.0.0.1", "--force"]) == ExitCode.OK
    assert load(path).configuration.version == 1


def test_questions_lead_to_the_same_as_arguments() -> None:
    answers = iter(["", "raw/+/temp", "tcp://127.0.0.1:5020", "", "uns, sqlite", "acme/x"])
    arguments = argparse.Namespace(broker=None, topics=None, modbus=None, plc=None, sink=None, prefix=None, name="n")
    init._ask(arguments, lambda _question: next(answers))
    assert vars(arguments) == {
        "broker": "mqtt://127.0.0.1:1883",
        "topics": ["raw/+/temp"],
        "modbus": "tcp://127.0.0.1:5020",
        "plc": "tags.csv",
        "sink": ["uns", "sqlite"],
        "prefix": "acme/x",
        "name": "n",
    }


@pytest.mark.parametrize("prefix", ["acme/#", "a+", "a//b"])
def test_a_prefix_that_cannot_begin_a_topic_is_refused(prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "pronubes.yaml"
    assert main(["init", str(path), "--broker", "mqtt://127.0.0.1", "--prefix", prefix]) == ExitCode.USAGE
    assert not path.exists()
