"""The keeper of the quarantine: takes bad messages from the engine, has them written, and tells the engine when they are on the disk.

Everything that touches the file runs on one thread of its own, so that the event loop waits for no disk.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from pronubes.errors import QuarantineFull
from pronubes.pipeline.backoff import Backoff
from pronubes.pipeline.views import QuarantineTail
from pronubes.quarantine.schema import FILE_NAME
from pronubes.quarantine.store import QuarantineDamaged, QuarantineStore, Written
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

    from pronubes._core import QuarantineBatch
    from pronubes.pipeline.dispatch import Dispatcher
    from pronubes.pipeline.plan import NodePlan

__all__ = ["QuarantineKeeper"]

LONGEST_S = 5.0
"""The longest pause before records are tried again that could not be written."""
EXPIRE_S = 60.0
"""How often records are looked for that are too old."""

TELL_NS = 60 * 10**9
"""How often it is told that records are evicted."""

_Result = TypeVar("_Result")


def _ignore(_records: Iterable[int]) -> None:
    """Nobody wants to hear."""


class QuarantineKeeper:
    """Keeps the quarantine of a node.

    Args:
        plan: The node's plan.
        clock: Nanoseconds since 1970 (UTC).
        randomness: For the jitter of retries.

    Attributes:
        store: The file.
        tail: The newest records, for views.
        faults: How many messages of each route have come, written or not yet.
        on_failed_again: Hears of replayed records that failed again, before they settle.
    """

    def __init__(self, plan: NodePlan, *, clock: Callable[[], int], randomness: random.Random) -> None:
        self.store = QuarantineStore(plan.data_dir / FILE_NAME, size=plan.quarantine_size, age_s=plan.quarantine_age_s, now_ns=clock)
        self.tail = QuarantineTail()
        self.on_failed_again: Callable[[Iterable[int]], None] = _ignore
        self._clock = clock
        self._backoff = Backoff(randomness, longest_s=LONGEST_S)
        self._may_have_room = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="quarantine")
        self.faults: dict[str, int] = {}
        self._is_again = False
        self._error: str | None = None
        self._untold = Written()
        self._told_ns = -TELL_NS

    def reconfigure(self, plan: NodePlan) -> None:
        """Take the bounds of another plan. The file stays where it is."""
        self.store.reconfigure(size=plan.quarantine_size, age_s=plan.quarantine_age_s)
        self.made_room()

    def made_room(self) -> None:
        """Records were dropped or replayed, or there is more room: what waits is tried again at once."""
        self._may_have_room.set()

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """Say what is in the store and whether it takes more; a part of the node's status."""
        stats = self.store.stats
        return {
            "state": "ok" if self._error is None else "failing",
            "error": self._error,
            "records": stats.records,
            "bytes": stats.bytes,
            "oldest_ns": stats.oldest_ns,
            "dropped_full": stats.evicted,
            "dropped_old": stats.expired,
        }

    async def run(self, dispatcher: Dispatcher) -> None:
        """Write what the engine has for the quarantine until cancelled."""
        await self._begin()
        while True:
            dispatcher.is_quarantine_ready.clear()
            batch = dispatcher.engine.take_quarantine()
            if batch is not None:
                await self._keep(batch, dispatcher)
                continue
            try:
                async with asyncio.timeout(EXPIRE_S):
                    await dispatcher.is_quarantine_ready.wait()
            except TimeoutError:
                await self._expire()

    async def on_thread(self, call: Callable[[], _Result]) -> _Result:
        """Run something with the store on its thread.

        Raises:
            QuarantineFull: As the store says.
            QuarantineDamaged: As the store says.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def close(self) -> None:
        """Close the file. Called when nothing is written any more."""
        await self.on_thread(self.store.close)
        self._thread.shutdown(wait=False)

    async def _begin(self) -> None:
        """Open the file before the first record comes: what is wrong with it is told at the start, and stops nothing."""
        try:
            await self.on_thread(self.store.open)
        except QuarantineDamaged as damage:
            self._tell_damage(damage)
        except QuarantineFull as error:
            self._fail(error)

    async def _keep(self, batch: QuarantineBatch, dispatcher: Dispatcher) -> None:
        """Write a batch, or hand it back and wait: what its sources wait for stays unacknowledged meanwhile."""
        rows, replayed = batch.rows(), batch.replayed()
        self._count(batch)
        try:
            written = await self.on_thread(lambda: self.store.append(rows, is_awaited=batch.is_awaited, replayed=replayed))
        except QuarantineDamaged as damage:
            dispatcher.engine.retry_quarantine(batch.id)
            self._tell_damage(damage)
        except QuarantineFull as error:
            dispatcher.engine.retry_quarantine(batch.id)
            await self._pause(self._fail(error))
        else:
            self._is_again = False
            self._recover()
            self._tell_dropped(written)
            self.tail.add(batch.ndjson())
            self.on_failed_again(written.failed)
            dispatcher.do(dispatcher.engine.confirm_quarantine(batch.id, now_ns=self._clock()))

    def _count(self, batch: QuarantineBatch) -> None:
        """Count by route when records come first, not when they are written: a full quarantine is no calm. What is handed back comes again next."""
        if not self._is_again:
            for (route, _), count in batch.reasons().items():
                self.faults[route] = self.faults.get(route, 0) + count
        self._is_again = True

    async def _expire(self) -> None:
        try:
            self._tell_dropped(await self.on_thread(self.store.expire))
        except QuarantineDamaged as damage:
            self._tell_damage(damage)
        except QuarantineFull as error:
            self._fail(error)

    async def _pause(self, seconds: float) -> None:
        self._may_have_room.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._may_have_room.wait()

    def _fail(self, error: QuarantineFull) -> float:
        self._error = error.why
        pause_s = self._backoff.next_s()
        if self._backoff.is_worth_telling():
            emit(events.QuarantineFull(path=str(error.path), error=error.why, retry_s=round(pause_s, 1)))
        return pause_s

    def _recover(self) -> None:
        if self._error is not None:
            self._error = None
            emit(events.QuarantineWell(path=str(self.store.path)))
        self._backoff.reset()

    def _tell_dropped(self, written: Written) -> None:
        """Tell at once, and then in sums: a full quarantine evicts with every batch."""
        self._untold = Written(self._untold.evicted + written.evicted, self._untold.expired + written.expired)
        now_ns = self._clock()
        if self._untold != Written() and now_ns - self._told_ns >= TELL_NS:
            emit(events.QuarantineDropped(path=str(self.store.path), full=self._untold.evicted, old=self._untold.expired))
            self._untold, self._told_ns = Written(), now_ns

    def _tell_damage(self, damage: QuarantineDamaged) -> None:
        emit(events.QuarantineDamaged(path=str(self.store.path), kept_at=str(damage.kept_at), error=damage.why))
