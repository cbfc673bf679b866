"""Runs hooks away from the event loop, one batch at a time per hook, with a time budget and a breaker.

A hook has a thread of its own, so that one that blocks holds up nobody else. The thread takes its batch from the engine and gives the result
back by itself; the event loop wakes it when a batch waits and is told when one is back: two wake-ups per batch and no object in between.

A thread cannot be ended from outside: a hook that does not come back within its budget loses its batch to quarantine, and its thread is left
behind and replaced. While `STUCK_LIMIT` threads that were left behind have not come back, the hook is not called. (A hook in a process of its own
ends that process in time, so its thread is never left behind: `process.py`.)

Rules of this file:

1. Whoever ends a batch has claimed it under `_Thread._guard`: the thread that is back, or the event loop that has waited too long.
2. The thread calls the engine's `take_hook`, `hook_done` and `hook_failed` only; what these leave to do is done on the event loop.
3. The breaker belongs to the event loop: a batch is counted there before the next is announced.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pronubes.hooks.base import HookLost, HookOutputError, HookReason, HookResult, Runnable
from pronubes.hooks.breaker import HookBreaker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pronubes import _core
    from pronubes.hooks.settings import HookSettings

__all__ = ["STUCK_LIMIT", "HookFailure", "HookWorker", "Post", "Report", "attempt"]

STUCK_LIMIT = 3
"""How many threads of a hook may hang at a time."""
_HANGS = frozenset({"hook_timeout", "hook_died", "hook_memory"})


@dataclass(frozen=True, slots=True)
class HookFailure:
    """A hook gave nothing for some messages.

    Attributes:
        reason: Why, as the quarantine says it.
        detail: What happened, for the quarantine.
        count: How many messages it was.
    """

    reason: str
    detail: str
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a batch.

    Attributes:
        messages: How many messages it was.
        failures: What of it went to the quarantine.
        was_called: Whether the hook was called.
    """

    messages: int
    failures: Sequence[HookFailure] = ()
    was_called: bool = True

    @property
    def failed(self) -> int:
        """How many messages went to the quarantine."""
        return sum(failure.count for failure in self.failures)

    @property
    def has_hung(self) -> bool:
        """Whether a time-out or the death of a worker ended it."""
        return any(failure.reason in _HANGS for failure in self.failures)


@dataclass(frozen=True, slots=True)
class Post:
    """Where a hook's batches come from and go to.

    Attributes:
        number: The hook's number in the engine.
        engine: The engine.
        clock: Nanoseconds since 1970 (UTC).
        back: Called on the event loop when a batch is back: the engine has work to do.
        end: Called on the event loop when the engine has no such hook any more, or with what broke.
    """

    number: int
    engine: _core.Pipeline
    clock: Callable[[], int]
    back: Callable[[Report], None]
    end: Callable[[BaseException | None], None]

    def settle(self, batch: _core.Batch, outcome: HookResult | HookFailure) -> Report:
        """Give a batch back to the engine, and say what became of it."""
        if isinstance(outcome, HookFailure):
            return self.refuse(batch, outcome)
        refused = self.engine.hook_done(self.number, batch.id, failed=outcome.failed, now_ns=self.clock(), **outcome.changes)
        return Report(len(batch), [HookFailure(reason, words, count) for reason, count, words in refused] if refused else ())

    def refuse(self, batch: _core.Batch, failure: HookFailure, *, was_called: bool = True) -> Report:
        """Send a batch to the quarantine."""
        self.engine.hook_failed(self.number, batch.id, reason=cast("HookReason", failure.reason), detail=failure.detail, now_ns=self.clock())
        return Report(len(batch), (failure,), was_called)


