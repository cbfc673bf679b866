"""A source that makes up tags: for trying out, for demonstrations and for load.

Each tag is a slow wave of its own with a little noise; the same seed gives the same values. Values come from tables that are made once, so that the
generator does not become what is measured.
"""

from __future__ import annotations

import asyncio
import math
import random
from typing import TYPE_CHECKING

from pydantic import Field

from pronubes.connectors.base import EndOfInput, Settlement, SourceBatch
from pronubes.connectors.naming import name_tags
from pronubes.connectors.options import SourceConnector, TagSourceOptions
from pronubes.tags.naming import SourceTag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pronubes.connectors.base import ConnectorContext

__all__ = ["SOURCE", "GeneratorOptions", "GeneratorSource"]

WAVE_POINTS = 1009
"""Length of a tag's wave: a prime, so that tags do not repeat together."""
BATCH_MESSAGES = 8192
EVEN_BATCH_S = 0.02
"""How long an even stream is gathered: 50 batches a second at most."""


class GeneratorOptions(TagSourceOptions):
    """Options of a `generator` source."""

    tags: int = Field(default=100, ge=1, le=10_000_000)
    """How many tags there are; they are called `tag0`, `tag1`, ..."""
    rate: float = Field(default=100.0, gt=0, le=10_000_000)
    """Messages per second, of all tags together."""
    burst: int = Field(default=1, ge=1, le=1_000_000)
    """How many messages come at once; the rate stays the same."""
    count: int | None = Field(default=None, ge=1)
    """How many messages there are in all; without it the generator never ends."""
    unit: str | None = None
    """The unit (UCUM) that each message carries."""
    faulty: float = Field(default=0.0, ge=0, le=1)
    """The share of messages with the quality `BAD` and no value."""
    seed: int = 0
    """The same seed gives the same values."""

    def filters(self) -> Sequence[str] | None:
        """Cover the generated topics."""
        if self.names is not None:
            return None
        head, _, rest = self.topic.partition("{tag}")
        return None if "{" in head or "{" in rest or (head and not head.endswith("/")) else [f"{head}+{rest}"]

    def tag_list(self, base_dir: Path) -> Sequence[SourceTag]:  # noqa: ARG002  there is no file
        """List the made-up tags."""
        return [SourceTag(f"tag{number}") for number in range(self.tags)]


class GeneratorSource:
    """Implements `BatchSource`."""

    def __init__(self, options: GeneratorOptions, context: ConnectorContext) -> None:
        self._options = options
        self._context = context
        self._topics: list[str] = []
        self._values: list[float | None] = []
        self._qualities: list[str] = []
        self._units: list[str] | None = None
        self._sent = 0
        self._began_ns = 0

    async def open(self) -> None:
        """Make the tables on the first call; go on where it was on later ones."""
        if self._topics:
            return
        options = self._options
        self._topics = self._names()
        randomness = random.Random(options.seed)  # noqa: S311 - made-up values, no secret
        wave = [round(50 + 40 * math.sin(2 * math.pi * point / WAVE_POINTS) + randomness.gauss(0, 0.5), 2) for point in range(WAVE_POINTS)]
        bad = [randomness.random() < options.faulty for _ in range(WAVE_POINTS)]
        repeats = BATCH_MESSAGES // WAVE_POINTS + 2
        self._values = [None if is_bad else value for value, is_bad in zip(wave, bad, strict=True)] * repeats
        self._qualities = ["BAD" if is_bad else "GOOD" for is_bad in bad] * repeats
        self._units = [options.unit] * BATCH_MESSAGES if options.unit else None
        self._began_ns = self._context.now_ns()

    def _names(self) -> list[str]:
        options, source = self._options, self._context.name
        if options.names is None:  # ten million tags are made for load, and need no more than this
            return [options.topic.replace("{source}", source).replace("{tag}", f"tag{number}") for number in range(options.tags)]
        named = name_tags(options, self._context, options.tag_list(self._context.base_dir))
        return [name.topic for name in named.values()]

    async def read(self) -> SourceBatch:
        """Wait until messages are due and make them.

        Raises:
            EndOfInput: `count` messages were made.
        """
        options = self._options
        left = BATCH_MESSAGES if options.count is None else options.count - self._sent
        if left <= 0:
            raise EndOfInput
        gather = max(options.burst, int(options.rate * EVEN_BATCH_S)) if options.burst == 1 else options.burst
        wanted = min(max(gather, 1), left, BATCH_MESSAGES)
        due_ns = self._began_ns + int((self._sent + (wanted if options.burst == 1 else 0)) / options.rate * 1e9)
        wait_s = (due_ns - self._context.now_ns()) / 1e9
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        return self._make(wanted)

    def _make(self, count: int) -> SourceBatch:
        tags = len(self._topics)
        first = self._sent % tags
        topics = self._topics[first : first + count]
        while len(topics) < count:
            topics = topics + self._topics[: count - len(topics)]
        offset = self._sent % WAVE_POINTS
        self._sent += count
        now_ns = self._context.now_ns()
        return SourceBatch(
            topics=topics,
            values=self._values[offset : offset + count],
            qualities=self._qualities[offset : offset + count],
            units=self._units[:count] if self._units else None,
            source_ns=[now_ns] * count,
        )

    async def settle(self, position: object, outcome: Settlement) -> None:
        """Nothing waits for it: made-up values have no position."""

    async def close(self) -> None:
        """Nothing is held open."""


SOURCE = SourceConnector(
    options=GeneratorOptions,
    implementation="pronubes.connectors.generator:GeneratorSource",
    example="{type: generator, tags: 1000, rate: 5000, seed: 7}",
)
