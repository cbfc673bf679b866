"""The demonstration, whole: it ends by itself, and what it shows is in its files."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

import pytest

from pronubes.quarantine.records import QuarantineReader, Selection
from servers import run_program

pytestmark = [pytest.mark.server("nats-server"), pytest.mark.timeout(60)]


async def test_the_demonstration_runs_to_its_end(tmp_path):
    code, output = await run_program(sys.executable, "-m", "pronubes.cli", "demo", "--seconds", "6", "--dir", str(tmp_path / "hall"))
    assert code == 0, output
    data = tmp_path / "hall" / "data"
    with closing(sqlite3.connect(data / "history.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = sum(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
    with QuarantineReader(data / "quarantine.db") as reader:
        records = list(reader.records(Selection()))
    reasons = {record.reason for record in records}
    assert rows > 100
    assert len(reasons) >= 3, reasons
    assert all(record.payload for record in records)
