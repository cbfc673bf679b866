"""What stateful steps remember, on the disk: saved while the node runs, read when it starts.

One file, `state` in the data folder, written beside and put in place at once: it is whole, or it is the one before. The engine writes it in
portions, so that nobody waits for a million keys. Layout: one line of JSON (`format`, `saved_ns`), then frames of length and CRC-32 (4 bytes
each, little endian) and a portion of the engine; a frame of length 0 is the end.

Rules of this file:

1. A bad file never prevents a start: it is set aside and said, and what can be read of it is used.
2. After a kill the state is as old as the file says. What steps kept to themselves after that is lost, and what they let go after
   that may come once more; the node says how old the state was.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import orjson

from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pronubes._core import Pipeline

__all__ = ["FORMAT", "StateKeeper"]

FORMAT = "pronubes state 1"
FILE_NAME = "state"
PORTION_BYTES = 256 * 1024
"""The engine is held for the time that it takes to write so many bytes."""
_FRAME = struct.Struct("<II")


@dataclass(slots=True)
class _Restored:
    keys: int = 0
    refused: int = 0
    age_s: float | None = None
    is_damaged: bool = False


class StateKeeper:
    """Saves and restores what the stateful steps of a node remember.

    Args:
        folder: The data folder.
        clock: Nanoseconds since 1970 (UTC).
        every_s: How often it is saved, in seconds.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], int], every_s: float) -> None:
        self.every_s = every_s
        self._path = folder / FILE_NAME
        self._clock = clock
        self._saved_ns: int | None = None
        self._error: str | None = None
        self._restored = _Restored()
        self._turn = asyncio.Lock()  # one save at a time: all write the same file

    def restore(self, engine: Pipeline) -> None:
        """Give the engine what the file has. To be called before the first message."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            emit(events.StateUnreadable(path=str(self._path), error=str(error)))
            return
        found = self._restored
        header, _, body = content.partition(b"\n")
        try:
            document = orjson.loads(header)
            is_known = document["format"] == FORMAT
            saved_ns = int(document["saved_ns"])
        except (ValueError, KeyError, TypeError):
            is_known, saved_ns = False, 0
        if is_known:
            found.age_s = round((self._clock() - saved_ns) / 1e9, 3)
            for portion in self._portions(body):
                keys, refused = engine.restore_state(portion)
                found.keys += keys
                found.refused += refused
        found.is_damaged |= not is_known
        if found.is_damaged:
            aside = self._path.with_name(f"{FILE_NAME}.damaged")
            with contextlib.suppress(OSError):
                self._path.replace(aside)
            emit(events.StateDamaged(path=str(aside), keys=found.keys))
        elif found.keys or found.refused:
            emit(events.StateRestored(keys=found.keys, refused=found.refused, age_s=found.age_s or 0.0))

    def _portions(self, body: bytes) -> Iterator[bytes]:
        at = 0
        while at + _FRAME.size <= len(body):
            length, checksum = _FRAME.unpack_from(body, at)
            at += _FRAME.size
            portion = body[at : at + length]
            if length == 0 or len(portion) < length or zlib.crc32(portion) != checksum:
                self._restored.is_damaged = length != 0
                return
            yield portion
            at += length
        self._restored.is_damaged = True

    async def run(self, engine: Pipeline) -> None:
        """Save again and again, while there is anything to save."""
        while True:
            await asyncio.sleep(self.every_s)
            await self.save(engine)

    async def save(self, engine: Pipeline) -> None:
        """Save once. What cannot be saved is said once, and tried again with the next save."""
        async with self._turn:
            await self._save(engine)

    async def _save(self, engine: Pipeline) -> None:
        if not engine.has_state():
            return
        saved_ns = self._clock()
        part = self._path.with_name(f".{FILE_NAME}.part")
        try:
            await self._write(engine, part, saved_ns)
        except OSError as error:
            if self._error is None:
                emit(events.StateNotSaved(path=str(self._path), error=str(error)))
            self._error = str(error)
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return
        self._error = None
        self._saved_ns = saved_ns

    async def _write(self, engine: Pipeline, part: Path, saved_ns: int) -> None:
        file = await asyncio.to_thread(_open, part)
        try:
            pending = orjson.dumps({"format": FORMAT, "saved_ns": saved_ns}) + b"\n"
            at: tuple[int, int] | None = (0, 0)
            while at is not None:
                portion, at = engine.save_state(at, PORTION_BYTES)
                pending += _FRAME.pack(len(portion), zlib.crc32(portion)) + portion
                await asyncio.to_thread(file.write, pending)
                pending = b""
            await asyncio.to_thread(_finish, file, part, self._path)
        finally:
            file.close()

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """Say when the state was saved, how old the state was with which the node began, and what keeps it from being saved."""
        age_s = None if self._saved_ns is None else round((self._clock() - self._saved_ns) / 1e9, 3)
        restored = self._restored
        return {
            "saved_age_s": age_s,
            "every_s": self.every_s,
            "error": self._error,
            "restored": {"keys": restored.keys, "refused": restored.refused, "age_s": restored.age_s, "is_damaged": restored.is_damaged},
        }


def _open(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


def _finish(file: IO[bytes], part: Path, path: Path) -> None:
    file.write(_FRAME.pack(0, 0))
    file.flush()
    os.fsync(file.fileno())
    file.close()
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
