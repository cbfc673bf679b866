"""The control socket: how commands look into a running node and replay its quarantine. A file, no port; readable only by this user.

One JSON request a line, one JSON answer a line; a `tap` or `record` answers with lines until the client leaves, a `replay` with a line of
progress now and then.
Only `replay` and `drop` change anything: for the node's own user alone, with an entry in the quarantine's audit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

import orjson

from pronubes.errors import NoCatalog, NotConnected, PronubesError
from pronubes.pipeline.replay import ReplayRefused
from pronubes.quarantine.actions import Actor
from pronubes.quarantine.records import Selection
from pronubes.quarantine.store import QuarantineDamaged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pronubes.pipeline.node import Node

__all__ = ["ControlClient", "ControlServer", "socket_path"]

TAP_BYTES = 4 * 1024 * 1024
"""How much a tap may lag behind before it loses the newest; it never holds a route up."""
RECORD_BYTES = 32 * 1024 * 1024
"""The same for a recording."""
REQUEST_BYTES = 64 * 1024
CHUNK_BYTES = 1024 * 1024
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
        elif operation in {"replay", "drop"}:
            await self._change_quarantine(request, writer)
        elif operation == "tap":
            await self._tap(request, writer, queue_bytes=TAP_BYTES)
        elif operation == "record":
            await self._tap(request, writer, queue_bytes=RECORD_BYTES)
        else:
            known = "`status`, `catalog`, `tap`, `record`, `replay` and `drop`"
            await _send(writer, {"error": f"There is no operation `{operation}`; there are {known}."})

    def _catalog(self, request: dict[str, Any]) -> dict[str, Any]:  # Any: JSON documents
        try:
            return self._node.catalog.answer(request)
        except (NoCatalog, ValueError) as error:
            return {"error": str(error)}

    async def _change_quarantine(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:  # Any: JSON
        """Replay or drop quarantined messages; what cannot be done is said in a sentence."""
        try:
            actor = Actor.of(_peer(writer))
            if actor.uid != os.getuid():
                raise ReplayRefused(f"Only the node's own user may do this; you are `{actor.user}`.")
            selection = Selection.from_json(request.get("selection", {}))
            route = request.get("route")
            if request["op"] == "drop":
                await _send(writer, {"done": {"dropped": await self._node.replayer.drop(selection, actor)}})
            elif request.get("dry_run"):
                await _send(writer, {"done": await self._node.replayer.rehearse(selection, route=route)})
            else:
                counts: dict[str, int] = {}
                async with aclosing(self._node.replayer.replay(selection, actor, self._node.dispatcher, route=route)) as replay:
                    async for counts in replay:
                        await _send(writer, {"progress": counts})
                await _send(writer, {"done": counts})
        except (PronubesError, QuarantineDamaged, ValueError) as error:
            await _send(writer, {"error": str(error)})

    async def _tap(self, request: dict[str, Any], writer: asyncio.StreamWriter, *, queue_bytes: int) -> None:  # Any: the client's request
        """Answer with a line per message; a recording also with `{"lost": N}` when it has lagged too far behind."""
        engine, is_recorded = self._node.engine, request["op"] == "record"
        try:
            tap = engine.open_tap(str(request.get("filter", "#")), queue_bytes=queue_bytes, is_input=request.get("side") == "in")
        except ValueError as error:
            await _send(writer, {"error": str(error)})
            return
        ready = self._node.dispatcher.is_tap_ready.setdefault(tap, asyncio.Event())
        lost = 0
        try:
            while True:
                ready.clear()
                batch = engine.take_tap(tap)
                if batch is not None:
                    writer.write(batch.recording_lines() if is_recorded else batch.ndjson())
                    await writer.drain()
                    continue
                if is_recorded and engine.tap_dropped(tap) != lost:
                    lost = engine.tap_dropped(tap)
                    await _send(writer, {"lost": lost})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await ready.wait()
                if writer.is_closing():
                    return
        finally:
            engine.close_tap(tap)
            del self._node.dispatcher.is_tap_ready[tap]


def _peer(writer: asyncio.StreamWriter) -> int:
    """Return who is at the other end. Where the system does not say, the socket's permissions have let in its owner only."""
    connection = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):
        return os.getuid()
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)


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

    async def drop(self, selection: Selection) -> int:
        """Let quarantined messages go; how many there were.

        Raises:
            EOFError: The node has left.
            NotConnected: The node does not do it; the sentence says why.
        """
        await self._ask({"op": "drop", "selection": selection.as_json()})
        dropped: int = self._answer(await self._line())["done"]["dropped"]
        return dropped

    async def replay(
        self,
        selection: Selection,
        *,
        route: str | None = None,
        is_rehearsal: bool = False,
        on_progress: Callable[[dict[str, int]], None] | None = None,
    ) -> dict[str, int]:
        """Replay quarantined messages; how many had each result.

        Args:
            selection: Which.
            route: Through this route in place of their own.
            is_rehearsal: Only say what would happen.
            on_progress: Hears the same of what is done so far, now and then.

        Raises:
            EOFError: The node has left.
            NotConnected: The node does not do it; the sentence says why.
        """
        await self._ask({"op": "replay", "selection": selection.as_json(), "route": route, "dry_run": is_rehearsal})
        while True:
            answer = self._answer(await self._line())
            if "done" in answer:
                done: dict[str, int] = answer["done"]
                return done
            if on_progress is not None:
                on_progress(answer["progress"])

    @staticmethod
    def _answer(line: bytes) -> dict[str, Any]:  # Any: a JSON document
        document: dict[str, Any] = orjson.loads(line)
        if "error" in document:
            raise NotConnected(document["error"])
        return document

    async def tap(self, topic_filter: str, *, side: Literal["in", "out"] = "out") -> AsyncIterator[bytes]:
        """Yield a JSON line for every message that leaves the routes under a filter (or that sources hand in), until the node leaves."""
        await self._ask({"op": "tap", "filter": topic_filter, "side": side})
        with contextlib.suppress(EOFError):
            while True:
                yield await self._line()

    async def record(self, topic_filter: str, *, side: Literal["in", "out"]) -> AsyncIterator[bytes]:
        """Yield whole lines, many at a time, until the node leaves: a message each, as recordings have it, or `{"lost": N}`, so many so far.

        Args:
            topic_filter: An MQTT filter.
            side: What sources hand in, or what leaves the routes.
        """
        await self._ask({"op": "record", "filter": topic_filter, "side": side})
        rest = b""
        while chunk := await self._reader.read(CHUNK_BYTES):
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline:
                yield lines + newline

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
