"""Between the engine and everything that waits: what a call into the engine leaves to do is done here.

Rules of this file:

1. Work that a call into the engine leaves goes through `Dispatcher.do`, on the event loop's thread. (Hooks' threads call what leaves none, and
   the event loop then asks for it.)
2. Nothing here runs once per message: a call stands for a chunk or a batch.
3. Nothing here waits: it writes to transports, sets flags and schedules one timer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Callable

    from pronubes._core import Pipeline, Work
    from pronubes.connectors.mqtt import MqttLink

__all__ = ["Dispatcher"]

_LOG_FAILURES = frozenset({"damaged", "lost", "dropped", "sync_failed", "disk_full"})
"""Events of logs that mean a loss, or that a person must act."""


class Dispatcher:
    """Carries out the engine's `Work`.

    Args:
        engine: The engine.
        clock: Nanoseconds since 1970 (UTC).
        settle: Called with (source, position, whether delivered) when a position of a batch source is done.
    """

    def __init__(self, engine: Pipeline, clock: Callable[[], int], settle: Callable[[str, int, bool], None]) -> None:
        self.engine = engine
        self._clock = clock
        self._settle = settle
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._watched: set[int] = set()
        self.links: dict[int, MqttLink] = {}
        self.names: dict[int, str] = {}
        self.sources: dict[str, MqttLink] = {}
        self.held: set[str] = set()
        self.is_free: dict[str, asyncio.Event] = {}
        self.is_sink_ready: dict[str, asyncio.Event] = {}
        self.wake_hook: dict[int, Callable[[], None]] = {}
        self.is_tap_ready: dict[int, asyncio.Event] = {}
        self.is_quarantine_ready = asyncio.Event()

    # The driver of MQTT links

    def opened(self, connection: int) -> None:
        """See `connectors.mqtt.Driver`."""
        self.do(self.engine.opened(connection, now_ns=self._clock()))

    def received(self, connection: int, buffer: bytearray, size: int) -> None:
        """See `connectors.mqtt.Driver`. Once per chunk: the hot path's only Python."""
        work = self.engine.received(connection, buffer, size, now_ns=self._clock())
        if work is not None:
            self.do(work)

    def closed(self, connection: int) -> None:
        """See `connectors.mqtt.Driver`."""
        self.do(self.engine.closed(connection, now_ns=self._clock()))

    def writable(self, connection: int, *, is_writable: bool) -> None:
        """See `connectors.mqtt.Driver`."""
        self.do(self.engine.writable(connection, is_writable=is_writable, now_ns=self._clock()))

    # Logs

    def watch_logs(self) -> None:
        """Wake up when a log has written, synced or read something. To be called again when a reload may have opened one."""
        for descriptor in set(self.engine.wake_fds()) - self._watched:
            self._watched.add(descriptor)
            self._loop.add_reader(descriptor, self._on_log)

    def _on_log(self) -> None:
        self.do(self.engine.work(now_ns=self._clock()))

    # What is left to do

    def do(self, work: Work | None) -> None:
        """Carry out what a call left to do."""
        if work is None:
            return
        links = self.links
        for connection, data in work.writes:
            links[connection].write(data)
        deadline_ns = work.deadline_ns
        if deadline_ns is not None:
            self._schedule(deadline_ns)
        if work.more:
            self._do_more(work)

    def _do_more(self, work: Work) -> None:
        for source in work.pause:
            self._hold(source)
        for source in work.resume:
            self._release(source)
        for sink in work.ready_sinks:
            _set(self.is_sink_ready, sink)
        for hook in work.ready_hooks:
            if hook in self.wake_hook:
                self.wake_hook[hook]()
        for tap in work.ready_taps:
            _set(self.is_tap_ready, tap)
        if work.ready_quarantine:
            self.is_quarantine_ready.set()
        for source, position, is_delivered in work.settled:
            self._settle(source, position, is_delivered)
        for connection, code, detail in work.events:
            self._tell(connection, code, detail)
        _tell_logs(work)
        self._close_all(work)

    def _close_all(self, work: Work) -> None:
        # The code of a close is the broker's reason (`not_authorized`); that it answered CONNECT with it stands in the events.
        refused = {connection for connection, code, _ in work.events if code == "refused"}
        for connection, code, sentence, is_wanted in work.closes:
            self._close(connection, f"{sentence} ({code})", is_refusal=connection in refused, is_wanted=is_wanted)

    def _close(self, connection: int, cause: str, *, is_refusal: bool, is_wanted: bool) -> None:
        link = self.links.get(connection)
        if link is None:
            return  # a reload has ended it already
        if is_wanted:
            link.close(cause, is_refusal=is_refusal)
        else:
            link.retire()
            del self.links[connection]

    def _hold(self, source: str) -> None:
        self.held.add(source)
        if source in self.sources:
            self.sources[source].hold()
        if source in self.is_free:
            self.is_free[source].clear()

    def _release(self, source: str) -> None:
        self.held.discard(source)
        if source in self.sources:
            self.sources[source].release()
        if source in self.is_free:
            self.is_free[source].set()

    def _tell(self, connection: int, code: str, detail: str) -> None:
        link = self.links[connection]
        if code == "connected":
            link.settled_in()
            emit(events.Connected(connector=link.name, address=link.address, session=detail or None))
        elif code == "subscribe_refused":
            topic_filter, _, why = detail.partition(": ")
            emit(events.SubscriptionRefused(connector=link.name, filter=topic_filter, error=why))
        elif code not in {"subscribed", "refused", "disconnected"}:
            emit(events.BrokerNotice(connector=link.name, code=code, detail=detail))

    # One timer for all sessions and queues

    def _schedule(self, deadline_ns: int) -> None:
        if self._timer is not None and self._timer_ns <= deadline_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = deadline_ns
        delay_s = max(0.0, (deadline_ns - self._clock()) / 1e9)
        self._timer = self._loop.call_later(delay_s, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.do(self.engine.advance(now_ns=self._clock()))

    def stop(self) -> None:
        """Cancel the timer, look at logs no more: the node is over."""
        for descriptor in self._watched:
            self._loop.remove_reader(descriptor)
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _tell_logs(work: Work) -> None:
    for log, code, detail in work.log_events:
        told = events.LogFailed if code in _LOG_FAILURES else events.LogTold
        emit(told(log=log, code=code, detail=detail))


_Key = TypeVar("_Key", str, int)


def _set(flags: dict[_Key, asyncio.Event], key: _Key) -> None:
    flag = flags.get(key)
    if flag is not None:
        flag.set()
