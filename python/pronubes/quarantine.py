"""The quarantine file: one JSON line per bad message, with the reason, the route, the step and the original bytes.

A message is acknowledged to its source only after its line is written and handed to the operating system. The file is bounded: when it
has reached its size it is renamed and a new one is begun; the oldest of `KEEP` old files goes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["QuarantineFile"]

FILE_BYTES = 64 * 1024 * 1024
KEEP = 4


class QuarantineFile:
    """Appends records to `<data_dir>/quarantine.ndjson`.

    Args:
        path: The file. Its folder is made on first use, readable only by this user: payloads are process data.
        file_bytes: When to begin a new file.
    """

    def __init__(self, path: Path, *, file_bytes: int = FILE_BYTES) -> None:
        self.path = path
        self._file_bytes = file_bytes

    def append(self, lines: bytes) -> None:
        """Append records and hand them to the disk (fsync). Called on a worker thread.

        Raises:
            OSError: They could not be written; nothing of them counts as written.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size + len(lines) > self._file_bytes:
            self._rotate()
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

    def _rotate(self) -> None:
        for number in range(KEEP, 0, -1):
            older = self.path.with_suffix(f".{number}.ndjson")
            newer = self.path.with_suffix(f".{number - 1}.ndjson") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
