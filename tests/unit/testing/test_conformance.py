"""The suites fail where a connector breaks a rule."""

from __future__ import annotations

import pytest

from pronubes.connectors.base import EndOfInput, SourceBatch
from pronubes.testing import SourceConformance


class OneBatch:
    """A source that gives one batch."""

    def __init__(self, batch):
        self._batches = [batch]

    async def open(self):
        pass

    async def read(self):
        if not self._batches:
            raise EndOfInput
        return self._batches.pop()

    async def settle(self, position, outcome):
        pass

    async def close(self):
        pass


class Suite(SourceConformance):
    __test__ = False
    expected = 2

    def __init__(self, **columns):
        self._columns = columns

    def make_source(self, context):
        return OneBatch(SourceBatch(topics=["a", "b"], **self._columns))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"values": [1, None], "statuses": [0, 0x8031_0000]}, None),
        ({"values": [1, None], "statuses": [0, 0x4090_0000]}, "null_not_bad"),
        ({"values": [1, None]}, "null_not_bad"),
        ({"values": [1, 2], "qualities": ["GOOD", "fine"]}, "unknown_quality"),
        ({"values": [1, float("inf")]}, "not_finite"),
    ],
)
async def test_values_that_break_the_rules_of_records_fail_the_suite(columns, reason, context):
    suite = Suite(**columns)
    if reason is None:
        await suite.test_it_gives_everything_and_ends(context)
    else:
        with pytest.raises(AssertionError, match=reason):
            await suite.test_it_gives_everything_and_ends(context)
