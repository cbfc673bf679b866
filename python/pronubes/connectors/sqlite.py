"""A historian in one SQLite file: topic, time, value, quality, unit, and the rest of the payload as JSON.

One transaction per batch; the batch is confirmed after the commit, which SQLite has synced to the disk by then (`synchronous = FULL`). The table
is made on first use. Fields are read from the payloads by the engine, not in Python.
"""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from pronubes.connectors.base import NotConnected, WriteResult
from pronubes.connectors.options import BatchSinkOptions, SinkConnector
from pronubes.connectors.shapes import USUAL_SHAPE, ShapeOption, shape_json, top_fields
from pronubes.connectors.values import refuse

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from pronubes.connectors.base import ConnectorContext, Dtype, SinkBatch

    _Result = TypeVar("_Result")

__all__ = ["SINK", "SqliteOptions", "SqliteSink"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_WANTED: tuple[tuple[str, Dtype | None], ...] = (
    ("topic", "text"),
    ("time_ns", "i64"),
    ("value", "i64"),
    ("value", "f64"),
    ("text", "text"),
    ("value", "bool"),
    ("quality", "text"),
    ("unit", "text"),
    ("payload", "binary"),
    ("value", "json"),
)
_TABLE = """
CREATE TABLE IF NOT EXISTS {table} (
    topic   TEXT    NOT NULL,
    time_ns INTEGER NOT NULL,   -- nanoseconds since 1970 UTC: the source's time, else when it was received
    value,                      -- number, text or truth value (0, 1); NULL when the payload has none; integers beyond 64 bits: their digits as TEXT
    quality TEXT,
    unit    TEXT,               -- the payload's, else that of the route's contract for a value
    rest    TEXT,               -- the payload's other fields as JSON
    payload BLOB                -- the whole payload, only when it is no object with a value and no other fields
);
CREATE INDEX IF NOT EXISTS {table}_topic_time ON {table} (topic, time_ns);
"""
# An integer beyond 64 bits is kept as its digits: SQLite has no such integers, and as a REAL it would change in silence.
_DIGITS = "CASE WHEN ?10 GLOB '[-0-9]*' AND ?10 NOT GLOB '*[.eE]*' THEN ?10 END"
_VALUE = f"COALESCE(?3, {_DIGITS}, ?4, ?5, ?6)"
_INSERT = f"""
INSERT INTO {{table}} (topic, time_ns, value, quality, unit, rest, payload)
VALUES (?1, ?2, {_VALUE}, ?7, {{unit}}, ?{{rest}}, CASE WHEN COALESCE({_VALUE}, ?7, ?{{rest}}) IS NULL THEN ?9 END)
"""  # noqa: S608  nothing in it but constants of this file; a table's name is checked by the options

# The units of contracts stand in a table of the connection, so that filling them in costs no Python per row.
_ROUTE: tuple[str, Dtype | None] = ("route", "text")
_UNITS = "CREATE TEMP TABLE IF NOT EXISTS unit_of (route TEXT PRIMARY KEY, unit TEXT NOT NULL) WITHOUT ROWID"
_UNIT = f"COALESCE(?8, CASE WHEN {_VALUE} IS NOT NULL THEN (SELECT unit FROM temp.unit_of WHERE route = ?11) END)"  # noqa: S608  as above


class SqliteOptions(BatchSinkOptions):
    """Options of a `sqlite` sink."""

    path: str
    """The database file; a relative path counts from the configuration file. Its folder is made when it is not there."""
    table: str = "history"
    """The table; it is made when it is not there."""
    shape: ShapeOption = USUAL_SHAPE
    """The shape of the payloads: where value, quality, unit and time stand. A quality that is a number becomes its OPC UA name in the table."""
    batch_wait: float = Field(default=0.25, ge=0, le=60)
    """How long to gather messages into one transaction, in seconds."""

    @field_validator("table")
    @classmethod
    def _is_name(cls, table: str) -> str:
        if not _NAME.fullmatch(table):
            raise refuse(f"`{table}` cannot be a table's name here.", expected="letters, digits and `_`, not beginning with a digit, at most 63")
        return table

    def endpoint(self) -> str | None:
        """Name the file."""
        return f"sqlite:{self.path}"


class SqliteSink:
    """Implements `BatchSink`. All calls into SQLite are made by one thread of its own."""

    def __init__(self, options: SqliteOptions, context: ConnectorContext) -> None:
        self._path = context.base_dir / options.path
        self._table = options.table
        self._shape = None if options.shape == USUAL_SHAPE else shape_json(options.shape)
        self._known = top_fields(options.shape)
        self._insert = _INSERT.format(table=options.table, unit="?8", rest=11)
        self._insert_with_units = _INSERT.format(table=options.table, unit=_UNIT, rest=12)
        self._units = context.units
        self._units_written: Mapping[str, str] | None = None
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Open the file and make the table.

        Raises:
            NotConnected: The file cannot be opened now, or another program holds it.
        """
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        await self._call(self._open)

    async def write(self, batch: SinkBatch) -> WriteResult:
        """Insert the batch in one transaction.

        Raises:
            NotConnected: The disk is full, the file is locked or damaged: the batch is written again after a pause.
        """
        await self._call(lambda: self._write(batch))
        return WriteResult()

    async def close(self) -> None:
        """Close the file."""
        if self._thread is not None:
            await self._call(self._close)
            self._thread.shutdown(wait=False)
            self._thread = None

    async def _call(self, work: Callable[[], _Result]) -> _Result:
        import asyncio

        loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise NotConnected(f"{self._path}: {error}") from error

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=True, timeout=5.0)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_TABLE.format(table=self._table))
        self._connection = connection
        self._units_written = None

    def _write(self, batch: SinkBatch) -> None:
        connection = self._connection
        if connection is None:
            raise NotConnected(f"{self._path} is not open.")
        units = self._units()
        if units is not self._units_written:
            self._write_units(connection, units)
        wanted = (*_WANTED, _ROUTE) if units else _WANTED
        rows = batch.rows(wanted, rest_without=self._known, shape=self._shape)
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(self._insert_with_units if units else self._insert, rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _write_units(self, connection: sqlite3.Connection, units: Mapping[str, str]) -> None:
        connection.execute(_UNITS)
        connection.execute("DELETE FROM temp.unit_of")
        connection.executemany("INSERT INTO temp.unit_of VALUES (?, ?)", units.items())
        self._units_written = units

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


SINK = SinkConnector(options=SqliteOptions, implementation="pronubes.connectors.sqlite:SqliteSink", example="{type: sqlite, path: data/history.db}")
