"""Sinks that are away, slow or picky: B2, B4, B5."""

from __future__ import annotations

import asyncio
import time

import pytest

from pronubes.testing import Oracle, StubBroker
from rig import is_marked
from servers import until

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(
    ("seconds", "rate"),
    [(4, 5000), pytest.param(20, 20_000, marks=pytest.mark.long), pytest.param(600, 20_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])],
)
async def test_b2_a_sink_that_was_down_gets_everything_and_memory_stays_flat(rig, seconds, rate, say):
    await rig.start(rig.plan(source={"receive_maximum": 1000}))
    over = asyncio.Event()
    load = asyncio.create_task(rig.load(rate, until_set=over))
    await until(lambda: rig.oracle.delivered_unique > rate, "the load flows")
    port = rig.uns.port
    await rig.uns.stop()
    await until(lambda: rig.node.said("was lost"), "the loss is told")
    at_first = rig.node.rss_bytes()
    began = time.monotonic()
    await until(lambda: time.monotonic() - began > seconds, "the sink is down", within_s=seconds + 5)
    grown = rig.node.rss_bytes() - at_first
    backlog = rig.oracle.issued - rig.oracle.delivered_unique
    assert rig.uns.port == port
    await rig.uns.start()
    began, before = time.monotonic(), rig.oracle.delivered_unique
    await until(lambda: rig.oracle.delivered_unique > before + backlog // 2, "the backlog drains", within_s=seconds + 20)
    drain = (rig.oracle.delivered_unique - before) / (time.monotonic() - began)
    over.set()
    await load
    await rig.drained(within_s=60 + seconds)
    verdict = rig.oracle.check()
    figures = (
        f"{seconds} s down at {rate}/s: {backlog} waited, grew by {grown / 2**20:.0f} MiB, drained at {drain:.0f}/s, {verdict.duplicates} duplicates"
    )
    say(figures)
    assert grown < 32 * 2**20
    assert drain > 2 * rate or seconds > 4, figures
    assert (await rig.node.status())["balanced"]


async def test_b5_poison_goes_to_the_quarantine_and_the_others_proceed(rig):
    def reason(_topic: str, payload: bytes) -> int:
        return 0x99 if Oracle.number(payload) % 1000 == 500 else 0

    rig.uns.manners.puback_reason = reason
    await rig.start(rig.plan())
    rig.issue(5000)
    await until(lambda: rig.oracle.acknowledged_count == 5000, "all are acknowledged")
    await until(lambda: len(rig.node.quarantine()) == 5, "the quarantine has five")
    for number in range(500, 5000, 1000):
        rig.oracle.quarantined(rig.oracle.payload(number))
    verdict = rig.oracle.check(max_duplicates=0)
    assert (verdict.delivered, verdict.quarantined) == (4995, 5)
    assert {entry["reason"] for entry in rig.node.quarantine()} == {"sink_refused"}
    status = await rig.node.status()
    assert status["balanced"]
    assert (await rig.status("sinks", "uns"))["quarantined"] == 5


async def test_b4_a_stuck_sink_does_not_hold_up_the_others(rig):
    """One of three sinks confirms nothing: the others get everything at once, it gets everything in the end."""
    async with StubBroker() as stuck, StubBroker() as third:
        stuck.manners.is_acknowledging = False
        oracles = {broker: Oracle(is_durable=True) for broker in (stuck, third)}
        for broker, oracle in oracles.items():
            broker.published = lambda message, oracle=oracle: oracle.delivered(message.payload, is_replayed=is_marked(message))
        document = rig.plan()
        common = document["sinks"]["uns"]
        document["sinks"] |= {"stuck": {**common, "url": stuck.url, "queue": {"size": "256KiB"}}, "third": {**common, "url": third.url}}
        document["routes"]["all"]["to"] = ["uns", "stuck", "third"]
        await rig.start(document)
        for oracle in oracles.values():
            oracle.issue(20_000)
        rig.issue(20_000)
        await rig.drained()
        await until(oracles[third].is_complete, "the third sink has them all")
        assert not oracles[stuck].is_complete()
        stuck.catch_up()
        await until(oracles[stuck].is_complete, "the stuck one gets them all in the end")
        for oracle in oracles.values():
            oracle.check()
        assert (await rig.node.status())["balanced"]
    rig.oracle.check()
