"""What a person does with quarantined messages: replaying and dropping, each noted in the audit.

Rules of this file:

1. What happens to records and what is noted about it is one transaction.
2. The audit is only added to: an action that takes time has an entry when it begins and one when it ends.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson

from pronubes.quarantine.records import RECORD_COLUMNS, Record, Selection, record_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = ["Actor", "Fate", "Note", "audit", "drop", "note_fates", "page"]

PAGE_RECORDS = 500
PAGE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Attributes:
        uid: By number.
        user: By name, where the number has one.
    """

    uid: int
    user: str

    @classmethod
    def of(cls, uid: int | None = None) -> Actor:
        """Return the user with this number; the one that runs this process when it is left out."""
        uid = os.getuid() if uid is None else uid
        try:
            return cls(uid, pwd.getpwuid(uid).pw_name)
        except KeyError:
            return cls(uid, str(uid))


class Note(NamedTuple):
    """What somebody did: which records it was about, how many, and what came of it."""

    action: str
    about: Mapping[str, object]
    records: int
    result: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a record that was replayed.

    Attributes:
        record: Its number.
        is_done: Whether it is done with. If not, it waits on.
        result: What to note on it.
    """

    record: int
    is_done: bool
    result: str


def page(connection: sqlite3.Connection, selection: Selection, *, after_id: int) -> list[Record]:
    """Read the next records, the oldest first: some hundred, or some MiB."""
    where, values = selection.where()
    most = PAGE_RECORDS if selection.limit is None else min(selection.limit, PAGE_RECORDS)
    statement = f"SELECT {RECORD_COLUMNS} FROM records WHERE {where} AND id > ? ORDER BY id LIMIT ?"  # noqa: S608 - our own names
    found, size = [], 0
    for row in connection.execute(statement, (*values, after_id, most)):
        record = record_of(row)
        found.append(record)
        size += len(record.payload)
        if size >= PAGE_BYTES:
            break
    return found


def audit(connection: sqlite3.Connection, actor: Actor, note: Note, *, now_ns: int) -> int:
    """Add an entry to the audit; its number."""
    values = (now_ns, actor.uid, actor.user, note.action, orjson.dumps(note.about).decode(), note.records, note.result)
    added = connection.execute("INSERT INTO audit (time_ns, uid, user, action, filter, records, result) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return added.lastrowid or 0


def note_fates(connection: sqlite3.Connection, fates: Sequence[Fate], replay_id: int, *, now_ns: int) -> int:
    """Note what became of replayed records; how many of them wait no longer."""
    done = [fate for fate in fates if fate.is_done]
    before = connection.total_changes
    connection.executemany(
        "UPDATE records SET state = 'replayed', replayed_ns = ?, replay_id = ?, result = ? WHERE id = ? AND state = 'waiting'",
        ((now_ns, replay_id, fate.result, fate.record) for fate in done),
    )
    changed = connection.total_changes - before
    connection.executemany(
        "UPDATE records SET replayed_ns = ?, replay_id = ?, result = ? WHERE id = ? AND state = 'waiting'",
        ((now_ns, replay_id, fate.result, fate.record) for fate in fates if not fate.is_done),
    )
    return changed


def drop(connection: sqlite3.Connection, selection: Selection, actor: Actor, *, now_ns: int) -> int:
    """Let records go: they wait no longer and are the first to leave the file; how many there were."""
    where, values = selection.where()
    limit = -1 if selection.limit is None else selection.limit
    chosen = f"SELECT id FROM records WHERE {where} AND state = 'waiting' ORDER BY id LIMIT ?"  # noqa: S608 - our own names
    dropped = connection.execute(
        f"UPDATE records SET state = 'dropped', replayed_ns = ?, result = 'dropped' WHERE id IN ({chosen})",  # noqa: S608
        (now_ns, *values, limit),
    ).rowcount
    entry = audit(connection, actor, Note("drop", selection.as_json(), dropped, f"{dropped} dropped"), now_ns=now_ns)
    connection.execute("UPDATE records SET replay_id = ? WHERE state = 'dropped' AND replay_id IS NULL AND replayed_ns = ?", (entry, now_ns))
    return dropped
