"""What can be wrong between the keys of a contract, beyond what the engine says.

The engine finds what it needs for judging: empty ranges, values that no field could have, patterns that are none, fields below a number. Here is
what it does not know: units, names, and keys that do nothing without another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pronubes.config.findings import Finding
from pronubes.contracts import units
from pronubes.contracts.model import Contract, ScalarField
from pronubes.contracts.paths import is_index, joined, segments
from pronubes.contracts.units import Dimension, UnitProblem

__all__ = ["dimensions", "problems", "unit_problems", "warnings"]

_MEASURED = ("number", "integer", "array")
Path = tuple[str | int, ...]


def unit_problems(values: Any, *, checked: Collection[str] = ()) -> Iterator[Finding]:  # Any: what stands in the file
    """List units that are none. It looks at what was written, so that they are said beside all else that is wrong.

    Args:
        values: The contract as it was read.
        checked: Units that the lock file knows to be right.
    """
    payload = values.get("payload")
    fields = [(("payload", str(name)), field) for name, field in payload.items()] if isinstance(payload, dict) else []
    for path, field in [*fields, (("scalar",), values.get("scalar"))]:
        unit = field.get("unit") if isinstance(field, dict) else None
        if isinstance(unit, str) and unit and unit not in checked:
            try:
                units.check(unit)
            except UnitProblem as problem:
                expected = "a UCUM code such as `Cel`, `bar` or `m3/h`"
                yield Finding(code="unknown_unit", path=(*path, "unit"), message=problem.why, expected=expected, hint=problem.hint)


def problems(contract: Contract) -> Iterator[Finding]:
    """List what is wrong."""
    for path, field in _fields(contract):
        yield from _unit(path, field)
        yield from _time(path, field)
    yield from _members_of_arrays(contract)
    quality = contract.quality
    if quality is not None and contract.payload and quality.field not in contract.payload:
        from pronubes.suggest import did_you_mean

        hint = did_you_mean(quality.field, contract.payload) or f"Add it to `payload`: `{quality.field}: {{type: string, optional: true}}`."
        message = f"The contract has no field `{quality.field}`."
        yield Finding(
            code="unknown_field", path=("quality", "field"), message=message, expected="a field of `payload`", hint=hint, found=quality.field
        )


def warnings(contract: Contract) -> Iterator[Finding]:
    """List what is allowed and probably not meant."""
    for path, field in _fields(contract):
        meaning = units.misread(field.unit) if field.unit is not None else None
        if meaning is not None:
            message = f"In UCUM `{field.unit}` is {meaning[0]}."
            unit = units.known(meaning[1])
            hint = f"If it is not meant, write `{unit.written if unit else meaning[1]}`."
            yield Finding(code="misread_unit", path=(*path, "unit"), message=message, hint=hint)


def dimensions(contract: Contract, *, checked: Mapping[str, Dimension | None] | None = None) -> dict[str, Dimension | None]:
    """Work out what the units of a contract measure; it must be right."""
    found = {field.unit for _, field in _fields(contract) if field.unit is not None}
    known = checked or {}
    return {unit: known[unit] if unit in known else units.check(unit).dimension for unit in sorted(found)}


def _fields(contract: Contract) -> Iterator[tuple[Path, ScalarField]]:
    for name, field in contract.payload.items():
        yield ("payload", name), field
    if contract.scalar is not None:
        yield ("scalar",), contract.scalar


def _unit(path: Path, field: ScalarField) -> Iterator[Finding]:
    if field.unit is None:
        return
    at = (*path, "unit")
    if field.type not in _MEASURED:
        yield Finding(code="unit_of_no_number", path=at, message=f"A value of type `{field.type}` has no unit.", expected="a unit on numbers only")
    elif field.time is not None:
        yield Finding(code="unit_of_time", path=at, message="`time` says the unit already.", hint="Leave `unit` out.")


def _members_of_arrays(contract: Contract) -> Iterator[Finding]:
    """A member of an array is named by its number."""
    arrays = {tuple(segments(path)) for path, field in contract.payload.items() if field.type == "array"}
    for path in contract.payload if arrays else ():
        parts = tuple(segments(path))
        above = next((parts[:length] for length in range(1, len(parts)) if parts[:length] in arrays and not is_index(parts[length])), None)
        if above is not None:
            message = f"`{joined(above)}` is an array and has no member `{parts[len(above)]}`."
            yield Finding(code="member_of_array", path=("payload", path), message=message, expected=f"`{joined(above)}.0`, `.1`, ...", at_key=True)


def _time(path: Path, field: ScalarField) -> Iterator[Finding]:
    for key, limit in (("not_after", field.not_after), ("not_before", field.not_before)):
        if limit is not None and field.time is None:
            expected = "`time: ms` (or `s`, `us`, `ns`, `rfc3339`) beside it"
            yield Finding(code="limit_of_no_time", path=(*path, key), message=f"`{key}` limits a time, and the field is none.", expected=expected)
