"""The MQTT connector's socket side: keeps one TCP or TLS connection open for a session that lives in Rust.

The session (CONNECT, keep-alive, acknowledgements, what is in flight) is the engine's; here are only the things that wait. The socket fills
one buffer, one call hands the whole chunk to Rust, and what is to be written comes back as one `bytes`. It never gives up: it reconnects
for ever with jittered back-off, whatever the broker says.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from pronubes.connectors.mqtt_options import MqttSourceOptions
from pronubes.errors import NotConnected
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pronubes.connectors.mqtt_options import MqttOptions

__all__ = ["Driver", "LinkEnd", "MqttLink", "Pauses"]

CHUNK_BYTES = 256 * 1024
"""Room for one read. Larger reads mean fewer calls per message; beyond this the gain is below the noise."""
WRITE_BUFFER_BYTES = 4 * 1024 * 1024
"""What may wait in the transport before the engine is told to keep things in its own, counted queue."""
SMALL_READ_BYTES = 32 * 1024
"""A read below this size is worth gathering: the source is not busy."""


class Pauses(Protocol):
    """How long to wait before each attempt; `pipeline.backoff.Backoff` is one."""

    def next_s(self) -> float:
        """Draw the next pause, in seconds."""

    def is_worth_telling(self) -> bool:
        """Whether this attempt should be logged."""

    def reset(self) -> None:
        """It worked: begin again with short pauses."""


class Driver(Protocol):
    """What a link calls when something happens on its connection. The node implements it over the engine."""

    def opened(self, connection: int) -> None:
        """The transport is connected."""

    def received(self, connection: int, buffer: bytearray, size: int) -> None:
        """The first `size` bytes of `buffer` came in. The buffer may be filled again after the call."""

    def closed(self, connection: int) -> None:
        """The transport is gone."""

    def writable(self, connection: int, *, is_writable: bool) -> None:
        """The transport's buffer is full, or has room again."""


