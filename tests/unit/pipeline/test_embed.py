"""A node inside of a program: what is handed in comes out of the routes."""

import asyncio

import orjson
import pytest

import pronubes
from pronubes.errors import ConfigurationError, PronubesError
from pronubes.pipeline.embed import NodeEnded

CONFIG = """
version: 1
name: embedded
sinks:
  file: {type: ndjson, path: out.ndjson}
routes:
  values:
    filter: raw/{area}/{tag}
    steps:
      - scale: {field: value, factor: 2}
    topic: acme/{area}/{tag}
    to: file
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "pronubes.yaml"
    path.write_text(CONFIG)
    return path


async def test_what_is_published_leaves_the_routes_for_subscribers_and_sinks(config, tmp_path):
    async with asyncio.timeout(20), pronubes.run(config) as node:
        with node.subscribe("acme/a/#") as batches:
            await node.publish([("raw/a/t", b'{"value": 2}'), ("raw/b/t", b'{"value": 3}'), ("raw/a/t", b"{}"), ("else", b"1")])
            batch = await anext(batches)
        status = node.status()
    assert (batch.topics, batch.sources, batch["value"].tolist()) == (["acme/a/t"], ["api"], [4.0])
    totals = {name: status["totals"][name] for name in ("received", "unrouted", "quarantined")}
    assert (totals, status["balanced"]) == ({"received": 4, "unrouted": 1, "quarantined": 1}, True)
    lines = [orjson.loads(line) for line in (tmp_path / "out.ndjson").read_bytes().splitlines()]
    assert [(line["topic"], line["payload"]["value"]) for line in lines] == [("acme/a/t", 4), ("acme/b/t", 6)]


async def test_a_subscriber_gets_what_is_left_and_ends_with_the_node(config):
    async with asyncio.timeout(20):
        async with pronubes.run(config) as node:
            batches = node.subscribe()
            idle = asyncio.create_task(anext(node.subscribe("nothing/here"), None))
            await node.publish([("raw/a/t", b'{"value": 1}')])
        assert [batch.topics async for batch in batches] == [["acme/a/t"]]
        assert await idle is None
        with pytest.raises(NodeEnded):
            await node.publish([("raw/a/t", b"1")])
        with pytest.raises(NodeEnded):
            node.subscribe()


async def test_a_subscriber_that_lags_behind_loses_the_newest_and_is_told(config):
    async with asyncio.timeout(20), pronubes.run(config) as node:
        batches = node.subscribe(queue_bytes=1024)
        await node.publish([("raw/a/t", b'{"value": 1}')] * 1000)
        first = await anext(batches)
        lost = batches.close()
        assert 0 < len(first) < 1000
        assert lost == 1000 - len(first)
        assert [batch async for batch in batches] == []
        assert node.status()["totals"]["quarantined"] == 0


async def test_a_file_that_ends_does_not_end_an_embedded_node(config, tmp_path):
    (tmp_path / "in.ndjson").write_text('{"topic": "raw/a/f", "payload": {"value": 1}}\n')
    config.write_text(CONFIG + "sources:\n  replay: {type: ndjson, path: in.ndjson}\n")
    async with asyncio.timeout(20), pronubes.run(config) as node:
        with node.subscribe() as batches:
            await node.publish([("raw/a/t", b'{"value": 1}')])
            seen = set()
            async for batch in batches:
                seen |= set(zip(batch.topics, batch.sources, strict=True))
                if len(seen) == 2:
                    break
    assert seen == {("acme/a/f", "replay"), ("acme/a/t", "api")}


async def test_errors_come_out_where_the_block_begins(config):
    config.write_text(CONFIG.replace("factor: 2", "factor: two"))
    with pytest.raises(ConfigurationError):
        await pronubes.run(config).__aenter__()
    config.write_text(CONFIG.replace("- scale: {field: value, factor: 2}", "- python: nowhere_at_all:f"))
    with pytest.raises(pronubes.PronubesError, match="nowhere_at_all"):
        await pronubes.run(config).__aenter__()


async def test_a_source_api_of_another_plane_is_refused(config):
    config.write_text(CONFIG + "sources:\n  api: {type: mqtt, url: 'mqtt://127.0.0.1:1', topics: ['#']}\n")
    with pytest.raises(PronubesError, match="rename it"):
        await pronubes.run(config).__aenter__()


async def test_an_exception_in_the_block_ends_the_node_and_comes_out(config):
    with pytest.raises(ZeroDivisionError):
        async with pronubes.run(config) as node:
            raise ZeroDivisionError
    with pytest.raises(NodeEnded):
        await node.publish([])
