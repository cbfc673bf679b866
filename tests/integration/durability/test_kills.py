"""The process dies, ends and is told to end: B1, G3, H2."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time

import pytest

from rig import SOURCE
from servers import until

pytestmark = pytest.mark.timeout(120)


def counts(small: int, large: int, *, timeout_s: int = 1800):
    return pytest.mark.parametrize("count", [small, pytest.param(large, marks=[pytest.mark.long, pytest.mark.timeout(timeout_s)])])


@counts(10, 300)
async def test_b1_kills_under_load_lose_nothing_that_was_acknowledged(rig, count, say):
    """Duplicates are bounded loosely: positions are saved once a second, so lives shorter than that repeat each other's backlog."""
    seed = random.randrange(2**32)
    say(f"seed {seed}")
    chance = random.Random(seed)
    rate, longest = (5000, 4000) if count <= 10 else (20_000, 40_000)
    await rig.start(rig.plan())
    over = asyncio.Event()
    load = asyncio.create_task(rig.load(rate, until_set=over))
    back_s = []
    try:
        for _ in range(count):
            rig.kill_at = rig.oracle.delivered_unique + chance.randrange(1, longest)
            await until(lambda: rig.kill_at is None, "the load flows, and the kill falls", within_s=60)
            began = time.monotonic()
            await rig.start()
            back_s.append(time.monotonic() - began)
    finally:
        over.set()
        await load
    await rig.drained(within_s=300)
    verdict = rig.oracle.check(max_duplicates=count * 20_000)
    figures = f"{count} kills, {verdict.issued} issued, {verdict.duplicates} duplicates, slowest start {max(back_s):.2f} s"
    say(figures)
    assert (await rig.node.status())["balanced"]
    assert rig.plant.complaints == []


async def test_b1_would_notice_a_class_that_acknowledges_too_early(rig):
    """The test of the test: `volatile` promises nothing, and the oracle says so."""
    rig.uns.manners.is_acknowledging = False
    await rig.start(rig.plan(route={"delivery": "volatile"}))
    rig.issue(5000)
    await until(lambda: rig.oracle.acknowledged_count == 5000, "all are acknowledged on arrival")
    rig.node.kill()
    rig.uns.manners.is_acknowledging = True
    await rig.start()
    with pytest.raises(AssertionError, match="acknowledged messages are lost"):
        rig.oracle.check()


async def test_g3_sigterm_with_a_stuck_sink_ends_within_the_grace_and_loses_nothing(rig):
    rig.uns.manners.is_acknowledging = False
    await rig.start(rig.plan(), "--grace", "1.5")
    rig.issue(500)
    await until(lambda: rig.oracle.delivered_unique > 100, "the sink has some that it does not confirm")
    began = time.monotonic()
    rig.node.signal(signal.SIGTERM)
    assert await rig.node.end(within_s=10) == os.EX_OK
    assert time.monotonic() - began < 1.5 + 2.5
    rig.uns.manners.is_acknowledging = True
    await rig.start()
    await rig.drained()
    rig.oracle.check()


async def test_g3_a_second_sigterm_is_faster(rig):
    rig.uns.manners.is_acknowledging = False
    await rig.start(rig.plan(), "--grace", "300")
    rig.issue(500)
    await until(lambda: rig.oracle.delivered_unique > 100, "the sink has some that it does not confirm")
    rig.node.signal(signal.SIGTERM)
    await until(lambda: rig.node.said("Stopping:"), "it drains")
    rig.node.signal(signal.SIGTERM)
    assert await rig.node.end(within_s=5) == os.EX_OK
    rig.uns.manners.is_acknowledging = True
    await rig.start()
    await rig.drained()
    rig.oracle.check()


@counts(6, 1000, timeout_s=7200)
async def test_h2_starts_and_ends_by_every_signal_under_load(rig, count):
    over = asyncio.Event()
    rig.node.configure(rig.plan())
    load = asyncio.create_task(rig.load(2000, until_set=over))
    try:
        for turn in range(count):
            await rig.start()
            before = rig.oracle.delivered_unique
            await until(lambda before=before: rig.oracle.delivered_unique > before, "something comes out")
            rig.node.signal([signal.SIGINT, signal.SIGTERM][turn % 2])
            assert await rig.node.end(within_s=15) == os.EX_OK, rig.node.text()[-2000:]
    finally:
        over.set()
        await load
    await rig.start()
    await rig.drained()
    rig.oracle.check()
    assert "Traceback" not in rig.node.text()
    assert rig.plant.backlog(SOURCE) == 0
