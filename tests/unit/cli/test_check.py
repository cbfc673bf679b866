"""`pronubes check`: what it prints and how it ends."""

import json
from pathlib import Path

import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode

HEAD = "version: 1\nname: n\nsources: {a: {type: ndjson, path: '-'}}\nsinks: {s: {type: stdout}}\nroutes:\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.yaml"
    path.write_text(HEAD + "  r: {filter: 'raw/{x}', to: s}\n", encoding="utf-8")
    return path


def test_a_right_file_is_said_to_be_right(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file), "--strict"]) == ExitCode.OK
    assert capsys.readouterr().out == f"`{file}` is right.\n"


def test_findings_of_yaml_model_and_engine_end_with_the_same_code(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for route in ("  r: {filter: #\n", "  r: {filtre: a, to: s}\n", "  r: {filter: raw/#/x, to: s}\n"):
        file.write_text(HEAD + route, encoding="utf-8")
        assert main(["check", str(file)]) == ExitCode.CONFIGURATION
        assert f"{file}:6:" in capsys.readouterr().out


def test_warnings_fail_only_when_asked(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace("sinks: {", "sinks: {spare: {type: stdout}, "), encoding="utf-8")
    assert main(["check", str(file)]) == ExitCode.OK
    assert main(["check", str(file), "--strict"]) == ExitCode.FAILED
    assert "No route sends to `spare`." in capsys.readouterr().out


def test_programs_get_places(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(HEAD + "  r: {filter: a, where: 'payload.x >', to: s}\n", encoding="utf-8")
    assert main(["check", str(file), "--json"]) == ExitCode.CONFIGURATION
    document = json.loads(capsys.readouterr().out)
    (finding,) = document["diagnostics"]
    assert (document["ok"], document["errors"], finding["line"], finding["column"], finding["path"]) == (False, 1, 6, 37, "routes.r.where")


def test_secrets_are_looked_for_when_asked(file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRONUBES_TEST_SECRET", raising=False)
    broker = "{type: mqtt, url: mqtt://127.0.0.1, topics: ['raw/#'], username: u, password: '${env:PRONUBES_TEST_SECRET}'}"
    file.write_text(file.read_text(encoding="utf-8").replace("{type: ndjson, path: '-'}", broker), encoding="utf-8")
    assert main(["check", str(file)]) == ExitCode.OK
    assert main(["check", str(file), "--secrets"]) == ExitCode.CONFIGURATION
    assert "`PRONUBES_TEST_SECRET` is not set" in capsys.readouterr().out
