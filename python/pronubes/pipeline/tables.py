"""Lookup tables of a running node: read again when their files change, and kept when a file breaks.

Rules of this file:

1. A file is read when it has been quiet for one look (a second): whoever writes it in place is given the time to finish. If it changes while
   it is read, what was read is thrown away.
2. What cannot be read whole is not used: the last good rows stay in force, and log, status, health and metrics say so until it is mended.
3. Rows are put in force between two messages. No message sees half a table, and none waits for a file.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pronubes._core import TableRows
from pronubes.config.tables import LoadedTable, read_again
from pronubes.tables.lookup import LookupFile, Signature, is_young, signature
from pronubes.tables.reader import TableProblem
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pronubes._core import Pipeline
    from pronubes.pipeline.node import Node

__all__ = ["PlannedTable", "TableKeeper", "plan_tables"]

EVERY_S = 1.0
"""How often files are looked at."""
RETRY_S = 30.0
"""How often a file that broke is read again though it has not changed."""
HANGS_S = 60.0
"""After so long a file that does not answer is a broken one."""


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """A table of a plan.

    Attributes:
        source: Where it is.
        columns: The columns that steps use.
        rows: Its rows.
        digest: What tells its rows from others.
        signature: In which state its file was.
        read_s: When it was read (monotonic).
    """

    source: LookupFile
    columns: tuple[str, ...]
    rows: TableRows
    digest: bytes
    signature: Signature
    read_s: float

    def is_same(self, other: PlannedTable | None) -> bool:
        """Whether another has the same rows."""
        return other is not None and (self.columns, self.digest) == (other.columns, other.digest)


def plan_tables(tables: Mapping[str, LoadedTable]) -> dict[str, PlannedTable]:
    """Take tables over as they were read."""
    return {name: _planned(table) for name, table in tables.items()}


def _planned(table: LoadedTable) -> PlannedTable:
    return PlannedTable(table.source, table.columns, TableRows(table.document), table.digest, table.signature, time.monotonic())


@dataclass(slots=True)
class _Watched:
    """What is known of a table's file.

    Attributes:
        table: The table with the rows that are in force.
        seen: The state in which the file was read last, well or not; None: it is to be read once more.
        waiting: A newer state, which is read when the next look finds it again.
        read_ns: When the rows in force were read.
        error: Why the file cannot be used.
        broken_ns: Since when.
        tried_s: When it was read last (monotonic).
    """

    table: PlannedTable
    seen: Signature | None
    read_ns: int
    waiting: Signature | None = None
    error: str | None = None
    broken_ns: int | None = None
    tried_s: float = 0.0


class TableKeeper:
    """Keeps the tables of a node up to date.

    Args:
        node: The node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._watched: dict[str, _Watched] = {}
        self._looking_since_s: float | None = None

    def start(self, engine: Pipeline) -> None:
        """Give an engine the tables of the plan. To be called before the first message."""
        self._watched = {name: self._watch(table) for name, table in self._node.plan.tables.items()}
        for name, table in self._node.plan.tables.items():
            engine.set_table(name, table.rows)

    def reloaded(self) -> None:
        """Another plan is in force. To be called in the same breath, before any message goes through it."""
        planned, before = self._node.plan.tables, self._watched
        self._watched = {}
        for name, table in planned.items():
            old = before.get(name)
            self._watched[name] = self._kept(old, table) if old is not None else self._watch(table)
            if old is None or self._watched[name].table.rows is not old.table.rows:
                self._node.engine.set_table(name, table.rows)
        if planned:
            self._node.plan = replace(self._node.plan, tables={name: one.table for name, one in self._watched.items()})

    def _kept(self, old: _Watched, table: PlannedTable) -> _Watched:
        """Choose between the table that is in force and that of a new plan."""
        if (old.table.source, old.table.columns) == (table.source, table.columns) and old.table.read_s >= table.read_s:
            return old  # a plan that comes back, of a reload that is taken back, has older rows
        if table.is_same(old.table):
            table = replace(table, rows=old.table.rows)  # the engine has them still: nothing is held twice
        return self._watch(table)

    def _watch(self, table: PlannedTable) -> _Watched:
        # A file that had just been written when it was read for the plan may not have been whole: it is read once more.
        seen = None if is_young(table.signature, now_ns=time.time_ns()) else table.signature
        return _Watched(table, seen, self._node.clock())

    async def run(self) -> None:
        """Look at the files again and again, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            self._looking_since_s = time.monotonic()
            await self.look()
            self._looking_since_s = None

    async def look(self) -> None:
        """Look at all files once, and read those that have changed and are quiet."""
        watched = dict(self._watched)
        if not watched:
            return
        found = await asyncio.to_thread(_signatures, [one.table.source for one in watched.values()])
        for (name, one), state in zip(watched.items(), found, strict=True):
            if self._watched.get(name) is one and self._is_due(one, state):
                await self._read(name, one, state)

    def _is_due(self, one: _Watched, state: Signature) -> bool:
        if state == one.seen:
            one.waiting = None
            return one.error is not None and time.monotonic() - one.tried_s >= RETRY_S
        is_quiet, one.waiting = state == one.waiting, state
        return is_quiet

    async def _read(self, name: str, one: _Watched, state: Signature) -> None:
        one.tried_s = began_s = time.monotonic()
        table: PlannedTable | None = None
        error = ""
        try:
            table, state_after = await asyncio.to_thread(_read_whole, one.table)
        except (TableProblem, ValueError, OSError) as problem:
            error, state_after = _sentence(problem), state
        if self._watched.get(name) is not one:
            return  # a reload has read it anew
        if state_after != state:
            one.waiting = state_after
            return
        one.seen, one.waiting = state, None
        if table is None:
            self._keep(name, one, error)
        else:
            self._put_in(name, one, table, took_ms=round((time.monotonic() - began_s) * 1000, 1))

    def _keep(self, name: str, one: _Watched, error: str) -> None:
        if one.broken_ns is None:
            one.broken_ns = self._node.clock()
        if error != one.error:
            emit(events.TableBroken(table=name, path=one.table.source.file, error=error, rows=len(one.table.rows)))
        one.error = error

    def _put_in(self, name: str, one: _Watched, table: PlannedTable, *, took_ms: float) -> None:
        was_broken = one.error is not None
        one.error = one.broken_ns = None
        one.read_ns = self._node.clock()
        if not table.is_same(one.table):
            before, one.table = len(one.table.rows), table
            self._node.engine.set_table(name, table.rows)
            self._node.plan = replace(self._node.plan, tables={**self._node.plan.tables, name: table})
            emit(events.TableRefreshed(table=name, path=table.source.file, rows=len(table.rows), rows_before=before, took_ms=took_ms))
        elif was_broken:
            emit(events.TableMended(table=name, path=table.source.file, rows=len(table.rows)))

    def status(self, engine_tables: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:  # Any: JSON documents
        """Add to the engine's tables where they come from and how well that is."""
        now_ns, hangs = self._node.clock(), self._hangs()
        return [{**table, **_described(self._watched.get(table["name"]), now_ns, hangs)} for table in engine_tables]

    def _hangs(self) -> str | None:
        since_s = self._looking_since_s
        hangs_s = 0.0 if since_s is None else time.monotonic() - since_s
        return f"A file of the tables has not answered for {hangs_s:,.0f} s." if hangs_s > HANGS_S else None


def _described(one: _Watched | None, now_ns: int, hangs: str | None) -> dict[str, Any]:  # Any: a JSON document
    if one is None:
        return {"path": None, "read_age_s": None, "broken_s": None, "error": None}
    return {
        "path": one.table.source.file,
        "read_age_s": round((now_ns - one.read_ns) / 1e9, 3),
        "broken_s": None if one.broken_ns is None else round((now_ns - one.broken_ns) / 1e9, 3),
        "error": one.error or hangs,
    }


def _signatures(sources: list[LookupFile]) -> list[Signature]:
    return [signature(source) for source in sources]


def _read_whole(table: PlannedTable) -> tuple[PlannedTable, Signature]:
    """Read a table, and say in which state its file is afterwards."""
    found = _planned(read_again(LoadedTable(table.source, table.columns, b"", table.signature)))
    return found, signature(table.source)


def _sentence(problem: Exception) -> str:
    line = getattr(problem, "line", None)
    found = getattr(problem, "found", None)
    where = "" if line is None else f" (row or line {line})"
    return f"{problem}{where}" if found is None else f"{problem}{where} Found: {found}."
