"""The worker against an engine that hands out batches by hand: who ends a batch, and that it is ended once."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import pronubes
from pronubes.hooks import Hook
from pronubes.hooks.worker import STUCK_LIMIT, HookFailure, HookWorker, Post

if TYPE_CHECKING:
    from collections.abc import Callable


class Batch:
    def __init__(self, number: int) -> None:
        self.id = number

    def __len__(self) -> int:
        return 2

    def topics(self) -> list[str]:
        return ["a", "b"]

    def payloads(self) -> list[bytes]:
        return [b"1", b"2"]


class Engine:
    """Counts what is given back; one batch at a time, as the real one."""

    def __init__(self, batches: int) -> None:
        self.waiting = list(range(batches))
        self.out: int | None = None
        self.is_gone = False
        self.ended: list[tuple[int, str]] = []

    def take_hook(self, _hook: int) -> Batch | None:
        if self.is_gone:
            raise KeyError
        if self.out is not None or not self.waiting:
            return None
        self.out = self.waiting.pop(0)
        return Batch(self.out)

    def hook_done(self, _hook: int, batch: int, *, failed: list[tuple[int, str]], **_changes: object) -> None:
        self._end(batch, f"done, {len(failed)} failed")

    def hook_failed(self, _hook: int, batch: int, *, reason: str, **_more: object) -> None:
        self._end(batch, reason)

    def _end(self, batch: int, how: str) -> None:
        if batch != self.out:
            raise KeyError(batch)
        self.out = None
        self.ended.append((batch, how))


class Bench:
    """A worker and what it reports."""

    def __init__(self, function: Callable[..., Any], *, batches: int, timeout_s: float = 5.0) -> None:
        self.engine: Any = Engine(batches)  # Any: stands for the real one
        self.reports: list[HookFailure | None] = []
        self.end: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self.is_back = asyncio.Event()
        post = Post(0, self.engine, lambda: 0, self.back, self.end.set_result)
        self.worker = HookWorker(Hook("m:f", pronubes.transform(function)), post, timeout_s=timeout_s)

    def back(self, failure: HookFailure | None) -> None:
        self.reports.append(failure)
        self.is_back.set()

    async def run(self) -> None:
        """Wake the worker once and wait for a report."""
        self.is_back.clear()
        self.worker.wake()
        async with asyncio.timeout(5):
            await self.is_back.wait()


def half(message: pronubes.Message) -> bytes:
    if message.topic == "b":
        raise ValueError("no b")
    return b"0"


async def test_a_wake_up_is_one_batch_and_says_what_failed_in_it() -> None:
    bench = Bench(half, batches=2)
    await bench.run()
    after_one = list(bench.engine.ended)
    await bench.run()
    bench.worker.stop()
    assert after_one == [(0, "done, 1 failed")]
    assert bench.engine.ended == [(0, "done, 1 failed"), (1, "done, 1 failed")]
    assert bench.reports == [HookFailure("hook_failed", "ValueError: no b", 1)] * 2


async def test_a_batch_that_was_given_up_is_not_given_back_later() -> None:
    is_free = threading.Event()
    has_returned = threading.Event()

    def late(batch: pronubes.Batch) -> pronubes.Batch:
        is_free.wait(5)
        has_returned.set()
        return batch

    bench = Bench(late, batches=1, timeout_s=0.01)
    await bench.run()
    names = [thread for thread in threading.enumerate() if thread.name == "hook m:f"]
    is_free.set()
    await asyncio.to_thread(lambda: [thread.join(5) for thread in names])
    assert (has_returned.is_set(), [thread.is_alive() for thread in names]) == (True, [False])
    assert bench.engine.ended == [(0, "hook_timeout")]
    assert [report and report.reason for report in bench.reports] == ["hook_timeout"]


async def test_a_hook_that_hangs_again_and_again_is_not_called_any_more() -> None:
    is_free = threading.Event()
    calls = []

    def hanging(batch: pronubes.Batch) -> pronubes.Batch:
        calls.append(len(batch))
        is_free.wait(5)
        return batch

    bench = Bench(hanging, batches=STUCK_LIMIT + 2, timeout_s=0.01)
    for _ in range(STUCK_LIMIT + 1):
        await bench.run()
    is_free.set()
    assert len(calls) == STUCK_LIMIT
    assert bench.engine.ended == [(number, "hook_timeout") for number in range(STUCK_LIMIT + 2)]


@pytest.mark.parametrize("error", [None, MemoryError("engine")])
async def test_the_end_of_the_hook_and_a_defect_of_the_engine_are_told(error: BaseException | None) -> None:
    bench = Bench(half, batches=1)
    bench.engine.is_gone = error is None
    if error is not None:

        def broken(*_: object, **__: object) -> None:
            raise error

        bench.engine.hook_done = broken
    bench.worker.wake()
    async with asyncio.timeout(5):
        assert await bench.end is error
    assert bench.engine.ended == []
