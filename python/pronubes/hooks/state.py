"""What hooks remember between batches: a mapping per key, bounded in number and size, with values that JSON can say.

A store lives where the function runs. What has changed is taken out now and then (`take_changes`) as bytes; who takes it keeps it. What comes back
from there is decoded when its key comes again. Whoever runs the function holds `guard` meanwhile, so that nothing is taken out half-changed.

Beyond `max_keys` the key that was not used for the longest time is forgotten, and counted.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pronubes import _core

__all__ = ["LARGEST_STATE", "StateChanges", "StateStore"]

LARGEST_STATE = 64 * 1024
"""How many bytes of JSON the state of a key may have. A larger one is kept in memory, and not saved."""
_BETWEEN = "\x1f"
"""Between the captures of a key: no topic has it in its names by accident."""


@dataclass(slots=True)
class StateChanges:
    """What has changed in a store.

    Attributes:
        written: JSON by key.
        forgotten: Keys that are no more.
        unsaved: How many keys could not be written: JSON cannot say their values, or they are too large.
        why: What was wrong with the last of them.
    """

    written: dict[str, bytes] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    unsaved: int = 0
    why: str = ""

    def __bool__(self) -> bool:
        """Tell whether there is anything to keep."""
        return bool(self.written or self.forgotten or self.unsaved)


class StateStore:
    """The states of one hook.

    Args:
        by: The captures that make the key; without any it is the topic.
        max_keys: How many keys are remembered.
    """

    def __init__(self, *, by: Sequence[str] = (), max_keys: int = 100_000) -> None:
        self.by = tuple(by)
        self.max_keys = max_keys
        self.evicted = 0
        # Guards the states and all of the below: the function's thread, who saves, and the threads of two plans during a reload.
        self.guard = threading.Lock()
        # Ordered by use, the oldest first. Bytes are states that were restored and not used since.
        self._states: dict[str, dict[str, Any] | bytes] = {}  # Any: JSON
        self._touched: dict[str, None] = {}
        self._forgotten: dict[str, None] = {}

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._states)

    def status(self) -> dict[str, int]:
        """Say how many keys are remembered, and how many were forgotten because there were too many."""
        return {"state_keys": len(self._states), "state_forgotten": self.evicted}

    @property
    def untaken(self) -> int:
        """How many keys have changed since `take_changes`, perhaps."""
        return len(self._touched) + len(self._forgotten)

    def of(self, batch: _core.Batch) -> list[dict[str, Any]]:  # Any: JSON
        """Return the state of each message of a batch; messages of one key share it. To be called under `guard`."""
        states, touched, forgotten = self._states, self._touched, self._forgotten
        found = []
        for key in self.keys(batch):
            state = states.pop(key, None)
            if state is None:
                state = {}
            elif isinstance(state, bytes):
                state = orjson.loads(state)
            states[key] = state
            touched[key] = None
            forgotten.pop(key, None)
            found.append(state)
        self._bound()
        return found

    def keys(self, batch: _core.Batch) -> list[str]:
        """Return the key of each message."""
        if not self.by:
            return batch.topics()
        columns = [batch.column(f"{{{name}}}").to_list() for name in self.by]
        return [_BETWEEN.join(map(str, parts)) for parts in zip(*columns, strict=True)]

    def take_changes(self, *, within_s: float = -1.0) -> StateChanges:
        """Take out what has changed; an empty state is none.

        Args:
            within_s: How long to wait for a batch that is under way; when it takes longer, nothing is taken. -1 waits for ever.
        """
        changes = StateChanges()
        guard = self.guard
        if not guard.acquire(timeout=within_s):
            return changes
        try:
            changes.forgotten = list(self._forgotten)
            for key in self._touched:
                state = self._states.get(key)
                if isinstance(state, bytes):
                    changes.written[key] = state
                elif state is not None:
                    self._write(key, state, changes)
            self._touched.clear()
            self._forgotten.clear()
        finally:
            guard.release()
        return changes

    def give_back(self, changes: StateChanges) -> None:
        """Take back changes that could not be kept, so that they are taken out once more."""
        with self.guard:
            self._touched.update((key, None) for key in changes.written if key in self._states)
            self._forgotten.update((key, None) for key in changes.forgotten if key not in self._states)

    def restore(self, saved: Mapping[str, bytes]) -> None:
        """Take in what was saved, the key used last at the end."""
        self._states.update(saved)
        self._bound()

    def apply(self, changes: StateChanges) -> None:
        """Take in what has changed in a store elsewhere."""
        with self.guard:
            for key in changes.forgotten:
                self._states.pop(key, None)
                self._forgotten[key] = None
            for key, state in changes.written.items():
                self._states.pop(key, None)
                self._states[key] = state
                self._forgotten.pop(key, None)
            self._touched.update(dict.fromkeys(changes.written))
            self._bound()

    def saved(self) -> dict[str, bytes]:
        """Return all states as they would be saved."""
        changes = StateChanges()
        with self.guard:
            for key, state in list(self._states.items()):
                if isinstance(state, bytes):
                    changes.written[key] = state
                else:
                    self._write(key, state, changes)
        return changes.written

    def disown(self) -> None:
        """Leave a call behind that does not come back: what it still writes goes into states that are nobody's, under a guard that is nobody's."""
        self.guard = threading.Lock()
        for key in self._touched:
            state = self._states.get(key)
            if isinstance(state, dict):
                self._states[key] = dict(state)

    def _write(self, key: str, state: dict[str, Any], changes: StateChanges) -> None:  # Any: JSON
        if not state:
            self._states.pop(key, None)
            changes.forgotten.append(key)
            return
        try:
            written = orjson.dumps(state, option=orjson.OPT_SERIALIZE_NUMPY)
        except TypeError as error:
            changes.unsaved, changes.why = changes.unsaved + 1, str(error)
            return
        if len(written) > LARGEST_STATE:
            changes.unsaved, changes.why = changes.unsaved + 1, f"a state has {len(written):,} bytes; at most {LARGEST_STATE:,} are saved"
            return
        changes.written[key] = written

    def _bound(self) -> None:
        while len(self._states) > self.max_keys:
            key = next(iter(self._states))
            del self._states[key]
            self._touched.pop(key, None)
            self._forgotten[key] = None
            self.evicted += 1
