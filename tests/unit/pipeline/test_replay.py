"""Replaying in a running node: each record at most once successfully, through the present plan, with an account of all."""

from __future__ import annotations

import asyncio
import contextlib
import os

import orjson
import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode
from pronubes.errors import NotConnected
from pronubes.pipeline.control import ControlClient, ControlServer, socket_path
from pronubes.pipeline.node import Node
from pronubes.pipeline.plan import load_plan
from pronubes.pipeline.reload import reload
from pronubes.quarantine.records import QuarantineReader, Selection
from servers import until

CONFIG = """\
version: 1
name: replays
sources: {plant: {type: ndjson, path: in.ndjson, follow: true}}
sinks: {out: {type: ndjson, path: out.ndjson}}
routes:
  main:
    filter: raw/{tag}
    where: payload.value != 13
    steps: [{scale: {field: FIELD, factor: 2}}]
    topic: acme/{tag}
    delivery: CLASS
    to: out
  spare: {filter: "raw/#", where: "false", to: out}
"""
BAD = 20


class Plant:
    """A node over files, with its control socket."""

    def __init__(self, folder, delivery="through"):
        self.folder, self.delivery = folder, delivery
        self.path = folder / "pronubes.yaml"
        self.configure("value")
        lines = [{"topic": f"raw/t{number}", "payload": {"value": number, "level": number}} for number in range(50)]
        lines += [{"topic": f"raw/bad{number}", "payload": {"value": "x", "level": number}} for number in range(BAD)]
        (folder / "in.ndjson").write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n")

    def configure(self, field, more=""):
        self.path.write_text(CONFIG.replace("FIELD", field).replace("CLASS", self.delivery) + more)

    @contextlib.asynccontextmanager
    async def running(self):
        self.node = Node(load_plan(self.path))
        running = asyncio.create_task(self.node.run())
        await self.node.is_running.wait()
        server = asyncio.create_task(ControlServer(self.node, socket_path(self.node.plan.data_dir)).run())
        await until(socket_path(self.node.plan.data_dir).exists, "the control socket is there")
        try:
            yield self.node
        finally:
            self.node.stop()
            await running
            server.cancel()
            await asyncio.gather(server, return_exceptions=True)

    async def reload(self, field):
        self.configure(field)
        await reload(self.node, load_plan(self.path))

    @contextlib.asynccontextmanager
    async def client(self):
        client = await ControlClient.connect(socket_path(self.node.plan.data_dir))
        try:
            yield client
        finally:
            await client.close()

    async def replay(self, selection=Selection(), **options):  # noqa: B008 - frozen
        async with self.client() as client:
            return await client.replay(selection, **options)

    async def until_kept(self, count):
        await until(lambda: self.node.status()["quarantine"]["records"] == count, f"{count} records wait")

    def outputs(self):
        lines = (self.folder / "out.ndjson").read_bytes().splitlines()
        return sorted(orjson.loads(line)["topic"] for line in lines)

    def records(self, states=("waiting",)):
        with QuarantineReader(self.folder / "data" / "quarantine.db") as reader:
            return list(reader.records(Selection(states=states)))


@pytest.mark.parametrize("delivery", ["through", "volatile"])
async def test_bad_messages_are_delivered_exactly_once_after_the_fix(tmp_path, delivery):
    plant = Plant(tmp_path, delivery)
    async with plant.running() as node:
        await plant.until_kept(BAD)
        good = await until(lambda: len(plant.outputs()) == 49 and plant.outputs(), "the good ones are out")
        rehearsal = await plant.replay(is_rehearsal=True)
        first = await plant.replay()
        assert [record.result for record in plant.records()] == ["failed again"] * BAD
        await plant.reload("level")
        fixed = await plant.replay(is_rehearsal=True)
        second = await plant.replay(Selection(limit=5))
        third = await plant.replay()
        fourth = await plant.replay()
        status = node.status()
    results = [rehearsal, first, fixed, second, third, fourth]
    assert results == [
        {"would fail again: wrong_type": BAD},
        {"failed again": BAD},
        # The value 13 is not among the bad ones, so the condition holds for all.
        {"would go to its sinks": BAD},
        {"delivered": 5},
        {"delivered": BAD - 5},
        {},
    ]
    assert plant.outputs() == sorted(good + [f"acme/bad{number}" for number in range(BAD)])
    assert status["balanced"], status
    assert (status["quarantine"]["records"], status["quarantine"]["replaying"]) == (0, 0)
    # Received once; matched once more per replay, and each of those is accounted for.
    source, route = (next(one for one in status[part] if one["name"] == name) for part, name in (("sources", "plant"), ("routes", "main")))
    assert (source["received"], route["matched"], route["passed"], route["quarantined"], route["filtered"]) == (70, 110, 69, 40, 1)
    assert {(record.state, record.result) for record in plant.records(())} == {("replayed", "delivered")}


