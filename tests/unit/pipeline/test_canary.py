"""The canary goes the way of all messages, and nobody but the health sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import pronubes
from pronubes._core import Pipeline
from pronubes.config.canary import CANARY
from pronubes.pipeline.canary import PERIODS, Canary, without_canary
from pronubes.pipeline.dispatch import Dispatcher
from pronubes.pipeline.plan import load_plan
from pronubes.pipeline.reload import reload

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
version: 1
name: embedded
sinks: {file: {type: ndjson, path: out.ndjson}}
routes: {all: {filter: "#", to: file}}
health: {every: 100ms}
"""
STRICT = """
namespace: {levels: ["site#"], branches: {"acme/#": {owner: me, publish: [all]}}}
catalog: {}
"""
NOW = 1_700_000_000_000_000_000


@pytest.fixture(params=[CONFIG, CONFIG.replace('"#"', '"acme/{x#}"') + STRICT], ids=["all", "namespace"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "pronubes.yaml"
    path.write_text(request.param)
    return path


async def until_back(node: Any, count: int) -> dict[str, Any]:  # Any: JSON documents
    while True:
        status = node.status()
        if status["health"]["canary"]["came_back"] >= count:
            return status
        await asyncio.sleep(0.01)


async def test_it_comes_back_and_leaves_no_trace(config: Path, tmp_path: Path) -> None:
    async with asyncio.timeout(20), pronubes.run(config) as node:
        taken: list[str] = []
        with node.subscribe("#") as batches:
            status = await until_back(node, 3)
            await node.publish([("acme/t", b'{"value": 1}')])
            taken += (await anext(batches)).topics
        last = node.status()
    assert (status["balanced"], status["health"]["problems"], status["totals"]["received"]) == (True, [], 0)
    assert 0 <= status["health"]["canary"]["trip_s"] < 5
    assert taken == ["acme/t"]
    assert all(CANARY not in entry["name"] for part in ("sources", "routes", "sinks") for entry in last[part])
    assert {name: last["totals"][name] for name in ("received", "unrouted", "quarantined", "dropped")} == {
        "received": 1, "unrouted": 0, "quarantined": 0, "dropped": 0,
    }  # fmt: skip
    assert [orjson.loads(line)["topic"] for line in (tmp_path / "out.ndjson").read_bytes().splitlines()] == ["acme/t"]


async def test_the_catalogue_does_not_show_it(tmp_path: Path) -> None:
    path = tmp_path / "pronubes.yaml"
    path.write_text(CONFIG.replace('"#"', '"acme/{x#}"') + STRICT)
    async with asyncio.timeout(20), pronubes.run(path) as node:
        await node.publish([("acme/t", b"1")])
        status = await until_back(node, 1)
        catalog = node._node.catalog
        pages = [
            catalog.page(topic_filter=None, search=None, after=None, limit=9),
            catalog.changes(0, limit=9),
            catalog.children(None, after=None, limit=9),
        ]
    names = [[entry.get("topic") or entry["name"] for entry in orjson.loads(page).get("topics") or orjson.loads(page)["children"]] for page in pages]
    assert names == [["acme/t"], ["acme/t"], ["acme"]]
    assert status["catalog"]["topics"] == 1


class Seconds:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_one_that_does_not_come_back_is_lost_after_three_periods_and_found_again(config: Path) -> None:
    seconds = Seconds()
    plan = load_plan(config)
    engine = Pipeline(plan.spec, plan.node, now_ns=NOW)
    canaries: list[Canary] = []
    dispatcher = Dispatcher(engine, lambda: NOW, lambda _, position, is_delivered: canaries[0].settle(position, is_delivered=is_delivered))
    canary = Canary(dispatcher, lambda: NOW, every_s=10.0, monotonic_s=seconds)
    canaries.append(canary)
    for _ in range(PERIODS + 2):  # nobody takes them
        canary._send(seconds.now_s)
        seconds.now_s += 10.0
    lost = (canary.is_lost, canary.age_s, canary.came_back)
    open_tokens = without_canary(orjson.loads(engine.status(now_ns=NOW)))
    canary._take()
    assert lost == (True, None, 0)
    assert (canary.is_lost, canary.age_s, canary.came_back, canary.trip_s) == (False, 0.0, 3, 30.0)
    assert (open_tokens["balanced"], open_tokens["totals"]["buffered"], engine.drained()) == (True, 0, True)


async def test_a_node_ends_while_one_is_under_way_and_a_reload_keeps_it(config: Path) -> None:
    text = config.read_text()  # noqa: ASYNC240 - takes no time
    async with asyncio.timeout(20):
        async with pronubes.run(config) as node:
            await until_back(node, 1)
            config.write_text(text.replace("100ms", "200ms"))  # noqa: ASYNC240 - takes no time
            await reload(node._node, load_plan(config))
            before = node.status()["health"]["canary"]["came_back"]
            status = await until_back(node, before + 2)
    assert (status["health"]["problems"], abs(status["health"]["canary"]["every_s"] - 0.2) < 1e-9, status["balanced"]) == ([], True, True)


def test_a_log_does_not_show_it_among_its_sinks() -> None:
    totals = dict.fromkeys(("received", "delivered", "filtered", "quarantined", "unrouted", "rejected", "dropped", "buffered"), 0)
    logs = {"durable": {"consumers": [{"name": CANARY}, {"name": "uns"}]}, "spill": None, "waiting": 3}
    status = without_canary({"sources": [], "routes": [], "sinks": [], "totals": totals, "logs": logs})
    assert [consumer["name"] for consumer in status["logs"]["durable"]["consumers"]] == ["uns"]
