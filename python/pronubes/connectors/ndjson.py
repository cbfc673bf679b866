"""Files and standard streams with one JSON object a line: for replays, tests, pipes and hand-over to other tools.

The source reads `{"topic": .., "payload": .., "time_ns": ..}` (names can be chosen), or whole lines as payloads under one topic. The sink writes
the same lines, so what one node writes another reads. Payloads are cut out of the lines by the engine: numbers keep their text.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, BinaryIO

from pydantic import Field, model_validator

from pronubes.connectors.base import EndOfInput, LineFormat, NotConnected, Settlement, SourceBatch, WriteResult
from pronubes.connectors.options import BatchSinkOptions, SinkConnector, SourceConnector, SourceOptions
from pronubes.connectors.values import ByteSize, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pronubes.connectors.base import ConnectorContext, SinkBatch

__all__ = ["SINK", "SOURCE", "STDOUT", "NdjsonOptions", "NdjsonSink", "NdjsonSinkOptions", "NdjsonSource", "StdoutOptions", "StdoutSink"]

CHUNK_BYTES = 256 * 1024
LINE_BYTES = 2 * 1024 * 1024
"""A longer line cannot be a message: payloads are bounded at 1 MiB."""
FOLLOW_PAUSE_S = 0.25


class NdjsonOptions(SourceOptions):
    """Options of an `ndjson` source."""

    path: str
    """The file to read, or `-` for standard input; a relative path counts from the configuration file."""
    topic_field: str | None = "topic"
    """The field with the topic. `null`: the whole line is the payload and `topic` is its topic."""
    payload_field: str = "payload"
    """The field with the payload; an object, a number, a text: whatever stands there becomes the payload."""
    time_field: str | None = "time_ns"
    """The field with the source's time in nanoseconds since 1970 (UTC), where a line has one."""
    topic: str | None = None
    """The topic of lines that have none."""
    follow: bool = False
    """Whether to wait at the end of the file for more, as `tail -F` does, instead of ending."""

    @model_validator(mode="after")
    def _has_topic(self) -> NdjsonOptions:
        if self.topic_field is None and self.topic is None:
            raise refuse("Lines would have no topic.", expected="`topic_field` or `topic`", field="topic")
        return self

    def filters(self) -> Sequence[str] | None:
        """Cover the one topic, when there is one only."""
        return [self.topic] if self.topic is not None and self.topic_field is None else None

    def endpoint(self) -> str | None:
        """Name the file."""
        return None if self.path == "-" else f"file:{self.path}"


class NdjsonSource:
    """Implements `BatchSource`. Reading happens on a thread, since a pipe may block for ever."""

    def __init__(self, options: NdjsonOptions, context: ConnectorContext) -> None:
        self._options = options
        self._path = context.base_dir / options.path
        self._format = LineFormat(
            topic_field=options.topic_field, payload_field=options.payload_field, time_field=options.time_field, topic=options.topic
        )
        self._file: BinaryIO | None = None
        self._offset = 0
        self._partial = b""

    async def open(self) -> None:
        """Open the file, and go on where it was.

        Raises:
            NotConnected: The file cannot be opened.
        """
        if self._options.path == "-":
            self._file = sys.stdin.buffer
            return
        try:
            self._file = await asyncio.to_thread(self._path.open, "rb")
        except OSError as error:
            raise NotConnected(f"{self._path}: {error.strerror}") from error
        self._file.seek(self._offset)
        self._partial = b""

    async def read(self) -> SourceBatch:
        """Read the next lines.

        Raises:
            EndOfInput: The file has ended.
            NotConnected: The file cannot be read, or a line is longer than any message may be.
        """
        while True:
            try:
                chunk = await asyncio.to_thread(self._read_chunk)
            except OSError as error:
                raise NotConnected(f"{self._path}: {error.strerror}") from error
            if not chunk:
                if self._options.follow:
                    await asyncio.sleep(FOLLOW_PAUSE_S)
                    continue
                if not self._partial:
                    raise EndOfInput
                chunk = b"\n"
            lines, newline, rest = (self._partial + chunk).rpartition(b"\n")
            self._partial = rest
            if len(rest) > LINE_BYTES:
                raise NotConnected(f"{self._path}: a line is longer than {LINE_BYTES} bytes; it cannot be a message.")
            self._offset += len(lines) + len(newline)
            if lines.strip():
                return SourceBatch(topics=(), lines=lines, line_format=self._format)

    def _read_chunk(self) -> bytes:
        if self._file is None:
            return b""
        read1 = getattr(self._file, "read1", self._file.read)
        chunk: bytes = read1(CHUNK_BYTES)
        return chunk

    async def settle(self, position: object, outcome: Settlement) -> None:
        """A file does not forget: nothing to do."""

    async def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._file is not None and self._options.path != "-":
            self._file.close()
        self._file = None