async def test_what_cannot_be_replayed_says_why_and_waits_on(tmp_path):
    plant = Plant(tmp_path)
    async with plant.running() as node:
        await plant.until_kept(BAD)
        with pytest.raises(NotConnected, match="There is no route `gone`"):
            await plant.replay(route="gone")
        # A record of a route that is gone, and one that never came to a route.
        with (tmp_path / "in.ndjson").open("ab") as file:
            file.write(b"no message at all\n")
        await plant.until_kept(BAD + 1)
        plant.path.write_text(plant.path.read_text().replace("  main:", "  renamed:"))
        await reload(node, load_plan(plant.path))
        results = await plant.replay()
        through = await plant.replay(Selection(limit=BAD), route="spare")
    assert results == {
        "its route is not in the present configuration: name another with --route": BAD,
        "it never came to a route: name one with --route": 1,
    }
    assert through == {"filtered: the route's condition is false now": BAD}
    assert [record.result for record in plant.records()] == ["it never came to a route: name one with --route"]


async def test_a_replay_that_its_sink_does_not_take_waits_and_is_noted_when_it_does(tmp_path):
    plant = Plant(tmp_path)
    async with plant.running() as node:
        await plant.until_kept(BAD)
        await until(lambda: len(plant.outputs()) == 49, "the good ones are out")
        await plant.reload("level")
        (tmp_path / "out.ndjson").rename(tmp_path / "before.ndjson")
        egress = node.egress["out"]
        write, is_shut = egress._sink.write, asyncio.Event()

        async def stalled(batch):
            await is_shut.wait()
            return await write(batch)

        egress._sink.write = stalled
        async with plant.client() as client:
            asked = asyncio.create_task(client.replay(Selection()))
            await until(lambda: node.status()["quarantine"]["replaying"] == BAD, "all are on their way")
            with pytest.raises(NotConnected, match="under way"):
                await plant.replay()
            async with plant.client() as other:
                with pytest.raises(NotConnected, match="under way"):
                    await other.drop(Selection())
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        assert len(plant.records()) == BAD
        is_shut.set()
        await plant.until_kept(0)
    assert {(record.state, record.result) for record in plant.records(())} == {("replayed", "delivered")}


async def test_the_commands_do_the_same(tmp_path, capsys):
    plant = Plant(tmp_path)
    arguments = ["-c", str(plant.path)]

    def run(*words):
        code = main(["quarantine", *words, *arguments])
        return code, capsys.readouterr()

    async with plant.running():
        await plant.until_kept(BAD)
        await plant.reload("level")
        shown = await asyncio.to_thread(run, "show", "3")
        listed = await asyncio.to_thread(run, "list", "--json")
        nothing = await asyncio.to_thread(run, "replay")
        dropped = await asyncio.to_thread(run, "drop", "1", "2")
        replayed = await asyncio.to_thread(run, "replay", "--route", "main", "--topic", "raw/+", "--json")
        again = await asyncio.to_thread(run, "replay", "--all")
    capsys.readouterr()
    after = run("list")
    audit = run("audit", "--json")
    assert shown[0] == ExitCode.OK
    assert all(part in shown[1].out for part in ("route     main, step 1", "raw/bad2", '{"value":"x","level":2}', "acme/bad2", '"level":4'))
    assert orjson.loads(listed[1].out)["groups"][0]["records"] == BAD
    assert (nothing[0], "--all" in nothing[1].err) == (ExitCode.USAGE, True)
    assert (dropped[0], dropped[1].out) == (ExitCode.OK, "2 records dropped.\n")
    assert (replayed[0], orjson.loads(replayed[1].out)["results"]) == (ExitCode.OK, {"delivered": BAD - 2})
    assert (again[0], again[1].out) == (ExitCode.FAILED, "No record fits.\n")
    assert (after[0], after[1].out) == (ExitCode.FAILED, "Nothing is in quarantine.\n")
    entries = orjson.loads(audit[1].out)["entries"]
    assert [(one["action"], one["records"], one["result"]) for one in reversed(entries)] == [
        ("drop", 2, "2 dropped"),
        ("replay", 0, "begun"),
        ("replay ended", BAD - 2, "done"),
        ("replay", 0, "begun"),
        ("replay ended", 0, "done"),
    ]
    assert {one["uid"] for one in entries} == {os.getuid()}


async def test_records_can_be_dropped_and_read_with_the_node_stopped(tmp_path, capsys):
    plant = Plant(tmp_path)
    async with plant.running():
        await plant.until_kept(BAD)
    arguments = ["-c", str(plant.path)]

    def run():
        return main(["quarantine", "drop", "--reason", plant.records()[0].reason, "--limit", "3", *arguments]), main(
            ["quarantine", "replay", "--all", *arguments]
        )

    assert await asyncio.to_thread(run) == (ExitCode.OK, ExitCode.UNAVAILABLE)
    assert len(plant.records()) == BAD - 3
    capsys.readouterr()
