"""A TCP proxy that makes a network bad on command: slow, cut, silent, in pieces. No privileges, no extra program.

    async with FaultProxy(broker_port) as proxy:
        ...                                     # connect to proxy.port instead
        proxy.set(Latency(0.05, jitter_s=0.02))
        proxy.set(Slicer())                     # besides: each chunk in pieces of one byte
        proxy.reset()                           # now: RST to both ends of all connections
        proxy.clear()                           # a good network again

The names of the faults are those of Toxiproxy. What is random comes from the seed. A fault that is set holds for open connections too.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Bandwidth", "Blackhole", "Fault", "FaultProxy", "Latency", "LimitData", "ProxyCounts", "Refuse", "ResetPeer", "Slicer", "SlowClose"]

Direction = Literal["up", "down", "both"]
_CHUNK = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class _Directed:
    direction: Direction = "both"
    """`up` is from the client to the server."""


@dataclass(frozen=True)
class Latency(_Directed):
    """Each chunk waits before it goes on; order is kept."""

    delay_s: float
    jitter_s: float = 0.0


@dataclass(frozen=True)
class Bandwidth(_Directed):
    """At most so many bytes per second, per connection and direction."""

    bytes_per_s: float


@dataclass(frozen=True)
class SlowClose(_Directed):
    """The end of a stream is passed on late."""

    delay_s: float


@dataclass(frozen=True)
class Blackhole(_Directed):
    """Bytes are swallowed; no connection ends, also not when its other side has. Toxiproxy calls it `timeout`."""


@dataclass(frozen=True)
class ResetPeer(_Directed):
    """Each connection is reset so long after it began or the fault was set, plus up to `jitter_s`."""

    after_s: float
    jitter_s: float = 0.0


@dataclass(frozen=True)
class Slicer(_Directed):
    """Chunks go on in pieces, each written alone."""

    size: int = 1
    pause_s: float = 0.0


@dataclass(frozen=True)
class LimitData(_Directed):
    """A connection closes after so many bytes in one direction; the last chunk is cut to fit."""

    max_bytes: int


@dataclass(frozen=True)
class Refuse(_Directed):
    """New connections are reset at once; open ones live on."""


_F = TypeVar("_F", bound=_Directed)
Fault = Latency | Bandwidth | SlowClose | Blackhole | ResetPeer | Slicer | LimitData | Refuse


@dataclass
class ProxyCounts:
    """What a proxy has seen and done."""

    connections: int = 0
    refused: int = 0
    resets: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    swallowed: int = 0


@dataclass(eq=False)
class _Link:
    """One connection of a client, and the one to the server that belongs to it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    passed: dict[Direction, int] = field(default_factory=lambda: {"up": 0, "down": 0})

    def reset(self) -> None:
        for writer in (self.client, self.server):
            _reset(writer)

    def close(self) -> None:
        self.client.close()
        self.server.close()


