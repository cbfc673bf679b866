"""The types of a hook's columns, from the contracts of its routes, for columns that the hook names without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.batch import Dtype
from pronubes.config.contracts import InUse
from pronubes.config.model import Route

if TYPE_CHECKING:
    from pronubes.contracts.folder import ContractFile
    from pronubes.contracts.model import ScalarField

__all__ = ["agreed", "column_types"]

Types = Mapping[str, Dtype]
_DTYPES: Mapping[str, Dtype] = {"number": "f64", "boolean": "bool", "string": "text", "object": "json", "array": "json"}


def column_types(route: Route, in_use: InUse, steps: Sequence[Any]) -> dict[str, Dtype]:  # Any: the steps as they are written
    """Work out what the columns of a hook are.

    What the route expects counts, but for fields that a step in front of the hook names: there it is what the route promises.

    Args:
        route: The route.
        in_use: The contracts of the configuration.
        steps: The steps in front of the hook.
    """
    named = orjson.dumps(steps).decode() if steps else ""
    if any("shape" in step for step in steps):
        return dict(_types(in_use.files.get(route.contract or "")))  # no field is what it was
    expected = {path: dtype for path, dtype in _types(in_use.files.get(route.expect or "")) if orjson.dumps(path).decode()[1:-1] not in named}
    return dict(_types(in_use.files.get(route.contract or ""))) | expected


def agreed(types: Sequence[Types]) -> Types:
    """Keep the types on which all routes of a hook agree."""
    first, *others = types or [{}]
    return {path: dtype for path, dtype in first.items() if all(other.get(path) == dtype for other in others)}


def _types(file: ContractFile | None) -> Iterator[tuple[str, Dtype]]:
    if file is None:
        return
    scalar = file.contract.scalar
    for path, field, is_there in [
        *((path, field, not field.optional) for path, field in file.contract.payload.items()),
        *([("value", scalar, True)] if scalar is not None else []),
    ]:
        dtype = _dtype(field, is_always_there=is_there)
        if dtype is not None:
            yield path, dtype


def _dtype(field: ScalarField, *, is_always_there: bool) -> Dtype | None:
    """An integer that may be missing is read as a double: NaN says so, and an integer column would hold 0."""
    if field.type == "integer":
        return "i64" if is_always_there and field.null == "never" else "f64"
    return _DTYPES.get(field.type)
