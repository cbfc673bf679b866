"""The quarantine's database: one SQLite file, its tables, and how it is opened.

SQLite, not a format of our own: it is written a few times a second at most, its contents are wanted by route, reason and time while the node
writes, and records change (replayed, dropped). The log, which is written for every message, is a format of our own for the opposite reasons.

WAL, so that readers never hold up the node; `synchronous=FULL`, so that a commit is on the disk before a source is acknowledged.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["APPLICATION_ID", "DAMAGED", "FILE_NAME", "create", "open_readonly", "open_writable", "set_aside"]

FILE_NAME = "quarantine.db"
APPLICATION_ID = 0x70726E71
"""Stands in the file's header: `prnq`."""
VERSION = 1
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""Primary error codes that say that the file is damaged."""
BUSY_S = 10.0
QUICK_CHECK_BYTES = 16 * 1024 * 1024
"""Up to this size the whole file is checked when it is opened (some ten milliseconds); of a larger one the ends are read."""
JOURNAL_BYTES = 16 * 1024 * 1024

_TABLES = """
CREATE TABLE records (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time_ns INTEGER NOT NULL,
  source_ns INTEGER,
  source TEXT NOT NULL,
  route TEXT,
  step INTEGER,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  topic TEXT NOT NULL,
  payload BLOB NOT NULL,
  sink TEXT,
  qos INTEGER NOT NULL,
  retain INTEGER NOT NULL,
  is_evictable INTEGER NOT NULL,
  kind TEXT GENERATED ALWAYS AS (CASE WHEN sink IS NULL THEN 'message' ELSE 'output' END) VIRTUAL,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'replayed', 'dropped')),
  replayed_ns INTEGER,
  replay_id INTEGER,
  result TEXT
);
CREATE INDEX records_by_state ON records (state, is_evictable);
CREATE INDEX records_by_group ON records (state, route, reason, source, time_ns);
CREATE INDEX records_by_time ON records (time_ns);
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time_ns INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  action TEXT NOT NULL,
  filter TEXT NOT NULL,
  records INTEGER NOT NULL,
  result TEXT NOT NULL
);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


def create(path: Path) -> None:
    """Make an empty database, readable by this user only, and its folder. Nothing happens when it is there.

    It gets its name when it is whole, so that no reader ever finds half of one.

    Raises:
        OSError: It cannot be made, or a symbolic link stands in its place.
        sqlite3.Error: The same, from SQLite.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC))
    except FileNotFoundError:
        pass
    else:
        return
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(new, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
        for statement in _statements(_TABLES):
            connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        connection.close()
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def open_writable(path: Path) -> sqlite3.Connection:
    """Open the database and look whether it is sound.

    Transactions are begun by hand. The connection may be used from any one thread at a time.

    Raises:
        sqlite3.Error: It is damaged (`DAMAGED`), is not ours, or cannot be opened.
    """
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA journal_size_limit={JOURNAL_BYTES}")
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    connection.create_function("topic_fits", 2, _fits, deterministic=True)
    return connection


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open the database to read, while a node writes or not.

    Raises:
        sqlite3.Error: It is damaged, is not ours, or cannot be opened.
    """
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        _check_identity(connection)
    except BaseException:
        connection.close()
        raise
    connection.create_function("topic_fits", 2, _fits, deterministic=True)
    return connection


def set_aside(path: Path, now_ns: int) -> Path:
    """Rename a damaged database with its journals, so that a new one can be begun.

    Returns:
        What it is called now.

    Raises:
        OSError: It cannot be renamed.
    """
    damaged = path.with_name(f"{path.name}.damaged-{now_ns // 1_000_000_000}")
    number = 1
    while damaged.exists():
        number += 1
        damaged = path.with_name(f"{path.name}.damaged-{now_ns // 1_000_000_000}-{number}")
    path.rename(damaged)
    for end in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(damaged.with_name(damaged.name + end))
    return damaged


def _check_identity(connection: sqlite3.Connection) -> None:
    found = (_value(connection, "PRAGMA application_id"), _value(connection, "PRAGMA user_version"))
    if found != (APPLICATION_ID, VERSION):
        error = sqlite3.DatabaseError(f"this is no quarantine of this version of pronubes (application_id, user_version = {found})")
        error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
        raise error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    _check_identity(connection)
    if path.stat().st_size <= QUICK_CHECK_BYTES:
        found = _value(connection, "PRAGMA quick_check(1)")
        if found != "ok":
            error = sqlite3.DatabaseError(str(found))
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
    for order in ("ASC", "DESC"):
        connection.execute(f"SELECT * FROM records ORDER BY id {order} LIMIT 10").fetchall()  # noqa: S608 - one of two words


def _fits(topic_filter: str, topic: str) -> bool:
    from pronubes import TopicError, topic_matches

    try:
        return topic_matches(topic_filter, topic)
    except TopicError:
        return topic_filter == topic  # a record's topic may be none: that can be why it is here


def _value(connection: sqlite3.Connection, statement: str) -> int | str:
    value: int | str = connection.execute(statement).fetchone()[0]
    return value


def _statements(script: str) -> list[str]:
    statements, rest = [], ""
    for line in script.strip().splitlines():
        rest += line + "\n"
        if sqlite3.complete_statement(rest):
            statements.append(rest)
            rest = ""
    return statements
