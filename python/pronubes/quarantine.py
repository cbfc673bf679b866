"""The quarantine file: one JSON line per bad message, with the reason, the route, the step and the original bytes.

A message is acknowledged to its source only after its line is written and synced to the disk. The quarantine is bounded by size and age: a full file
is renamed with its time, a new one is begun, and the oldest files go.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["QuarantineFile"]

PARTS = 8
"""In how many files the quarantine is kept when it is full: the oldest eighth goes at a time."""


class QuarantineFile:
    """Appends records to `<data_dir>/quarantine.ndjson`; older ones are in `quarantine.<time>.ndjson` beside it.

    Args:
        path: The file. Its folder is made on first use, readable only by this user: payloads are process data.
        size: How many bytes are kept in all.
        age_s: How long a file is kept after its last record, in seconds.
        now_ns: The time, in nanoseconds since 1970 (UTC).
    """

    def __init__(self, path: Path, *, size: int, age_s: float, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.path = path
        self._size = size
        self._age_s = age_s
        self._now_ns = now_ns

    def append(self, lines: bytes) -> int:
        """Append records and sync them to the disk. Called on a worker thread.

        Returns:
            How many old files had to go.

        Raises:
            OSError: They could not be written; nothing of them counts as written.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        evicted = 0
        if self.path.exists() and self.path.stat().st_size + len(lines) > self._size // PARTS:
            self.path.replace(self.path.with_name(f"{self.path.stem}.{self._now_ns():020d}{self.path.suffix}"))
            evicted = self._evict()
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            try:
                _write_all(handle, lines)
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)
        return evicted

    def _evict(self) -> int:
        older = sorted(self.path.parent.glob(f"{self.path.stem}.*{self.path.suffix}"))
        sizes = {file: file.stat().st_size for file in older}
        kept = sum(sizes.values())
        oldest_s = self._now_ns() / 1e9 - self._age_s
        evicted = 0
        for file in older:
            if kept <= self._size - self._size // PARTS and file.stat().st_mtime >= oldest_s:
                break
            kept -= sizes[file]
            file.unlink()
            evicted += 1
        return evicted


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
