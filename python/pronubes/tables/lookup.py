"""Lookup tables: what the step `lookup` finds by a key, out of CSV, XLSX and SQLite.

Rules of this file:

1. A table is right as a whole or refused as a whole: a row that is cut off, a number that is none, a key that stands twice are errors with
   their line. Half a table would send good messages to the quarantine, and nobody would know why.
2. Nothing is guessed. Cells of texts are texts, unless `types` says otherwise; databases and spreadsheets keep the types that they have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from pronubes.tables.database import MAGIC, read_database
from pronubes.tables.reader import Table, TableProblem, read_table
from pronubes.tables.writing import Writing

__all__ = ["CellType", "LookupFile", "Signature", "column_number", "document", "is_young", "read_lookup", "signature"]

CellType = Literal["text", "number", "integer", "boolean"]
Signature = tuple[object, ...]
"""What tells two states of a file apart without reading it."""

Scalar = str | int | float | bool | None

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SHOWN = 80
_YOUNG_NS = 2 * 10**9


@dataclass(frozen=True, slots=True)
class LookupFile:
    """Where a table is.

    Attributes:
        path: The file.
        file: What findings call it.
        key: The column of the keys.
        types: What columns hold, where that is not what is written.
        sheet: The sheet of a spreadsheet; None for the first.
        table: The table or view of a database.
        query: A SELECT in its place.
    """

    path: Path
    file: str
    key: str
    types: Mapping[str, CellType]
    sheet: str | None = None
    table: str | None = None
    query: str | None = None

    @property
    def is_database(self) -> bool:
        """Whether it is a table of a database."""
        return self.table is not None or self.query is not None


def signature(source: LookupFile) -> Signature:
    """Say in which state a file is, without reading it. A database that writes ahead has a second file."""
    paths = (source.path, source.path.with_name(f"{source.path.name}-wal")) if source.is_database else (source.path,)
    return tuple(_state(path) for path in paths)


def is_young(state: Signature, *, now_ns: int) -> bool:
    """Tell whether a file was written so short a time ago that it may be written still. Clocks of file servers may be ahead."""
    return any(isinstance(part, tuple) and part[2] > now_ns - _YOUNG_NS for part in state)


def _state(path: Path) -> tuple[int, int, int, int] | int | None:
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read_lookup(source: LookupFile) -> Table:
    """Read a file as it stands there.

    Raises:
        TableProblem: It cannot be read, or is too large.
    """
    if source.is_database:
        if not source.path.is_file():
            raise TableProblem("There is no such file.", found=source.file, hint="A relative path counts from the configuration file.")
        return read_database(source.path, source.file, table=source.table, query=source.query)
    if _begins_with(source.path, MAGIC):
        raise TableProblem("The file is an SQLite database.", hint="Say which table: `table: NAME`, or `query: SELECT ...`.")
    return read_table(source.path, source.file, source.sheet)


def _begins_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False  # whoever reads it whole says why


def column_number(table: Table, name: str) -> int:
    """Find a column.

    Raises:
        TableProblem: There is none of this name, or several.
    """
    from pronubes.suggest import did_you_mean

    numbers = [number for number, column in enumerate(table.columns) if column == name]
    if not numbers:
        expected = ", ".join(f"`{column}`" for column in table.columns[:50] if column)
        raise TableProblem(f"The table has no column `{name}`.", line=table.head, expected=expected, hint=did_you_mean(name, table.columns))
    if len(numbers) > 1:
        raise TableProblem(f"The column `{name}` stands {len(numbers)} times.", line=table.head, hint="Give each column its own name.")
    return numbers[0]


def document(source: LookupFile, table: Table, columns: Sequence[str]) -> bytes:
    """Make what the engine takes of a table.

    Args:
        source: Where the table came from.
        table: What stands there.
        columns: The columns that steps use.

    Raises:
        TableProblem: A column is missing, a row is cut off, a value is not what it should be, a key is missing or stands twice.
    """
    key_at = column_number(table, source.key)
    readers = [(name, column_number(table, name), _reader(source.types.get(name), table.writing)) for name in columns]
    is_text = table.writing is not Writing.CELL
    first: dict[str, int] = {}
    values: list[list[Scalar]] = []
    for line, cells in table.rows:
        if is_text:
            _check_width(line, cells, len(table.columns))
        key = _key(line, source.key, _cell(cells, key_at))
        if key in first:
            raise TableProblem(f"The key `{key[:_SHOWN]}` stands twice: in the {_row(source, first[key])} and in this one.", line=line)
        first[key] = line
        values.append([_read(line, name, _cell(cells, at), reader) for name, at, reader in readers])
    return orjson.dumps({"columns": list(columns), "keys": list(first), "lines": list(first.values()), "values": values})


def _row(source: LookupFile, line: int) -> str:
    return f"row {line}" if source.is_database else f"row of line {line}"


def _cell(cells: Sequence[object], at: int) -> object:
    return cells[at] if at < len(cells) else None


def _check_width(line: int, cells: Sequence[object], width: int) -> None:
    if len(cells) < width or any(cells[width:]):
        message = f"The row has {len(cells)} cells, the first row has {width}."
        raise TableProblem(message, line=line, hint="It may be cut off, or hold a separator that is not quoted.")


def _key(line: int, column: str, value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    if value is None or isinstance(value, str):
        raise TableProblem(f"The row has no key: `{column}` is empty.", line=line)
    raise TableProblem(f"`{column}` is no key.", line=line, found=_shown(value), expected="a text or an integer")


Reader = Callable[[object], Scalar]


def _read(line: int, column: str, value: object, reader: Reader) -> Scalar:
    try:
        return reader(value)
    except ValueError as error:
        raise TableProblem(f"`{column}` cannot be read.", line=line, found=_shown(value), expected=str(error)) from error


def _shown(value: object) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)[:_SHOWN]


def _reader(kind: CellType | None, writing: Writing) -> Reader:
    if kind == "boolean":
        return _truth
    if kind in ("number", "integer"):
        is_comma = writing is Writing.COMMA_TEXT
        return lambda value: _number(value, is_integer=kind == "integer", is_comma=is_comma)
    return _text if kind == "text" else _as_it_is


def _as_it_is(value: object) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a finite number")
    if value is None or isinstance(value, str | bool | float):
        return value
    if isinstance(value, int):
        return _in_range(value)
    raise ValueError("a text, a number or a truth value")


def _text(value: object) -> Scalar:
    found = _as_it_is(value)
    if found is None or isinstance(found, str):
        return found
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(int(found)) if isinstance(found, float) and found.is_integer() and abs(found) <= 2**53 else str(found)


def _number(value: object, *, is_integer: bool, is_comma: bool) -> Scalar:
    expected = "an integer" if is_integer else "a number"
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _INTEGER.fullmatch(text):
            return _in_range(int(text)) if is_integer or len(text) < 19 else float(text)
        if is_comma and text.count(",") == 1 and "." not in text:
            text = text.replace(",", ".")
        if is_integer or not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
            raise ValueError(expected)
        return float(text)
    found = _as_it_is(value)
    if isinstance(found, bool) or (is_integer and isinstance(found, float) and not found.is_integer()):
        raise ValueError(expected)
    return _in_range(int(found)) if is_integer and isinstance(found, float) else found


def _in_range(value: int) -> int:
    if not -(2**63) <= value < 2**64:
        raise ValueError("an integer of at most 64 bits")
    return value


def _truth(value: object) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip().lower()
    if text == "":
        return None
    if text not in _TRUTH:
        raise ValueError("`true` or `false`, `yes` or `no`, `1` or `0`")
    return _TRUTH[text]
