"""A new configuration under load: G1, G2."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from rig import DELIVERY, SINK
from servers import until

pytestmark = pytest.mark.timeout(120)

BAD = "version: 1\nname: edge\nroutes: {all: {filter: 'raw/#/x', to: nowhere}}\n"


async def reload(rig, document, *, times: list[float], within_s: float = 10.0) -> None:
    """Write a configuration, tell the node, and wait until it has said what became of it."""
    words = "is in force" if isinstance(document, dict) else "the old one goes on running"
    before = len(rig.node.said(words))
    if isinstance(document, dict):
        rig.node.configure(document)
    else:
        rig.node.config.write_text(document)
    began = time.monotonic()
    rig.node.signal(signal.SIGHUP)
    await until(lambda: len(rig.node.said(words)) > before, words, within_s=within_s)
    times.append(time.monotonic() - began)


def steps(rig) -> list[tuple[str, object]]:
    """Each kind of change, and back."""
    plain = rig.plan()
    more = rig.plan()
    more["routes"]["more"] = {"filter": "other/{rest#}", "topic": "more/{rest}", "to": "uns", "delivery": DELIVERY}
    larger = rig.plan(sink={"queue": {"size": "8MiB"}})
    renamed = rig.plan(sink={"user_properties": {"run by": "line 3"}})
    return [
        ("a route more", more),
        ("a route less", plain),
        ("another queue size", larger),
        ("a bad file", BAD),
        ("a sink that is another", renamed),
        ("the first again", plain),
    ]


@pytest.mark.parametrize(("count", "rate"), [(10, 3000), pytest.param(100, 20_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
async def test_g1_reloads_under_load_lose_nothing_and_keep_the_order(rig, count, rate, say):
    over, times = asyncio.Event(), []
    await rig.start(rig.plan())
    gaps = Gaps()
    taken = rig.uns.published
    rig.uns.published = lambda message: (gaps.seen(), taken(message))
    load = asyncio.create_task(rig.load(rate, until_set=over))
    try:
        for turn in range(count):
            name, document = steps(rig)[turn % len(steps(rig))]
            before = rig.oracle.delivered_unique
            await until(lambda before=before: rig.oracle.delivered_unique > before + rate // 20, f"the load flows before {name}")
            await reload(rig, document, times=times)
        await rig.uns.stop()  # a reload while the sink is away
        await until(lambda: rig.node.said("was lost"), "the loss is told")
        await reload(rig, steps(rig)[0][1], times=times)
        await rig.uns.start()
    finally:
        over.set()
        await load
    await rig.drained(within_s=60)
    verdict = rig.oracle.check(max_duplicates=1000 * (count // 3 + 2))
    say(f"{len(times)} reloads, slowest {max(times):.2f} s, longest gap {gaps.longest_s:.3f} s, {verdict.issued} issued, {verdict.duplicates} twice")
    status = await rig.node.status()
    assert status["balanced"]
    assert [one["connections"] for one in status["connections"] if one["name"] == "plant"] == [1], "an unchanged source is not touched"
    assert rig.plant.complaints == []


class Gaps:
    """The longest time in which nothing came out."""

    def __init__(self) -> None:
        self.longest_s, self._last = 0.0, time.monotonic()

    def seen(self) -> None:
        now = time.monotonic()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now


async def test_g1_a_bad_file_under_load_changes_nothing(rig):
    await rig.start(rig.plan())
    rig.issue(500)
    await reload(rig, BAD, times=[])
    rig.issue(500)
    await rig.drained()
    rig.oracle.check(max_duplicates=0)
    assert rig.uns.is_subscribed(SINK) is False
    assert [one["connections"] for one in (await rig.node.status())["connections"]] == [1, 1]
