"""One task per hook: take a batch from the engine, run the hook on its thread, feed the result back, in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pronubes.hooks.worker import HookFailure, HookWorker
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Callable

    from pronubes._core import Batch
    from pronubes.hooks import Hook
    from pronubes.pipeline.dispatch import Dispatcher

__all__ = ["HookRunner"]


class HookRunner:
    """Runs one hook of the plan.

    Args:
        number: The hook's number in the specification.
        hook: The user's function.
        timeout_s: How long one batch may take.
        dispatcher: Where batches come from and results go.
        clock: Nanoseconds since 1970 (UTC).
    """

    def __init__(self, number: int, hook: Hook, *, timeout_s: float, dispatcher: Dispatcher, clock: Callable[[], int]) -> None:
        self.number = number
        self.is_ready = asyncio.Event()
        self._hook = hook
        self._worker = HookWorker(hook, timeout_s=timeout_s)
        self._dispatcher = dispatcher
        self._clock = clock
        self._is_over = False

    def finish(self) -> None:
        """Return from `run` after the batch under way."""
        self._is_over = True
        self.is_ready.set()

    async def run(self) -> None:
        """Run batches until `finish`, until cancelled, or until a reload has retired the hook and its last batch is back."""
        try:
            while not self._is_over:
                self.is_ready.clear()
                try:
                    batch = self._dispatcher.engine.take_hook(self.number)
                except KeyError:
                    return
                if batch is None:
                    await self.is_ready.wait()
                    continue
                await self._run(batch)
                self.is_ready.set()
        finally:
            self._worker.stop()

    async def _run(self, batch: Batch) -> None:
        engine = self._dispatcher.engine
        try:
            result = await self._worker.run(batch)
        except HookFailure as failure:
            emit(events.HookBroken(hook=self._hook.name, count=len(batch), reason=failure.reason, error=failure.detail))
            work = engine.hook_failed(self.number, batch.id, reason=failure.reason, detail=failure.detail, now_ns=self._clock())
        else:
            if result.failed:
                first = next(iter(result.failed.values()))
                emit(events.HookBroken(hook=self._hook.name, count=len(result.failed), reason="hook_failed", error=first))
            work = engine.hook_done(self.number, batch.id, failed=list(result.failed.items()), now_ns=self._clock(), **result.changes)
        self._dispatcher.do(work)
