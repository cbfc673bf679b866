"""The generator: seeded, paced, bounded."""

from __future__ import annotations

import dataclasses

import pytest

from pronubes.connectors.base import EndOfInput
from pronubes.connectors.generator import GeneratorOptions, GeneratorSource
from pronubes.testing import SourceConformance


class TestGeneratorConformance(SourceConformance):
    expected = 3000

    def make_source(self, context):
        return GeneratorSource(GeneratorOptions(tags=7, rate=1e6, count=self.expected, unit="Cel", faulty=0.2), context)


async def take_all(context, **options):
    source = GeneratorSource(GeneratorOptions(**options), context)
    await source.open()
    batches = []
    while True:
        try:
            batches.append(await source.read())
        except EndOfInput:
            return batches


async def test_the_same_seed_gives_the_same_values(context):
    first, again, other = [
        [value for batch in await take_all(context, tags=7, rate=1e6, count=5000, seed=seed) for value in batch.values] for seed in (3, 3, 4)
    ]
    assert first == again
    assert first != other


async def test_every_tag_has_its_turn_and_the_count_is_kept(context):
    topics = [topic for batch in await take_all(context, tags=13, rate=1e6, count=1000, topic="gen/{tag}") for topic in batch.topics]
    assert topics == [f"gen/tag{number % 13}" for number in range(1000)]


async def test_faulty_values_are_bad_and_have_no_value(context):
    pairs = {
        (value is None, quality)
        for batch in await take_all(context, tags=3, rate=1e6, count=2000, faulty=0.2)
        for value, quality in zip(batch.values, batch.qualities, strict=True)
    }
    assert pairs == {(True, "BAD"), (False, "GOOD")}


@pytest.mark.parametrize(("rate", "burst", "sizes"), [(100.0, 50, {50}), (1000.0, 1, {20})])
async def test_messages_come_at_their_rate(context, rate, burst, sizes, monkeypatch):
    clock = {"ns": 0}

    async def sleep(seconds):
        clock["ns"] += int(seconds * 1e9)

    monkeypatch.setattr("pronubes.connectors.generator.asyncio.sleep", sleep)
    context = dataclasses.replace(context, now_ns=lambda: clock["ns"])
    batches = await take_all(context, tags=5, rate=rate, burst=burst, count=500)
    assert {len(batch.topics) for batch in batches} == sizes
    assert clock["ns"] == pytest.approx((500 - (burst if burst > 1 else 0)) / rate * 1e9, rel=0.01)
