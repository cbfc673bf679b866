"""One task per batch source: open, read, push, and again, as the source's exceptions say."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from pronubes.connectors.base import Settlement
from pronubes.errors import BackOff, EndOfInput, NotConnected
from pronubes.pipeline.backoff import Backoff
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from pronubes.connectors.base import BatchSource, SourceBatch
    from pronubes.pipeline.dispatch import Dispatcher

__all__ = ["Ingress"]

CLOSE_TIMEOUT_S = 5.0


class Ingress:
    """Runs one batch source.

    Args:
        name: The source's name in the configuration.
        source: The connector.
        dispatcher: Where batches go.
        clock: Nanoseconds since 1970 (UTC).
        randomness: For the jitter of reconnects.
    """

    def __init__(self, name: str, source: BatchSource, *, dispatcher: Dispatcher, clock: Callable[[], int], randomness: random.Random) -> None:
        self.name = name
        self.has_ended = False
        self._source = source
        self._dispatcher = dispatcher
        self._clock = clock
        self._backoff = Backoff(randomness)
        self._positions: deque[tuple[int, object]] = deque()
        self._next_position = 0
        self._is_settled = asyncio.Event()
        self._settled: asyncio.Queue[tuple[object, Settlement]] = asyncio.Queue(maxsize=0)  # bounded by the engine's limit of open positions
        self.is_free = asyncio.Event()
        self.is_free.set()

    def settle(self, position: int, *, is_delivered: bool) -> None:
        """The engine is done with a position; the source hears of it in order."""
        while self._positions and self._positions[0][0] <= position:
            _, own = self._positions.popleft()
            self._settled.put_nowait((own, Settlement.DONE if is_delivered else Settlement.FAILED))
        if not self._positions:
            self._is_settled.set()

    async def run(self) -> None:
        """Run until the source has no more, or until cancelled."""
        async with asyncio.TaskGroup() as group:
            settling = group.create_task(self._settle_all())
            try:
                await self._run_source()
            finally:
                if not self.has_ended:
                    settling.cancel()
            await self._wait_settled()
            settling.cancel()
        await self._close()

    async def _run_source(self) -> None:
        while not self.has_ended:
            try:
                await self._source.open()
                await self._read_all()
            except EndOfInput:
                self.has_ended = True
                emit(events.SourceEnded(source=self.name))
            except BackOff as pause:
                emit(events.SourceWaiting(source=self.name, seconds=pause.seconds, error=str(pause)))
                await asyncio.sleep(pause.seconds)
            except NotConnected as error:
                await self._retry(events.ConnectionLost, error)
            except asyncio.CancelledError:
                await self._close()
                raise
            except Exception as error:  # noqa: BLE001 - a defect of a connector must not stop the others; it is told as an error
                await self._retry(events.TaskFailed, error)

    async def _retry(self, event: type[events.ConnectionLost | events.TaskFailed], error: Exception) -> None:
        await self._close()
        pause_s = self._backoff.next_s()
        if self._backoff.is_worth_telling():
            text = str(error) or type(error).__name__
            if event is events.TaskFailed:
                emit(events.TaskFailed(connector=self.name, error=f"{type(error).__name__}: {text}", retry_s=round(pause_s, 1)))
            else:
                emit(events.ConnectionLost(connector=self.name, address=None, error=text, retry_s=round(pause_s, 1)))
        await asyncio.sleep(pause_s)

    async def _read_all(self) -> None:
        is_first = True
        while True:
            await self.is_free.wait()
            try:
                batch = await self._source.read()
            except BackOff as pause:
                await asyncio.sleep(pause.seconds)
                continue
            if is_first:
                self._backoff.reset()
                is_first = False
            if not batch.is_empty:
                self._push(batch)
            await asyncio.sleep(0)

    def _push(self, batch: SourceBatch) -> None:
        position: int | None = None
        if batch.position is not None:
            position = self._next_position
            self._next_position += 1
            self._positions.append((position, batch.position))
            self._is_settled.clear()
        engine = self._dispatcher.engine
        if batch.lines is not None and batch.line_format is not None:
            form = batch.line_format
            work = engine.push_lines(
                self.name,
                batch.lines,
                topic_field=form.topic_field,
                payload_field=form.payload_field,
                time_field=form.time_field,
                topic=form.topic,
                position=position,
                now_ns=self._clock(),
            )
        elif batch.payloads is not None:
            work = engine.push(self.name, batch.topics, batch.payloads, source_ns=batch.source_ns, position=position, now_ns=self._clock())
        else:
            work = engine.push_values(
                self.name,
                batch.topics,
                batch.values or (),
                qualities=batch.qualities,
                statuses=batch.statuses,
                units=batch.units,
                origins=batch.origins,
                source_ns=batch.source_ns,
                position=position,
                now_ns=self._clock(),
            )
        self._dispatcher.do(work)

    async def _settle_all(self) -> None:
        while True:
            position, outcome = await self._settled.get()
            await self._source.settle(position, outcome)
            self._settled.task_done()

    async def _wait_settled(self) -> None:
        if self._positions:
            await self._is_settled.wait()
        await self._settled.join()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._source.close()
        except Exception as error:  # noqa: BLE001 - what cannot be closed must not keep the node from going on; it is told
            emit(events.TaskFailed(connector=self.name, error=f"close: {error!r}", retry_s=0.0))
