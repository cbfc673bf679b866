"""Writes tables, so that what is read again is the same: CSV byte for byte, XLSX cell for cell.

CSV is UTF-8 without a byte order mark, commas, LF, quotes only where they are needed. In XLSX
every cell is a text: a spreadsheet must not take `=1+1` for a formula, `0012` for a number or `1-2` for a date.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pronubes.tables.reader import TableProblem

__all__ = ["csv_text", "write_table"]

_TO_QUOTE = re.compile(r'[",\r\n]')


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]], *, sheet: str = "Sheet1") -> None:
    """Write a table to a file, whole or not at all; the suffix `.xlsx` makes a workbook, any other CSV.

    Args:
        path: The file.
        columns: The names in the first row.
        rows: The texts of the cells below.
        sheet: What the sheet of a workbook is called.

    Raises:
        OSError: The file cannot be written.
        TableProblem: A row would be read as a comment.
    """
    rows = _no_comments(rows)
    if path.suffix.lower() == ".xlsx":
        from pronubes.tables.workbook_writer import workbook_bytes

        content = workbook_bytes(columns, rows, sheet)
    else:
        content = csv_text(columns, rows).encode()
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)  # noqa: PTH105  the same as Path.replace, and it says what it does: atomic
    finally:
        part.unlink(missing_ok=True)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table as CSV. The `csv` module does not quote a lone CR before Python 3.13."""
    return "".join(",".join(map(_cell, row)) + "\n" for row in (columns, *rows))


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _TO_QUOTE.search(text) else text


def _no_comments(rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    for number, row in enumerate(rows, 2):
        if row and row[0].lstrip().startswith("#"):
            raise TableProblem("A row that begins with `#` would be read as a comment.", line=number, found=row[0], hint="Put another column first.")
        yield row
