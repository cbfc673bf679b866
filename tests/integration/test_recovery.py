"""What survives: a broker or a node that is killed, a sink that stops, an end and a reload under load.

The oracle is an own publisher with numbered messages and an independent subscriber; what the broker acknowledged to the publisher must
arrive, at least once.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import os
import signal
import struct

import pytest

from servers import Mosquitto, client, publish_surely, subscribing, until

pytestmark = [pytest.mark.server("mosquitto"), pytest.mark.timeout(60)]


def plan(source_url: str, sink_url: str | None = None, **source: object) -> dict:
    common = {"type": "mqtt", "qos": 1, "backoff_max": "200ms"}
    return {
        "sources": {"plant": {**common, "url": source_url, "topics": ["raw/#"], **source}},
        "sinks": {"uns": {**common, "url": sink_url or source_url}},
        "routes": {"all": {"filter": "raw/{rest#}", "topic": "acme/{rest}", "to": "uns"}},
    }


def numbered(begin: int, count: int) -> list[tuple[str, bytes]]:
    return [(f"raw/t{number % 7}", json.dumps({"id": number}).encode()) for number in range(begin, begin + count)]


def identities(seen) -> collections.Counter[int]:
    return collections.Counter(json.loads(payload)["id"] for payload in seen.payloads())


async def connected(node, *, connections: int = 2) -> None:
    async def are_up() -> bool:
        return [one["state"] for one in (await node.status())["connections"]] == ["connected"] * connections

    await until(are_up, "all sessions are up")


async def test_a_broker_that_is_killed_under_load_loses_nothing_that_was_acknowledged(broker, free_port, tmp_path, node):
    uns = Mosquitto(tmp_path / "uns", free_port())
    await uns.start()
    try:
        node.configure(plan(broker.url, uns.url))
        await node.start()
        await connected(node)
        async with subscribing(uns.port, "acme/#", identifier="oracle") as seen:
            load = asyncio.create_task(publish_surely(broker.port, numbered(0, 3000), identifier="load"))
            await until(lambda: len(seen.messages) > 300, "the load flows")
            uns.stop(signal.SIGTERM)  # the sink's broker: it writes its sessions down, so that the subscriber's survives
            await until(lambda: node.said("was lost"), "the loss is told")
            await uns.start()
            await until(lambda: len(seen.messages) > 600, "the load flows again")
            broker.stop(signal.SIGTERM)  # the source's broker
            await broker.start()
            await load
            await until(lambda: len(identities(seen)) == 3000, "all ids")
        await connected(node)
        status = await node.status()
        assert status["balanced"]
        assert min(one["connections"] for one in status["connections"]) == 2
        assert status["lost_holds"] == 0
    finally:
        uns.stop()


async def test_a_broker_without_memory_is_subscribed_to_again(broker, node):
    node.configure(plan(broker.url))
    await node.start()
    await connected(node)
    broker.stop(signal.SIGKILL)
    for database in broker.folder.glob("*.db*"):
        database.unlink()
    await until(lambda: node.said("was lost"), "the loss is told")
    await broker.start()
    await connected(node)
    async with subscribing(broker.port, "acme/#") as seen:
        await publish_surely(broker.port, numbered(0, 5), identifier="load")
        await until(lambda: len(identities(seen)) == 5, "five ids")


async def test_a_killed_node_goes_on_where_it_was(broker, free_port, node):
    node.configure(plan(broker.url))
    await node.start()
    await connected(node)
    async with subscribing(broker.port, "acme/#") as seen:
        load = asyncio.create_task(publish_surely(broker.port, numbered(0, 4000), identifier="load"))
        await until(lambda: len(seen.messages) > 500, "the load flows")
        node.kill()
        await load
        before = len(identities(seen))
        assert before < 4000
        await node.start()
        await until(lambda: len(identities(seen)) == 4000, "all ids after the restart")
    counts = identities(seen)
    twice = sum(count > 1 for count in counts.values())
    assert twice <= 2 * 1000, "no more than the two windows may come twice"
    assert (await node.status())["balanced"]


async def test_an_end_delivers_what_is_under_way(broker, node):
    node.configure(plan(broker.url))
    await node.start()
    await connected(node)
    async with subscribing(broker.port, "acme/#") as seen:
        load = asyncio.create_task(publish_surely(broker.port, numbered(0, 3000), identifier="load"))
        await until(lambda: len(seen.messages) > 200, "the load flows")
        node.signal(signal.SIGTERM)
        assert await node.end() == os.EX_OK
        await load
        last = node.log()[-1]
        assert last["event"] == "The node has stopped."
        assert last["buffered"] == 0
        assert last["received"] == last["delivered"]
        await node.start()  # what the broker kept meanwhile
        await until(lambda: len(identities(seen)) == 3000, "all ids after the next start")
    assert set(identities(seen).values()) == {1}, "a clean end makes no duplicates"


class StubBroker:
    """A broker for one sink: takes it in, and then reads, confirms or does not, as the test says."""

    def __init__(self) -> None:
        self.is_reading = asyncio.Event()
        self.is_confirming = True
        self.published: list[bytes] = []
        self._unconfirmed: list[int] = []
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None] | None] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=64 * 1024)
        return self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in self._tasks if task is not None), return_exceptions=True)

    def confirm(self) -> None:
        """Confirm what is outstanding and go on confirming."""
        self.is_confirming = True
        assert self._writer is not None
        self._writer.write(b"".join(struct.pack(">BBH", 0x40, 2, number) for number in self._unconfirmed))
        self._unconfirmed.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        self._writer = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                await self.is_reading.wait()
                kind = (await reader.readexactly(1))[0]
                size, shift = 0, 0
                while True:
                    byte = (await reader.readexactly(1))[0]
                    size, shift = size | (byte & 127) << shift, shift + 7
                    if byte < 128:
                        break
                self._answer(kind, await reader.readexactly(size), writer)
        writer.close()

    def _answer(self, kind: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        if kind >> 4 == 1:
            writer.write(b"\x20\x02\x00\x00")
        elif kind >> 4 == 3:
            end = 2 + int.from_bytes(body[:2], "big")
            self.published.append(body[end + 2 :])
            self._unconfirmed.append(int.from_bytes(body[end : end + 2], "big"))
            if self.is_confirming:
                self.confirm()
        elif kind >> 4 == 12:
            writer.write(b"\xd0\x00")


@pytest.mark.parametrize("what", ["stops reading", "never confirms"])
async def test_a_sink_that_stops_holds_back_and_loses_nothing(broker, node, what):
    stub = StubBroker()
    stub.is_reading.set()
    port = await stub.start()
    document = plan(broker.url, f"mqtt://127.0.0.1:{port}", keep_alive="1s", receive_maximum=100)
    document["sinks"]["uns"] |= {"version": "3.1.1", "keep_alive": "60s", "queue": {"size": "64KiB"}}
    document["routes"]["all"] = {**document["routes"]["all"], "delivery": "through"}
    try:
        node.configure(document)
        await node.start()
        await connected(node)
        await publish_surely(broker.port, padded(0, 200), identifier="load")
        await until(lambda: len(stub.published) == 200, "the first two hundred")
        before_bytes = node.rss_bytes()
        if what == "stops reading":
            stub.is_reading.clear()
        else:
            stub.is_confirming = False
        await publish_surely(broker.port, padded(200, 3000), identifier="load")  # 3 MB wait in the broker, 100 messages in the node
        loop = asyncio.get_running_loop()
        blocked_s = loop.time()
        await until(lambda: loop.time() - blocked_s > 2.0, "twice the keep-alive is over")
        status = await node.status()
        source = next(one for one in status["connections"] if one["name"] == "plant")
        assert (source["state"], source["connections"]) == ("connected", 1), node.text()[-1000:]
        assert node.rss_bytes() - before_bytes < 24 * 2**20
        assert source["received"] < 3200
        stub.is_reading.set()
        stub.confirm()
        await until(lambda: len({json.loads(one)["id"] for one in stub.published}) == 3200, "all of them in the end")
        assert (await node.status())["balanced"]
    finally:
        node.kill()
        await stub.stop()


def padded(begin: int, count: int) -> list[tuple[str, bytes]]:
    return [("raw/t", json.dumps({"id": number, "text": "x" * 1000}).encode()) for number in range(begin, begin + count)]


async def test_a_second_signal_leaves_at_once(broker, node):
    stub = StubBroker()
    stub.is_reading.set()
    stub.is_confirming = False
    port = await stub.start()
    document = plan(broker.url, f"mqtt://127.0.0.1:{port}")
    document["sinks"]["uns"]["version"] = "3.1.1"
    try:
        node.configure(document)
        await node.start("--grace", "300")
        await connected(node)
        await publish_surely(broker.port, numbered(0, 10), identifier="load")
        await until(lambda: len(stub.published) == 10, "ten messages that nobody confirms")
        node.signal(signal.SIGTERM)
        await until(lambda: node.said("Stopping:"), "it drains")
        assert node.process.poll() is None
        node.signal(signal.SIGTERM)
        assert await node.end(within_s=5) == os.EX_OK
    finally:
        await stub.stop()


async def test_a_reload_takes_a_good_file_and_refuses_a_bad_one(broker, node):
    document = plan(broker.url)
    node.configure(document)
    await node.start()
    await connected(node)
    async with subscribing(broker.port, "acme/#", "more/#") as seen, client(broker.port) as own:
        node.config.write_text("version: 1\nname: edge\nroutes: {all: {filter: 'raw/#/x', to: nowhere}}\n")
        node.signal(signal.SIGHUP)
        refused = await until(lambda: node.said("the old one goes on running"), "the bad file is refused")
        assert refused[0]["errors"] >= 1
        await own.publish("raw/one", b'{"id": 1}', qos=1)
        await until(lambda: "acme/one" in seen.topics(), "the old configuration goes on")
        document["routes"]["more"] = {"filter": "raw/{rest#}", "topic": "more/{rest}", "to": "uns"}
        node.configure(document)
        node.signal(signal.SIGHUP)
        await until(lambda: node.said("is in force"), "the good file is taken")
        await own.publish("raw/two", b'{"id": 2}', qos=1)
        await until(lambda: {"acme/two", "more/two"} <= seen.topics(), "both routes")
    status = await node.status()
    assert [one["connections"] for one in status["connections"]] == [1, 1]
    assert status["balanced"]
    assert "more/one" not in seen.topics()
