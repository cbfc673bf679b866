"""Tables in XLSX files: the same as CSV, with the types that a spreadsheet has."""

import datetime as dt
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pronubes.config.load import load
from pronubes.errors import ConfigurationError
from pronubes.tables.reader import Table, TableProblem, read_table
from pronubes.tables.writing import Writing

HALL = """\
version: 1
name: hall
sources: {shopfloor: {type: generator}}
sinks: {uns: {type: stdout}}
templates:
  filler:
    parameters:
      line: name
      text: {type: text, default: ""}
      number: {type: number, default: 0}
      count: {type: integer, default: 0}
      on: {type: boolean, default: true}
    routes:
      r_${line}: {filter: "raw/${line}", to: uns, steps: [{set: {text: "${text}", number: "${number}", count: "${count}", on: "${on}"}}]}
instances: [{template: filler, table: machines.xlsx}]
"""
COLUMNS = ["line", "text", "number", "count", "on"]


def workbook(folder: Path, rows: list[list[Any]], *, sheet: str = "Fillers") -> Path:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    path = folder / "machines.xlsx"
    book.save(path)
    (folder / "hall.yaml").write_text(HALL, encoding="utf-8")
    return path


def test_cells_have_types(tmp_path: Path) -> None:
    rows = [COLUMNS, ["l1", 7, 80.5, 3, True], [2, "x", 80, 3.0, False], [], ["# out"], ["l3", None, None, None, None]]
    workbook(tmp_path, rows)
    routes = load(tmp_path / "hall.yaml").values["routes"]
    assert {name: route["steps"][0]["set"] for name, route in routes.items()} == {
        "r_l1": {"text": "7", "number": 80.5, "count": 3, "on": True},
        "r_2": {"text": "x", "number": 80, "count": 3, "on": False},
        "r_l3": {"text": "", "number": 0, "count": 0, "on": True},
    }


@pytest.mark.parametrize(
    ("row", "column", "found"),
    [
        (["l1", "x", "80,5"], 3, "80,5"),
        (["l1", "x", True], 3, "true"),
        (["l1", "x", 1, 2.5], 4, "2.5"),
        (["l1", dt.date(2026, 1, 2)], 2, "2026-01-02 00:00:00"),
        (["l1", "#N/A"], 2, "#N/A"),
        (["a/b"], 1, "a/b"),
        ([None, "x"], 1, None),
    ],
)
def test_what_is_wrong_has_its_cell(tmp_path: Path, row: list[Any], column: int, found: str | None) -> None:
    workbook(tmp_path, [COLUMNS, row])
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "hall.yaml")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.file == str(tmp_path / "machines.xlsx[Fillers]")
    assert (diagnostic.position and (diagnostic.position.line, diagnostic.position.column), diagnostic.found) == ((2, column), found)


def test_a_sheet_is_chosen_by_its_name(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["line"], ["l1"]])
    assert read_table(path, "m.xlsx", "Fillers").writing is Writing.CELL
    with pytest.raises(TableProblem, match="There is no sheet `Filers`") as caught:
        read_table(path, "m.xlsx", "Filers")
    assert (caught.value.expected, caught.value.hint) == ("`Fillers`", "Did you mean `Fillers`?")
    (tmp_path / "m.csv").write_text("line\nl1\n", encoding="utf-8")
    with pytest.raises(TableProblem, match="no sheets"):
        read_table(tmp_path / "m.csv", "m.csv", "Fillers")


def test_a_formula_is_what_the_spreadsheet_last_made_of_it(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["line", "text"], ["l1", "=1+1"]])
    assert read_table(path, "m.xlsx").rows == [(2, ["l1"])]


def broken(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/more.xml", bytes(129 * 2**20))


def no_workbook(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")


def no_xml(path: Path) -> None:
    content = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, b"<a" if "sheet1" in entry.filename else old.read(entry))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(broken, "cannot be read"), (bomb, "unpacks to more than 128 MiB"), (no_workbook, "cannot be read"), (no_xml, "cannot be read")],
)
def test_what_is_no_workbook_is_refused(tmp_path: Path, spoil: Any, message: str) -> None:
    path = workbook(tmp_path, [["line"], ["l1"]])
    spoil(path)
    with pytest.raises(TableProblem, match=message):
        read_table(path, "m.xlsx")


def test_without_openpyxl_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path, [["line"], ["l1"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(TableProblem, match="not installed") as caught:
        read_table(path, "m.xlsx")
    assert caught.value.hint is not None
    assert "pronubes[xlsx]" in caught.value.hint


def test_a_table_knows_its_cells(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text('a;"b;c";d\n1;"x;""y";3\n', encoding="utf-8")
    table: Table = read_table(tmp_path / "m.csv", "m.csv")
    assert [(table.position(2, column).column, table.position(2, column).length) for column in range(3)] == [(1, 1), (3, 7), (11, 1)]
