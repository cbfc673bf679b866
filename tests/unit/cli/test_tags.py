"""`pronubes tags`: from a spreadsheet and back, with a report; and what `check` says of tag lists."""

import json
import re
from pathlib import Path

import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode
from pronubes.tables.reader import read_table

RAW = "\ufeffTag;topic;contract\r\nB1_TEMP; acme/b1/temp+ ;measurement@1,0\r\nB1_PRES;acme//b1;\r\n"
CONFIG = """\
version: 1
name: n
sources:
  boiler: {type: modbus, url: "tcp://127.0.0.1:5020", tags: tags.csv, names: {table: names.csv, rules: [{tag: "B{n}_{s}", topic: "b/{n}/{s}"}]}}
sinks: {out: {type: stdout}}
routes: {r: {filter: "#", to: out}}
"""
TAGS = "tag,table,address,type,unit\nB1_TEMP,holding,1,int16,Cel\nB1_PRES,holding,2,int16,bar\npump,coil,1,bool,\n"
CLEAN = 'tag,topic,contract,unit,description\nB1_TEMP,acme/b1/temp,measurement@1,Cel,"hot, wet"\nB1_PRES,b/1/PRES,,bar,\npump,boiler/pump,,,\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw.csv").write_text(RAW, encoding="utf-8", newline="")
    (tmp_path / "n.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "tags.csv").write_text(TAGS, encoding="utf-8")
    (tmp_path / "names.csv").write_text('tag,topic,contract,description\nB1_TEMP,acme/b1/temp,measurement@1,"hot, wet"\n', encoding="utf-8")
    return tmp_path


def test_import_writes_what_can_be_used_and_says_what_became_of_the_rest(folder: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["tags", "import", "raw.csv", "-o", "clean.csv", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert (code, (folder / "clean.csv").read_text()) == (ExitCode.FAILED, "tag,topic,contract\nB1_TEMP,acme/b1/temp_x002B_,measurement@1\n")
    assert {key: report[key] for key in ("rows", "accepted", "fixed", "refused", "output")} == {
        "rows": 2,
        "accepted": 0,
        "fixed": 1,
        "refused": 1,
        "output": "clean.csv",
    }
    assert [(one["row"], one["column"], one["found"]) for one in report["findings"] if one["verdict"] == "refused"] == [(3, "topic", "acme//b1")]
    assert main(["tags", "check", "clean.csv"]) == ExitCode.OK


def test_what_is_there_is_not_written_over_without_being_asked(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["tags", "import", "raw.csv", "-o", "names.csv"]) == ExitCode.USAGE
    assert main(["tags", "import", "raw.csv", "-o", "names.csv", "--force"]) == ExitCode.FAILED


def test_a_table_that_cannot_be_used_at_all_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "raw.csv").write_bytes(b"\x00\xff\xfe")
    assert (main(["tags", "import", "raw.csv", "-o", "x.csv"]), (folder / "x.csv").exists()) == (ExitCode.CONFIGURATION, False)
    (folder / "raw.csv").write_text("tag,thema\na,b\n")
    assert (main(["tags", "import", "raw.csv", "-o", "x.csv"]), (folder / "x.csv").exists()) == (ExitCode.FAILED, False)


def test_export_and_import_give_the_same_file(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["tags", "export", "n.yaml", "boiler", "-o", "names.csv", "--force"]) == ExitCode.OK
    assert (folder / "names.csv").read_text() == CLEAN
    assert main(["tags", "import", "names.csv", "-o", "again.csv"]) == ExitCode.OK
    assert main(["tags", "export", "n.yaml", "boiler", "-o", "now.csv"]) == ExitCode.OK
    assert {(folder / name).read_text() for name in ("names.csv", "again.csv", "now.csv")} == {CLEAN}


def test_a_workbook_goes_round_cell_for_cell(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["tags", "export", "n.yaml", "boiler", "-o", "names.xlsx"]) == ExitCode.OK
    assert main(["tags", "import", "names.xlsx", "-o", "again.xlsx"]) == ExitCode.OK
    first, second = (read_table(folder / name, "x") for name in ("names.xlsx", "again.xlsx"))
    assert (first.columns, first.rows) == (second.columns, second.rows)


def test_a_source_that_is_not_there_is_named_with_a_hint(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["tags", "export", "n.yaml", "boilr", "-o", "x.csv"]) == ExitCode.USAGE
    assert "Did you mean `boiler`?" in capsys.readouterr().err


def test_check_reads_tag_lists(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "n.yaml").write_text(re.sub(r", names: .*", "}", CONFIG), encoding="utf-8")
    assert main(["check", "n.yaml"]) == ExitCode.OK
    (folder / "tags.csv").write_text(TAGS.replace("bool", "boool"))
    assert (main(["check", "n.yaml"]), "tags.csv:4:1 (row 4, column type)" in capsys.readouterr().out) == (ExitCode.CONFIGURATION, True)
    (folder / "tags.csv").unlink()
    assert (main(["check", "n.yaml", "--strict"]), "There is no such tag list." in capsys.readouterr().out) == (ExitCode.FAILED, True)
