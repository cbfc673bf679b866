"""Columns between the engine, numpy and Arrow, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pronubes import _core

__all__ = ["as_arrow", "field_of", "is_arrow", "members", "valid"]

Field = tuple[str, str, Any, Any]  # Any: an array or a list, and an array or nothing; the engine checks them


def valid(column: _core.Column) -> NDArray[np.bool_]:
    """Tell where a column has values."""
    import numpy as np

    if column.validity is None:
        return np.ones(len(column), dtype=np.bool_)
    bits = np.unpackbits(np.frombuffer(column.validity, dtype=np.uint8), bitorder="little")
    return bits[: len(column)].astype(np.bool_)


def as_arrow(column: _core.Column) -> Any:  # Any: a nanoarrow.CArray
    """Lend a column's buffers to Arrow."""
    import nanoarrow
    import numpy as np

    types = {"f64": nanoarrow.float64, "i64": nanoarrow.int64, "bool": nanoarrow.bool_, "binary": nanoarrow.binary}
    data: Any = column.data
    if column.dtype == "bool":
        data = np.packbits(np.frombuffer(column.data, dtype=np.uint8), bitorder="little").tobytes()
    buffers = [column.validity, data] if column.offsets is None else [column.validity, column.offsets, data]
    return nanoarrow.c_array_from_buffers(types.get(column.dtype, nanoarrow.string)(), len(column), buffers, null_count=column.nulls)


def is_arrow(value: object) -> bool:
    """Tell whether something speaks the Arrow PyCapsule interface, as arrays of pyarrow, polars and nanoarrow do."""
    return hasattr(value, "__arrow_c_array__") or hasattr(value, "__arrow_c_stream__")


def members(table: object) -> Iterator[tuple[str, Any]]:  # Any: nanoarrow.Array
    """Name the columns of an Arrow struct array, record batch or data frame.

    Raises:
        TypeError: It has no columns with names.
    """
    import nanoarrow

    array = nanoarrow.Array(table)
    if array.schema.type != nanoarrow.Type.STRUCT:
        raise TypeError("An Arrow array that a hook returns has one column per field: a struct array, a record batch or a data frame.")
    for child in array.iter_children():
        yield child.schema.name, child


def field_of(name: str, column: Any) -> Field:  # Any: what users hand in, checked here
    """Make of a column what the engine takes: name, type, values, and where it is not null.

    Raises:
        TypeError: It has more than one dimension.
    """
    import numpy as np

    present = None
    if is_arrow(column) and not isinstance(column, np.ndarray):
        column, present = _from_arrow(column)
    if isinstance(column, np.ma.MaskedArray):
        present = np.ascontiguousarray(~np.ma.getmaskarray(column), dtype=np.uint8)
        column = column.filled(0)
    array = column if isinstance(column, list) and column and isinstance(column[0], str) else np.asarray(column)
    if isinstance(array, list):
        return name, "text", array, present
    if array.ndim != 1:
        raise TypeError(f"The column `{name}` has {array.ndim} dimensions; a column has one, with an element per message.")
    for kinds, dtype, numpy_type in (("b", "bool", np.uint8), ("iu", "i64", "<i8"), ("f", "f64", "<f8")):
        if array.dtype.kind in kinds:
            return name, dtype, np.ascontiguousarray(array, dtype=numpy_type), present
    return name, "text", list(column), present


def _from_arrow(column: Any) -> tuple[Sequence[Any] | NDArray[Any], NDArray[np.uint8] | None]:  # Any: whatever its type says
    import nanoarrow
    import numpy as np

    array = nanoarrow.Array(column)
    numbers = {nanoarrow.Type[name] for name in ("DOUBLE", "FLOAT", "BOOL")}
    numbers |= {nanoarrow.Type[f"{sign}INT{width}"] for sign in ("", "U") for width in (8, 16, 32, 64)}
    if array.schema.type not in numbers:
        return array.to_pylist(), None
    is_there, values = array.to_pysequence(handle_nulls=nanoarrow.nulls_separate())
    return np.asarray(values), None if is_there is None else np.ascontiguousarray(np.asarray(is_there), dtype=np.uint8)
