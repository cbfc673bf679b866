"""The stream of server-sent events: everything that is known, page by page, then what changes.

1. Nothing is queued per client. A client has a cursor, the sequence number of the newest change that it was sent; each turn asks the engine what
   changed since. A client that reads slowly has fewer and larger turns, and of a topic that changed often meanwhile it gets the newest value only.
2. A client that takes nothing for `STALL_S` is cut off. Its browser connects again and says where it was (`Last-Event-ID`).
3. The id of an event is `EPOCH:SEQUENCE`. A sequence number means nothing to another run of the server: then everything is sent again, and the
   `hello` event with the new epoch tells the page to forget what it has.
4. One turn sends at most `TURN_PAGES` pages, so that a page left open costs a bounded share of the loop. Turns of a client that lags are unevenly
   spaced on purpose: evenly spaced turns over tags that change in a fixed rhythm would meet the same tags each time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from pronubes.connectors.base import ConnectorContext, EngineView

__all__ = ["EventStream", "Feed", "for_display"]

MAX_CLIENTS = 16
TURN_S = 0.25
TURN_PAGES = 5
PAGE_VALUES = 5000
STATUS_S = 1.0
STATUS_BYTES = 128 * 1024
"""A status larger than this is sent less often: every further such part costs another second."""
STATUS_MAX_S = 10.0
STALL_S = 10.0
SHOWN_BYTES = 2048
"""How much of a quarantined payload the stream carries; `/api/quarantine` has all of it."""

_HEAD = re.compile(rb'"more"\s*:\s*(true|false)')
_TAIL = re.compile(rb'"sequence"\s*:\s*(\d+)\s*\}\s*\]\s*\}\s*\Z')
_EVENT_ID = re.compile(r"([0-9a-f]{8}):([0-9]{1,19})")


class Feed:
    """What all clients of one page share.

    Args:
        view: What is looked at.
        context: The node's name, its clock and its randomness.
        history: How many points of a tag are kept, for the page to say.

    Attributes:
        clients: How many streams are open.
        abort: Cuts off the client with this address.
    """

    def __init__(self, view: EngineView, *, context: ConnectorContext, history: int) -> None:
        self._view = view
        self._context = context
        self._history = history
        self._epoch = f"{context.random.getrandbits(32):08x}"
        self._closing = asyncio.Event()
        self._status = b""
        self._status_due_s = 0.0
        self.clients = 0
        self.abort: Callable[[tuple[str, int]], None] = lambda client: None  # noqa: ARG005 - replaced by the server

    def close(self) -> None:
        """End every stream at its next turn, which is at once."""
        self._closing.set()

    def start_of(self, event_id: str) -> int:
        """Find where a client goes on: after the last event that it saw, or at the beginning."""
        match = _EVENT_ID.fullmatch(event_id)
        return int(match[2]) if match and match[1] == self._epoch else 0

    async def events(self, since: int) -> AsyncIterator[bytes]:
        """Yield events for one client until the server closes."""
        yield self._hello()
        status_due_s = 0.0
        newest_record: object = None
        while not self._closing.is_set():
            now_s = asyncio.get_running_loop().time()
            if now_s >= status_due_s:
                yield self._status_event(now_s)
                status_due_s = self._status_due_s
                records = _newer(self._view.quarantined(), newest_record)
                if records:
                    newest_record = records[0]
                    yield _event("quarantine", orjson.dumps([for_display(record) for record in records]))
            has_more = True
            for _ in range(TURN_PAGES):
                frame, since, has_more = self._changes(since)
                if frame:
                    yield frame
                if not has_more:
                    break
            pause_s = TURN_S * self._context.random.uniform(0.5, 1.5) if has_more else TURN_S
            await self._pause(pause_s)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    def _hello(self) -> bytes:
        facts = {
            "epoch": self._epoch,
            "node": self._context.node,
            "sink": self._context.name,
            "history": self._history,
            "now_ms": self._context.now_ns() // 1_000_000,
        }
        return b"retry: 1000\n" + _event("hello", orjson.dumps(facts))

    def _status_event(self, now_s: float) -> bytes:
        """Make the status at most once per second, whatever the number of clients."""
        if now_s >= self._status_due_s or not self._status:
            body = orjson.dumps({"now_ms": self._context.now_ns() // 1_000_000, "status": self._view.status()})
            self._status = _event("status", body)
            self._status_due_s = now_s + min(STATUS_S * (1 + len(body) // STATUS_BYTES), STATUS_MAX_S)
        return self._status

    def _changes(self, since: int) -> tuple[bytes, int, bool]:
        raw = self._view.changes(since, limit=PAGE_VALUES)
        newest, has_more = _cursor(raw)
        if newest is None:
            return b"", since, False
        return b"id: %b:%d\n" % (self._epoch.encode(), newest) + _event("values", raw), newest, has_more


class EventStream(StreamingResponse):
    """One client's stream. Counts itself, and cuts off a client that stalls."""

    def __init__(self, feed: Feed, since: int) -> None:
        super().__init__(feed.events(since), media_type="text/event-stream")
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client leaves, stalls or the server closes."""

        async def patient(message: Message) -> None:
            try:
                async with asyncio.timeout(STALL_S):
                    await send(message)
            except TimeoutError as error:
                self._feed.abort(scope["client"])
                raise ClientDisconnect from error

        self._feed.clients += 1
        try:
            await super().__call__(scope, receive, patient)
        except ClientDisconnect:
            return
        finally:
            self._feed.clients -= 1


def for_display(record: dict[str, Any]) -> dict[str, Any]:  # Any: a JSON document
    """Cut a quarantined message's payload to what a page shows of it."""
    for key in ("payload", "payload_base64"):
        payload = record.get(key)
        if isinstance(payload, str) and len(payload) > SHOWN_BYTES:
            return {**record, key: payload[:SHOWN_BYTES], "cut_from": len(payload)}
    return record


def _newer(records: list[dict[str, Any]], than: object) -> list[dict[str, Any]]:  # Any: JSON documents
    """Take the records before the one that the client has as its newest."""
    for index, record in enumerate(records):
        if record is than or record == than:
            return records[:index]
    return records


def _cursor(raw: bytes) -> tuple[int | None, bool]:
    """Read the newest sequence number and whether there is more, without reading all the values between."""
    tail = _TAIL.search(raw, max(len(raw) - 64, 0))
    head = _HEAD.search(raw, 0, 256)
    if tail and head:
        return int(tail[1]), head[1] == b"true"
    document = orjson.loads(raw)
    values = document["values"]
    return (max(value["sequence"] for value in values) if values else None), bool(document["more"])


def _event(name: str, data: bytes) -> bytes:
    """Frame an event. Line breaks of a payload's own JSON are white space there, and would end the event here."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\n", b" ").replace(b"\r", b" ")
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
