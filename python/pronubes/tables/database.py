"""Tables in SQLite databases: what a table, a view or a query holds. The file is opened for reading only."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from pronubes.tables.reader import TABLE_BYTES, Table, TableProblem, rows_of
from pronubes.tables.writing import Writing

__all__ = ["MAGIC", "QUERY_S", "read_database"]

MAGIC = b"SQLite format 3\x00"
"""How a database begins."""

QUERY_S = 10.0
"""How long a query may take, in seconds; so long it also waits for a writer."""

_INSTRUCTIONS = 100_000
"""After so many instructions of the database's machine the clock is looked at: some milliseconds."""
_AT_ONCE = 1_000


def read_database(path: Path, file: str, *, table: str | None = None, query: str | None = None) -> Table:
    """Read a table, a view, or what a query gives.

    Args:
        path: The file.
        file: What findings call it.
        table: The name of the table or view.
        query: A SELECT in its place.

    Raises:
        TableProblem: It is no database, there is no such table, or there are too many rows.
    """
    select = query if query is not None else f"SELECT * FROM {_quoted(table or '')}"  # noqa: S608  the name is quoted
    deadline = time.monotonic() + QUERY_S
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=QUERY_S)) as database:
            database.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
            if table is not None:
                _check_table(database, table)
            cursor = database.execute(select)
            columns = [name for name, *_ in cursor.description or ()]
            return Table(file, columns, 1, rows_of(_records(cursor)), Writing.CELL)
    except sqlite3.Error as error:
        raise TableProblem(_sentence(error), found=str(error), hint=_hint(error)) from error


def _records(cursor: sqlite3.Cursor) -> Iterator[tuple[int, Sequence[object]]]:
    number, size = 0, 0
    while rows := cursor.fetchmany(_AT_ONCE):
        for row in rows:
            number += 1
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if size > TABLE_BYTES:
                raise TableProblem(f"The texts of the table are larger than {TABLE_BYTES // 2**20} MiB.", line=number)
            yield number, row


def _check_table(database: sqlite3.Connection, name: str) -> None:
    from pronubes.suggest import did_you_mean

    names = [
        row[0]
        for row in database.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
    ]
    if name.lower() not in (known.lower() for known in names):
        expected = ", ".join(f"`{known}`" for known in names[:20]) or "a table; the database has none"
        raise TableProblem(f"The database has no table `{name}`.", expected=expected, hint=did_you_mean(name, names))


def _sentence(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "The database is locked by whoever writes it."
    if name.startswith("SQLITE_INTERRUPT"):
        return f"The query takes longer than {QUERY_S:g} s."
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return "The database is damaged."
    if name.startswith("SQLITE_READONLY"):
        return "The query would write."
    return "The database cannot be read."


def _hint(error: sqlite3.Error) -> str | None:
    if getattr(error, "sqlite_errorname", "").startswith("SQLITE_READONLY"):
        return "Write a SELECT."
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
