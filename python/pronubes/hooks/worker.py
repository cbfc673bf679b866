"""Runs hooks away from the event loop, one batch at a time per hook, with a time budget.

A hook has a thread of its own, so that one that blocks holds up nobody else. A thread cannot be ended from outside: a hook that does not
come back within its budget loses its batch to quarantine, and its thread is left behind and replaced. After `STUCK_LIMIT` threads
left behind the hook is not called any more: its batches go to quarantine at once until the configuration is loaded again.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Literal

from pronubes.hooks.base import Hook, HookOutputError, HookResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from pronubes import _core

__all__ = ["HookFailure", "HookWorker"]

Reason = Literal["hook_failed", "hook_timeout", "hook_output"]

STUCK_LIMIT = 3


class HookFailure(Exception):
    """A hook gave nothing for a batch.

    Attributes:
        reason: `hook_failed`, `hook_timeout` or `hook_output`.
        detail: What happened, for the quarantine.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason: Reason = reason
        self.detail = detail
        super().__init__(detail)


class HookWorker:
    """Runs one hook.

    Args:
        hook: What to run.
        timeout_s: How long one batch may take.
    """

    def __init__(self, hook: Hook, *, timeout_s: float) -> None:
        self.hook = hook
        self._timeout_s = timeout_s
        self._stuck = 0
        self._thread: _Thread | None = None

    async def run(self, batch: _core.Batch) -> HookResult:
        """Run the hook on a batch, one at a time.

        Raises:
            HookFailure: It raised, returned nonsense, or did not come back in time.
        """
        if self._stuck >= STUCK_LIMIT:
            raise HookFailure(
                "hook_timeout", f"`{self.hook.name}` hung {self._stuck} times and is not called any more until the configuration is loaded again"
            )
        if self._thread is None:
            self._thread = _Thread(self.hook)
        answer = self._thread.submit(batch)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except TimeoutError:
            self._stuck += 1
            self._thread.abandon()
            self._thread = None
            raise HookFailure("hook_timeout", f"`{self.hook.name}` did not return within {self._timeout_s:g} s") from None
        except HookOutputError as error:
            raise HookFailure("hook_output", str(error)) from error
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # SystemExit and friends from user code must not end the node
            raise HookFailure("hook_failed", f"{type(error).__name__}: {error}") from error

    def stop(self) -> None:
        """Let the thread end after what it does now."""
        if self._thread is not None:
            self._thread.abandon()
            self._thread = None


class _Thread:
    """A daemon thread that runs one job at a time; cheaper per batch than an executor, and it does not hold up the exit."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._loop = asyncio.get_running_loop()
        self._job: tuple[_core.Batch, asyncio.Future[HookResult]] | None = None
        self._is_over = False
        self._wake = threading.Semaphore(0)
        threading.Thread(target=self._work, name=f"hook {hook.name}", daemon=True).start()

    def submit(self, batch: _core.Batch) -> asyncio.Future[HookResult]:
        future: asyncio.Future[HookResult] = self._loop.create_future()
        self._job = (batch, future)
        self._wake.release()
        return future

    def abandon(self) -> None:
        self._is_over = True
        self._wake.release()

    def _work(self) -> None:
        while True:
            self._wake.acquire()
            if self._is_over or self._job is None:
                return
            batch, future = self._job
            outcome = _attempt(self._hook.run, batch)
            try:
                self._loop.call_soon_threadsafe(_answer, future, outcome)
            except RuntimeError:  # the loop is closed: the node has left
                return


def _attempt(run: Callable[[_core.Batch], HookResult], batch: _core.Batch) -> HookResult | BaseException:
    try:
        return run(batch)
    except BaseException as error:  # noqa: BLE001 - user code may raise anything, also SystemExit; it is handed to the worker
        return error


def _answer(future: asyncio.Future[HookResult], outcome: HookResult | BaseException) -> None:
    if future.done():
        return
    if isinstance(outcome, StopIteration):
        future.set_exception(RuntimeError(repr(outcome)))
    elif isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
