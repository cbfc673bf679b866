"""The control socket: how `top`, `tap` and `catalog` look into a running node. A file, no port; readable only by this user.

One JSON request a line, one JSON answer a line; a `tap` answers with lines until the client leaves. Nothing here changes the node.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.errors import NoCatalog, NotConnected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pronubes.pipeline.node import Node

__all__ = ["ControlClient", "ControlServer", "socket_path"]

TAP_BYTES = 4 * 1024 * 1024
"""How much a tap may lag behind before it loses the newest; it never holds a route up."""
REQUEST_BYTES = 64 * 1024
LINE_BYTES = 16 * 1024 * 1024
"""The longest answer: the status of a node with very many routes."""


def socket_path(data_dir: Path) -> Path:
    """Return where a node with this data folder listens."""
    return data_dir / "control.sock"


class ControlServer:
    """Serves the control socket of a node."""

    def __init__(self, node: Node, path: Path) -> None:
        self._node = node
        self._path = path

    async def run(self) -> None:
        """Serve until cancelled."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, self._path, limit=REQUEST_BYTES)
        self._path.chmod(0o600)
        try:
            await server.serve_forever()
        finally:
            server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                await self._answer(line, writer)
        except (ConnectionError, ValueError, asyncio.IncompleteReadError):
            pass  # the client left, or sent a line beyond the limit: nothing of the node depends on it
        except asyncio.CancelledError:
            pass  # the node leaves; asyncio's stream servers log a handler that ends as cancelled
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            request: dict[str, Any] = orjson.loads(line)  # Any: the client's request
            operation = request["op"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            await _send(writer, {"error": 'Expected a JSON object such as {"op": "status"}.'})
            return
        if operation == "status":
            await _send(writer, self._node.status())
        elif operation == "catalog":
            await _send(writer, self._catalog(request))
        elif operation == "tap":
            await self._tap(str(request.get("filter", "#")), writer)
        else:
            await _send(writer, {"error": f"There is no operation `{operation}`; there are `status`, `catalog` and `tap`."})

    def _catalog(self, request: dict[str, Any]) -> dict[str, Any]:  # Any: JSON documents
        try:
            return self._node.catalog.answer(request)
        except (NoCatalog, ValueError) as error:
            return {"error": str(error)}

    async def _tap(self, topic_filter: str, writer: asyncio.StreamWriter) -> None:
        engine = self._node.engine
        try:
            tap = engine.open_tap(topic_filter, queue_bytes=TAP_BYTES)
        except ValueError as error:
            await _send(writer, {"error": str(error)})
            return
        ready = self._node.dispatcher.is_tap_ready.setdefault(tap, asyncio.Event())
        try:
            while True:
                ready.clear()
                batch = engine.take_tap(tap)
                if batch is not None:
                    writer.write(batch.ndjson())
                    await writer.drain()
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await ready.wait()
                if writer.is_closing():
                    return
        finally:
            engine.close_tap(tap)
            del self._node.dispatcher.is_tap_ready[tap]


async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:  # Any: a JSON document
    writer.write(orjson.dumps(answer) + b"\n")
    await writer.drain()


class ControlClient:
    """The other side: asks a running node. Used by `top`, `tap`, `catalog` and the demonstration."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, path: Path) -> ControlClient:
        """Connect to a node's socket.

        Raises:
            OSError: No node listens there.
        """
        return cls(*await asyncio.open_unix_connection(path, limit=LINE_BYTES))

    async def status(self) -> dict[str, Any]:  # Any: a JSON document
        """Return the node's ledgers, queues and connections.

        Raises:
            EOFError: The node has left.
        """
        await self._ask({"op": "status"})
        document: dict[str, Any] = orjson.loads(await self._line())
        return document

    async def catalog(self, **request: object) -> dict[str, Any]:  # Any: a JSON document
        """Return a page of described names of the catalogue.

        Args:
            request: `filter`, `search`, `after`, `limit`, or `topic` alone.

        Raises:
            EOFError: The node has left.
            NotConnected: The node cannot answer this; the sentence says why.
        """
        await self._ask({"op": "catalog", **request})
        document: dict[str, Any] = orjson.loads(await self._line())
        if "error" in document:
            raise NotConnected(document["error"])
        return document

    async def tap(self, topic_filter: str) -> AsyncIterator[bytes]:
        """Yield a JSON line for every message that leaves the routes under a filter, until the node leaves."""
        await self._ask({"op": "tap", "filter": topic_filter})
        with contextlib.suppress(EOFError):
            while True:
                yield await self._line()

    async def close(self) -> None:
        """Leave."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _ask(self, request: dict[str, Any]) -> None:  # Any: a JSON document
        self._writer.write(orjson.dumps(request) + b"\n")
        await self._writer.drain()

    async def _line(self) -> bytes:
        line = await self._reader.readline()
        if not line:
            raise EOFError("the node has left")
        return line
