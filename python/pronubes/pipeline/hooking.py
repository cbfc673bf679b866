"""One runner per hook: wakes its worker when the engine has a batch, and carries out what its results leave to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pronubes.hooks.worker import HookFailure, HookWorker, Post
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Callable

    from pronubes.hooks import Hook
    from pronubes.pipeline.dispatch import Dispatcher

__all__ = ["HookRunner"]


class HookRunner:
    """Runs one hook of the plan.

    Args:
        number: The hook's number in the engine.
        hook: The user's function.
        timeout_s: How long one batch may take.
        dispatcher: Where batches come from and results go.
        clock: Nanoseconds since 1970 (UTC).
    """

    def __init__(self, number: int, hook: Hook, *, timeout_s: float, dispatcher: Dispatcher, clock: Callable[[], int]) -> None:
        self._hook = hook
        self._dispatcher = dispatcher
        self._clock = clock
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        post = Post(number, dispatcher.engine, clock, self._back, self._finish)
        self._worker = HookWorker(hook, post, timeout_s=timeout_s)

    def wake(self) -> None:
        """The engine has a batch. Called by the dispatcher."""
        self._worker.wake()

    async def run(self) -> None:
        """Wait until cancelled, or until a reload has retired the hook and its last batch is back."""
        try:
            await self._end
        finally:
            self._worker.stop()

    def _back(self, failure: HookFailure | None) -> None:
        if failure is not None:
            emit(events.HookBroken(hook=self._hook.name, count=failure.count, reason=failure.reason, error=failure.detail))
        self._dispatcher.do(self._dispatcher.engine.work(now_ns=self._clock()))

    def _finish(self, error: BaseException | None) -> None:
        if self._end.done():
            return
        if error is None:
            self._end.set_result(None)
        else:
            self._end.set_exception(error)
