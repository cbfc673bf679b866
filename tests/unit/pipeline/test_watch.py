"""A reload that sends messages into the quarantine is taken back by the node itself; time goes by as the test says."""

from __future__ import annotations

import asyncio
import contextlib

import orjson
import pytest

from pronubes.pipeline.clock import Clock
from pronubes.pipeline.node import Node
from pronubes.pipeline.plan import load_plan
from pronubes.pipeline.reload import reload
from servers import until

CONFIG = """\
version: 1
name: watch
sources: {plant: {type: ndjson, path: in.ndjson, follow: true}}
sinks: {out: {type: ndjson, path: out.ndjson}}
routes: {main: {filter: raw/#, steps: [{scale: {field: FIELD, factor: 2}}], to: out BREAKER}}
"""
ROLLBACK = "rollback_on: {quarantine_share: 0.2, of: 50, within: 1m}\n"


class FakeClock(Clock):
    def __init__(self):
        super().__init__()
        self.late_ns = 0

    def __call__(self):
        return super().__call__() + self.late_ns


class Plant:
    def __init__(self, folder):
        self.folder, self.path = folder, folder / "pronubes.yaml"
        self.sent = 0
        (folder / "in.ndjson").write_bytes(b"")
        self.clock = FakeClock()

    def plan(self, field, more="", breaker=""):
        self.path.write_text(CONFIG.replace("FIELD", field).replace(" BREAKER", breaker) + more)
        return load_plan(self.path)

    @contextlib.asynccontextmanager
    async def running(self, plan):
        self.node = Node(plan, clock=self.clock)
        running = asyncio.create_task(self.node.run())
        await self.node.is_running.wait()
        self.node.tasks["node", "watch"].cancel()  # the test looks, when it wants to
        await self.node.watch.look()
        try:
            yield self.node
        finally:
            self.node.stop()
            await running

    async def send(self, count):
        lines = [orjson.dumps({"topic": "raw/x", "payload": {"value": number}}) for number in range(count)]
        with (self.folder / "in.ndjson").open("ab") as file:
            file.write(b"\n".join(lines) + b"\n")
        self.sent += count

        def is_done():
            status = self.node.status()
            return status["sources"][0]["received"] == self.sent and not status["totals"]["buffered"] and not status["quarantine"]["buffered"]

        await until(is_done, "all is through")

    async def look(self, after_s=1.0):
        self.clock.late_ns += int(after_s * 1e9)
        await self.node.watch.look()
        return self.node.status()


async def test_a_bad_reload_is_taken_back_and_the_next_good_one_stands(tmp_path):
    plant = Plant(tmp_path)
    good = plant.plan("value")
    async with plant.running(good) as node:
        await plant.send(200)
        assert (await plant.look())["rollback"] is None
        bad = plant.plan("level", ROLLBACK)
        await reload(node, bad)
        await plant.send(40)
        assert (await plant.look())["rollback"] is None  # too few to say
        assert node.plan is bad
        await plant.send(40)
        taken_back = await plant.look()
        assert node.plan is good
        await plant.send(10)
        after = await plant.look(120)
        await reload(node, plant.plan("value", ROLLBACK))
        await plant.send(100)
        last = await plant.look(5)
    assert (taken_back["rollback"]["route"], taken_back["rollback"]["share"], taken_back["rollback"]["messages"]) == ("main", 1.0, 80)
    assert taken_back["rollback"]["path"].endswith("pronubes.yaml")
    assert after["rollback"] == taken_back["rollback"]
    assert last["rollback"] is None
    route = last["routes"][0]
    assert (route["passed"], route["quarantined"], last["balanced"]) == (310, 80, True)
    assert last["quarantine"]["records"] == 80


async def test_without_rollback_on_or_after_its_time_a_reload_stands(tmp_path):
    plant = Plant(tmp_path)
    async with plant.running(plant.plan("value")) as node:
        await plant.send(100)
        await plant.look()
        bad = plant.plan("level")
        await reload(node, bad)
        await plant.send(200)
        assert (await plant.look())["rollback"] is None
        late = plant.plan("level", ROLLBACK)
        await reload(node, late)
        await plant.look(61)
        await plant.send(200)
        assert (await plant.look())["rollback"] is None
        assert node.plan is late


@pytest.mark.parametrize(
    ("more", "breaker", "is_tripped"),
    [
        ("", "", True),
        ("quarantine: {breaker: {of: 1000}}\n", "", False),
        ("quarantine: {breaker: {of: 1000}}\n", ", quarantine_breaker: {share: 0.9, of: 50, within: 30s}", True),
    ],
)
async def test_a_breaker_raises_an_alarm_and_the_route_goes_on(tmp_path, more, breaker, is_tripped):
    plant = Plant(tmp_path)
    async with plant.running(plant.plan("level", more, breaker)):
        await plant.send(150)
        status = await plant.look()
        await plant.send(1)
        again = await plant.look(0.1)
        calm = await plant.look(200)
        calm = await plant.look(200)
    found = status["quarantine"]["breakers"]
    assert [(one["route"], one["share"], one["messages"]) for one in found] == ([("main", 1.0, 150)] if is_tripped else [])
    assert again["routes"][0]["matched"] == 151
    assert calm["quarantine"]["breakers"] == []


async def test_a_quarantine_that_takes_nothing_trips_the_breaker_all_the_same(tmp_path):
    plant = Plant(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "quarantine.db").mkdir()  # no file can be made there
    async with plant.running(plant.plan("level")) as node:
        with (tmp_path / "in.ndjson").open("ab") as file:
            file.write(b'{"topic": "raw/x", "payload": {}}\n' * 150)
        await until(lambda: node.status()["quarantine"]["state"] == "failing" and node.status()["quarantine"]["buffered"] == 150, "it fails")
        status = await plant.look()
        assert [one["messages"] for one in status["quarantine"]["breakers"]] == [150]
        assert (status["balanced"], status["quarantine"]["written"]) == (True, 0)
        (tmp_path / "data" / "quarantine.db").rmdir()
        await until(lambda: node.status()["quarantine"]["records"] == 150, "it is written when the disk is well again")
        assert node.status()["quarantine"]["state"] == "ok"
