"""One task per view sink, and what it may look at."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import orjson

from pronubes._core import reasons
from pronubes.errors import NotConnected
from pronubes.pipeline.backoff import Backoff
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from pronubes.connectors.base import ViewSink
    from pronubes.pipeline.node import Node

__all__ = ["QuarantineTail", "View", "reason_words", "run_view"]

TAIL_RECORDS = 200


def reason_words() -> dict[str, dict[str, str]]:
    """Return what each reason code means (`text`) and what to do about it (`action`)."""
    return {code: {"text": text, "action": action} for code, text, action in reasons()}


class QuarantineTail:
    """The newest quarantined messages, for people who look, with the sentences of their reasons; the store has all of them."""

    def __init__(self) -> None:
        self._records: deque[dict[str, Any]] = deque(maxlen=TAIL_RECORDS)  # Any: JSON documents
        self._words = reason_words()

    def add(self, lines: bytes) -> None:
        """Remember the newest of some records, at most `TAIL_RECORDS`, whatever their number."""
        for line in lines.rsplit(b"\n", TAIL_RECORDS + 1)[-TAIL_RECORDS - 1 :]:
            if line and len(line) <= 64 * 1024:
                record = orjson.loads(line)
                self._records.appendleft(record | self._words.get(record["reason"], {}))

    def newest(self) -> list[dict[str, Any]]:  # Any: JSON documents
        """List them, newest first."""
        return list(self._records)


class View:
    """What one view sink may look at: `connectors.base.EngineView` over a node."""

    def __init__(self, node: Node, sink: str) -> None:
        self._node = node
        self._sink = sink

    def changes(self, since: int, *, limit: int) -> bytes:
        """See `EngineView`."""
        return self._node.engine.changes(self._sink, since, limit=limit)

    def watch(self, topic: str, *, points: int) -> None:
        """See `EngineView`."""
        self._node.engine.watch(self._sink, topic, points=points)

    def points(self, topic: str, *, since_ns: int) -> bytes:
        """See `EngineView`."""
        return self._node.engine.points(self._sink, topic, since_ns=since_ns)

    def catalog_page(self, *, topic_filter: str | None, search: str | None, after: str | None, limit: int) -> bytes:
        """See `EngineView`."""
        return self._node.catalog.page(topic_filter=topic_filter, search=search, after=after, limit=limit)

    def catalog_children(self, prefix: str | None, *, after: str | None, limit: int) -> bytes:
        """See `EngineView`."""
        return self._node.catalog.children(prefix, after=after, limit=limit)

    def catalog_topic(self, topic: str) -> bytes | None:
        """See `EngineView`."""
        return self._node.catalog.topic(topic)

    def catalog_changes(self, since: int, *, limit: int) -> bytes:
        """See `EngineView`."""
        return self._node.catalog.changes(since, limit=limit)

    def contracts(self) -> Mapping[str, Mapping[str, Any]]:  # Any: JSON documents
        """See `EngineView`."""
        return self._node.catalog.contracts()

    def contracts_report(self) -> bytes:
        """See `EngineView`."""
        return self._node.engine.contracts_report()

    def namespace(self) -> Mapping[str, Any] | None:  # Any: a JSON document
        """See `EngineView`."""
        return self._node.catalog.namespace()

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """See `EngineView`."""
        return self._node.status()

    def quarantined(self) -> list[dict[str, Any]]:  # Any: JSON documents
        """See `EngineView`."""
        return self._node.quarantine.tail.newest()


async def run_view(name: str, sink: ViewSink, view: View, randomness: random.Random) -> None:
    """Serve a view until cancelled; one that cannot serve now is tried again and holds up nobody."""
    backoff = Backoff(randomness)
    while True:
        try:
            await sink.serve(view)
        except NotConnected as error:
            text = str(error)
        except Exception as error:  # noqa: BLE001 - a defect of a connector: told, and tried again
            text = f"{type(error).__name__}: {error}"
        else:
            return
        pause_s = backoff.next_s()
        if backoff.is_worth_telling():
            emit(events.TaskFailed(connector=name, error=text, retry_s=round(pause_s, 1)))
        await asyncio.sleep(pause_s)