class _Socket(asyncio.BufferedProtocol):
    """One connection: bytes in, bytes out."""

    def __init__(self, driver: Driver, connection: int, latency_budget_s: float) -> None:
        self._driver = driver
        self._connection = connection
        self._latency_budget_s = latency_budget_s
        self._buffer = bytearray(CHUNK_BYTES)
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[Exception | None] = self._loop.create_future()
        self.is_held = False
        self._is_gathering = False
        self._descriptor: int | None = None
        """The socket of a plain connection; TLS has bytes of its own between."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast("asyncio.Transport", transport)  # uvloop's transports are no subclasses of asyncio's
        stream.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self.transport = stream
        if self._latency_budget_s and hasattr(os, "readv") and stream.get_extra_info("sslcontext") is None:
            self._descriptor = stream.get_extra_info("socket").fileno()

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's signature
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._latency_budget_s and nbytes < SMALL_READ_BYTES and not self.is_held:
            self._gather()
        self._driver.received(self._connection, self._buffer, nbytes)

    def _gather(self) -> None:
        # A socket that is not watched wakes nobody: what arrives within the budget is read in one go.
        if self.transport is not None and not self._is_gathering:
            self._is_gathering = True
            self.transport.pause_reading()
            self._loop.call_later(self._latency_budget_s, self._gathered)

    def _gathered(self) -> None:
        self._is_gathering = False
        if self.transport is None or self.is_held or self.transport.is_closing():
            return
        size = self._read_now()
        if 0 < size < SMALL_READ_BYTES:
            # The timer alone wakes us as long as something comes: watching the socket in between would be a second wake-up.
            self._is_gathering = True
            self._loop.call_later(self._latency_budget_s, self._gathered)
        else:
            self.transport.resume_reading()
        if size > 0:
            self._driver.received(self._connection, self._buffer, size)

    def _read_now(self) -> int:
        """Read what is there, past the transport, which does not watch the socket now; 0 when only the transport can tell what is next."""
        if self._descriptor is None:
            return 0
        try:
            return os.readv(self._descriptor, [self._buffer])
        except OSError:  # nothing there, or the connection is broken: the transport will see
            return 0

    def hold(self) -> None:
        """Stop reading until `release`: a sink is full."""
        if not self.is_held:
            self.is_held = True
            if self.transport is not None and not self._is_gathering:
                self.transport.pause_reading()

    def release(self) -> None:
        """Read again."""
        self.is_held = False
        self._resume()

    def _resume(self) -> None:
        if self.transport is not None and not self.is_held and not self._is_gathering and not self.transport.is_closing():
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        self._driver.writable(self._connection, is_writable=False)

    def resume_writing(self) -> None:
        self._driver.writable(self._connection, is_writable=True)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._descriptor = None
        if not self.lost.done():
            self.lost.set_result(exc)


class LinkEnd(NamedTuple):
    """A connection of the engine.

    Attributes:
        connection: The engine's number for it.
        side: `source` or `sink`.
        name: The connector's name in the configuration.
    """

    connection: int
    side: str
    name: str


class MqttLink:
    """Keeps the connection of one MQTT source or sink open.

    Args:
        end: Which connection of the engine it keeps.
        options: Its options.
        base_dir: The folder against which relative certificate paths count.
        driver: Who gets the bytes.
        pauses: How long to wait between attempts.
    """

    def __init__(self, end: LinkEnd, options: MqttOptions, *, base_dir: Path, driver: Driver, pauses: Pauses) -> None:
        self.name = end.name
        self.side = end.side
        self.connection = end.connection
        self._options = options
        self._latency_budget_s = options.latency_budget if isinstance(options, MqttSourceOptions) else 0.0
        self._base_dir = base_dir
        self._driver = driver
        self._pauses = pauses
        self._socket: _Socket | None = None
        self._is_held = False
        self._is_leaving = False
        self._close_cause: tuple[str, bool] | None = None

    @property
    def address(self) -> str:
        """Where it connects to, for logs: never with credentials."""
        return f"{self._options.scheme}://{self._options.host}:{self._options.port}"

    def write(self, data: bytes) -> None:
        """Write to the connection, if there is one: the engine sends again what a lost connection swallowed."""
        socket = self._socket
        if socket is not None and socket.transport is not None:
            socket.transport.write(data)

    def hold(self) -> None:
        """Stop reading: a sink is full. The engine goes on with keep-alives."""
        self._is_held = True
        if self._socket is not None:
            self._socket.hold()

    def release(self) -> None:
        """Read again."""
        self._is_held = False
        if self._socket is not None:
            self._socket.release()

    def settled_in(self) -> None:
        """The broker accepted the session: the next reconnect may be quick again."""
        self._pauses.reset()

    def close(self, cause: str, *, is_refusal: bool) -> None:
        """Close the connection after what is written; the link then connects again unless it is leaving."""
        self._close_cause = (cause, is_refusal)
        if self._socket is not None and self._socket.transport is not None:
            self._socket.transport.close()

    def retire(self) -> None:
        """Close the connection after what is written and connect no more: it has left the configuration."""
        self._is_leaving = True
        if self._socket is not None and self._socket.transport is not None:
            self._socket.transport.close()

    async def leave(self, *, within_s: float) -> None:
        """Flush, close and connect no more."""
        self._is_leaving = True
        socket = self._socket
        if socket is None or socket.transport is None:
            return
        socket.transport.close()
        _, pending = await asyncio.wait({socket.lost}, timeout=within_s)
        if pending:
            socket.transport.abort()

    async def run(self) -> None:
        """Connect, wait until the connection is lost, and again; returns only after `leave`."""
        while not self._is_leaving:
            cause = await self._connect_once()
            if self._must_leave():
                return
            pause_s = self._pauses.next_s()
            self._tell(cause, pause_s)
            await asyncio.sleep(pause_s)

    def _must_leave(self) -> bool:
        return self._is_leaving  # `leave` sets it while `run` waits

    def _tell(self, cause: str, pause_s: float) -> None:
        is_refusal = self._close_cause is not None and self._close_cause[1]
        event = events.ConnectionRefused if is_refusal else events.ConnectionLost
        if self._pauses.is_worth_telling():
            emit(event(connector=self.name, address=self.address, error=cause, retry_s=round(pause_s, 1)))

    async def _connect_once(self) -> str:
        self._close_cause = None
        loop = asyncio.get_running_loop()
        try:
            context = self._options.ssl_context(base_dir=self._base_dir)
            factory: Callable[[], _Socket] = lambda: _Socket(self._driver, self.connection, self._latency_budget_s)  # noqa: E731
            async with asyncio.timeout(self._options.connect_timeout):
                _, socket = await loop.create_connection(
                    factory,
                    self._options.host,
                    self._options.port,
                    ssl=context,
                    server_hostname=self._options.server_name if context else None,
                )
        except TimeoutError:
            return f"no answer within {self._options.connect_timeout:g} s"
        except ssl.SSLCertVerificationError as error:
            return f"the broker's certificate was not accepted: {error.verify_message}"
        except NotConnected as error:
            return str(error)
        except (OSError, ssl.SSLError) as error:
            return error.strerror or str(error)
        return await self._serve(socket)

    async def _serve(self, socket: _Socket) -> str:
        self._socket = socket
        if self._is_held:
            socket.hold()
        try:
            self._driver.opened(self.connection)
            lost = await socket.lost
        finally:
            self._socket = None
            if socket.transport is not None:
                socket.transport.abort()
            self._driver.closed(self.connection)
        if self._close_cause is not None:
            return self._close_cause[0]
        return str(lost) if lost is not None else "the broker closed the connection"
