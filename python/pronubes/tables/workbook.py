"""Tables in XLSX files, by openpyxl where it is installed (`pip install pronubes[xlsx]`).

Only values are read: of a formula the result that the spreadsheet program stored. The file is streamed, and refused when it would unpack to more
than a table may be. Texts are read by the rule of ECMA-376 Part 1, 22.9.2.19 (ST_Xstring), which openpyxl leaves to its callers: `_x002B_` in the
file is `+` in the cell.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from pronubes.tables.reader import Table, TableProblem, rows_of
from pronubes.tables.writing import Writing

__all__ = ["read_workbook"]

_UNPACKED_BYTES = 128 * 2**20
_MOST_COLUMNS = 1000
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_workbook(content: bytes, file: str, sheet: str | None) -> Table:
    """Read a sheet of an XLSX file.

    Args:
        content: The file.
        file: What findings call it.
        sheet: The sheet; None for the first.

    Raises:
        TableProblem: It is no such file, there is no such sheet, or openpyxl is not installed.
    """
    try:
        import openpyxl
    except ImportError as error:
        message = "XLSX files need openpyxl, which is not installed."
        raise TableProblem(message, hint="Install it with `pip install pronubes[xlsx]`, or save the sheet as `CSV UTF-8`.") from error
    _check_size(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of styles and validations, which are not read
        try:
            workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            return _read_sheet(workbook, file, sheet)
        except TableProblem:
            raise
        except Exception as error:  # openpyxl raises whatever its XML and ZIP readers raise
            raise _unreadable(str(error)) from error


def _check_size(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError) as error:
        raise _unreadable(str(error)) from error
    if size > _UNPACKED_BYTES:
        raise TableProblem(f"The workbook unpacks to more than {_UNPACKED_BYTES // 2**20} MiB.", found=f"{size} bytes")


def _unreadable(problem: str) -> TableProblem:
    return TableProblem("The workbook cannot be read.", found=problem, expected="an XLSX file", hint="Save the sheet as `CSV UTF-8`.")


def _read_sheet(workbook: Any, file: str, sheet: str | None) -> Table:  # Any: openpyxl has no types of its own
    from pronubes.suggest import did_you_mean

    names = [worksheet.title for worksheet in workbook.worksheets]
    if not names or (sheet is not None and sheet not in names):
        expected = ", ".join(f"`{name}`" for name in names) or "a sheet"
        raise TableProblem(
            f"There is no sheet `{sheet}`." if names else "The workbook has no sheet.", expected=expected, hint=did_you_mean(sheet or "", names)
        )
    worksheet = workbook[sheet or names[0]]
    records = _records(worksheet)
    head, cells = next(records, (0, ()))
    if not head:
        raise TableProblem("The sheet is empty.", expected="a first row that names the columns, and rows below it")
    columns = [str(cell).strip() if cell is not None else "" for cell in cells]
    return Table(f"{file}[{worksheet.title}]", columns, head, rows_of(records), Writing.CELL)


def _records(worksheet: Any) -> Iterator[tuple[int, Sequence[object]]]:  # Any: as above
    for number, row in enumerate(worksheet.iter_rows(), 1):
        cells = [_value(cell) for cell in row[:_MOST_COLUMNS]]
        while cells and cells[-1] is None:  # rows are as wide as the widest formatted cell of the sheet
            cells.pop()
        is_comment = bool(cells) and isinstance(cells[0], str) and cells[0].lstrip().startswith("#")
        if cells and not is_comment:
            yield number, cells


class _Odd:
    """What a cell holds that is neither a text nor a number nor a truth value."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return str(self._value)


def _value(cell: Any) -> object:  # Any: as above
    value = cell.value
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str) and cell.data_type != "e":
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value
    return value if isinstance(value, bool | int | float) and cell.data_type != "e" else _Odd(value)
