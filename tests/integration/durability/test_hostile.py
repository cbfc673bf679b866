"""Brokers and publishers that mean harm or know no better: C5, E9, F2, F3."""

from __future__ import annotations

import asyncio
import time

import pytest

from pronubes.testing import Oracle
from pronubes.testing.hostile import announce, hostile_packets
from rig import SOURCE
from servers import until

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_c5_a_broker_that_breaks_the_protocol_is_left_and_comes_to_no_harm(rig, version):
    await rig.start(rig.plan(source={"version": version}, sink={"version": version}))
    rig.issue(100)
    await rig.drained()
    at_first = rig.node.rss_bytes()
    for name, data in hostile_packets(5 if version == "5" else 4).items():
        for broker in (rig.plant, rig.uns):
            before = broker.connects
            broker.send(data)
            await until(lambda broker=broker, before=before: broker.connects > before, f"it leaves and comes again after {name}")
        await rig.plant.subscribed(SOURCE)
        rig.issue(10)
        await rig.drained()
    rig.oracle.check()
    assert rig.node.rss_bytes() - at_first < 16 * 2**20
    lost = rig.node.said("was lost")
    assert len(lost) >= 2 * len(hostile_packets(5))
    assert all(event.get("error") for event in lost), "each loss has its reason"
    assert (await rig.node.status())["balanced"]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_c5_a_broker_that_overruns_the_window_loses_nothing_and_costs_no_memory(rig, version):
    """mosquitto 2.0.11 had 1,413 messages under way at a window of 20."""
    rig.plant.manners.overruns_window = True
    rig.uns.manners.is_acknowledging = False
    await rig.start(rig.plan(source={"version": version, "receive_maximum": 20}, sink={"version": version}))
    at_first = rig.node.rss_bytes()
    rig.issue(5000)
    await until(lambda: rig.oracle.delivered_unique >= 20, "what the window allows")
    assert rig.node.rss_bytes() - at_first < 16 * 2**20
    rig.plant.manners.overruns_window = False
    rig.uns.catch_up()
    await rig.drained()
    rig.oracle.check()


async def test_f3_a_large_announcement_and_one_byte_at_a_time_cost_nothing(rig):
    """The node is a client: it is its brokers that announce 256 MB and send one byte per second."""
    await rig.start(rig.plan(source={"max_packet": "256MiB", "keep_alive": "1s"}))
    rig.issue(100)
    await rig.drained()
    at_first, before = rig.node.rss_bytes(), rig.plant.connects
    rig.plant.send(announce(256 * 2**20 - 16) + b"\x00\x03a/b")
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        rig.plant.send(b"x")
        await asyncio.sleep(0.1)
    grown = rig.node.rss_bytes() - at_first
    assert rig.plant.connects == before, "a byte is a sign of life"
    rig.plant.cut()
    await rig.plant.subscribed(SOURCE)
    rig.issue(100)
    await rig.drained()
    rig.oracle.check()
    assert grown < 4 * 2**20


async def test_f3_more_than_the_limit_is_refused_by_its_announcement(rig):
    await rig.start(rig.plan())
    before = rig.plant.connects
    rig.plant.send(announce(256 * 2**20 - 16))
    await until(lambda: rig.plant.connects > before, "it leaves at once")
    assert rig.node.said("was lost")


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
@pytest.mark.parametrize("qos", [0, 1])
async def test_f2_a_flood_of_retained_messages_arrives_whole(rig, count, qos, say):
    """mosquitto gives 1,020 of 12,500 at QoS 1 by its defaults (mosquitto#2196); a broker that gives all must find them all here."""
    oracle = rig.oracle = Oracle(keys=count, is_durable=qos == 1)
    rig.plant.acknowledged = oracle.acknowledged
    rig.plant.publish(oracle.issue(count), qos=0, retain=True)
    began = time.monotonic()
    await rig.start(rig.plan(source={"qos": qos}, route=None if qos else {"delivery": "volatile"}))
    slowest = 0.0
    while not oracle.is_complete():
        asked = time.monotonic()
        await rig.node.status()
        slowest = max(slowest, time.monotonic() - asked)
        assert time.monotonic() - began < 15 + count / 5000, oracle.verdict()
        await asyncio.sleep(0.02)
    oracle.check(max_duplicates=0)
    say(f"{count} retained at QoS {qos} in {time.monotonic() - began:.2f} s, slowest answer of the control socket {slowest * 1000:.0f} ms")
    assert (await rig.node.status())["balanced"]


VALUES = {
    "a plus": "a+b",
    "a hash": "#",
    "a level": "a/b",
    "NUL": "a\\u0000b",
    "dollar": "$SYS",
    "dots": "../../etc/passwd",
    "quotes": "'; DROP TABLE history; --",
    "64 KiB": "x" * 65_536,
    "nothing": "",
    "a space": " ",
    "a line end": "a\\nb",
    "text of another world": "Größe 温度",
}


async def test_e9_a_payload_cannot_choose_where_its_message_goes(rig):
    """A value rendered into a topic is one level, or the message is put aside with a reason."""
    seen: list[str] = []
    rig.uns.published = lambda message: seen.append(message.topic)
    await rig.start(rig.plan(route={"topic": "acme/{payload.name}/fixed"}))
    rig.plant.publish([(f"raw/{number}", b'{"name":"%s"}' % value.encode()) for number, value in enumerate(VALUES.values())])
    await until(lambda: len(seen) + len(rig.node.quarantine()) == len(VALUES), "each has gone somewhere")
    aside = rig.node.quarantine()
    assert all(topic.count("/") == 2 and topic.startswith("acme/") and topic.endswith("/fixed") for topic in seen), seen
    assert not any(set("+#\0") & set(topic) for topic in seen)
    assert all(entry["reason"] for entry in aside)
    assert len(aside) >= 6, [entry["reason"] for entry in aside]
    assert (await rig.node.status())["balanced"]
