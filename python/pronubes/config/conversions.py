"""The `convert` steps of a configuration: which unit each field has when they come, and what they make of it.

A field has the unit that the contract under `expect` gives it until a step writes it; `rename` takes the unit along, `convert` gives another. What is
not known is never guessed: a step that neither says nor knows the unit is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pronubes.config.contracts import InUse
from pronubes.config.findings import Finding, Path
from pronubes.config.model import FROM_NAMES, Configuration, Route
from pronubes.contracts.units import UnitProblem
from pronubes.transforms import Convert, Step, UnitField

__all__ = ["add_to_router", "conversion_findings"]

_KEEPING = frozenset({"keep", "drop", "round", "clamp", "cast", "on_change", "deadband", "throttle"})
"""Verbs behind which a field has the unit that it had."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The unit of a field, and who says so."""

    unit: str
    says: str
    is_converted: bool = False


Units = dict[str, _Known]


def conversion_findings(configuration: Configuration, in_use: InUse) -> Iterator[Finding]:
    """List conversions that cannot be, or whose unit nobody says."""
    for name, route in configuration.routes.items():
        if not any(step.convert is not None for step in route.steps):
            continue
        units = _expected(route, in_use)
        for index, step in enumerate(route.steps):
            if step.convert is not None:
                yield from _wrong(step.convert, units, ("routes", name, "steps", index, "convert"), route)
            _after(step, units)
        yield from _leaving(route, units, in_use, ("routes", name, "contract"))


def add_to_router(spec: dict[str, Any], configuration: Configuration, in_use: InUse) -> None:  # Any: JSON
    """Give the router's specification the conversions, and steps the unit that a contract says."""
    pairs: dict[tuple[str, str], None] = {}
    for written, route in zip(spec["routes"], configuration.routes.values(), strict=True):
        if any(step.convert is not None for step in route.steps):
            written["steps"] = list(_completed(written["steps"], route, in_use, pairs))
    if pairs:
        from pronubes.contracts.conversion import specification

        spec["conversions"] = [specification(from_, to) for from_, to in pairs]


def _completed(steps: Iterable[Any], route: Route, in_use: InUse, pairs: dict[tuple[str, str], None]) -> Iterator[Any]:  # Any: JSON
    units = _expected(route, in_use)
    for written, step in zip(steps, route.steps, strict=True):
        convert = step.convert
        if convert is None:
            yield written
        else:
            pairs |= dict.fromkeys((code, convert.to) for code in _sources(convert, units))
            known = units.get(convert.field)
            yield written if convert.from_ is not None or known is None else {**written, "convert": {**written["convert"], "from": known.unit}}
        _after(step, units)


def _expected(route: Route, in_use: InUse) -> Units:
    file = in_use.files.get(route.expect or "")
    if file is None:
        return {}
    contract = file.contract
    fields = {"value": contract.scalar} if contract.scalar is not None and route.steps[0].from_scalar else {}
    says = f"The contract `{contract.id}`"
    return {path: _Known(field.unit, says) for path, field in {**fields, **contract.payload}.items() if field.unit is not None}


def _sources(convert: Convert, units: Mapping[str, _Known]) -> tuple[str, ...]:
    """List the units that the number may have; none when nobody says."""
    if isinstance(convert.from_, UnitField):
        return convert.codes()
    if convert.from_ is not None:
        return (convert.from_,)
    known = units.get(convert.field)
    return () if known is None else (known.unit,)


def _after(step: Step, units: Units) -> None:
    """Keep what is known about units behind a step."""
    verb = next(iter(step.model_fields_set - {"where", "from_scalar"}))
    if verb == "convert" and step.convert is not None:
        convert, before = step.convert, units.get(step.convert.field)
        is_sure = step.where is None or (before is not None and before.unit == convert.to)
        _forget(units, [convert.field, *filter(None, [convert.unit_field])])
        if is_sure:
            units[convert.field] = _Known(convert.to, "The step `convert` before", is_converted=True)
    elif verb == "rename" and step.rename is not None and step.where is None:
        moved = {new: units[old] for old, new in step.rename.items() if old in units}
        _forget(units, [*step.rename, *step.rename.values()])
        units |= moved
    elif verb not in _KEEPING:
        touched = _touched(step, verb)
        _forget(units, list(units) if touched is None else touched)


def _touched(step: Step, verb: str) -> list[str] | None:
    """List the fields that a step may write; None for those that may write any."""
    if verb in ("set", "compute", "rename"):
        named = getattr(step, verb)
        return [*named, *named.values()] if verb == "rename" else [*named]
    if verb == "scale" and step.scale is not None:
        return [step.scale.field]
    if verb == "map" and step.map is not None:
        return [step.map.to or step.map.field, *(step.map.bits or {}).values()]
    if verb == "lookup" and step.lookup is not None:
        return [*step.lookup.into]
    if verb == "timestamp" and step.timestamp is not None:
        return [step.timestamp.into or step.timestamp.field]
    return None


def _forget(units: Units, paths: Iterable[str]) -> None:
    for path in paths:
        for known in [known for known in units if f"{known}.".startswith(f"{path}.") or f"{path}.".startswith(f"{known}.")]:
            del units[known]


def _wrong(convert: Convert, units: Mapping[str, _Known], path: Path, route: Route) -> Iterator[Finding]:
    known = units.get(convert.field)
    sources = _sources(convert, units)
    if not sources:
        where = "Behind the steps before, no contract says it." if route.expect else "There is no `expect`."
        message = f"Nobody says which unit `{convert.field}` has. {where}"
        expected = "`from: CODE`, or a contract under `expect` that gives the field a unit"
        yield Finding(code="no_unit", path=path, message=message, expected=expected)
    if isinstance(convert.from_, str) and known is not None and known.unit != convert.from_:
        message = f"{known.says} gives `{convert.field}` in `{known.unit}`."
        hint = "Leave `from` out: it is known. Or correct the contract."
        yield Finding(code="other_unit", path=(*path, "from"), message=message, expected=f"`{known.unit}`", hint=hint)
        return
    from pronubes.contracts.conversion import TargetProblem, conversion

    for code in sources:
        try:
            conversion(code, convert.to)
        except TargetProblem as problem:
            yield Finding(code="unit", path=(*path, "to"), message=problem.why, hint=problem.hint)
            return
        except UnitProblem as problem:
            yield Finding(code="unit", path=(*path, *_place(convert, code)), message=problem.why, hint=problem.hint)


def _place(convert: Convert, code: str) -> Path:
    """Say where the unit to come from stands."""
    if isinstance(convert.units, dict):
        return ("units", next(text for text, one in convert.units.items() if one == code))
    if convert.units is not None:
        return ("units", convert.units.index(code))
    return ("from",) if convert.from_ is not None else ("to",)


def _leaving(route: Route, units: Mapping[str, _Known], in_use: InUse, path: Path) -> Iterator[Finding]:
    """List converted fields that the contract of the route's output gives another unit."""
    if route.contract is None or route.contract == FROM_NAMES or route.contract not in in_use.files:
        return
    for name, field in in_use.files[route.contract].contract.payload.items():
        known = units.get(name)
        if known is not None and known.is_converted and field.unit is not None and field.unit != known.unit:
            message = f"`{name}` leaves in `{known.unit}`, and the contract `{route.contract}` gives it in `{field.unit}`."
            yield Finding(code="other_unit", path=path, message=message, hint=f"Convert it to `{field.unit}`.")
