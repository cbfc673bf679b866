"""One runner per hook: wakes its worker when the engine has a batch, counts what comes back, and carries out what it leaves to do."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pronubes.hooks.worker import HookWorker, Post, Report
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pronubes.hooks.base import Runnable
    from pronubes.hooks.settings import HookSettings
    from pronubes.pipeline.dispatch import Dispatcher

__all__ = ["HookCounts", "HookRunner", "hooks_status"]

TELL_S = 10.0
"""Failures of a hook are told at once, and then at most so often."""


@dataclass(slots=True)
class HookCounts:
    """What was counted of a hook since the start; a reload goes on with it.

    Attributes:
        batches: Batches that it was called with.
        messages: Messages of them.
        failed: Messages of them that went to the quarantine, by reason.
        passed_by: Messages that came while the breaker was open.
        opened: How often the breaker has opened.
    """

    batches: int = 0
    messages: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    passed_by: int = 0
    opened: int = 0


@dataclass(slots=True)
class _Telling:
    """Failures that were not told yet."""

    next_s: float = 0.0
    count: int = 0


class HookRunner:
    """Runs one hook of the plan.

    Args:
        number: The hook's number in the engine.
        hook: The user's function.
        settings: How it is run.
        dispatcher: Where batches come from and results go.
        clock: Nanoseconds since 1970 (UTC).
        counts: Where to count on.
    """

    def __init__(
        self, number: int, hook: Runnable, settings: HookSettings, *, dispatcher: Dispatcher, clock: Callable[[], int], counts: HookCounts
    ) -> None:
        self._hook = hook
        self._settings = settings
        self._dispatcher = dispatcher
        self._clock = clock
        self._counts = counts
        self._telling: dict[str, _Telling] = {}
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        post = Post(number, dispatcher.engine, clock, self._back, self._finish)
        self._worker = HookWorker(hook, post, settings)

    def wake(self) -> None:
        """The engine has a batch. Called by the dispatcher."""
        self._worker.wake()

    async def run(self) -> None:
        """Wait until cancelled, or until a reload has retired the hook and its last batch is back."""
        try:
            await self._end
        finally:
            self._worker.stop()
            await asyncio.to_thread(self._hook.close)

    @property
    def has_ended(self) -> bool:
        """Whether a reload has retired the hook."""
        return self._end.done()

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """Say what was counted, and how the breaker stands."""
        counts, breaker = self._counts, self._worker.breaker
        document: dict[str, Any] = {  # Any: a JSON document
            "name": self._hook.name,
            "batches": counts.batches,
            "messages": counts.messages,
            "failed": sum(counts.failed.values()),
            "reasons": dict(counts.failed),
            "passed_by": counts.passed_by,
            "breaker": breaker.state,
            "opened": counts.opened,
            "stuck": self._worker.stuck,
            **self._hook.status(),
        }
        if breaker.state != "closed":
            now_s = time.monotonic()
            document |= {"why": breaker.why, "open_s": round(now_s - breaker.since_s, 1), "retry_s": round(max(0.0, breaker.retry_s - now_s), 1)}
        return document

    def _back(self, report: Report) -> None:
        counts = self._counts
        if report.was_called:
            counts.batches += 1
            counts.messages += report.messages
        else:
            counts.passed_by += report.messages
        for failure in report.failures:
            if report.was_called:
                counts.failed[failure.reason] = counts.failed.get(failure.reason, 0) + failure.count
            self._tell(failure.reason, failure.detail, failure.count)
        if self._worker.record(report):
            self._tell_breaker()
        self._dispatcher.do(self._dispatcher.engine.work(now_ns=self._clock()))

    def _tell(self, reason: str, detail: str, count: int) -> None:
        telling = self._telling.setdefault(reason, _Telling())
        telling.count += count
        now_s = time.monotonic()
        if now_s >= telling.next_s:
            emit(events.HookBroken(hook=self._hook.name, count=telling.count, reason=reason, error=detail))
            telling.next_s, telling.count = now_s + TELL_S, 0

    def _tell_breaker(self) -> None:
        breaker = self._worker.breaker
        if breaker.state == "closed":
            emit(events.HookClosed(hook=self._hook.name, open_s=round(time.monotonic() - breaker.since_s, 1)))
            return
        self._counts.opened += 1
        pause_s, messages = self._settings.breaker.pause_s, self._settings.breaker.when_open
        emit(events.HookOpened(hook=self._hook.name, error=breaker.why, retry_s=pause_s, messages=messages))

    def _finish(self, error: BaseException | None) -> None:
        if self._end.done():
            return
        if error is None:
            self._end.set_result(None)
        else:
            self._end.set_exception(error)


_SEVERITY = {"closed": 0, "half_open": 1, "open": 2}


def hooks_status(runners: Iterable[HookRunner]) -> list[dict[str, Any]]:  # Any: JSON documents
    """Describe all hooks by name. Where steps call one function in several ways, or a reload has just been, the worst state is shown."""
    found: dict[str, dict[str, Any]] = {}  # Any: JSON documents
    for runner in list(runners):
        if runner.has_ended:
            continue
        status = runner.status()
        known = found.setdefault(status["name"], status)
        if known is not status:
            stuck = known["stuck"] + status["stuck"]
            worst = max(known, status, key=lambda one: _SEVERITY[one["breaker"]])
            found[status["name"]] = worst | {"stuck": stuck}
    return list(found.values())
