"""What a hook gets and gives back: a batch of messages with columns.

    @pronubes.transform
    def to_fahrenheit(batch: pronubes.Batch) -> pronubes.Batch:
        return batch.with_fields(value=batch["value"] * 1.8 + 32.0)

A batch is immutable: `with_fields`, `with_payloads`, `with_topics` and `where` give a new one that remembers the change; the engine
carries it out in Rust when the hook returns. Columns are read with one scan in Rust and shared with numpy and Arrow without a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pronubes.columns import as_arrow, field_of, is_arrow, members, valid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pronubes import _core

__all__ = ["Batch", "Dtype", "unpacked"]

Dtype = Literal["f64", "i64", "bool", "text", "json", "binary"]

_NUMPY = {"f64": "<f8", "i64": "<i8", "bool": "?"}
_FIXED = frozenset({"topic", "payload", "text", "quality", "unit", "source_ns", "received_ns", "time_ns", "qos", "retain", "replayed"})
"""Columns whose type is not that of a payload's field."""
_NAMED: dict[str, Dtype] = {
    "value": "f64",
    "received_ns": "i64",
    "source_ns": "i64",
    "time_ns": "i64",
    "qos": "i64",
    "retain": "bool",
    "replayed": "bool",
}


class Batch:
    """Messages on their way through a hook. Not made by users, but in tests by `pronubes.testing`."""

    __slots__ = ("_core", "_declared", "_fields", "_keep", "_payloads", "_topics")

    def __init__(self, core: _core.Batch, declared: Mapping[str, Dtype] | None = None) -> None:
        self._core = core
        self._declared = declared
        self._fields: dict[str, Any] = {}
        self._payloads: Sequence[bytes | None] | None = None
        self._topics: Sequence[str | None] | None = None
        self._keep: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self._core)

    @property
    def topics(self) -> list[str]:
        """The topic of each message as it came into the route."""
        return self._core.topics()

    @property
    def payloads(self) -> list[bytes]:
        """The payload of each message as the steps before left it."""
        return self._core.payloads()

    @property
    def sources(self) -> list[str]:
        """The name of the source of each message."""
        return self._core.sources()

    def __getitem__(self, name: str) -> NDArray[Any]:  # Any: the dtype depends on the column
        """Return a column as a numpy array; see `column`."""
        return self.column(name)

    def column(self, name: str, dtype: Dtype | None = None) -> NDArray[Any]:  # Any: the dtype depends on the column
        """Read a column as a numpy array, one element per message.

        Args:
            name: `value` (the payload's field `value`, or the payload when it is a bare scalar), `text`, `quality`, `unit`, `topic`, `payload`,
                `source_ns` (the source's time, else the payload's `timestamp_ms`), `received_ns`, `time_ns` (the first of the two that is
                there), `qos`, `retain`, a capture as `{name}`, or a dotted path into the payload.
            dtype: How to read it: `f64`, `i64`, `bool`, `text`, `json`, `binary`. Left out for `value` and paths: as the contracts of the route have
                it (an integer that may be missing or null is `f64`), else `f64`.

        Returns:
            f64: float64 with NaN where the value is missing or no number; i64: int64 with 0 there; bool: False there; ask `is_valid` for the
            difference. Others: an object array of str (`binary`: bytes) with None there.

        Raises:
            KeyError: The name is a capture that the route does not have.
        """
        import numpy as np

        column = self._core.column(name, self._dtype(name, dtype))
        if column.dtype not in _NUMPY:
            texts = np.empty(len(column), dtype=object)
            texts[:] = column.to_list()
            return texts
        array: NDArray[Any] = np.frombuffer(column.data, dtype=_NUMPY[column.dtype])
        if column.dtype == "f64" and column.nulls:
            array = np.where(valid(column), array, np.nan)
        return array

    def is_valid(self, name: str, dtype: Dtype | None = None) -> NDArray[np.bool_]:
        """Tell for each message whether the column has a value there."""
        return valid(self._core.column(name, self._dtype(name, dtype)))

    def arrow(self, name: str, dtype: Dtype | None = None) -> Any:  # Any: nanoarrow.Array; the extra `arrow` has it
        """Read a column as an Arrow array (nulls are Arrow nulls), without a copy. pyarrow and polars read it as well.

        Raises:
            ImportError: The extra `arrow` is not installed.
        """
        import nanoarrow

        column = self._core.column(name, self._dtype(name, dtype))
        return nanoarrow.Array(as_arrow(column))

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Export topic, payload, value, text, quality, source_ns and received_ns as one Arrow struct array (the Arrow PyCapsule interface)."""
        import nanoarrow

        names = ("topic", "payload", "value", "text", "quality", "source_ns", "received_ns")
        columns = self._core.columns([(name, self._dtype(name, None)) for name in names])
        arrays = [as_arrow(column) for column in columns]
        schema = nanoarrow.struct({name: nanoarrow.Schema(array.schema) for name, array in zip(names, arrays, strict=True)})
        struct = nanoarrow.c_array_from_buffers(schema, len(self), [None], children=arrays)
        capsules: tuple[object, object] = struct.__arrow_c_array__(requested_schema)
        return capsules

    # What the hook changes

    def with_fields(self, **columns: Any) -> Batch:  # Any: numpy array, masked array, or a sequence of str
        """Replace or add top-level fields of the payloads.

        Args:
            columns: One column per field, as long as the batch: a numpy array of floats, integers or booleans, a sequence of text, or an array of
                Arrow (pyarrow, polars, nanoarrow). A masked array writes null where it is masked, so do None and nulls of Arrow. NaN and
                infinity are no JSON: such messages go to quarantine as `not_finite`, and elements of a text column that are no text as
                `hook_output`.
        """
        return self._changed(_fields={**self._fields, **columns})

    def with_payloads(self, payloads: Sequence[bytes | None]) -> Batch:
        """Replace payloads; None leaves a message's payload as it is."""
        return self._changed(_payloads=payloads)

    def with_topics(self, topics: Sequence[str | None]) -> Batch:
        """Replace topics for the rest of the route; None leaves a message's topic as it is."""
        return self._changed(_topics=topics)

    def where(self, mask: NDArray[np.bool_]) -> Batch:
        """Let only messages with a true mask go on; the others end here and are counted as filtered. The batch keeps its length."""
        keep = mask if self._keep is None else self._keep & mask
        return self._changed(_keep=keep)

    def with_result(self, result: Any) -> Batch | None:  # Any: what a hook returned
        """Return the batch that a hook on columns means by what it returned: a batch made from this one, a mapping of fields, or columns of Arrow.

        In columns of Arrow and mappings `topic` and `payload` are those of the messages, all others are fields.
        """
        if isinstance(result, Batch):
            return result if result._core is self._core else None  # noqa: SLF001 - of its own class
        columns = dict(members(result)) if is_arrow(result) else dict(result) if isinstance(result, Mapping) else None
        if columns is None:
            return None
        topics, payloads = (_listed(columns.pop(name, None)) for name in ("topic", "payload"))
        changed = self.with_fields(**columns)
        changed = changed if topics is None else changed.with_topics(topics)
        return changed if payloads is None else changed.with_payloads(payloads)

    def _changed(self, **changes: object) -> Batch:
        changed = Batch(self._core, self._declared)
        for name in ("_fields", "_payloads", "_topics", "_keep"):
            setattr(changed, name, changes.get(name, getattr(self, name)))
        return changed

    def result(self) -> Mapping[str, Any]:  # Any: the keyword arguments of `_core.Pipeline.hook_done`
        """Return what changed, in the form that the engine takes. Called by the pipeline.

        Raises:
            TypeError: A column is of a type that a payload cannot hold, or has more than one dimension.
        """
        import numpy as np

        changes: dict[str, Any] = {"payloads": self._payloads, "topics": self._topics}
        if self._fields:
            changes["fields"] = [field_of(name, column) for name, column in self._fields.items()]
        if self._keep is not None:
            changes["keep"] = np.ascontiguousarray(self._keep, dtype=np.uint8)
        return changes

    def _dtype(self, name: str, dtype: Dtype | None) -> Dtype:
        if dtype is not None:
            return dtype
        if self._declared is not None and name in self._declared and name not in _FIXED:
            return self._declared[name]
        if name in {"topic", "text", "quality", "unit"} or name.startswith("{"):
            return "text"
        return "binary" if name == "payload" else _NAMED.get(name, "f64")


def unpacked(packed: bytes) -> _core.Batch:
    """Read a batch that another process has packed."""
    from pronubes._core import Batch as CoreBatch

    return CoreBatch.unpack(packed)


def _listed(column: Any) -> list[Any] | None:  # Any: a column of any kind
    if column is None:
        return None
    return column.to_pylist() if is_arrow(column) and hasattr(column, "to_pylist") else list(column)
