"""The canary: a message of the node's own that goes the way of all others, again and again, and proves that the way is open.

It comes from a source, takes a route and ends in a sink that exist for it alone, all of the reserved name `$canary`: the engine looks its topic up,
queues it, and settles it by the same rules as any other message; where the node has a durable log, only after the fsync that covers it. Names
beginning with `$` reach no filter with a wildcard at its front (MQTT 5 4.7.2), so no tap, page or route of the user sees it, and it is taken out of
the ledgers that the node shows.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.config.canary import CANARY

if TYPE_CHECKING:
    from collections.abc import Callable

    from pronubes._core import Pipeline
    from pronubes.pipeline.dispatch import Dispatcher

__all__ = ["Canary", "without_canary", "without_canary_name"]

PERIODS = 3
"""After so many periods without one that came back, the way is not open."""
MAX_UNDER_WAY = 3
"""More are not sent before one is back: what stands still must not fill up with canaries."""
_PAYLOAD = b'{"value":1}'


def without_canary(status: dict[str, Any]) -> dict[str, Any]:  # Any: a JSON document
    """Take the canary's entries out of a status, and its messages out of the totals."""
    own = {part: _take(status[part]) for part in ("sources", "routes", "sinks")}
    totals = status["totals"]
    for part, counters in _SUMMED.items():
        for counter, total in counters.items():
            totals[total] -= own[part].get(counter, 0)
    if status.get("catalog"):
        status["catalog"]["topics"] -= 1
    for log in (status.get("logs") or {}).values():
        if isinstance(log, dict):
            _take(log["consumers"])
    return status


def without_canary_name(answer: bytes, part: str) -> bytes:
    """Take the canary's name out of an answer of the catalogue.

    Args:
        answer: JSON.
        part: The list that names stand in: `topics` or `children`.
    """
    if _QUOTED not in answer:
        return answer
    document = orjson.loads(answer)
    document[part] = [entry for entry in document[part] if CANARY not in (entry.get("topic"), entry.get("name"))]
    return orjson.dumps(document)


_QUOTED = orjson.dumps(CANARY)
_SUMMED = {
    "sources": {"received": "received", "unrouted": "unrouted", "rejected": "quarantined", "dropped": "dropped"},
    "routes": {"filtered": "filtered", "quarantined": "quarantined", "rejected": "rejected"},
    "sinks": {"delivered": "delivered", "quarantined": "quarantined", "dropped": "dropped", "buffered": "buffered"},
}


def _take(entries: list[dict[str, Any]]) -> dict[str, Any]:  # Any: JSON documents
    for at, entry in enumerate(entries):
        if entry.get("name") == CANARY:
            return entries.pop(at)
    return {}


class Canary:
    """Sends canaries and takes them in again.

    Args:
        dispatcher: Of the running engine.
        clock: Nanoseconds since 1970 (UTC).
        every_s: How often one is sent, in seconds; may be changed.
        monotonic_s: A clock that is never set, in seconds.
    """

    def __init__(self, dispatcher: Dispatcher, clock: Callable[[], int], *, every_s: float, monotonic_s: Callable[[], float]) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self.every_s = every_s
        self._monotonic_s = monotonic_s
        self._arrived = dispatcher.is_sink_ready.setdefault(CANARY, asyncio.Event())
        self._is_free = dispatcher.is_free.setdefault(CANARY, asyncio.Event())
        self._is_free.set()
        self._sent: dict[int, float] = {}
        self._next_position = 0
        self._back_s = self._began_s = monotonic_s()
        self.came_back = 0
        """How many came back so far."""
        self.trip_s: float | None = None
        """How long the last one was under way, in seconds."""
        self.is_ending = False
        """Whether the node ends: none is sent any more."""

    @property
    def age_s(self) -> float | None:
        """How long ago the last one came back, in seconds; None before the first."""
        return self._monotonic_s() - self._back_s if self.came_back else None

    @property
    def is_lost(self) -> bool:
        """Whether none came back for so long that the way is not open."""
        return self._monotonic_s() - self._back_s > PERIODS * self.every_s

    def settle(self, position: int, *, is_delivered: bool) -> None:
        """Note that the engine has settled one."""
        sent_s = self._sent.pop(position, None)
        if sent_s is not None and is_delivered:
            self._back_s = self._monotonic_s()
            self.trip_s = self._back_s - sent_s
            self.came_back += 1

    async def run(self) -> None:
        """Send and take until cancelled."""
        next_s = self._monotonic_s()
        while True:
            now_s = self._monotonic_s()
            if now_s >= next_s:
                self._send(now_s)
                next_s = now_s + self.every_s
            self._take()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(min(next_s, now_s + self.every_s) - now_s, 0.0)):
                    await self._arrived.wait()

    def _send(self, now_s: float) -> None:
        if self.is_ending or len(self._sent) >= MAX_UNDER_WAY or not self._is_free.is_set():
            return
        self._next_position += 1
        self._sent[self._next_position] = now_s
        engine: Pipeline = self._dispatcher.engine
        self._dispatcher.do(engine.push(CANARY, [CANARY], [_PAYLOAD], position=self._next_position, now_ns=self._clock()))

    def _take(self) -> None:
        self._arrived.clear()
        engine: Pipeline = self._dispatcher.engine
        while (batch := engine.take(CANARY, now_ns=self._clock(), force=True)) is not None:
            self._dispatcher.do(engine.confirm(CANARY, batch.id, now_ns=self._clock()))
