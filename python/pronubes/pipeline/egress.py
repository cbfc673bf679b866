"""One task per batch sink: take a batch from the engine, write it, confirm it, and again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pronubes.connectors.base import WriteResult
from pronubes.errors import BackOff, NotConnected, SendRejected
from pronubes.pipeline.backoff import Backoff
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from pronubes._core import Batch
    from pronubes.connectors.base import BatchSink
    from pronubes.pipeline.dispatch import Dispatcher

__all__ = ["Egress"]

CLOSE_TIMEOUT_S = 5.0


class Egress:
    """Runs one batch sink.

    Args:
        name: The sink's name in the configuration.
        sink: The connector.
        dispatcher: Where batches come from.
        clock: Nanoseconds since 1970 (UTC).
        randomness: For the jitter of reconnects.
    """

    def __init__(self, name: str, sink: BatchSink, *, dispatcher: Dispatcher, clock: Callable[[], int], randomness: random.Random) -> None:
        self.name = name
        self.is_ready = asyncio.Event()
        self.is_draining = False
        self._sink = sink
        self._dispatcher = dispatcher
        self._clock = clock
        self._backoff = Backoff(randomness)
        self._is_open = False

    def drain(self) -> None:
        """Take what is there from now on, however little: the node is about to stop."""
        self.is_draining = True
        self.is_ready.set()

    async def run(self) -> None:
        """Write batches until cancelled. The sink is opened at once, so that a wrong address is told before the first message."""
        try:
            await self._ensure_open()
            while True:
                self.is_ready.clear()
                try:
                    batch = self._dispatcher.engine.take(self.name, now_ns=self._clock(), force=self.is_draining)
                except KeyError:
                    return  # a reload has removed the sink, and all it had is written
                if batch is None:
                    await self.is_ready.wait()
                    continue
                try:
                    result = await self._write(batch)
                except asyncio.CancelledError:
                    # A reload replaces this connector: the next one gets the batch again.
                    self._confirm(batch, WriteResult(retry=tuple(range(len(batch)))))
                    raise
                self._confirm(batch, result)
                self.is_ready.set()
                if result.retry:
                    await self._pause("some messages are to be written again", self._backoff.next_s())
        finally:
            await self._close()

    async def _write(self, batch: Batch) -> WriteResult:
        while True:
            await self._ensure_open()
            try:
                result = await self._sink.write(batch)
            except BackOff as pause:
                await self._pause(str(pause), pause.seconds)
            except NotConnected as error:
                await self._reopen(str(error))
            except SendRejected as error:
                emit(events.SinkRefusing(sink=self.name, count=len(batch), error=str(error)))
                return WriteResult(refused=dict.fromkeys(range(len(batch)), str(error)))
            except Exception as error:  # noqa: BLE001 - a defect of a connector: told, and the batch is kept
                await self._reopen(f"{type(error).__name__}: {error}")
            else:
                self._backoff.reset()
                if result.refused:
                    emit(events.SinkRefusing(sink=self.name, count=len(result.refused), error=next(iter(result.refused.values()))))
                return result

    def _confirm(self, batch: Batch, result: WriteResult) -> None:
        work = self._dispatcher.engine.confirm(
            self.name, batch.id, refused=list(result.refused.items()), retry=list(result.retry), now_ns=self._clock()
        )
        self._dispatcher.do(work)

    async def _ensure_open(self) -> None:
        while not self._is_open:
            try:
                await self._sink.open()
                self._is_open = True
            except BackOff as pause:
                await self._pause(str(pause), pause.seconds)
            except NotConnected as error:
                await self._reopen(str(error))
            except Exception as error:  # noqa: BLE001 - a defect of a connector: told, and tried again
                await self._reopen(f"{type(error).__name__}: {error}")

    async def _reopen(self, error: str) -> None:
        await self._close()
        await self._pause(error, self._backoff.next_s())

    async def _pause(self, error: str, seconds: float) -> None:
        if self._backoff.is_worth_telling():
            emit(events.SinkRetrying(sink=self.name, error=error, retry_s=round(seconds, 1)))
        await asyncio.sleep(seconds)

    async def _close(self) -> None:
        self._is_open = False
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._sink.close()
        except Exception as error:  # noqa: BLE001 - what cannot be closed must not keep the node from going on; it is told
            emit(events.TaskFailed(connector=self.name, error=f"close: {error!r}", retry_s=0.0))
