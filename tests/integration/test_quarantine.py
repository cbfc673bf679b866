"""The quarantine of the real process: it outlives a kill, what was fixed arrives exactly once, a full one loses nothing that was promised."""

from __future__ import annotations

import collections
import contextlib
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pronubes.quarantine.records import QuarantineReader, Selection
from servers import publish_surely, run_program, subscribing, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pronubes.pipeline.control import ControlClient
    from pronubes.quarantine.records import Record
    from servers import Mosquitto, NodeProcess

pytestmark = [pytest.mark.server("mosquitto"), pytest.mark.timeout(90)]

GOOD, BAD = 400, 60


def plan(url: str, *, field: str = "value", delivery: str = "through", **more: object) -> dict[str, Any]:
    common = {"type": "mqtt", "url": url, "qos": 1, "backoff_max": "200ms"}
    route = {
        "filter": "raw/{rest#}",
        "topic": "acme/{rest}",
        "steps": [{"scale": {"field": field, "factor": 2}}],
        "delivery": delivery,
        "to": "uns",
    }
    return {"sources": {"plant": {**common, "topics": ["raw/#"]}}, "sinks": {"uns": common}, "routes": {"all": route}, **more}


async def quarantine(node: NodeProcess, *words: str) -> tuple[int, str]:
    return await run_program(sys.executable, "-m", "pronubes.cli", "quarantine", *words, "-c", str(node.config))


@pytest.mark.parametrize("delivery", ["durable", "through"])
async def test_what_was_fixed_is_delivered_exactly_once_even_after_a_kill(node: NodeProcess, broker: Mosquitto, delivery: str) -> None:
    node.configure(plan(broker.url, delivery=delivery))
    await node.start()
    messages = [(f"raw/{number}", b'{"value":%d,"level":%d}' % (number, number)) for number in range(GOOD)]
    messages += [(f"raw/bad{number}", b'{"value":"x","level":%d}' % number) for number in range(BAD)]
    async with subscribing(broker.port, "acme/#") as seen:
        await publish_surely(broker.port, messages, identifier="plant-simulator")
        await until(lambda: len(node.quarantine()) == BAD and len(seen.topics()) == GOOD, "the good are out, the bad are kept")
        node.kill()
        node.configure(plan(broker.url, field="level", delivery=delivery))
        await node.start()
        listed = await quarantine(node, "list", "--json")
        rehearsed = await quarantine(node, "replay", "--route", "all", "--dry-run", "--json")
        first = await quarantine(node, "replay", "--route", "all", "--json")
        second = await quarantine(node, "replay", "--route", "all")
        await until(lambda: len(seen.topics()) == GOOD + BAD, "what was fixed arrives")
        status = await until(lambda: settled(node), "nothing is under way")
        node.signal(signal.SIGTERM)
        assert await node.end() == 0
    audit = await quarantine(node, "audit", "--json")
    assert json.loads(listed[1])["records"] == BAD
    assert json.loads(rehearsed[1])["results"] == {"would go to its sinks": BAD}
    assert (first[0], json.loads(first[1])["results"]) == (0, {"delivered": BAD})
    assert second == (1, "No record fits.\n")
    fixed = collections.Counter(topic for topic, _, _ in seen.messages if "bad" in topic)
    assert fixed == {f"acme/bad{number}": 1 for number in range(BAD)}
    assert {json.loads(payload)["level"] for topic, payload, _ in seen.messages if topic == "acme/bad7"} == {14}
    assert (status["balanced"], status["quarantine"]["records"]) == (True, 0)
    actions = [(entry["action"], entry["records"]) for entry in reversed(json.loads(audit[1])["entries"])]
    assert actions == [("replay", 0), ("replay ended", BAD), ("replay", 0), ("replay ended", 0)]


async def settled(node: NodeProcess) -> dict[str, Any] | None:
    status = await node.status()
    return status if not status["totals"]["buffered"] and not status["quarantine"]["buffered"] else None


FULL = {"quarantine": {"size": "1MiB"}}
MANY = 3000
WINDOW = 1000
"""How many messages the broker sends unacknowledged (`max_inflight_messages`)."""


def bad(number: int) -> tuple[str, bytes]:
    return f"raw/{number}", b'{"value":"%06d%s"}' % (number, b"x" * 900)


def kept(node: NodeProcess) -> list[Record]:
    with QuarantineReader(node.folder / "data" / "quarantine.db") as reader:
        return list(reader.records(Selection()))


@contextlib.asynccontextmanager
async def asking(node: NodeProcess) -> AsyncIterator[ControlClient]:
    client = await node.control()
    try:
        yield client
    finally:
        await client.close()


async def fill(node: NodeProcess, broker: Mosquitto) -> dict[str, Any]:
    """Send more than there is room for, and wait until the quarantine says so; the status then."""
    node.configure(plan(broker.url, **FULL))
    await node.start()
    await publish_surely(broker.port, [bad(number) for number in range(MANY)], identifier="plant-simulator")

    async def is_full() -> dict[str, Any] | None:
        status = await node.status()
        is_stuck = status["quarantine"]["state"] == "failing" and status["quarantine"]["buffered"] >= WINDOW
        return status if is_stuck else None

    return await until(is_full, "the quarantine is full")


async def test_a_full_quarantine_acknowledges_nothing_and_takes_on_when_there_is_room(node: NodeProcess, broker: Mosquitto) -> None:
    status = await fill(node, broker)
    seen: collections.Counter[bytes] = collections.Counter()

    async def is_done() -> bool:
        found = kept(node)
        seen.update(record.payload for record in found)
        if found:  # nothing that came since then is dropped unseen
            async with asking(node) as client:
                assert await client.drop(Selection(ids=[record.id for record in found])) == len(found)
        return len(seen) == MANY and (await node.status())["quarantine"]["records"] == 0

    await until(is_done, "all have been in quarantine", within_s=60)
    after = await node.status()
    records, waiting = status["quarantine"]["records"], status["quarantine"]["buffered"]
    assert (status["quarantine"]["dropped_full"], status["quarantine"]["evicted"], records + waiting) == (0, 0, status["sources"][0]["received"])
    unacknowledged = {one["name"]: one["unacknowledged"] for one in status["connections"]}
    assert unacknowledged["plant"] == waiting == WINDOW
    # Each was there once; none was evicted.
    assert set(seen.values()) == {1}
    assert (after["quarantine"]["dropped_full"], after["balanced"], after["quarantine"]["state"]) == (0, True, "ok")
    assert {one["name"]: one["unacknowledged"] for one in after["connections"]}["plant"] == 0
    assert node.said("takes no record")


async def test_a_node_killed_with_a_full_quarantine_loses_nothing(node: NodeProcess, broker: Mosquitto) -> None:
    await fill(node, broker)
    node.kill()
    node.configure(plan(broker.url))
    await node.start()
    await until(lambda: len({record.payload for record in kept(node)}) == MANY, "the broker has sent again what was not acknowledged")
    assert (await node.status())["balanced"]
