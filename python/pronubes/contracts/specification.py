"""From a contract to the specification that the engine takes, and from the engine's paths back to the contract's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pronubes.contracts.mode import Mode
from pronubes.contracts.model import Contract, ScalarField
from pronubes.contracts.units import Dimension

__all__ = ["path_in_file", "specification"]

_KEPT = ("range", "length", "enum", "pattern")


def specification(contract: Contract, dimensions: Mapping[str, Dimension | None], *, mode: Mode | None = None) -> dict[str, Any]:  # Any: JSON
    """Write a contract for the engine.

    Args:
        contract: The contract.
        dimensions: What its units measure.
        mode: What a configuration says in place of the contract.
    """
    quality, annotate = contract.quality, contract.annotate
    return {
        "name": contract.contract,
        "version": contract.version,
        "mode": mode or contract.mode,
        "annotate": {"field": annotate.field} if annotate.field is not None else {"user_property": annotate.user_property},
        "extra": contract.extra,
        "scalar": _field(contract.scalar, dimensions) if contract.scalar is not None else None,
        "fields": [{"path": path, "optional": field.optional, **_field(field, dimensions)} for path, field in contract.payload.items()],
        "quality": None if quality is None else {"path": quality.field, "good": quality.good, "uncertain": quality.uncertain, "bad": quality.bad},
    }


def _field(field: ScalarField, dimensions: Mapping[str, Dimension | None]) -> dict[str, Any]:  # Any: JSON
    spec: dict[str, Any] = {"type": field.type, "null": field.null}
    spec |= {key: value for key in _KEPT if (value := getattr(field, key)) is not None}
    if field.time is not None:
        spec["time"] = {"unit": field.time, "not_after_ns": _nanoseconds(field.not_after), "not_before_ns": _nanoseconds(field.not_before)}
    dimension = dimensions.get(field.unit) if field.unit is not None else None
    if dimension is not None:
        spec["dimension"] = dimension
    return spec


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)


def path_in_file(parts: Sequence[str | int], contract: Contract) -> tuple[tuple[str | int, ...], bool]:
    """Turn a path into a contract's specification into the path in its file.

    Returns:
        The path, and whether the key there is meant and not its value.
    """
    head = parts[0] if parts else ""
    if head == "fields" and len(parts) > 1 and isinstance(parts[1], int):
        names = list(contract.payload)
        name = names[parts[1]] if parts[1] < len(names) else ""
        below, is_key = _in_field(parts[2:])
        return ("payload", name, *below), is_key
    if head == "scalar":
        below, is_key = _in_field(parts[1:])
        return ("scalar", *below), is_key
    if head == "fields":
        return ("payload",), True
    if parts[:2] == ("quality", "path"):
        return ("quality", "field"), False
    if head in ("name", "version"):
        return ("contract" if head == "name" else "version",), False
    return tuple(parts), False


def _in_field(parts: Sequence[str | int]) -> tuple[tuple[str | int, ...], bool]:
    if parts[:1] == ("path",) or not parts:
        return (), True
    if parts[0] == "time" and len(parts) > 1 and parts[1] != "unit":
        return (str(parts[1]).removesuffix("_ns"),), False
    return (parts[0], *(parts[1:] if parts[0] == "enum" else ())), False
