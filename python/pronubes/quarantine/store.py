"""What the running node writes the quarantine with.

Rules of this file:

1. Every method runs on one worker thread and is one transaction: what it says is done is on the disk.
2. What somebody was promised is never evicted: records that are done with (replayed, dropped) go first, then those that no source waited for,
   then nothing does, and `QuarantineFull` tells the caller to wait. Age, which a person has set, applies to all.
3. A file that turns out to be damaged is set aside and a new one begun; nothing here stops a node.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pronubes.errors import QuarantineFull
from pronubes.quarantine import actions, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pronubes.quarantine.actions import Actor, Fate
    from pronubes.quarantine.records import Record, Row, Selection

__all__ = ["QuarantineDamaged", "QuarantineStore", "StoreStats", "Written"]

ROW_BYTES = 260
"""What a record takes in the file beside its own text and bytes, roughly: columns, cells and three indexes."""
SLACK = 16
"""When room is made, a sixteenth of the whole is made at once, so that not every batch has to."""
EXPIRE_AT_ONCE = 5_000
CLOCK_WAS_SET_NS = 1_577_836_800 * 10**9
"""The beginning of 2020: records from before come from a clock that was not set yet, and their age says nothing."""

_COLUMNS = "time_ns, source_ns, source, route, step, reason, detail, topic, payload, sink, qos, retain"
_INSERT = f"INSERT INTO records ({_COLUMNS}, is_evictable) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, %d)"  # noqa: S608 - our own names
_CORRECT = "UPDATE records SET route = ?, step = ?, reason = ?, detail = ?, replayed_ns = ?, result = ?"
FAILED_AGAIN = "failed again"
_SIZE = "length(payload) + length(topic) + length(detail)"


class QuarantineDamaged(Exception):  # a word between the store and its keeper, not an error of the package
    """The file was damaged, is set aside, and the call is to be made again.

    Attributes:
        kept_at: Where the damaged file is now.
        why: What SQLite said.
    """

    def __init__(self, kept_at: Path, why: str) -> None:
        self.kept_at = kept_at
        self.why = why
        super().__init__(f"The quarantine was damaged ({why}) and is kept as {kept_at}.")


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What is in the store.

    Attributes:
        records: Records that wait.
        bytes: What the file has in use.
        oldest_ns: When the oldest of them came, or nothing.
        evicted: Waiting records that had to go because the store was full, ever.
        expired: Waiting records that had to go because of their age, ever.
    """

    records: int = 0
    bytes: int = 0
    oldest_ns: int | None = None
    evicted: int = 0
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did beside writing.

    Attributes:
        evicted: Waiting records that went to make room.
        expired: Waiting records that went because of their age.
        failed: Records that were replayed, failed again, and say so now.
    """

    evicted: int = 0
    expired: int = 0
    failed: frozenset[int] = frozenset()


class QuarantineStore:
    """The node's side of `<data_dir>/quarantine.db`.

    Args:
        path: The file. It is made when the first record comes.
        size: How many bytes it may use.
        age_s: How long records are kept, in seconds.
        now_ns: The time, in nanoseconds since 1970 (UTC).

    Attributes:
        stats: What is in the store; may be read from any thread.
    """

    def __init__(self, path: Path, *, size: int, age_s: float, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.path = path
        self.stats = StoreStats()
        self._size = size
        self._age_ns = int(age_s * 1e9)
        self._now_ns = now_ns
        self._connection: sqlite3.Connection | None = None

    def reconfigure(self, *, size: int, age_s: float) -> None:
        """Take other bounds. They hold from the next write on."""
        self._size = size
        self._age_ns = int(age_s * 1e9)

    def open(self) -> bool:
        """Open the file if there is one.

        Returns:
            Whether there is one.

        Raises:
            QuarantineDamaged: It is damaged and set aside now.
            QuarantineFull: It cannot be opened.
        """
        if self.path.exists():
            with self._guarded():
                self._open()
            return True
        return False

    def append(self, rows: Sequence[Row], *, is_awaited: bool, replayed: Sequence[tuple[int, int]] = ()) -> Written:
        """Write records.

        Args:
            rows: The records, as the engine hands them out.
            is_awaited: Whether a source waits for them. If so they are never evicted to make room for others.
            replayed: Which of the rows, by their place, come from the replay of which record. A message that failed again corrects its
                record; what a sink refused of a replayed message is a record of its own.

        Raises:
            QuarantineFull: There is no room, or the disk does not take them; nothing of them is written.
            QuarantineDamaged: The file is damaged and set aside now; nothing of them is written.
        """
        with self._transaction() as connection:
            expired = self._expire(connection)
            rows, failed = self._correct(connection, rows, replayed)
            rows, need = self._fitting(rows)
            evicted = self._make_room(connection, need)
            connection.executemany(_INSERT % (not is_awaited), rows)
            stats = replace(
                self.stats,
                records=self.stats.records - expired - evicted + len(rows),
                expired=self._count(connection, "expired", expired),
                evicted=self._count(connection, "evicted", evicted),
            )
            stats = self._measured(connection, stats)
        self.stats = stats
        return Written(evicted, expired, failed)

    def expire(self) -> Written:
        """Let records go that are too old. Nothing happens while there is no file.

        Raises:
            QuarantineFull: The disk does not take it.
            QuarantineDamaged: The file is damaged and set aside now.
        """
        if self._connection is None:
            return Written()
        with self._transaction() as connection:
            expired = self._expire(connection)
            count = self._count(connection, "expired", expired)
            stats = self._measured(connection, replace(self.stats, records=self.stats.records - expired, expired=count))
        self.stats = stats
        return Written(expired=expired)

    def page(self, selection: Selection, *, after_id: int) -> list[Record]:
        """Read the next records of a selection, the oldest first: some hundred, or some MiB. None while there is no file.

        Raises:
            QuarantineFull: The disk does not give them.
            QuarantineDamaged: The file is damaged and set aside now.
        """
        if not self.path.exists():
            return []
        with self._guarded():
            return actions.page(self._open(), selection, after_id=after_id)

    def begin_replay(self, selection: Selection, actor: Actor, *, route: str | None) -> int:
        """Note in the audit that somebody replays records; the number of the entry.

        Raises:
            QuarantineFull: The disk does not take it.
            QuarantineDamaged: The file is damaged and set aside now.
        """
        about = selection.as_json() | ({} if route is None else {"through": route})
        with self._transaction() as connection:
            return actions.audit(connection, actor, actions.Note("replay", about, 0, "begun"), now_ns=self._now_ns())

    def note_fates(self, fates: Sequence[Fate], replay_id: int) -> None:
        """Note what became of replayed records. A record that does not wait any more is not touched.

        Raises:
            QuarantineFull: The disk does not take it; nothing is noted.
            QuarantineDamaged: The file is damaged and set aside now.
        """
        with self._transaction() as connection:
            done = actions.note_fates(connection, fates, replay_id, now_ns=self._now_ns())
            stats = self._measured(connection, replace(self.stats, records=self.stats.records - done))
        self.stats = stats

    def end_replay(self, replay_id: int, actor: Actor, counts: Mapping[str, int], *, result: str) -> None:
        """Note in the audit how a replay ended.

        Raises:
            QuarantineFull: The disk does not take it.
            QuarantineDamaged: The file is damaged and set aside now.
        """
        with self._transaction() as connection:
            note = actions.Note("replay ended", {"replay": replay_id, **counts}, sum(counts.values()), result)
            actions.audit(connection, actor, note, now_ns=self._now_ns())

    def drop(self, selection: Selection, actor: Actor) -> int:
        """Let waiting records go; how many there were.

        Raises:
            QuarantineFull: The disk does not take it; nothing is dropped.
            QuarantineDamaged: The file is damaged and set aside now.
        """
        if not self.path.exists():
            return 0
        with self._transaction() as connection:
            dropped = actions.drop(connection, selection, actor, now_ns=self._now_ns())
            stats = self._measured(connection, replace(self.stats, records=self.stats.records - dropped))
        self.stats = stats
        return dropped

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    # Opening, transactions, faults of the disk

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            schema.create(self.path)
            connection = schema.open_writable(self.path)
            self._connection = connection
            records = connection.execute("SELECT count(*) FROM records WHERE state = 'waiting'").fetchone()[0]
            counters = dict(connection.execute("SELECT name, value FROM counters"))
            stats = StoreStats(records=records, evicted=counters.get("evicted", 0), expired=counters.get("expired", 0))
            self.stats = self._measured(connection, stats)
        return self._connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guarded():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(f"PRAGMA max_page_count={self._most_pages(connection)}")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # After an error of the disk the next call begins with a new handle: what the old one has cached is worth nothing.
            self.close()
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in schema.DAMAGED:
                raise QuarantineDamaged(self._set_aside(error), str(error)) from error
            raise QuarantineFull(self.path, str(error)) from error
        except OSError as error:
            self.close()
            raise QuarantineFull(self.path, str(error)) from error

    def _set_aside(self, error: sqlite3.Error) -> Path:
        self.stats = StoreStats()
        try:
            return schema.set_aside(self.path, self._now_ns())
        except OSError as failure:
            raise QuarantineFull(self.path, f"it is damaged ({error}) and cannot be renamed: {failure}") from failure

    # Bounds

    def _page_bytes(self, connection: sqlite3.Connection) -> int:
        size: int = connection.execute("PRAGMA page_size").fetchone()[0]
        return size

    def _most_pages(self, connection: sqlite3.Connection) -> int:
        """SQLite's own bound, above ours: a guess of ours that was too low must not stop the store for good."""
        return (self._size + self._size // 8) // self._page_bytes(connection)

    def _used(self, connection: sqlite3.Connection) -> int:
        pages = connection.execute("PRAGMA page_count").fetchone()[0] - connection.execute("PRAGMA freelist_count").fetchone()[0]
        used: int = pages * self._page_bytes(connection)
        return used

    def _measured(self, connection: sqlite3.Connection, stats: StoreStats) -> StoreStats:
        oldest = "SELECT time_ns FROM records WHERE state = 'waiting' AND is_evictable = ? ORDER BY id LIMIT 1"
        found = [row[0] for kind in (0, 1) if (row := connection.execute(oldest, (kind,)).fetchone())]
        return replace(stats, bytes=self._used(connection), oldest_ns=min(found, default=None))

    def _count(self, connection: sqlite3.Connection, name: str, more: int) -> int:
        if more:
            statement = "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
            connection.execute(statement, (name, more))
        found = connection.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return found[0] if found else 0

    def _expire(self, connection: sqlite3.Connection) -> int:
        """Delete what is too old, at most some thousand records at once; how many of them waited."""
        at_ns = self._now_ns() - self._age_ns
        statement = "SELECT id, state FROM records WHERE time_ns BETWEEN ? AND ? ORDER BY time_ns LIMIT ?"
        old = connection.execute(statement, (CLOCK_WAS_SET_NS, at_ns, EXPIRE_AT_ONCE)).fetchall()
        return self._delete(connection, old)

    def _delete(self, connection: sqlite3.Connection, found: Sequence[tuple[int, str]]) -> int:
        connection.executemany("DELETE FROM records WHERE id = ?", ((record,) for record, _ in found))
        return sum(state == "waiting" for _, state in found)

    def _correct(
        self, connection: sqlite3.Connection, rows: Sequence[Row], replayed: Sequence[tuple[int, int]]
    ) -> tuple[Sequence[Row], frozenset[int]]:
        """Note the new reason on records that failed again; the rows that are left to write, and those records."""
        corrected = {}
        for at, record in replayed:
            row = rows[at]
            kind = "message" if row[9] is None else "output"
            facts = (row[3], row[4], row[5], row[6], self._now_ns(), FAILED_AGAIN)
            found = connection.execute(f"{_CORRECT} WHERE id = ? AND state = 'waiting' AND kind = ?", (*facts, record, kind))
            if found.rowcount:
                corrected[at] = record
        return [row for at, row in enumerate(rows) if at not in corrected], frozenset(corrected.values())

    def _fitting(self, rows: Sequence[Row]) -> tuple[Sequence[Row], int]:
        """Cut payloads that the whole store could not hold, and say how much room the records need."""
        need = sum(len(row[8]) + len(row[7]) + len(row[6]) for row in rows) + ROW_BYTES * len(rows)
        most = self._size // 4
        if need <= most:
            return rows, need
        rows = [_cut(row, most) for row in rows]
        return rows, sum(len(row[8]) + len(row[7]) + len(row[6]) for row in rows) + ROW_BYTES * len(rows)

    def _make_room(self, connection: sqlite3.Connection, need: int) -> int:
        """Delete records that may go until there is room; how many of them waited."""
        evicted = 0
        while self._used(connection) + need > self._size:
            over = self._used(connection) + need - self._size + self._size // SLACK
            gone = self._oldest(connection, over)
            if not gone:
                raise QuarantineFull(self.path, f"it has its size of {self._size:,} bytes, and nothing in it may be evicted")
            evicted += self._delete(connection, gone)
        return evicted

    def _oldest(self, connection: sqlite3.Connection, size: int) -> list[tuple[int, str]]:
        """Choose what goes: first what is done with, then what nobody waited for, the oldest of each."""
        gone: list[tuple[int, str]] = []
        for state, kinds in (("replayed", (0, 1)), ("dropped", (0, 1)), ("waiting", (1,))):
            for kind in kinds:
                statement = f"SELECT id, {_SIZE} FROM records WHERE state = ? AND is_evictable = ? ORDER BY id"  # noqa: S608 - our own names
                for record, length in connection.execute(statement, (state, kind)):
                    if size <= 0:
                        return gone
                    gone.append((record, state))
                    size -= length + ROW_BYTES
        return gone


def _cut(row: Row, most: int) -> Row:
    payload = row[8]
    if len(payload) <= most:
        return row
    told = f"{row[6]} (Of its {len(payload):,} bytes the first {most:,} are kept: it is too large for this quarantine.)".strip()
    return (*row[:6], told, row[7], payload[:most], *row[9:])
