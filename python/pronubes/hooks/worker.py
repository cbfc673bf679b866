"""Runs hooks away from the event loop, one batch at a time per hook, with a time budget.

A hook has a thread of its own, so that one that blocks holds up nobody else. The thread takes its batch from the engine and gives the result
back by itself; the event loop wakes it when a batch waits and is told when one is back: two wake-ups per batch and no object in between.

A thread cannot be ended from outside: a hook that does not come back within its budget loses its batch to quarantine, and its thread is left
behind and replaced. After `STUCK_LIMIT` threads left behind the hook is not called any more: its batches go to quarantine at once until the
configuration is loaded again.

Rules of this file:

1. Whoever ends a batch has claimed it under `_Thread._guard`: the thread that is back, or the event loop that has waited too long.
2. The thread calls the engine's `take_hook`, `hook_done` and `hook_failed` only; what these leave to do is done on the event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pronubes.hooks.base import Hook, HookOutputError, HookResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from pronubes import _core

__all__ = ["HookFailure", "HookWorker", "Post"]

Reason = Literal["hook_failed", "hook_timeout", "hook_output"]

STUCK_LIMIT = 3


@dataclass(frozen=True, slots=True)
class HookFailure:
    """A hook gave nothing for some messages.

    Attributes:
        reason: `hook_failed`, `hook_timeout` or `hook_output`.
        detail: What happened, for the quarantine.
        count: How many messages it was.
    """

    reason: Reason
    detail: str
    count: int


@dataclass(frozen=True, slots=True)
class Post:
    """Where a hook's batches come from and go to.

    Attributes:
        number: The hook's number in the engine.
        engine: The engine.
        clock: Nanoseconds since 1970 (UTC).
        back: Called on the event loop when a batch is back, with what went wrong: the engine has work to do.
        end: Called on the event loop when the engine has no such hook any more, or with what broke.
    """

    number: int
    engine: _core.Pipeline
    clock: Callable[[], int]
    back: Callable[[HookFailure | None], None]
    end: Callable[[BaseException | None], None]

    def settle(self, batch: _core.Batch, outcome: HookResult | HookFailure) -> HookFailure | None:
        """Give a batch back to the engine; what went wrong."""
        if isinstance(outcome, HookFailure):
            self.engine.hook_failed(self.number, batch.id, reason=outcome.reason, detail=outcome.detail, now_ns=self.clock())
            return outcome
        failed = outcome.failed
        self.engine.hook_done(self.number, batch.id, failed=list(failed.items()), now_ns=self.clock(), **outcome.changes)
        return HookFailure("hook_failed", next(iter(failed.values())), len(failed)) if failed else None


class HookWorker:
    """Runs one hook. All methods are called on the event loop.

    Args:
        hook: What to run.
        post: Where its batches come from and go to.
        timeout_s: How long one batch may take.
    """

    def __init__(self, hook: Hook, post: Post, *, timeout_s: float) -> None:
        self._hook = hook
        self._post = post
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._stuck = 0
        self._thread: _Thread | None = None

    def wake(self) -> None:
        """A batch waits."""
        if self._stuck >= STUCK_LIMIT:
            self._refuse()
            return
        if self._thread is None:
            self._thread = _Thread(self._hook, self._post, self._loop)
        self._thread.wake()
        if self._timer is None:
            # One timer for many batches: it looks when the batch that is under way then was begun.
            self._timer = self._loop.call_later(self._timeout_s, self._watch)

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
        if self._thread is None:
            return
        batch, left_s = self._thread.give_up(self._timeout_s)
        if batch is not None:
            self._stuck += 1
            self._thread = None
            failure = HookFailure("hook_timeout", f"`{self._hook.name}` did not return within {self._timeout_s:g} s", len(batch))
            self._post.back(self._post.settle(batch, failure))
        elif left_s is not None:
            self._timer = self._loop.call_later(left_s, self._watch)

    def _refuse(self) -> None:
        detail = f"`{self._hook.name}` hung {self._stuck} times and is not called any more until the configuration is loaded again"
        try:
            while (batch := self._post.engine.take_hook(self._post.number)) is not None:
                failure = self._post.settle(batch, HookFailure("hook_timeout", detail, len(batch)))
                self._loop.call_soon(self._post.back, failure)
        except KeyError:
            self._post.end(None)


class _Thread:
    """A daemon thread that runs one batch per wake-up; cheaper than an executor, and it does not hold up the exit."""

    def __init__(self, hook: Hook, post: Post, loop: asyncio.AbstractEventLoop) -> None:
        self._hook = hook
        self._post = post
        self._loop = loop
        self._is_over = False
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
        outcome = _attempt(self._hook, batch)
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


def _attempt(hook: Hook, batch: _core.Batch) -> HookResult | HookFailure:
    try:
        return hook.run(batch)
    except HookOutputError as error:
        return HookFailure("hook_output", str(error), len(batch))
    except BaseException as error:  # noqa: BLE001 - user code may raise anything, also SystemExit; that must not end the node
        return HookFailure("hook_failed", f"{type(error).__name__}: {error}", len(batch))
