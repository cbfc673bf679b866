"""What connectors hand over."""

import pytest

from pronubes.connectors.base import BatchSink, BatchSource, Settlement, SinkBatch, SourceBatch, WriteResult


class Counter:
    async def open(self) -> None: ...

    async def read(self) -> SourceBatch:
        return SourceBatch(topics=["a"], payloads=[b"1"], position=1)

    async def settle(self, position: object, outcome: Settlement) -> None: ...

    async def close(self) -> None: ...


class Drain:
    async def open(self) -> None: ...

    async def write(self, batch: SinkBatch) -> WriteResult:
        return WriteResult()

    async def close(self) -> None: ...


def test_a_plain_class_is_a_source_or_a_sink() -> None:
    assert isinstance(Counter(), BatchSource)
    assert not isinstance(Counter(), BatchSink)
    assert isinstance(Drain(), BatchSink)


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"payloads": [b""], "values": [1]},
        {"payloads": [b"1", b"2"]},
        {"values": [1, 2]},
        {"values": [1], "qualities": []},
        {"payloads": [b"1"], "source_ns": []},
    ],
)
def test_a_batch_whose_columns_disagree_is_refused(columns: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"SourceBatch|items"):
        SourceBatch(topics=["a"], **columns)  # type: ignore[arg-type]
