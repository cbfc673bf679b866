"""Tables: CSV as spreadsheets write it. What stands in a cell, and where.

Commas, semicolons or tabs; with or without a byte order mark; any line ends; empty rows and rows that begin with `#` are left out. Spreadsheets of
countries that write decimal commas separate by semicolons, so only there a decimal comma may be one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pronubes.diagnostics import Position
from pronubes.tables.writing import Writing

__all__ = ["MAX_ROWS", "TABLE_BYTES", "Table", "TableProblem", "read_table", "rows_of"]

TABLE_BYTES = 64 * 2**20
"""The size of a table."""

MAX_ROWS = 100_000
"""How many rows a table may have."""

_SEPARATORS = (",", ";", "\t")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|$)")
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?')


class TableProblem(ValueError):
    """A table that cannot be read at all.

    Attributes:
        line: The line, from 1; None when the file as a whole is meant.
        found: What stands there.
        expected: What should.
        hint: What to do.
    """

    def __init__(
        self, message: str, *, line: int | None = None, found: str | None = None, expected: str | None = None, hint: str | None = None
    ) -> None:
        self.line = line
        self.found = found
        self.expected = expected
        self.hint = hint
        super().__init__(message)


@dataclass(eq=False)
class Table:
    """A table and the ways into it.

    Attributes:
        file: What findings call it.
        columns: The names in the first row, without white space around.
        head: The line of the first row.
        rows: The rows with their lines: texts, or what a spreadsheet holds.
        writing: How values are written in it.
        text: The text of a CSV file; None for a sheet.
        separator: What separates the cells of a CSV file.
        has_mark: Whether a CSV file begins with a byte order mark.
    """

    file: str
    columns: list[str]
    head: int
    rows: list[tuple[int, Sequence[object]]] = field(repr=False)
    writing: Writing
    text: str | None = field(default=None, repr=False)
    separator: str = ","
    has_mark: bool = False

    def position(self, line: int, column: int | None = None) -> Position:
        """Return where a cell stands, or a row where no column is named."""
        if self.text is None:
            return Position(line, 1 if column is None else column + 1)
        written = self._lines[line - 1] if line <= len(self._lines) else ""
        spans = list(_cells(written, self.separator))
        if column is None or column >= len(spans):
            return Position(line, 1, max(len(written), 1))
        begin, end = spans[column]
        return Position(line, begin + 1, max(end - begin, 1))

    def forget(self) -> None:
        """Let go of what the table holds: the values are read, and the places of what was wrong are known."""
        self.rows, self.text = [], None
        self.__dict__.pop("_lines", None)

    @cached_property
    def _lines(self) -> list[str]:
        return [match[0].rstrip("\r\n") for match in _LINE.finditer(self.text or "")]


def read_table(path: Path, file: str, sheet: str | None = None) -> Table:
    """Read a table.

    Args:
        path: The file.
        file: What findings call it.
        sheet: The sheet of a spreadsheet; None for the first.

    Raises:
        TableProblem: It is no table.
    """
    try:
        size = path.stat().st_size
        if size > TABLE_BYTES:
            raise TableProblem(f"The table is larger than {TABLE_BYTES // 2**20} MiB.", found=f"{size} bytes")
        content = path.read_bytes()
    except OSError as error:
        message = f"The table cannot be read: {(error.strerror or str(error)).lower()}."
        raise TableProblem(message, hint="A relative path counts from the configuration file.") from error
    if content.startswith(b"PK\x03\x04"):
        from pronubes.tables.workbook import read_workbook

        return read_workbook(content, file, sheet)
    if sheet is not None:
        raise TableProblem("A CSV file has no sheets.", hint="Remove `sheet`.")
    table = _read_csv(_decoded(content), file)
    table.has_mark = content.startswith(b"\xef\xbb\xbf")
    return table


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableProblem("The table is UTF-16.", expected="UTF-8", hint="Save it as `CSV UTF-8`.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02X}"
        raise TableProblem(f"Line {line} is not UTF-8.", line=line, found=found, expected="UTF-8", hint="Save the file as `CSV UTF-8`.") from error


def _read_csv(text: str, file: str) -> Table:
    separator, skipped = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    records = _records(reader, skipped)
    head, names = next(records, (0, []))
    if not head:
        raise TableProblem("The table is empty.", expected="a first row that names the columns, and rows below it")
    rows = rows_of(records)
    writing = Writing.TEXT if separator == "," else Writing.COMMA_TEXT
    return Table(file, [name.strip() for name in names], head, rows, writing, text, separator)


def rows_of(records: Iterator[tuple[int, Sequence[object]]]) -> list[tuple[int, Sequence[object]]]:
    """Collect the rows of a table.

    Raises:
        TableProblem: There are too many, or none.
    """
    rows: list[tuple[int, Sequence[object]]] = []
    for record in records:
        if len(rows) == MAX_ROWS:
            hint = "Make several nodes of it: one node serves one site or hall."
            raise TableProblem(f"The table has more than {MAX_ROWS:,} rows.", line=record[0], hint=hint)
        rows.append(record)
    if not rows:
        raise TableProblem("The table has no row.", expected="a row below the names of the columns")
    return rows


def _records(reader: Iterator[list[str]], skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yield what is no comment and not empty, each with the line it begins in."""
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(error, line) from error
        begin, line = line, reader.line_num + 1  # type: ignore[attr-defined]  # typeshed has no public name for the reader's class
        if begin > skipped and any(cell and not cell.isspace() for cell in cells) and not cells[0].lstrip().startswith("#"):
            yield begin, cells


def _unreadable(error: csv.Error, line: int) -> TableProblem:
    if "unexpected end" in str(error):
        return TableProblem("A quote is never closed.", line=line, hint='Write a quote within a quoted cell twice: `""`.')
    if "field larger" in str(error):
        return TableProblem("A cell is larger than 128 KiB.", line=line, hint="Look for a quote that is never closed.")
    return TableProblem(f"This is no CSV: {error}.", line=line, hint='Quote cells that hold quotes, and write the quotes twice: `"5"" pipe"`.')


def _separator(text: str) -> tuple[str, int]:
    """Find what separates the cells, and how many lines say only that."""
    begin = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    written = _SEPARATOR_LINE.fullmatch(text.partition("\n")[0].strip("\r"))
    if written is not None:
        return written[1], 1
    return max(_SEPARATORS, key=begin.count), 0


def _cells(line: str, separator: str) -> Iterator[tuple[int, int]]:
    """Yield where the cells of a line begin and end."""
    begin, is_quoted = 0, False
    for index, character in enumerate(line):
        if character == '"':
            is_quoted = not is_quoted
        elif character == separator and not is_quoted:
            yield begin, index
            begin = index + 1
    yield begin, len(line)
