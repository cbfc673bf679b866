"""What a hook gets and gives back: a batch of messages with columns.

    @pronubes.transform
    def to_fahrenheit(batch: pronubes.Batch) -> pronubes.Batch:
        return batch.with_fields(value=batch["value"] * 1.8 + 32.0)

A batch is immutable: `with_fields`, `with_payloads`, `with_topics` and `where` give a new one that remembers the change; the engine
carries it out in Rust when the hook returns. Columns are read with one scan in Rust and shared with numpy and Arrow without a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pronubes import _core

__all__ = ["Batch", "Dtype"]

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
            array = np.where(_valid(column), array, np.nan)
        return array

    def is_valid(self, name: str, dtype: Dtype | None = None) -> NDArray[np.bool_]:
        """Tell for each message whether the column has a value there."""
        return _valid(self._core.column(name, self._dtype(name, dtype)))

    def arrow(self, name: str, dtype: Dtype | None = None) -> Any:  # Any: nanoarrow.Array; the extra `arrow` has it
        """Read a column as an Arrow array (nulls are Arrow nulls), without a copy. pyarrow and polars read it as well.

        Raises:
            ImportError: The extra `arrow` is not installed.
        """
        import nanoarrow

        column = self._core.column(name, self._dtype(name, dtype))
        return nanoarrow.Array(_arrow(column))

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Export topic, payload, value, text, quality, source_ns and received_ns as one Arrow struct array (the Arrow PyCapsule interface)."""
        import nanoarrow

        names = ("topic", "payload", "value", "text", "quality", "source_ns", "received_ns")
        columns = self._core.columns([(name, self._dtype(name, None)) for name in names])
        arrays = [_arrow(column) for column in columns]
        schema = nanoarrow.struct({name: nanoarrow.Schema(array.schema) for name, array in zip(names, arrays, strict=True)})
        struct = nanoarrow.c_array_from_buffers(schema, len(self), [None], children=arrays)
        capsules: tuple[object, object] = struct.__arrow_c_array__(requested_schema)
        return capsules

    # What the hook changes

    def with_fields(self, **columns: Any) -> Batch:  # Any: numpy array, masked array, or a sequence of str
        """Replace or add top-level fields of the payloads.

        Args:
            columns: One column per field, as long as the batch: a numpy array of floats, integers or booleans, or a sequence of text. A masked array
                writes null where it is masked, a text None as well. NaN and infinity are no JSON: such messages go to quarantine as `not_finite`.
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
            changes["fields"] = [_field(name, column) for name, column in self._fields.items()]
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


def _valid(column: _core.Column) -> NDArray[np.bool_]:
    import numpy as np

    if column.validity is None:
        return np.ones(len(column), dtype=np.bool_)
    bits = np.unpackbits(np.frombuffer(column.validity, dtype=np.uint8), bitorder="little")
    return bits[: len(column)].astype(np.bool_)


def _arrow(column: _core.Column) -> Any:  # Any: a nanoarrow.CArray
    import nanoarrow
    import numpy as np

    types = {"f64": nanoarrow.float64, "i64": nanoarrow.int64, "bool": nanoarrow.bool_, "binary": nanoarrow.binary}
    data: Any = column.data
    if column.dtype == "bool":
        data = np.packbits(np.frombuffer(column.data, dtype=np.uint8), bitorder="little").tobytes()
    buffers = [column.validity, data] if column.offsets is None else [column.validity, column.offsets, data]
    return nanoarrow.c_array_from_buffers(types.get(column.dtype, nanoarrow.string)(), len(column), buffers, null_count=column.nulls)


def _field(name: str, column: Any) -> tuple[str, Dtype, Any, Any]:  # Any: what users hand in, checked here
    import numpy as np

    present = None
    if isinstance(column, np.ma.MaskedArray):
        present = np.ascontiguousarray(~np.ma.getmaskarray(column), dtype=np.uint8)
        column = column.filled(0)
    array = np.asarray(column)
    if array.ndim != 1:
        raise TypeError(f"The column `{name}` has {array.ndim} dimensions; a column has one, with an element per message.")
    if array.dtype.kind == "b":
        return name, "bool", np.ascontiguousarray(array, dtype=np.uint8), present
    if array.dtype.kind in "iu":
        return name, "i64", np.ascontiguousarray(array, dtype="<i8"), present
    if array.dtype.kind == "f":
        return name, "f64", np.ascontiguousarray(array, dtype="<f8"), present
    texts = list(column)
    if not all(text is None or isinstance(text, str) for text in texts):
        raise TypeError(f"The column `{name}` holds neither numbers, truth values nor text.")
    return name, "text", texts, present
