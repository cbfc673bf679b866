"""Memory over time and over names: F1, F5. Long only; the figures go into `docs/reliability.md`."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time

import pytest

from rig import SOURCE
from servers import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


def slope_per_h(samples: list[tuple[float, int]]) -> float:
    """Theil and Sen: the median of the slopes between all pairs, in bytes per hour."""
    pairs = itertools.combinations(samples, 2)
    return statistics.median((later[1] - earlier[1]) / (later[0] - earlier[0]) * 3600 for earlier, later in pairs)


@pytest.mark.parametrize("seconds", [60, 1800])
async def test_f5_a_soak_with_faults_and_reloads_does_not_grow(rig, seconds, say):
    """Load all the time; by turns the sink goes away, connections are cut, the configuration is loaded anew."""
    await rig.start(rig.plan())
    over = asyncio.Event()
    load = asyncio.create_task(rig.load(3000, until_set=over))
    began, samples, turns = time.monotonic(), [], itertools.count()
    files: list[tuple[int, int]] = []
    try:
        while time.monotonic() - began < seconds:
            await disturb(rig, next(turns))
            before = rig.oracle.delivered_unique
            await until(lambda before=before: rig.oracle.delivered_unique > before + 3000, "the load flows")
            if time.monotonic() - began > seconds / 3:  # warmed up
                samples.append((time.monotonic(), rig.node.rss_bytes()))
                files.append(rig.threads_and_files())
    finally:
        over.set()
        await load
    await rig.drained(within_s=60)
    verdict = rig.oracle.check()
    slope = slope_per_h(samples)
    spread = max(rss for _, rss in samples) - min(rss for _, rss in samples)
    figures = f"{slope / 2**20:+.2f} MiB/h, spread {spread / 2**20:.1f} MiB, threads and files {set(files)}"
    say(f"{seconds} s, {verdict.issued} messages, {next(turns)} faults: {figures}")
    assert spread < 16 * 2**20
    assert len({threads for threads, _ in files}) == 1
    assert max(count for _, count in files) - min(count for _, count in files) <= 6, "connections come and go"


async def disturb(rig, turn: int) -> None:
    """One fault, or none."""
    match turn % 5:
        case 0:
            await rig.uns.stop()
            await asyncio.sleep(0.3)  # how long it is away
            await rig.uns.start()
        case 1:
            rig.plant.cut()
            await rig.plant.subscribed(SOURCE)
        case 2:
            document = rig.plan()
            document["routes"][f"more{turn % 2}"] = {"filter": "other/#", "to": "uns", "delivery": "volatile"}
            rig.node.configure(document)
            rig.node.signal(1)
        case _:
            pass


@pytest.mark.parametrize("count", [300_000, 10_000_000])
async def test_f1_a_flood_of_names_stays_within_its_bound(rig, count, say):
    """Every message has a topic of its own: the table of known topics is bounded, messages are routed all the same."""
    seen = 0

    def take(_message: object) -> None:
        nonlocal seen
        seen += 1

    rig.uns.published = take
    rig.plant.acknowledged = lambda _payload: None
    await rig.start(rig.plan())
    at_first = rig.node.rss_bytes()
    for begin in range(0, count, 20_000):
        rig.plant.publish((f"raw/area{number % 97}/tag{number}", b'{"value":1}') for number in range(begin, begin + 20_000))
        rig.plant.matching.clear()
        await until(lambda: rig.plant.backlog(SOURCE) < 20_000, "it keeps up", within_s=60)
    await until(lambda: seen >= count, "all are routed", within_s=120)
    grown = rig.node.rss_bytes() - at_first
    say(f"{count} topics: grew by {grown / 2**20:.0f} MiB")
    assert grown < 400 * 2**20
