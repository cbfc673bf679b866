"""Suites that every connector passes.

Derive a test class, say how to make the connector, and pytest does the rest:

class TestMySink(SinkConformance):
def make_sink(self, context): return MySink(MyOptions(path="out"), context)
def delivered(self, context): return [...]        # what the other side has: (topic, payload) in order
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.connectors.base import EndOfInput, Settlement, WriteResult
from pronubes.errors import BackOff, NotConnected
from pronubes.testing.batches import ListBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pronubes.connectors.base import BatchSink, BatchSource, ConnectorContext, SourceBatch

__all__ = ["SinkConformance", "SourceConformance"]

CLOSE_WITHIN_S = 5.0


def _messages(first: int, count: int) -> list[tuple[str, bytes]]:
    return [
        (f"site/line{number % 3}/tag{number % 7}", b'{"value":%d,"timestamp_ms":%d}' % (number, 1000 + number))
        for number in range(first, first + count)
    ]


class SinkConformance:
    """What every `BatchSink` does. Needs a fixture `context` that gives a `ConnectorContext` in a folder of its own."""

    may_be_shared = True
    """Whether two objects may write to the same place at once. Say why not where you set it."""

    def make_sink(self, context: ConnectorContext) -> BatchSink:
        """Make the sink under test."""
        raise NotImplementedError

    def delivered(self, context: ConnectorContext) -> Sequence[Any]:  # Any: whatever identifies a message on the other side
        """Return what the other side has, in order; equal messages give equal items."""
        raise NotImplementedError

    async def test_batches_arrive_whole_and_in_order(self, context: ConnectorContext) -> None:
        """Write batches of several sizes; everything is there, in order, once."""
        sink = self.make_sink(context)
        await sink.open()
        first = 0
        for count in (1, 2, 100, 1000):
            result = await sink.write(ListBatch(_messages(first, count)))
            if result != WriteResult():
                raise AssertionError(f"A write of good messages gave {result}.")
            first += count
        await sink.close()
        self._expect(context, first)

    async def test_it_goes_on_after_a_reopen(self, context: ConnectorContext) -> None:
        """Close and open between batches; nothing is lost or doubled."""
        sink = self.make_sink(context)
        for turn in range(3):
            await sink.open()
            await sink.write(ListBatch(_messages(turn * 10, 10)))
            await sink.close()
        self._expect(context, 30)

    async def test_a_new_process_goes_on(self, context: ConnectorContext) -> None:
        """Write with one object, then with another: what is there stays."""
        for turn in range(2):
            sink = self.make_sink(context)
            await sink.open()
            await sink.write(ListBatch(_messages(turn * 10, 10)))
            await sink.close()
        self._expect(context, 20)

    async def test_odd_payloads_are_taken(self, context: ConnectorContext) -> None:
        """Text, numbers, arrays, nothing, bytes that are no text: a sink takes them or refuses each by index, and raises nothing."""
        odd = [b"", b"21.5", b"null", b'"text"', b"[1,2]", b"\xff\xfe", b'{"value":', b'{"a":{"b":1}}', b'{"value":"wordy"}']
        odd.append(b'{"value":18446744073709551615}')
        sink = self.make_sink(context)
        await sink.open()
        result = await sink.write(ListBatch([(f"odd/{number}", payload) for number, payload in enumerate(odd)]))
        await sink.close()
        if len(self.delivered(context)) + len(result.refused) != len(odd):
            raise AssertionError(
                f"{len(odd)} messages were offered, {len(self.delivered(context))} are there and {len(result.refused)} were refused."
            )

    async def test_a_thousand_one_by_one(self, context: ConnectorContext) -> None:
        """Write a thousand batches of one message."""
        sink = self.make_sink(context)
        await sink.open()
        for number in range(1000):
            await sink.write(ListBatch(_messages(number, 1)))
        await sink.close()
        self._expect(context, 1000)

    async def test_a_thousand_from_four_objects_at_once(self, context: ConnectorContext) -> None:
        """Four sinks of one configuration write at the same time, as two routes or two nodes may; nothing is lost."""
        if not self.may_be_shared:
            return
        sinks = [self.make_sink(context) for _ in range(4)]
        for sink in sinks:
            await sink.open()

        async def write(place: int) -> None:
            for turn in range(25):
                await _persist(sinks[place], ListBatch(_messages(place * 250 + turn * 10, 10)))

        async with asyncio.TaskGroup() as group:
            for place in range(4):
                group.create_task(write(place))
        for sink in sinks:
            await sink.close()
        self._expect_all(context, 1000)

    async def test_refusals_and_lost_connections_lose_nothing(self, context: ConnectorContext) -> None:
        """Three writes in ten are cancelled at some point, one in ten meets a reopened sink, one in twenty a new object: at least once holds."""
        chance = random.Random(7)  # noqa: S311 - a test's series
        sink = self.make_sink(context)
        await sink.open()
        for turn in range(200):
            batch = ListBatch(_messages(turn * 5, 5))
            if chance.random() < 0.3:
                await _cancelled(sink, batch, after=chance.randrange(4))
            if chance.random() < 0.1:
                await sink.close()
                if chance.random() < 0.5:
                    sink = self.make_sink(context)
                await sink.open()
            await _persist(sink, batch)
        await sink.close()
        self._expect_all(context, 1000)

    async def test_close_is_quick_and_may_come_twice(self, context: ConnectorContext) -> None:
        """Close without open, and after open, within five seconds."""
        sink = self.make_sink(context)
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await sink.close()
            await sink.open()
            await sink.close()
            await sink.close()

    def identity(self, item: Any) -> Any:  # Any: whatever identifies a message on the other side
        """Say which message an item is; equal for two copies of one message. By default the item itself."""
        return item

    def _expect_all(self, context: ConnectorContext, count: int) -> None:
        """At least once: each message is there, and none that nobody wrote."""
        unique: set[str] = {repr(self.identity(item)) for item in self.delivered(context)}
        if len(unique) != count:
            raise AssertionError(f"{count} messages were written, {len(unique)} different ones are there.")

    def _expect(self, context: ConnectorContext, count: int) -> None:
        items = list(self.delivered(context))
        if len(items) != count:
            raise AssertionError(f"{count} messages were written, {len(items)} are there.")
        unique: list[Any] = []  # Any: whatever `delivered` gives
        for item in items:
            if item not in unique[-3:]:
                unique.append(item)
        if len(unique) != count:
            raise AssertionError("A message is there twice.")


class SourceConformance:
    """What every `BatchSource` with an end does. Needs a fixture `context` that gives a `ConnectorContext` in a folder of its own."""

    expected = 0
    """How many messages the source under test has to give."""

    def make_source(self, context: ConnectorContext) -> BatchSource:
        """Make the source under test, with an end."""
        raise NotImplementedError

    async def test_it_gives_everything_and_ends(self, context: ConnectorContext) -> None:
        """Read until `EndOfInput`."""
        source = self.make_source(context)
        await source.open()
        count = await _read_all(source)
        await source.close()
        if count != self.expected:
            raise AssertionError(f"{self.expected} messages were there, {count} came.")

    async def test_a_cancelled_read_is_harmless(self, context: ConnectorContext) -> None:
        """Cancel a `read`; `close` still works, and a new object gives everything."""
        source = self.make_source(context)
        await source.open()
        reading = asyncio.create_task(source.read())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await source.close()
        again = self.make_source(context)
        await again.open()
        count = await _read_all(again)
        await again.close()
        if count != self.expected:
            raise AssertionError(f"{self.expected} messages were there, {count} came.")


async def _persist(sink: BatchSink, batch: ListBatch) -> None:
    """Write as the pipeline does: what is to be tried again is tried again."""
    for _ in range(50):
        try:
            result = await sink.write(batch)
        except BackOff as pause:
            await asyncio.sleep(min(pause.seconds, 0.05))
            continue
        except NotConnected:
            await sink.close()
            await sink.open()
            continue
        if result.refused or result.retry:
            raise AssertionError(f"A write of good messages gave {result}.")
        return
    raise AssertionError("A batch was not taken in fifty attempts.")


async def _cancelled(sink: BatchSink, batch: ListBatch, *, after: int) -> None:
    writing = asyncio.ensure_future(sink.write(batch))
    for _ in range(after):
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)


def _check_rules(batch: SourceBatch) -> None:
    """Hand values to an engine: what breaks the rules of quality it puts into its quarantine."""
    if batch.values is None:
        return
    from pronubes import _core

    spec = {"sources": ["source"], "sinks": ["sink"], "routes": [{"name": "all", "to": [{"sink": "sink"}]}]}
    node = {"sources": [{"name": "source", "kind": "batch", "delivery": "volatile"}], "sinks": [{"name": "sink", "kind": "batch"}]}
    pipeline = _core.Pipeline(orjson.dumps(spec), orjson.dumps(node), now_ns=0)
    pipeline.push_values(
        "source",
        batch.topics,
        batch.values,
        qualities=batch.qualities,
        statuses=batch.statuses,
        units=batch.units,
        origins=batch.origins,
        source_ns=batch.source_ns,
        now_ns=0,
    )
    refused = pipeline.take_quarantine()
    if refused is not None:
        raise AssertionError(f"Values break the rules of records: {sorted(reason for _, reason in refused.reasons())}.")


async def _read_all(source: BatchSource) -> int:
    count = 0
    while True:
        try:
            batch = await source.read()
        except EndOfInput:
            return count
        count += len(batch.topics) or len((batch.lines or b"").splitlines())
        _check_rules(batch)
        if batch.position is not None:
            await source.settle(batch.position, Settlement.DONE)