class HookWorker:
    """Runs one hook. All methods are called on the event loop.

    Args:
        hook: What to run.
        post: Where its batches come from and go to.
        settings: Its time budget, and when it is left alone.
        monotonic_s: Seconds of a clock that never goes back.
    """

    def __init__(self, hook: Runnable, post: Post, settings: HookSettings, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._hook = hook
        self._post = post
        self._settings = settings
        self._monotonic_s = monotonic_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._thread: _Thread | None = None
        self._left_behind: list[_Thread] = []
        self.breaker = HookBreaker(settings.breaker)

    @property
    def stuck(self) -> int:
        """How many threads hang now."""
        self._left_behind = [thread for thread in self._left_behind if not thread.has_ended]
        return len(self._left_behind)

    def wake(self) -> None:
        """A batch waits."""
        if (self._left_behind and self.stuck >= STUCK_LIMIT) or not self.breaker.allows(self._monotonic_s()):
            self._refuse()
            return
        if self._thread is None:
            self._thread = _Thread(self._hook, self._post, self._loop)
        self._thread.wake()
        if self._timer is None and self._hook.timeout_s is not None:
            # One timer for many batches: it looks when the batch that is under way then was begun.
            self._timer = self._loop.call_later(self._hook.timeout_s, self._watch)

    def record(self, report: Report) -> bool:
        """Count a batch that is back; whether the breaker has opened or closed."""
        return report.was_called and self.breaker.record(report.messages, failed=report.failed, has_hung=report.has_hung, now_s=self._monotonic_s())

    def stop(self) -> None:
        """Let the thread end after what it does now; that is not given back any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._thread is not None:
            self._thread.abandon()
            self._thread = None

    def _watch(self) -> None:
        self._timer = None
        timeout_s = self._hook.timeout_s
        if self._thread is None or timeout_s is None:
            return
        batch, left_s = self._thread.give_up(timeout_s)
        if batch is not None:
            self._left_behind.append(self._thread)
            if self._hook.store is not None:
                self._hook.store.disown()
            self._thread = None
            failure = HookFailure("hook_timeout", f"`{self._hook.name}` did not return within {timeout_s:g} s", len(batch))
            self._post.back(self._post.settle(batch, failure))
        elif left_s is not None:
            self._timer = self._loop.call_later(left_s, self._watch)

    def _refuse(self) -> None:
        why = self.breaker.why if self.breaker.state == "open" else f"{self.stuck} calls hang"
        try:
            while (batch := self._post.engine.take_hook(self._post.number)) is not None:
                self._loop.call_soon(self._post.back, self._pass_by(batch, why))
        except KeyError:
            self._post.end(None)

    def _pass_by(self, batch: _core.Batch, why: str) -> Report:
        """Let a batch by without the hook, as the breaker's settings say."""
        count, way = len(batch), self._settings.breaker.when_open
        if way == "quarantine":
            return self._post.refuse(batch, HookFailure("hook_open", f"`{self._hook.name}` was not called: {why}", count), was_called=False)
        self._post.settle(batch, HookResult({} if way == "pass" else {"keep": bytes(count)}))
        return Report(count, (), was_called=False)


class _Thread:
    """A daemon thread that runs one batch per wake-up; cheaper than an executor, and it does not hold up the exit."""

    def __init__(self, hook: Runnable, post: Post, loop: asyncio.AbstractEventLoop) -> None:
        self._hook = hook
        self._post = post
        self._loop = loop
        self._is_over = False
        self.has_ended = False
        # The batch under way and when it was begun, and `_is_over`, change under the guard only.
        self._under_way: tuple[_core.Batch, float] | None = None
        self._guard = threading.Lock()
        # Locked while nothing waits. A lock and no semaphore: that of the standard library is written in Python.
        self._ready = threading.Lock()
        self._ready.acquire()
        threading.Thread(target=self._work, name=f"hook {hook.name}", daemon=True).start()

    def wake(self) -> None:
        if self._ready.locked():  # only the event loop unlocks
            self._ready.release()

    def abandon(self) -> None:
        with self._guard:
            self._is_over = True
        self.wake()

    def give_up(self, timeout_s: float) -> tuple[_core.Batch | None, float | None]:
        """Take the batch away when its time is over; else how many seconds it has left, if one is under way."""
        with self._guard:
            if self._under_way is None:
                return None, None
            batch, began_s = self._under_way
            left_s = began_s + timeout_s - time.monotonic()
            if left_s > 0:
                return None, left_s
            self._is_over = True
            return batch, None

    def _work(self) -> None:
        try:
            while True:
                self._ready.acquire()
                if not self._turn():
                    return
        except BaseException as error:  # noqa: BLE001 - a defect of the engine must end the node, and would end only this thread
            self._tell(self._post.end, error)
        finally:
            self.has_ended = True

    def _turn(self) -> bool:
        with self._guard:
            if self._is_over:
                return False
            try:
                batch = self._post.engine.take_hook(self._post.number)
            except KeyError:
                self._tell(self._post.end, None)
                return False
            if batch is None:
                return True
            self._under_way = (batch, time.monotonic())
        outcome = attempt(self._hook, batch)
        if self._claim():
            self._tell(self._post.back, self._post.settle(batch, outcome))
        return not self._is_over

    def _claim(self) -> bool:
        with self._guard:
            self._under_way = None
            return not self._is_over

    def _tell(self, what: Callable[..., None], argument: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, argument)
        except RuntimeError:  # the loop is closed: the node has left
            self._is_over = True


def attempt(hook: Runnable, batch: _core.Batch) -> HookResult | HookFailure:
    """Run a hook on a batch; whatever goes wrong is a reason."""
    reason: HookReason = "hook_failed"
    try:
        return hook.run(batch)
    except HookLost as error:
        reason, detail = error.reason, str(error)
    except HookOutputError as error:
        reason, detail = "hook_output", str(error)
    except MemoryError as error:
        reason, detail = "hook_memory", f"MemoryError: {error}"
    except BaseException as error:  # noqa: BLE001 - user code may raise anything, also SystemExit; that must not end the node
        detail = f"{type(error).__name__}: {error}"
    return HookFailure(reason, detail, len(batch))
