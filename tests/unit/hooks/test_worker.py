"""The worker against an engine that hands out batches by hand: who ends a batch, and that it is ended once."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import pronubes
from pronubes.hooks import Hook
from pronubes.hooks.settings import BreakerSettings, HookSettings
from pronubes.hooks.worker import STUCK_LIMIT, HookFailure, HookWorker, Post, Report

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

    def hook_done(self, _hook: int, batch: int, *, failed: list[tuple[int, str, str]], **changes: object) -> list[tuple[str, int, str]]:
        self._end(batch, "kept none" if "keep" in changes else f"done, {len(failed)} failed")
        return [(reason, 1, words) for _, reason, words in failed]

    def hook_failed(self, _hook: int, batch: int, *, reason: str, **_more: object) -> None:
        self._end(batch, reason)

    def _end(self, batch: int, how: str) -> None:
        if batch != self.out:
            raise KeyError(batch)
        self.out = None
        self.ended.append((batch, how))


class Bench:
    """A worker and what it reports."""

    def __init__(self, function: Callable[..., Any], *, batches: int, timeout_s: float = 5.0, breaker: BreakerSettings | None = None) -> None:
        self.engine: Any = Engine(batches)  # Any: stands for the real one
        self.reports: list[Report] = []
        self.now_s = 0.0
        self.changes: list[str] = []
        self.end: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self.is_back = asyncio.Event()
        post = Post(0, self.engine, lambda: 0, self.back, self.end.set_result)
        settings = HookSettings("m:f", timeout_s, breaker or BreakerSettings())
        self.worker = HookWorker(Hook("m:f", pronubes.transform(function), timeout_s=timeout_s), post, settings, monotonic_s=lambda: self.now_s)

    def back(self, report: Report) -> None:
        self.reports.append(report)
        if self.worker.record(report):
            self.changes.append(self.worker.breaker.state)
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
    assert bench.reports == [Report(2, [HookFailure("hook_failed", "ValueError: no b", 1)])] * 2


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
    assert [failure.reason for report in bench.reports for failure in report.failures] == ["hook_timeout"]


async def test_a_hook_that_hangs_again_and_again_is_not_called_until_a_call_is_back() -> None:
    is_free = threading.Event()
    calls = []

    def hanging(batch: pronubes.Batch) -> pronubes.Batch:
        calls.append(len(batch))
        is_free.wait(5)
        return batch

    never = BreakerSettings(hangs=1000)
    bench = Bench(hanging, batches=STUCK_LIMIT + 2, timeout_s=0.01, breaker=never)
    for _ in range(STUCK_LIMIT + 1):
        await bench.run()
    stuck, calls_before = bench.worker.stuck, len(calls)
    threads = [thread for thread in threading.enumerate() if thread.name == "hook m:f"]
    is_free.set()
    await asyncio.to_thread(lambda: [thread.join(5) for thread in threads])
    bench.engine.waiting.append(STUCK_LIMIT + 2)
    await bench.run()
    bench.worker.stop()
    assert (stuck, calls_before, bench.worker.stuck, len(calls)) == (STUCK_LIMIT, STUCK_LIMIT, 0, STUCK_LIMIT + 1)
    assert bench.engine.ended == [
        *((number, "hook_timeout") for number in range(STUCK_LIMIT)),
        *((number, "hook_open") for number in (STUCK_LIMIT, STUCK_LIMIT + 1)),
        (STUCK_LIMIT + 2, "done, 0 failed"),
    ]


@pytest.mark.parametrize(("way", "ended"), [("quarantine", "hook_open"), ("pass", "done, 0 failed"), ("drop", "kept none")])
async def test_a_hook_that_fails_too_often_is_left_alone_tried_and_taken_back(way: Any, ended: str) -> None:
    is_well = False

    def failing(message: pronubes.Message) -> bytes:
        if not is_well:
            raise ValueError(message.topic)
        return b"0"

    bench = Bench(failing, batches=7, breaker=BreakerSettings(of=4, pause_s=5.0, when_open=way))
    batches, bench.engine.waiting = bench.engine.waiting, []
    states = []
    for number, now_s in zip(batches, (0.0, 1.0, 2.0, 6.1, 12.0, 16.2, 17.0), strict=True):
        bench.now_s = now_s
        is_well = number >= 5
        bench.engine.waiting = [number]
        await bench.run()
        states.append(bench.worker.breaker.state)
    bench.worker.stop()
    failed, well = "done, 2 failed", "done, 0 failed"
    assert bench.engine.ended == list(enumerate([failed, failed, ended, failed, ended, well, well]))
    assert states == ["closed", "open", "open", "open", "open", "closed", "closed"]
    assert bench.changes == ["open", "closed"]


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
