"""Recordings: messages in a file, as `pronubes record` writes them (docs/reference/recording-format.md), or as lines of JSON.

Which of the two a file is, its first bytes say. Lines of JSON may be compressed with gzip.
"""

from __future__ import annotations

import gzip
import secrets
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from pronubes.errors import PronubesError, UnreadableRecording

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pronubes._core import RecordingWriter

__all__ = [
    "UNBOUNDED",
    "Ending",
    "Recorded",
    "is_recording_file",
    "lines_of",
    "messages_of",
    "new_writer",
    "open_lines",
    "pieces_of",
    "read_recording",
    "whole_lines",
]

UNBOUNDED = 2**63 - 1
MAGIC = b"PNrec\r\n\x1a"
_GZIP = b"\x1f\x8b"
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
        source_ns: When the source says it happened.
        route: The route that it left; empty for what came in.
    """

    topic: str
    payload: bytes
    time_ns: int = 0
    retain: bool = False
    qos: int = 0
    source: str = ""
    source_ns: int | None = None
    route: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a recording turned out to be, once it has been read.

    Attributes:
        messages: Messages that were read.
        is_whole: Whether everything is there that was recorded.
        has_end: Whether it was ended; else it was cut, or is still being written.
        whole_to: Where what is whole ends.
        damaged: Damaged places, offset and bytes; the first hundred.
        damaged_places: How many damaged places there are.
        missing: Messages that were in damaged places, as far as their numbers tell.
        lost: Messages that came and were never recorded.
        begun_ns: When it was begun.
        ended_ns: When it was ended.
    """

    messages: int
    is_whole: bool
    has_end: bool
    whole_to: int
    damaged: tuple[tuple[int, int], ...]
    damaged_places: int
    missing: int
    lost: int
    begun_ns: int | None
    ended_ns: int | None

    @classmethod
    def of(cls, document: str) -> Ending:
        """Read what the engine says."""
        facts: dict[str, Any] = orjson.loads(document)  # Any: JSON
        return cls(**{**facts, "damaged": tuple((offset, size) for offset, size in facts["damaged"])})

    def sentence(self) -> str:
        """Say in words what is not whole; empty when everything is."""
        if self.is_whole:
            return ""
        whole = f"{self.messages:,} messages are whole"
        if not self.damaged_places:
            return f"It has no end: it was cut at byte {self.whole_to:,}, or is still being written. {whole}."
        offset, size = self.damaged[0]
        if not self.has_end and self.damaged_places == 1 and offset == self.whole_to:
            return f"It breaks off at byte {offset:,}; the {size:,} bytes from there on are no whole messages. {whole}."
        more = f" and at {self.damaged_places - 1} other places" if self.damaged_places > 1 else ""
        missing = f", {self.missing:,} are missing" if self.missing else ""
        end = "" if self.has_end else " It has no end either."
        return f"It is damaged at byte {offset:,} ({size:,} bytes){more}: {whole}{missing}.{end}"


def is_recording_file(path: str | Path) -> bool:
    """Tell whether a file is a recording of `pronubes record`, and not lines of JSON.

    Raises:
        UnreadableRecording: It cannot be read.
    """
    if str(path) == "-":
        return False
    try:
        with Path(path).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise _unreadable(path, error) from error


def read_recording(path: str | Path) -> Iterator[Recorded]:
    """Read a recording, a piece at a time.

    Args:
        path: The file, or `-` for lines of JSON on standard input.

    Raises:
        UnreadableRecording: The file, or a part of it, cannot be read. What is whole has been given before.
    """
    if not is_recording_file(path):
        yield from lines_of(path)
        return
    ending = yield from messages_of(path)
    if not ending.is_whole:
        raise UnreadableRecording(f"`{path}`: {ending.sentence()} `pronubes recording convert` makes a whole one of what is there.")


def new_writer(
    path: str | Path, *, is_compressed: bool, now_ns: int, max_bytes: int = UNBOUNDED, max_messages: int = UNBOUNDED, is_replacing: bool = False
) -> RecordingWriter:
    """Make a recording.

    Args:
        path: The file.
        is_compressed: Whether it is compressed.
        now_ns: The time.
        max_bytes: The file never has more bytes.
        max_messages: It takes no more messages.
        is_replacing: Whether a file that is there goes.

    Raises:
        FileExistsError: It is there and may not be replaced.
        PronubesError: It cannot be made.
    """
    from pronubes._core import RecordingWriter

    try:
        if is_replacing:
            Path(path).unlink(missing_ok=True)
        number = secrets.randbits(64)
        return RecordingWriter(str(path), number=number, is_compressed=is_compressed, max_bytes=max_bytes, max_messages=max_messages, now_ns=now_ns)
    except FileExistsError:
        raise
    except OSError as error:
        raise PronubesError(f"`{path}` cannot be written: {error.strerror}.") from error


def pieces_of(path: str | Path) -> Generator[bytes, None, Ending]:
    """Read a recording of `pronubes record` as pieces of whole lines of JSON; what is damaged is passed over. Returns its `Ending`.

    Raises:
        UnreadableRecording: As for `messages_of`.
    """
    from pronubes._core import RecordingReader

    try:
        reader = RecordingReader(str(path))
        while lines := reader.lines():
            yield lines
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise UnreadableRecording(f"`{path}`: {error}") from error
    return Ending.of(reader.ending())


def messages_of(path: str | Path) -> Generator[Recorded, None, Ending]:
    """Read a recording of `pronubes record`; what is damaged is passed over. Returns its `Ending`.

    Raises:
        UnreadableRecording: The file cannot be read, or has an unknown version.
    """
    from pronubes._core import RecordingReader

    try:
        reader = RecordingReader(str(path))
        while messages := reader.read():
            for topic, payload, time_ns, source_ns, qos, retain, source, route in messages:
                yield Recorded(topic, payload, time_ns, retain, qos, source, source_ns, route)
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise UnreadableRecording(f"`{path}`: {error}") from error
    return Ending.of(reader.ending())


def lines_of(path: str | Path) -> Iterator[Recorded]:
    """Read lines of JSON.

    Raises:
        UnreadableRecording: The file, or a line of it, cannot be read. What stands before that line has been given.
    """
    from pronubes._core import read_recording as cut

    try:
        with open_lines(path) as file:
            first = 1
            for lines in whole_lines(file):
                for number, entry in cut(lines):
                    if isinstance(entry, str):
                        raise UnreadableRecording(f"`{path}`, line {first + number}: {entry} {_HINT}")
                    topic, payload, time_ns, source_ns, qos, retain, source, route = entry
                    yield Recorded(topic, payload, time_ns, retain, qos, source, source_ns, route)
                first += lines.count(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableRecording(f"`{path}` breaks off or is damaged: {error}") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def open_lines(path: str | Path) -> BinaryIO:
    """Open lines of JSON, compressed with gzip or not."""
    if str(path) == "-":
        return sys.stdin.buffer
    file = Path(path).open("rb")  # noqa: SIM115  closed by the caller
    if file.read(len(_GZIP)) == _GZIP:
        file.close()
        return gzip.open(path)  # type: ignore[return-value]  # a GzipFile reads as any binary file
    file.seek(0)
    return file


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Cut a file into pieces of whole lines."""
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


def _unreadable(path: str | Path, error: OSError) -> UnreadableRecording:
    return UnreadableRecording(f"`{path}` cannot be read: {error.strerror}.")