class FaultProxy:
    """Pass connections on to a port of this machine, with faults.

    Args:
        upstream_port: Where the real server listens.
        host: The server's host.
        seed: Where jitter comes from; the same seed gives the same series.
    """

    def __init__(self, upstream_port: int, *, host: str = "127.0.0.1", seed: int = 0) -> None:
        self.upstream_port, self.host = upstream_port, host
        self.port = 0
        self.counts = ProxyCounts()
        self._faults: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 - jitter
        self._changed = asyncio.Event()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen on a free port of 127.0.0.1 and return it; a proxy that is started again keeps its port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in self._links:
            link.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        await self.stop()

    def set(self, fault: Fault) -> None:
        """Add a fault; one of the same kind and direction is replaced."""
        self._faults = [one for one in self._faults if (type(one), one.direction) != (type(fault), fault.direction)]
        self._faults.append(fault)
        self._changed.set()

    def clear(self) -> None:
        """Take all faults away. What a black hole has swallowed stays lost, as in a real network."""
        self._faults.clear()
        self._changed.set()

    def reset(self) -> int:
        """Reset all open connections, both ends (RST, not FIN); return how many there were."""
        links = list(self._links)
        for link in links:
            link.reset()
        self.counts.resets += len(links)
        return len(links)

    @property
    def open_connections(self) -> int:
        """How many connections pass through now."""
        return len(self._links)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._find(Refuse, "up") is not None:
            self.counts.refused += 1
            _reset(writer)
            return
        try:
            upstream_reader, upstream = await asyncio.open_connection(self.host, self.upstream_port)
        except OSError:
            self.counts.refused += 1
            _reset(writer)
            return
        self.counts.connections += 1
        link = _Link(writer, upstream)
        self._links.add(link)
        # The task is the proxy's own and ends here; asyncio would log a cancellation that `stop` asked for as an error.
        with contextlib.suppress(asyncio.CancelledError):
            await self._link(link, reader, upstream_reader)

    async def _link(self, link: _Link, reader: asyncio.StreamReader, upstream_reader: asyncio.StreamReader) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                resetting = group.create_task(self._reset_in_time(link))
                pumps = [
                    group.create_task(self._pump(link, "up", reader, link.server)),
                    group.create_task(self._pump(link, "down", upstream_reader, link.client)),
                ]
                await asyncio.wait(pumps)
                resetting.cancel()
        finally:
            self._links.discard(link)
            link.close()

    async def _pump(self, link: _Link, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self._find(Blackhole, direction) is not None:
                    self.counts.swallowed += len(chunk)
                    continue
                if not await self._pass(link, direction, chunk, writer):
                    return
        while self._find(Blackhole, direction) is not None:  # an end is swallowed as well, until the hole is closed
            await self._change()
        if (slow := self._find(SlowClose, direction)) is not None:
            await asyncio.sleep(slow.delay_s)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _pass(self, link: _Link, direction: Direction, chunk: bytes, writer: asyncio.StreamWriter) -> bool:
        """Pass a chunk on with the faults of now; give False when the connection has come to its limit."""
        if (late := self._find(Latency, direction)) is not None:
            await asyncio.sleep(max(0.0, late.delay_s + self._random.uniform(-late.jitter_s, late.jitter_s)))
        limit = self._find(LimitData, direction)
        if limit is not None:
            chunk = chunk[: max(0, limit.max_bytes - link.passed[direction])]
        slicer = self._find(Slicer, direction)
        size = slicer.size if slicer is not None else len(chunk) or 1
        for start in range(0, len(chunk), size):
            piece = chunk[start : start + size]
            if (bandwidth := self._find(Bandwidth, direction)) is not None:
                await asyncio.sleep(len(piece) / bandwidth.bytes_per_s)
            writer.write(piece)
            await writer.drain()
            if slicer is not None:
                await asyncio.sleep(slicer.pause_s)
        self._count(link, direction, len(chunk))
        if limit is not None and link.passed[direction] >= limit.max_bytes:
            link.close()
            return False
        return True

    async def _reset_in_time(self, link: _Link) -> None:
        while (fault := self._find(ResetPeer, "up") or self._find(ResetPeer, "down")) is None:
            await self._change()
        await asyncio.sleep(max(0.0, fault.after_s + self._random.uniform(0, fault.jitter_s)))
        if link in self._links:
            self.counts.resets += 1
            link.reset()

    async def _change(self) -> None:
        """Wait until the faults change; several may wait."""
        changed = self._changed
        if changed.is_set():
            self._changed = changed = asyncio.Event()
        await changed.wait()

    def _count(self, link: _Link, direction: Direction, size: int) -> None:
        link.passed[direction] += size
        if direction == "up":
            self.counts.bytes_up += size
        else:
            self.counts.bytes_down += size

    def _find(self, kind: type[_F], direction: Direction) -> _F | None:
        for fault in self._faults:
            if isinstance(fault, kind) and fault.direction in ("both", direction):
                return fault
        return None


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST: a lingering time of zero throws away what is not sent."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