class NdjsonSinkOptions(BatchSinkOptions):
    """Options of an `ndjson` sink."""

    path: str
    """The file to append to; a relative path counts from the configuration file. Its folder is made when it is not there."""
    rotate: ByteSize = Field(default=64 * 2**20, ge=1024)
    """At this size the file is renamed to `NAME.1` (older ones to `NAME.2`, ...) and a new one is begun."""
    keep: int = Field(default=4, ge=0, le=1000)
    """How many renamed files are kept; the oldest goes."""
    sync: bool = False
    """Whether a batch is on the disk (fsync) before it counts as delivered."""

    def endpoint(self) -> str | None:
        """Name the file."""
        return f"file:{self.path}"


class NdjsonSink:
    """Implements `BatchSink`."""

    def __init__(self, options: NdjsonSinkOptions, context: ConnectorContext) -> None:
        self._options = options
        self._path = context.base_dir / options.path
        self._handle: int | None = None
        self._size = 0

    async def open(self) -> None:
        """Open the file for appending; a torn last line of an earlier end is closed first.

        Raises:
            NotConnected: The file cannot be opened.
        """
        try:
            await asyncio.to_thread(self._open)
        except OSError as error:
            raise NotConnected(f"{self._path}: {error.strerror}") from error

    async def write(self, batch: SinkBatch) -> WriteResult:
        """Append a line per message.

        Raises:
            NotConnected: The disk is full or the file is gone: the batch is written again after a pause, whole.
        """
        try:
            await asyncio.to_thread(self._append, batch)
        except OSError as error:
            raise NotConnected(f"{self._path}: {error.strerror}") from error
        return WriteResult()

    async def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._handle).st_size
        if self._size and os.pread(self._handle, 1, self._size - 1) != b"\n":
            self._size += os.write(self._handle, b"\n")

    def _append(self, batch: SinkBatch) -> None:
        lines = batch.ndjson()
        if self._size and self._size + len(lines) > self._options.rotate:
            self._rotate()
        if self._handle is None:
            raise OSError(0, "the file is not open")
        try:
            view = memoryview(lines)
            while view:
                view = view[os.write(self._handle, view) :]
            if self._options.sync:
                os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, self._size)
            raise
        self._size += len(lines)

    def _rotate(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        for number in range(self._options.keep, 0, -1):
            newer = _numbered(self._path, number - 1)
            if newer.exists():
                newer.replace(_numbered(self._path, number))
        if not self._options.keep:
            self._path.unlink(missing_ok=True)
        self._open()


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


class StdoutOptions(BatchSinkOptions):
    """Options of a `stdout` sink."""


class StdoutSink:
    """Implements `BatchSink`: a line per message on standard output."""

    def __init__(self, options: StdoutOptions, context: ConnectorContext) -> None:
        del options, context

    async def open(self) -> None:
        """Nothing to open."""

    async def write(self, batch: SinkBatch) -> WriteResult:
        """Write the lines.

        Raises:
            NotConnected: Whoever read the output has gone.
        """
        try:
            await asyncio.to_thread(self._print, batch)
        except OSError as error:
            raise NotConnected(f"standard output: {error.strerror}") from error
        return WriteResult()

    @staticmethod
    def _print(batch: SinkBatch) -> None:
        sys.stdout.buffer.write(batch.ndjson())
        sys.stdout.buffer.flush()

    async def close(self) -> None:
        """Standard output stays open."""


SOURCE = SourceConnector(
    options=NdjsonOptions, implementation="pronubes.connectors.ndjson:NdjsonSource", example="{type: ndjson, path: recording.ndjson}"
)
SINK = SinkConnector(
    options=NdjsonSinkOptions, implementation="pronubes.connectors.ndjson:NdjsonSink", example="{type: ndjson, path: data/out.ndjson, rotate: 16MiB}"
)
STDOUT = SinkConnector(options=StdoutOptions, implementation="pronubes.connectors.ndjson:StdoutSink", example="{type: stdout}")
