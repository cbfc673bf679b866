"""A sink's broker goes away under load, and comes back: what its queue's policy leaves, and that nobody waited for it."""

from __future__ import annotations

import json

import pytest

from servers import Mosquitto, publish_surely, subscribing, until

pytestmark = [pytest.mark.server("mosquitto"), pytest.mark.timeout(60)]

TOPICS, COUNT = 7, 1500


def plan(source_url: str, dashboard_url: str, policy: str) -> dict:
    common = {"type": "mqtt", "backoff_max": "200ms"}
    route = {"filter": "raw/{rest#}", "topic": "acme/{rest}", "delivery": "volatile"}
    return {
        "sources": {"plant": {**common, "url": source_url, "topics": ["raw/#"]}},
        "sinks": {
            "bus": {**common, "url": source_url},
            "dashboard": {**common, "url": dashboard_url, "queue": {"policy": policy, "size": "64KiB"}},
        },
        "routes": {"all": {**route, "to": ["bus", "dashboard"]}},
    }


def numbered(begin: int, count: int) -> list[tuple[str, bytes]]:
    return [(f"raw/t{number % TOPICS}", json.dumps({"id": number}).encode()) for number in range(begin, begin + count)]


def ids(seen) -> list[int]:
    return [json.loads(payload)["id"] for payload in seen.payloads()]


@pytest.mark.parametrize("policy", ["keep_latest", "drop_oldest", "drop_newest"])
async def test_a_sink_that_was_away_gets_what_its_policy_keeps(broker, free_port, tmp_path, node, policy):
    dashboard = Mosquitto(tmp_path / "dashboard", free_port())
    await dashboard.start()
    try:
        node.configure(plan(broker.url, dashboard.url, policy))
        await node.start()

        async def sink() -> dict:
            return next(entry for entry in (await node.status())["sinks"] if entry["name"] == "dashboard")

        async def states() -> list[str]:
            return [one["state"] for one in (await node.status())["connections"]]

        async def are_up() -> bool:
            return await states() == ["connected"] * 3

        async def is_counted() -> bool:
            return (await sink())["emitted"] == COUNT

        async def is_empty() -> bool:
            return (await sink())["buffered"] == 0

        await until(are_up, "all sessions are up")
        dashboard.stop()
        await until(lambda: node.said("was lost"), "the loss is told")
        async with subscribing(broker.port, "acme/#") as bus:
            await publish_surely(broker.port, numbered(0, COUNT), identifier="load")
            await until(is_counted, "all are emitted")
            await until(lambda: len(ids(bus)) == COUNT, "the other sink has them all")
        away = await sink()
        await dashboard.start()
        async with subscribing(dashboard.port, "acme/#") as seen:
            await until(is_empty, "the queue has left")
            await publish_surely(broker.port, numbered(COUNT, TOPICS), identifier="load")
            await until(lambda: ids(seen)[-TOPICS:] == list(range(COUNT, COUNT + TOPICS)), "what comes now follows")
        status = await node.status()
    finally:
        dashboard.stop()
    assert status["balanced"]
    assert not any(source["is_paused"] for source in status["sources"])
    assert away["policy"] == policy
    assert away["dropped"] == sum(away["drops"].values()) == COUNT - away["buffered"]
    kept = {
        "keep_latest": {"replaced": COUNT - TOPICS},
        "drop_oldest": {"drop_oldest": COUNT - away["buffered"]},
        "drop_newest": {"drop_newest": COUNT - away["buffered"]},
    }
    assert away["drops"] == kept[policy]
