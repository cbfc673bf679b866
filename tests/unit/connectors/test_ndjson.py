"""Files of JSON lines: rotation, torn ends, following."""

from __future__ import annotations

import asyncio
import json

import pytest

from pronubes.connectors.base import EndOfInput, NotConnected
from pronubes.connectors.ndjson import NdjsonOptions, NdjsonSink, NdjsonSinkOptions, NdjsonSource
from pronubes.testing import ListBatch, SinkConformance, SourceConformance


def lines(folder):
    files = sorted(folder.glob("out.ndjson*"), key=lambda file: -int(file.suffix[1:]) if file.suffix[1:].isdigit() else 1)
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


class TestNdjsonSinkConformance(SinkConformance):
    def make_sink(self, context):
        return NdjsonSink(NdjsonSinkOptions(path="out.ndjson"), context)

    def delivered(self, context):
        return [(line["topic"], line["payload"]) for line in lines(context.base_dir)]


class TestNdjsonSourceConformance(SourceConformance):
    expected = 5000

    def make_source(self, context):
        content = "".join(f'{{"topic":"a/{number}","payload":{number}}}\n' for number in range(self.expected))
        (context.base_dir / "in.ndjson").write_text(content)
        return NdjsonSource(NdjsonOptions(path="in.ndjson"), context)


async def test_a_full_file_is_renamed_and_the_oldest_goes(context):
    sink = NdjsonSink(NdjsonSinkOptions(path="out.ndjson", rotate=1024, keep=2), context)
    await sink.open()
    for number in range(60):
        await sink.write(ListBatch([(f"t/{number}", b"1")]))
    await sink.close()
    kept = [int(line["topic"][2:]) for line in lines(context.base_dir)]
    assert sorted(file.name for file in context.base_dir.glob("out*")) == ["out.ndjson", "out.ndjson.1", "out.ndjson.2"]
    assert kept == list(range(kept[0], 60))


async def test_a_torn_last_line_does_not_swallow_the_next(context):
    (context.base_dir / "out.ndjson").write_bytes(b'{"topic":"torn"')
    sink = NdjsonSink(NdjsonSinkOptions(path="out.ndjson"), context)
    await sink.open()
    await sink.write(ListBatch([("whole", b"1")]))
    await sink.close()
    assert (context.base_dir / "out.ndjson").read_bytes().splitlines()[0] == b'{"topic":"torn"'
    assert json.loads((context.base_dir / "out.ndjson").read_bytes().splitlines()[1])["topic"] == "whole"


async def test_a_folder_in_the_way_is_not_connected(context):
    (context.base_dir / "out.ndjson").mkdir()
    with pytest.raises(NotConnected, match="directory"):
        await NdjsonSink(NdjsonSinkOptions(path="out.ndjson"), context).open()


async def test_the_last_line_may_lack_its_end(context):
    (context.base_dir / "in.ndjson").write_bytes(b'{"topic":"a","payload":1}\n{"topic":"b","payload":2}')
    source = NdjsonSource(NdjsonOptions(path="in.ndjson"), context)
    await source.open()
    content = b""
    with pytest.raises(EndOfInput):
        content = await _read_into(source, content)
    await source.close()


async def _read_into(source, content):
    collected = []
    while True:
        try:
            collected.append((await source.read()).lines)
        except EndOfInput:
            assert b"\n".join(collected).splitlines() == [b'{"topic":"a","payload":1}', b'{"topic":"b","payload":2}']
            raise


async def test_following_waits_for_more(context):
    path = context.base_dir / "in.ndjson"
    path.write_bytes(b'{"topic":"a","payload":1}\n')
    source = NdjsonSource(NdjsonOptions(path="in.ndjson", follow=True), context)
    await source.open()
    first = await source.read()
    waiting = asyncio.create_task(source.read())
    await asyncio.sleep(0)
    with path.open("ab") as file:
        file.write(b'{"topic":"b","payload":2}\n')
    second = await waiting
    await source.close()
    assert (first.lines, second.lines) == (b'{"topic":"a","payload":1}', b'{"topic":"b","payload":2}')


async def test_an_endless_line_is_refused_with_bounded_memory(context):
    (context.base_dir / "in.ndjson").write_bytes(b"x" * (5 * 2**20))
    source = NdjsonSource(NdjsonOptions(path="in.ndjson"), context)
    await source.open()
    with pytest.raises(NotConnected, match="longer than"):
        await source.read()
    await source.close()


def test_lines_without_topic_need_one():
    with pytest.raises(ValueError, match="no topic"):
        NdjsonOptions(path="x", topic_field=None)
