"""Recordings: NDJSON files with one message a line, as the `ndjson` sink writes them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pronubes.errors import UnreadableRecording

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Recorded", "read_recording"]

_CHUNK_BYTES = 2**20
_LINE_BYTES = 512 * 2**20
"""Twice the largest payload that a configuration can allow."""
_HINT = "One JSON object with `topic` and `payload` a line is expected, as the `ndjson` sink writes it."


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message.

    Attributes:
        topic: Its topic.
        payload: Its payload, byte for byte.
        time_ns: When it came, in nanoseconds since 1970 (UTC); 0 where the recording does not say.
        retain: Whether a broker had kept it.
        qos: The quality of service it came with.
        source: The source it came from; empty where the recording does not say.
    """

    topic: str
    payload: bytes
    time_ns: int = 0
    retain: bool = False
    qos: int = 0
    source: str = ""


def read_recording(path: str | Path) -> Iterator[Recorded]:
    """Read a recording, a piece at a time.

    Args:
        path: The file, or `-` for standard input.

    Raises:
        UnreadableRecording: The file, or a line of it, cannot be read. What stands before that line has been given.
    """
    from pronubes._core import read_recording as cut

    try:
        with _opened(path) as file:
            first = 1
            for lines in _whole_lines(file):
                for entry in cut(lines):
                    if len(entry) == 2:
                        raise UnreadableRecording(f"`{path}`, line {first + entry[0]}: {entry[1]} {_HINT}")
                    yield Recorded(entry[1], entry[2], entry[3] or 0)
                first += lines.count(b"\n")
    except OSError as error:
        raise UnreadableRecording(f"`{path}` cannot be read: {error.strerror}.") from error


def _opened(path: str | Path) -> BinaryIO:
    return sys.stdin.buffer if str(path) == "-" else Path(path).open("rb")


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    rest: list[bytes] = []
    held = 0
    while chunk := file.read(_CHUNK_BYTES):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, chunk[:end]])
            rest, held = [], 0
        rest.append(chunk[end:])
        held += len(chunk) - end
        if held > _LINE_BYTES:
            raise UnreadableRecording(f"A line is longer than {_LINE_BYTES:,} bytes. {_HINT}")
    if held:
        yield b"".join(rest)
