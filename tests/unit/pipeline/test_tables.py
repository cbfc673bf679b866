"""Tables of a running node: read again when they change, kept when they break, shared by reloads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from pronubes.pipeline import tables
from pronubes.pipeline.node import Node
from pronubes.pipeline.plan import load_plan
from pronubes.pipeline.reload import reload
from pronubes.telemetry.exposition import Exposition

CONFIG = """\
version: 1
name: hall
sources: {made: {type: generator, rate: 1, tags: 1}}
sinks: {out: {type: ndjson, path: out.ndjson}}
tables: {assets: {path: PATH, key: tag}}
routes: {all: {filter: "#", steps: [{lookup: {key: {capture: tag}, table: assets, into: {area: COLUMN}, missing: pass}}], to: out}}
"""
GOOD = "tag,area,hall\nP-1,filling,a\nP-2,packing,b\n"


@pytest.fixture(autouse=True)
def _no_file_is_young(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "is_young", lambda *_, **__: False)
    monkeypatch.setattr(tables, "EVERY_S", 3600.0)  # the test looks by itself


def configure(folder: Path, *, path: str = "assets.csv", column: str = "area", rest: str = "") -> Path:
    config = folder / "hall.yaml"
    text = CONFIG.replace("PATH", path).replace("COLUMN", column).replace('filter: "#"', 'filter: "{tag#}"')
    config.write_text(text + rest, encoding="utf-8")
    return config


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[Node]:
    node = Node(load_plan(config), grace_s=1)
    task = asyncio.create_task(node.run())
    try:
        await asyncio.wait_for(node.is_running.wait(), 20)
        yield node
    finally:
        node.stop("test")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)


async def quiet(node: Node) -> dict[str, Any]:
    """Look twice, as after a second of rest, and return what the status says."""
    await node.tables.look()
    await node.tables.look()
    (table,) = node.status()["tables"]
    return {key: table[key] for key in ("rows", "error")}


def told(logs: list[Any]) -> list[str]:
    return [entry["event"].split(":")[0] for entry in logs if "lookup table" in entry["event"]]


@pytest.mark.timeout(60)
async def test_a_file_that_breaks_keeps_the_last_good_rows_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "assets.csv"
    file.write_text(GOOD, encoding="utf-8")
    found: dict[str, Any] = {}
    with capture_logs() as logs:
        async with running(configure(tmp_path)) as node:
            found["as it was"] = await quiet(node)
            file.write_text(GOOD + "P-3,storing,c\n", encoding="utf-8")
            found["rewritten"] = await quiet(node)
            file.write_text(GOOD[:-4], encoding="utf-8")
            found["truncated"] = await quiet(node)
            problems = node.status()["health"]["problems"]
            metrics = Exposition().write(node.status(), now_s=0.0).decode()
            file.unlink()
            found["deleted"] = await quiet(node)
            file.write_bytes(b"")
            found["emptied"] = await quiet(node)
            other = tmp_path / "other.csv"
            other.write_text(GOOD + "P-3,storing,c\n", encoding="utf-8")
            other.replace(file)
            found["restored"] = await quiet(node)
            is_well = node.status()["health"]["problems"] == []
    cut = "The row has 2 cells, the first row has 3. (row or line 3)"
    assert found == {
        "as it was": {"rows": 2, "error": None},
        "rewritten": {"rows": 3, "error": None},
        "truncated": {"rows": 3, "error": cut},
        "deleted": {"rows": 3, "error": "The table cannot be read: no such file or directory."},
        "emptied": {"rows": 3, "error": "The table is empty."},
        "restored": {"rows": 3, "error": None},
    }
    assert [problem["code"] for problem in problems] == ["table_broken"]
    assert 'pronubes_table_broken{table="assets"} 1' in metrics
    assert 'pronubes_table_rows{table="assets"} 3' in metrics
    assert is_well
    assert told(logs) == [
        "A lookup table has changed",
        *["A lookup table cannot be read"] * 3,
        "A lookup table can be read again; it says what it said before.",
    ]


@pytest.mark.timeout(60)
async def test_a_file_is_read_only_when_it_is_quiet(tmp_path: Path) -> None:
    file = tmp_path / "assets.csv"
    file.write_text(GOOD, encoding="utf-8")
    async with running(configure(tmp_path)) as node:
        rows = []
        for number in range(5):  # somebody writes on and on
            file.write_text(GOOD + "".join(f"Q-{index},x,y\n" for index in range(number + 1)), encoding="utf-8")
            os.utime(file, ns=(number, number))
            await node.tables.look()
            rows.append(node.status()["tables"][0]["rows"])
        await node.tables.look()
        rows.append(node.status()["tables"][0]["rows"])
    assert rows == [2, 2, 2, 2, 2, 7]


@pytest.mark.timeout(60)
async def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "assets.csv"
    file.write_text(GOOD, encoding="utf-8")
    read, calls = tables.read_again, []

    def slow(table: Any) -> Any:
        found = read(table)
        calls.append(1)
        if len(calls) == 1:
            file.write_text(GOOD + "P-3,storing,c\nP-4,storing,d\n", encoding="utf-8")
        return found

    monkeypatch.setattr(tables, "read_again", slow)
    async with running(configure(tmp_path)) as node:
        file.write_text(GOOD + "P-3,storing,c\n", encoding="utf-8")
        first = await quiet(node)
        second = await quiet(node)
    assert (first["rows"], second["rows"], len(calls)) == (2, 4, 2)


@pytest.mark.timeout(60)
async def test_a_broken_file_is_tried_again_though_it_does_not_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "plant.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript("CREATE TABLE t (tag, area); INSERT INTO t VALUES ('P-1', 'filling')")
    config = configure(tmp_path, path="plant.db, table: t")
    monkeypatch.setattr("pronubes.tables.database.QUERY_S", 0.1)
    async with running(config) as node:
        with closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("INSERT INTO t VALUES ('P-2', 'packing')")
            writer.execute("BEGIN EXCLUSIVE")
            locked = await quiet(node)
            writer.execute("ROLLBACK")
        still = await quiet(node)
        monkeypatch.setattr(tables, "RETRY_S", 0.0)
        free = await quiet(node)
    assert locked == still == {"rows": 1, "error": "The database is locked by whoever writes it. Found: database is locked."}
    assert free == {"rows": 2, "error": None}


@pytest.mark.timeout(60)
async def test_a_reload_shares_tables_that_stayed_and_takes_new_columns_at_once(tmp_path: Path) -> None:
    file = tmp_path / "assets.csv"
    file.write_text(GOOD, encoding="utf-8")
    config = configure(tmp_path)
    async with running(config) as node:
        rows = [node.plan.tables["assets"].rows]
        for column in ("area", "hall"):
            await reload(node, load_plan(configure(tmp_path, column=column)))
            rows.append(node.plan.tables["assets"].rows)
        changed = node.plan
        file.write_text(GOOD + "P-3,storing,c\n", encoding="utf-8")
        await reload(node, load_plan(config))
        counts = [node.status()["tables"][0]["rows"], len(node.plan.tables["assets"].rows)]
    assert [rows[0] is rows[1], rows[1] is rows[2]] == [True, False]
    assert changed.compiled is not None
    assert changed.compiled.loaded.tables == {}
    assert counts == [3, 3]


@pytest.mark.timeout(60)
async def test_a_reload_that_is_taken_back_keeps_the_newest_rows(tmp_path: Path) -> None:
    file = tmp_path / "assets.csv"
    file.write_text(GOOD, encoding="utf-8")
    config = configure(tmp_path)
    async with running(config) as node:
        old = node.plan
        await reload(node, load_plan(config))
        file.write_text(GOOD + "P-3,storing,c\n", encoding="utf-8")
        await quiet(node)
        await reload(node, old)
        counts = [node.status()["tables"][0]["rows"], len(node.plan.tables["assets"].rows)]
    assert counts == [3, 3]
