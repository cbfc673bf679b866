"""The stub broker keeps the rules that it is there to judge others by. The client is paho's, which knows nothing of ours."""

from __future__ import annotations

import asyncio
import contextlib
import time

import aiomqtt
import pytest

from pronubes.testing import Oracle, StubBroker
from pronubes.testing import mqtt_packets as packets
from servers import until

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x3c\x00\x01c"  # 3.1.1, not clean, client id `c`
SUBSCRIBE_RAW = b"\x82\x0a\x00\x01\x00\x05raw/#\x01"
VERSIONS = [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5]


@pytest.fixture
async def broker():
    async with StubBroker() as one:
        yield one


def client(broker, identifier="c", **options):
    return aiomqtt.Client("127.0.0.1", broker.port, identifier=identifier, **options)


async def take(connected, count: int) -> list[aiomqtt.Message]:
    messages = []
    async with asyncio.timeout(5):
        async for message in connected.messages:
            messages.append(message)
            if len(messages) == count:
                break
    return messages


@pytest.mark.parametrize("version", VERSIONS)
async def test_messages_go_out_and_come_in(broker, version):
    oracle = Oracle()
    broker.acknowledged = oracle.acknowledged
    async with client(broker, protocol=version) as connected:
        await connected.subscribe("raw/#", qos=1)
        broker.publish(oracle.issue(100))
        for message in await take(connected, 100):
            oracle.delivered(message.payload)
        await connected.publish("out/a", b"1", qos=1, retain=True)
    assert oracle.check().delivered == 100
    assert [(one.topic, one.payload, one.retain) for one in broker.received] == [("out/a", b"1", True)]
    async with client(broker, identifier="late", protocol=version) as late:
        await late.subscribe("out/+", qos=1)
        assert [(str(one.topic), one.retain) for one in await take(late, 1)] == [("out/a", True)]
    assert broker.complaints == []


async def test_a_persistent_session_waits_and_what_was_in_flight_comes_again_with_dup(broker):
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(CONNECT + b"\x82\x08\x00\x01\x00\x03a/#\x01")
    assert await reader.readexactly(9) == b"\x20\x02\x00\x00" + b"\x90\x03\x00\x01\x01"
    broker.publish([("a/b", b"one")])
    assert await reader.readexactly(12) == packets.publish("a/b", b"one", packet_id=1)
    writer.close()
    await until(lambda: broker.sessions["c"].connection is None, "the connection is over")
    broker.publish([("a/b", b"two")])
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(CONNECT)
    expected = b"\x20\x02\x01\x00" + packets.publish("a/b", b"one", packet_id=1, dup=True) + packets.publish("a/b", b"two", packet_id=2)
    assert await reader.readexactly(len(expected)) == expected
    broker.forget()
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(CONNECT)
    assert (await reader.readexactly(4))[2] == 0
    writer.close()


@pytest.mark.parametrize(("overruns", "expected"), [(False, 20), (True, 50)])
async def test_the_window_is_kept_unless_it_is_told_otherwise(broker, overruns, expected):
    broker.manners.overruns_window = overruns
    properties = b"\x03\x21\x00\x14"  # Receive Maximum 20
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(b"\x10\x11\x00\x04MQTT\x05\x00\x00\x3c" + properties + b"\x00\x01c" + b"\x82\x09\x00\x01\x00\x00\x03a/#\x01")
    await reader.readexactly(5 + 6)
    broker.publish([("a/b", b"x")] * 50)
    await reader.readexactly(expected * len(packets.publish("a/b", b"x", version=5, packet_id=1)))
    assert (broker.in_flight("c"), broker.backlog("c")) == (expected, 50)
    writer.close()


@pytest.mark.parametrize(
    "point",
    ["before CONNACK", "after CONNACK", "before SUBACK", "after SUBACK", "PUBLISH received", "PUBACK sent", "PUBLISH sent", "PUBACK received"],
)
async def test_the_session_is_lost_at_each_point_and_only_once(broker, point):
    broker.manners.forgets_at = point
    oracle = Oracle()
    broker.acknowledged = oracle.acknowledged
    broker.publish(oracle.issue(3))
    connections = 0
    async with asyncio.timeout(5):
        while broker.manners.forgets_at is not None or oracle.acknowledged_count < 3:
            connections += 1
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await be_a_client(broker, oracle)
    assert connections <= 2
    assert broker.connects == connections
    oracle.check(max_duplicates=3)


async def be_a_client(broker, oracle) -> None:
    """Subscribe, publish one, acknowledge what comes, until the connection ends or everything is done."""
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(CONNECT + SUBSCRIBE_RAW + packets.publish("out/a", b"1", packet_id=9))
    buffer = bytearray()
    try:
        while not (oracle.acknowledged_count == 3 and broker.manners.forgets_at is None):
            try:
                async with asyncio.timeout(0.1):
                    data = await reader.read(65_536)
            except TimeoutError:
                continue
            if not data:
                return
            buffer += data
            for first, body in packets.split(buffer):
                if first >> 4 == 3:
                    message = packets.read_publish(first, body, 4)
                    oracle.delivered(message.payload)
                    writer.write(packets.puback(message.packet_id))
    finally:
        writer.close()


async def test_acknowledgements_can_be_held_back_and_refused(broker):
    broker.manners.is_acknowledging = False
    async with client(broker, protocol=VERSIONS[1]) as connected:
        with pytest.raises(aiomqtt.MqttError):
            await connected.publish("a", b"1", qos=1, timeout=0.1)
        assert len(broker.received) == 1
        broker.manners.puback_reason = lambda _topic, payload: 0x99 if payload == b"bad" else 0
        broker.catch_up()
        await connected.publish("a", b"good", qos=1)
        await connected.publish("a", b"bad", qos=1)
    assert [one.payload for one in broker.received] == [b"1", b"good"]


async def test_a_refusal(broker):
    broker.manners.refuses_with = 5
    with pytest.raises(aiomqtt.MqttError):
        async with client(broker):
            pass


def test_lengths_that_are_none_are_refused_and_pieces_wait():
    whole = packets.publish("a", bytes(200), version=5, packet_id=3)
    buffer = bytearray()
    found = []
    for byte in whole + whole:
        buffer.append(byte)
        found += packets.split(buffer)
    assert [packets.read_publish(first, body, 5)[:2] for first, body in found] == [("a", bytes(200))] * 2
    with pytest.raises(ValueError, match="more than four"):
        packets.split(bytearray(b"\x30\xff\xff\xff\xff\x7f"))


async def test_it_carries_20_000_messages_per_second(broker):
    """A regression here would make the load tests measure the stub. The bound is a third of what a slow machine does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(CONNECT + SUBSCRIBE_RAW)
    await reader.readexactly(9)
    messages = Oracle().issue(20_000)
    began = time.process_time()
    broker.publish(messages)
    seen = 0
    buffer = bytearray()
    while seen < len(messages):
        buffer += await reader.read(65_536)
        out = []
        for first, body in packets.split(buffer):
            out.append(packets.puback(packets.read_publish(first, body, 4).packet_id))
            seen += 1
        writer.write(b"".join(out))
    await until(lambda: not broker.backlog("c"), "all are acknowledged")
    assert time.process_time() - began < 2.0
    writer.close()
