"""A contract as JSON Schema (draft 2020-12), for tools that know nothing of contracts.

What JSON Schema can say it says so that an independent validator and the gate give the same verdict; what it has no word for stands under `x-...`,
where `json_import` reads it again, and is listed in the notes: times against the clock, nulls that go with a quality, paths into arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pronubes.contracts.model import Contract, ContractField, ScalarField
from pronubes.contracts.paths import is_index, segments

__all__ = ["DIALECT", "Exported", "export"]

Schema = dict[str, Any]  # Any: a JSON document
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EVERYTHING = ["number", "string", "boolean", "object", "array"]


@dataclass(frozen=True, slots=True)
class Exported:
    """A schema.

    Attributes:
        schema: The JSON Schema.
        notes: What a validator does not check although the gate does.
    """

    schema: Schema
    notes: list[str] = field(default_factory=list)


def export(contract: Contract) -> Exported:
    """Write a contract as JSON Schema."""
    notes: list[str] = []
    head: Schema = {"$schema": DIALECT, "$id": f"urn:pronubes:contract:{contract.contract}:{contract.version}", "title": contract.id}
    if contract.description is not None:
        head["description"] = contract.description
    body = _value(contract.scalar, "", notes) if contract.scalar is not None else _object(contract, notes)
    return Exported(head | body | _extras(contract, notes), notes)


def _object(contract: Contract, notes: list[str]) -> Schema:
    root: Schema = {"type": "object", "properties": {}, "required": []}
    declared = {tuple(segments(path)) for path in contract.payload}
    beyond: dict[str, Any] = {}
    for path, rule in contract.payload.items():
        parts = segments(path)
        if any(is_index(part) for part in parts):
            notes.append(f"`{path}`: a path with a number may lead into an array; validators do not see it.")
            beyond[path] = _value(rule, path, notes) | ({"x-optional": True} if rule.optional else {})
            continue
        _put(root, parts, rule, _value(rule, path, notes))
    if beyond:
        root["x-fields"] = beyond
    _close(root, (), declared, is_closed=contract.extra == "refuse")
    return root


def _put(root: Schema, parts: list[str], rule: ContractField, value: Schema) -> None:
    """Put a field into the objects that its path leads through."""
    place = root
    for part in parts[:-1]:
        if not rule.optional:
            _require(place, part)
        place = place.setdefault("properties", {}).setdefault(part, {})
    if not rule.optional:
        _require(place, parts[-1])
    properties = place.setdefault("properties", {})
    properties[parts[-1]] = {**value, **{key: item for key, item in properties.get(parts[-1], {}).items() if key not in value}}


def _require(place: Schema, name: str) -> None:
    """Ask for a member."""
    required = place.setdefault("required", [])
    if name not in required:
        required.append(name)


def _close(place: Schema, path: tuple[str, ...], declared: set[tuple[str, ...]], *, is_closed: bool) -> None:
    """Refuse other members of the root and of objects that paths only lead through, and drop what says nothing."""
    if not place.get("required", True):
        del place["required"]
    if "required" in place:
        place["required"] = sorted(place["required"])
        place["type"] = "object"  # only an object has the members that are asked for, whatever else the field may be
    properties = place.get("properties")
    if properties is None:
        return
    if is_closed and path not in declared:
        place["additionalProperties"] = False
    for name, inner in properties.items():
        _close(inner, (*path, name), declared, is_closed=is_closed)


def _value(rule: ScalarField, path: str, notes: list[str]) -> Schema:
    schema: Schema = {} if rule.description is None else {"description": rule.description}
    kinds: list[str] = list(_EVERYTHING) if rule.type == "any" else [rule.type]
    is_nullable = rule.null != "never"
    if is_nullable:
        kinds.append("null")
    schema["type"] = kinds[0] if len(kinds) == 1 else kinds
    if rule.enum is not None:
        schema["enum"] = [*rule.enum, None] if is_nullable else list(rule.enum)
    for bounds, names in ((rule.range, ("minimum", "maximum")), (rule.length, _LENGTHS.get(rule.type, ("minLength", "maxLength")))):
        schema |= {name: bound for name, bound in zip(names, bounds or (), strict=False) if bound is not None}
    if rule.length is not None and rule.type == "any":
        schema |= {name: bound for name, bound in zip(("minItems", "maxItems"), rule.length, strict=True) if bound is not None}
    if rule.pattern is not None:
        schema["pattern"] = f"^(?:{rule.pattern})$"
    schema |= {"x-unit": rule.unit} if rule.unit is not None else {}
    return schema | _time(rule, path, notes) | _null(rule, path, notes)


_LENGTHS: Mapping[str, tuple[str, str]] = {"array": ("minItems", "maxItems")}


def _time(rule: ScalarField, path: str, notes: list[str]) -> Schema:
    if rule.time is None:
        return {}
    found: Schema = {"x-time": rule.time} | ({"format": "date-time"} if rule.time == "rfc3339" else {})
    found |= {f"x-{key.replace('_', '-')}": f"{limit:.9g}s" for key in ("not_after", "not_before") if (limit := getattr(rule, key)) is not None}
    notes.append(f"`{path}`: validators do not check that it is a time, and not how old.")
    return found


def _null(rule: ScalarField, path: str, notes: list[str]) -> Schema:
    if rule.null != "when_bad":
        return {}
    notes.append(f"`{path}`: validators take `null` with any quality.")
    return {"x-null": "when_bad"}


def _extras(contract: Contract, notes: list[str]) -> Schema:
    found: Schema = {"x-contract": contract.contract, "x-version": contract.version}
    for key in ("owner", "steward", "retain"):
        if (value := getattr(contract, key)) is not None:
            found[f"x-{key}"] = value
    if contract.state != "active":
        found["x-state"] = contract.state
    if contract.mode != "quarantine":
        found["x-mode"] = contract.mode
    if contract.annotate.field != "contract_violation":
        found["x-annotate"] = contract.annotate.model_dump(exclude_none=True)
    if contract.expiry is not None:
        found["x-expiry"] = f"{contract.expiry:.9g}s"
    if contract.quality is not None:
        found["x-quality"] = contract.quality.model_dump()
        notes.append(f"`{contract.quality.field}`: validators do not check that it is a known code of a quality.")
    return found
