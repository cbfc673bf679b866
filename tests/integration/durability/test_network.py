"""The network between the node and its brokers: C1, C2, C3, C6, C8, and what a lost session leaves, C4."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pronubes.testing import FaultProxy
from pronubes.testing.faults import Blackhole, Latency, ResetPeer, Slicer
from rig import SOURCE
from servers import until

pytestmark = pytest.mark.timeout(60)


@asynccontextmanager
async def behind_proxies(rig, *, seed: int = 7):
    """Put a proxy before each broker; gives the source's and the sink's."""
    async with FaultProxy(rig.plant.port, seed=seed) as source, FaultProxy(rig.uns.port, seed=seed + 1) as sink:
        rig.source_url, rig.sink_url = f"mqtt://127.0.0.1:{source.port}", f"mqtt://127.0.0.1:{sink.port}"
        yield source, sink
        rig.node.kill()


@pytest.mark.parametrize("seconds", [4, pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
async def test_c1_connections_that_flap_lose_nothing(rig, seconds, say):
    over = asyncio.Event()
    async with behind_proxies(rig) as (source, sink):
        await rig.start(rig.plan())
        load = asyncio.create_task(rig.load(2000, until_set=over))
        for proxy in (source, sink):
            proxy.set(ResetPeer(0.05, jitter_s=0.45))
        began = time.monotonic()
        await until(lambda: time.monotonic() - began > seconds, "the network flaps", within_s=seconds + 10)
        over.set()
        await load
        connects = rig.plant.connects / (time.monotonic() - began)
        for proxy in (source, sink):
            proxy.clear()
        await rig.drained(within_s=30)
        await until(lambda: rig.plant.in_flight(SOURCE) == 0, "no packet id is left behind")
        status = await rig.node.status()
    verdict = rig.oracle.check()
    figures = (
        f"{source.counts.resets + sink.counts.resets} resets, {verdict.issued} issued, {verdict.duplicates} duplicates, {connects:.1f} connects/s"
    )
    say(figures)
    assert source.counts.resets > seconds / 2
    assert sink.counts.resets > seconds / 2
    assert connects < 10
    assert status["balanced"]
    assert status["lost_holds"] == 0


@pytest.mark.parametrize("who", ["source", "sink"])
async def test_c2_a_half_open_connection_is_found_within_one_and_a_half_keep_alives(rig, who):
    async with behind_proxies(rig) as (source, sink):
        document = rig.plan(source={"keep_alive": "1s"}, sink={"keep_alive": "1s"})
        await rig.start(document)
        rig.issue(100)
        await rig.drained()
        (source if who == "source" else sink).set(Blackhole())
        began = time.monotonic()
        await until(lambda: rig.node.said("was lost"), "the loss is noticed")
        noticed_s = time.monotonic() - began
        rig.issue(100)
        (source if who == "source" else sink).clear()
        await rig.drained()
    rig.oracle.check()
    assert noticed_s <= 1.5 + 0.5, "half a second for a busy machine"


async def test_c3_a_blocked_sink_keeps_the_keep_alive_and_the_window(rig):
    """bento#489: a blocked output stopped the pings and the broker dropped the session with its data."""
    window = 100
    rig.uns.manners.is_acknowledging = False
    await rig.start(rig.plan(source={"keep_alive": "1s", "receive_maximum": window}, sink={"keep_alive": "1s"}))
    rig.issue(3000)
    began = time.monotonic()
    while time.monotonic() - began < 3.2:
        assert rig.plant.in_flight(SOURCE) <= window
        await asyncio.sleep(0.02)
    states = [(one["state"], one["connections"]) for one in (await rig.node.status())["connections"]]
    rig.uns.catch_up()
    await rig.drained()
    rig.oracle.check(max_duplicates=0)
    assert states == [("connected", 1)] * 2


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_c6_a_stream_in_single_bytes_gives_the_same(rig, version):
    async def run(count: int) -> float:
        before = cpu_s(rig)
        rig.issue(count)
        await rig.drained()
        return cpu_s(rig) - before

    async with behind_proxies(rig) as (source, sink):
        await rig.start(rig.plan(source={"version": version}, sink={"version": version}))
        await run(300)
        for proxy in (source, sink):
            proxy.set(Slicer())
        await run(300)
        reached = (source.counts.bytes_down, sink.counts.bytes_up)
    rig.oracle.check(max_duplicates=0)
    assert min(reached) > 600 * 30
    assert rig.plant.complaints == []
    assert rig.uns.complaints == []


def cpu_s(rig) -> float:
    fields = Path(f"/proc/{rig.node.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


POINTS = ["before CONNACK", "after CONNACK", "before SUBACK", "after SUBACK", "PUBLISH received", "PUBACK sent", "PUBLISH sent", "PUBACK received"]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_c4_a_session_lost_at_each_point_of_the_protocol_loses_nothing(rig, version):
    """rumqtt#1056: a session that was lost with a full window ended in an endless loop of reconnects."""
    await rig.start(rig.plan(source={"version": version}, sink={"version": version}))
    for point in POINTS:
        for broker in (rig.plant, rig.uns):
            if broker is rig.uns and point in ("before SUBACK", "after SUBACK", "PUBLISH sent", "PUBACK received"):
                continue  # a sink neither subscribes nor receives
            if broker is rig.plant and point in ("PUBLISH received", "PUBACK sent"):
                continue  # a source does not publish
            before = broker.connects
            broker.manners.forgets_at = point
            rig.issue(1500)
            if point in ("before CONNACK", "after CONNACK", "before SUBACK", "after SUBACK"):
                broker.forget()  # with a full window
                broker.cut()
            await until(lambda broker=broker: broker.manners.forgets_at is None, f"the session is lost {point}")
            await rig.drained()
            assert broker.connects - before <= 3, point
    rig.oracle.check()
    assert rig.plant.complaints == []
    assert (await rig.node.status())["balanced"]


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("window", [20, 100, 1000])
@pytest.mark.parametrize("latency_ms", [5, 20, 100])
async def test_c8_throughput_follows_window_and_latency(rig, window, latency_ms, say):
    async with behind_proxies(rig) as (source, _):
        await rig.start(rig.plan(source={"receive_maximum": window}))
        source.set(Latency(latency_ms / 2000))
        count = min(20_000, max(200, 4 * window * 1000 // latency_ms))
        began = time.monotonic()
        rig.issue(count)
        await rig.drained(within_s=120)
        rate = count / (time.monotonic() - began)
    bound = window / (latency_ms / 1000)
    figures = f"window {window}, {latency_ms} ms: {rate:.0f} msg/s of at most {bound:.0f}"
    say(figures)
    rig.oracle.check()
    assert rate >= 0.5 * min(bound, 20_000), figures
