"""Tables are read again as they were written, whatever stands in the cells."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronubes.tables.reader import TableProblem, read_table
from pronubes.tables.writer import write_table

CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["=cmd|' /C calc'!A0", "_x002B_", "_x005F_x002B_", "#N/A", "1,5", '"', "a\r\nb", " a ", "0012", "\x00", "\ufffe", "true"]
)
ROWS = st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=5)


def cells(path: Path) -> list[list[str]]:
    table = read_table(path, path.name)
    rows = [["" if cell is None else str(cell) for cell in row] for _, row in table.rows]
    return [row + [""] * (len(table.columns) - len(row)) for row in rows]  # openpyxl leaves out empty cells at the end


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, name: str, rows: list[list[str]]):
    path = tmp_path_factory.mktemp("t") / name
    rows = [["x", *row] for row in rows]
    write_table(path, ["first", "a", "b", "c"], rows)
    if name.endswith("xlsx"):  # a blank cell of a sheet is an empty one
        assert [list(map(str.strip, row)) for row in cells(path)] == [list(map(str.strip, row)) for row in rows]
    else:
        assert cells(path) == rows


def test_what_would_be_a_comment_is_refused_and_leaves_the_file_as_it_was(tmp_path: Path):
    path = tmp_path / "t.csv"
    write_table(path, ["a"], [["x"]])
    with pytest.raises(TableProblem):
        write_table(path, ["a"], [["x"], ["#y"]])
    assert (path.read_text(), [file.name for file in tmp_path.iterdir()]) == ("a\nx\n", ["t.csv"])
