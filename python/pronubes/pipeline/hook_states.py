"""What hooks remember, on the disk: what has changed is saved now and then, and read when the node starts.

A SQLite database (`hooks.db` in the data folder) and not the file of the stateful steps: that one is written whole each time, which is right for
states of a few bytes; those of hooks are dicts of any size, of which few change at a time. One transaction per save: a kill leaves the save before.

Rules of this file:

1. A bad database never prevents a start: it is set aside and said, and hooks begin anew.
2. SQLite is called on threads only, one call at a time (`_guard`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING

import orjson

from pronubes.hooks.state import StateStore
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pronubes.hooks.base import Runnable
    from pronubes.hooks.settings import HookSettings
    from pronubes.hooks.state import StateChanges

__all__ = ["HookStates"]

FILE_NAME = "hooks.db"
WAIT_S = 1.0
"""How long a save waits for a batch that is under way; a hook that takes longer is saved with the next save."""
_TABLES = """
CREATE TABLE IF NOT EXISTS states (hook TEXT NOT NULL, key TEXT NOT NULL, used INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (hook, key));
CREATE INDEX IF NOT EXISTS used ON states (hook, used);
CREATE TABLE IF NOT EXISTS hooks (hook TEXT PRIMARY KEY, keyed_by TEXT NOT NULL, saved_ns INTEGER NOT NULL);
"""


class HookStates:
    """Keeps the stores of all hooks of a node, over reloads and restarts.

    Args:
        folder: The data folder.
        clock: Nanoseconds since 1970 (UTC).
    """

    def __init__(self, folder: Path, *, clock: Callable[[], int]) -> None:
        self._path = folder / FILE_NAME
        self._clock = clock
        self._stores: dict[str, StateStore] = {}
        self._guard = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._error: str | None = None
        self._unsaved: set[str] = set()

    def store_of(self, settings: HookSettings) -> StateStore:
        """Return what a hook remembers, for a plan that may come in force; with other captures for its key it begins anew. May read the disk."""
        store = self._stores.get(settings.call)
        if store is None or store.by != settings.state.by:
            store = StateStore(by=settings.state.by, max_keys=settings.state.max_keys)
            with self._guard:
                self._restore(settings.call, store)
        return store

    def adopt(self, hooks: Sequence[Runnable], settings: Sequence[HookSettings]) -> None:
        """Keep the stores of a plan that is in force now."""
        for hook, of_hook in zip(hooks, settings, strict=True):
            if hook.store is not None:
                hook.store.max_keys = of_hook.state.max_keys
                self._stores[hook.name] = hook.store

    async def run(self, every_s: Callable[[], float]) -> None:
        """Save again and again."""
        while True:
            await asyncio.sleep(every_s())
            await self.save()

    async def save(self) -> None:
        """Save what has changed. What cannot be saved is said once, and tried again with the next save."""
        if any(store.untaken for store in self._stores.values()):
            await asyncio.to_thread(self._save)

    async def close(self) -> None:
        """Save for the last time; to be called once no hook runs any more."""
        await self.save()
        if self._connection is not None:
            await asyncio.to_thread(self._connection.close)
            self._connection = None

    def _save(self) -> None:
        with self._guard:
            stores = dict(self._stores)
            taken = {name: changes for name, store in stores.items() if (changes := store.take_changes(within_s=WAIT_S))}
            self._tell_unsaved(taken)
            try:
                if taken:
                    self._write(taken)
                self._error = None
            except (OSError, sqlite3.Error) as error:
                for name, changes in taken.items():
                    stores[name].give_back(changes)
                if self._error is None:
                    emit(events.HookStatesNotSaved(path=str(self._path), error=str(error)))
                self._error = str(error)

    def _tell_unsaved(self, taken: Mapping[str, StateChanges]) -> None:
        for name, changes in taken.items():
            if changes.unsaved and name not in self._unsaved:
                emit(events.HookStateUnsaved(hook=name, keys=changes.unsaved, error=changes.why))
            (self._unsaved.add if changes.unsaved else self._unsaved.discard)(name)

    def _write(self, taken: Mapping[str, StateChanges]) -> None:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for name, changes in taken.items():
                self._write_hook(connection, name, changes)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _write_hook(self, connection: sqlite3.Connection, name: str, changes: StateChanges) -> None:
        by = orjson.dumps(self._stores[name].by).decode()
        known = connection.execute("SELECT keyed_by FROM hooks WHERE hook = ?", (name,)).fetchone()
        if known is not None and known[0] != by:
            connection.execute("DELETE FROM states WHERE hook = ?", (name,))
        connection.executemany("DELETE FROM states WHERE hook = ? AND key = ?", [(name, key) for key in changes.forgotten])
        # The order of use: where there are too many, those used last are kept.
        (used,) = connection.execute("SELECT coalesce(max(used), 0) FROM states WHERE hook = ?", (name,)).fetchone()
        rows = [(name, key, used + number, state) for number, (key, state) in enumerate(changes.written.items(), 1)]
        connection.executemany("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", rows)
        connection.execute("INSERT OR REPLACE INTO hooks VALUES (?, ?, ?)", (name, by, self._clock()))

    def _restore(self, name: str, store: StateStore) -> None:
        if not self._path.exists():
            return
        try:
            connection = self._connected()
            known = connection.execute("SELECT keyed_by, saved_ns FROM hooks WHERE hook = ?", (name,)).fetchone()
            if known is None or known[0] != orjson.dumps(store.by).decode():
                return
            saved = dict(connection.execute("SELECT key, state FROM states WHERE hook = ? ORDER BY used", (name,)))
        except (OSError, sqlite3.Error) as error:
            self._set_aside(str(error))
            return
        store.restore(saved)
        if saved:
            emit(events.HookStateRestored(hook=name, keys=len(saved), age_s=round((self._clock() - known[1]) / 1e9, 3)))

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA trusted_schema=OFF")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(_TABLES)
            except BaseException:
                connection.close()
                raise
            self._path.chmod(0o600)
            self._connection = connection
        return self._connection

    def _set_aside(self, error: str) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        aside = self._path.with_name(f"{FILE_NAME}.damaged")
        with contextlib.suppress(OSError):
            self._path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(FILE_NAME + suffix).unlink(missing_ok=True)
        emit(events.HookStatesDamaged(path=str(aside), error=error))
