"""A contract from a JSON Schema: what a contract can say of it. What it cannot say is listed, never left out in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from pronubes.contracts.paths import joined

__all__ = ["Imported", "import_schema"]

Schema = Mapping[str, Any]  # Any: a JSON document
Parts = tuple[str, ...]
_MOST_DEPTH = 32
_MOST_FIELDS = 10_000
_SILENT = frozenset({"$schema", "$id", "$defs", "definitions", "$ref", "$comment", "title", "type", "properties", "required", "description"})
_WHOLE = re.compile(r"\^\(\?:(.*)\)\$", re.DOTALL)
_OF_TYPE: Mapping[str, tuple[type, ...]] = {"number": (int, float), "integer": (int, float), "boolean": (bool,), "string": (str,)}
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_OF_VALUE = frozenset({"x-unit", "x-time", "x-not-after", "x-not-before", "x-null", "x-optional", "enum", "const", "additionalProperties"})
_OF_TYPED: Mapping[str, frozenset[str]] = {
    "number": _BOUNDS,
    "integer": _BOUNDS,
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "array": frozenset({"minItems", "maxItems"}),
    "any": _BOUNDS | {"minLength", "maxLength", "minItems", "maxItems", "pattern"},
}
_TOP = ("owner", "steward", "state", "mode", "annotate", "retain", "expiry", "quality")


_OF_CONTRACT = frozenset({*(f"x-{key}" for key in _TOP), "x-contract", "x-version"})


@dataclass(slots=True)
class Imported:
    """A contract, as it would be written.

    Attributes:
        values: The keys and values of its file.
        notes: What the schema says and the contract does not.
    """

    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def import_schema(schema: Schema, *, name: str | None = None, version: int | None = None) -> Imported:
    """Make a contract of a JSON Schema.

    Args:
        schema: The schema; references must stay within it.
        name: The contract's name; the schema's own when it was exported.
        version: The contract's version; the schema's own, or 1.
    """
    return _Import(schema).run(name, version)


class _Import:
    def __init__(self, root: Schema) -> None:
        self.root = root
        self.result = Imported()
        self.payload: dict[str, dict[str, Any]] = {}
        self.is_closed = root.get("additionalProperties") is False

    def run(self, name: str | None, version: int | None) -> Imported:
        root, values = self._resolved(self.root, (), ()), self.result.values
        values["contract"] = name or root.get("x-contract") or "imported"
        values["version"] = version or root.get("x-version") or 1
        values |= {"description": root["description"]} if isinstance(root.get("description"), str) else {}
        values |= {key: root[f"x-{key}"] for key in _TOP if f"x-{key}" in root}
        if _is_object(root) and any(root.get(key) for key in ("properties", "required", "x-fields")):
            self._members(root, (), (), is_asked_for=True)
            for path, rule in root.get("x-fields", {}).items():
                rules = self._rules(rule, (path,))
                self.payload[path] = rules | ({"optional": True} if rule.get("x-optional") else {})
            values["payload"] = self.payload
            values["extra"] = "refuse" if self.is_closed else "keep"
            self._say_unknown(root, (), _OF_CONTRACT | {"x-fields", "additionalProperties"})
        else:
            values["scalar"] = self._rules({key: value for key, value in root.items() if key not in _OF_CONTRACT and key != "description"}, ())
        return self.result

    def _note(self, parts: Parts, text: str) -> None:
        note = f"`{joined(parts)}`: {text}" if parts else text
        if note not in self.result.notes:
            self.result.notes.append(note)

    def _resolved(self, schema: Any, parts: Parts, seen: Parts) -> Schema:  # Any: whatever stands in the schema
        """Follow a reference within the schema; what stands beside it counts as well."""
        if schema is True or not isinstance(schema, dict):
            if schema is not True:
                self._note(parts, "no value is allowed there, which a contract cannot say.")
            return {}
        reference = schema.get("$ref")
        if reference is None:
            return schema
        target = _pointed_at(self.root, reference) if isinstance(reference, str) and reference not in seen else None
        if target is None:
            why = "leads round in a circle" if reference in seen else "does not lead to a place in this schema"
            self._note(parts, f"the reference `{reference}` {why}: left out.")
            return {key: value for key, value in schema.items() if key != "$ref"}
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**self._resolved(target, parts, (*seen, reference)), **beside}

    def _members(self, schema: Schema, parts: Parts, seen: Parts, *, is_asked_for: bool) -> None:
        """Take over the members of an object."""
        required = set(schema.get("required", ()))
        properties: Mapping[str, Any] = schema.get("properties", {})
        for name in [*properties, *sorted(required - properties.keys())]:
            below = (*parts, name)
            if len(self.payload) >= _MOST_FIELDS or len(below) > _MOST_DEPTH:
                self._note(parts, "too many fields, or too deep: the rest is left out.")
                return
            if name in required and not is_asked_for:
                self._note(below, f"asked for only when `{joined(parts)}` is there: optional here.")
            inner = properties.get(name, True)
            reference = inner.get("$ref") if isinstance(inner, dict) else None
            resolved = self._resolved(inner, below, seen)
            following = (*seen, reference) if isinstance(reference, str) else seen
            self._member(resolved, below, following, is_required=name in required and is_asked_for)

    def _member(self, schema: Schema, parts: Parts, seen: Parts, *, is_required: bool) -> None:
        has_members = bool(schema.get("properties") or schema.get("required")) and _may_be_object(schema)
        if not (has_members and _is_object(schema)) or self._is_declared(schema):
            rules = self._rules(schema, parts)
            self.payload[joined(parts)] = rules if is_required else rules | {"optional": True}
        else:
            self._say_unknown(schema, parts, frozenset({"additionalProperties"}))
        if has_members:
            is_closed = schema.get("additionalProperties") is False
            if is_closed and (not self.is_closed or self._is_declared(schema)):
                self._note(parts, "refuses other members, which the contract does not.")
            self._members(schema, parts, seen, is_asked_for=is_required and "null" not in _kinds(schema))

    def _is_declared(self, schema: Schema) -> bool:
        """Tell an object that is a field of its own from one that paths only lead through."""
        says_more = "description" in schema or "null" in _kinds(schema) or any(key.startswith("x-") for key in schema)
        is_typed_only = "type" in schema and not schema.get("required")
        return says_more or is_typed_only or (self.is_closed and schema.get("additionalProperties") is not False)

    def _rules(self, schema: Schema, parts: Parts) -> dict[str, Any]:  # Any: what YAML holds
        kind, is_nullable = self._type(schema, parts)
        rules: dict[str, Any] = {"type": kind}
        values, is_nullable = self._enum(schema, parts, kind, is_nullable=is_nullable)
        if isinstance(schema.get("description"), str):
            rules["description"] = schema["description"]
        for key in ("unit", "time", "not-after", "not-before"):
            if f"x-{key}" in schema:
                rules[key.replace("-", "_")] = schema[f"x-{key}"]
        rules |= self._range(schema, parts, kind) | self._length(schema, kind)
        rules |= {} if values is None else {"enum": values}
        if isinstance(schema.get("pattern"), str) and kind in ("string", "any"):
            rules["pattern"] = _pattern(schema["pattern"])
        if schema.get("format") == "date-time" and "time" not in rules and kind == "string":
            rules["time"] = "rfc3339"
            self._note(parts, "`format: date-time` is checked by the gate, which validators often do not do.")
        if is_nullable:
            rules["null"] = schema.get("x-null", "allowed")
        known = _OF_VALUE | _OF_TYPED.get(kind, frozenset()) | ({"format"} if "time" in rules else frozenset())
        self._say_unknown(schema, parts, known)
        return rules

    def _type(self, schema: Schema, parts: Parts) -> tuple[str, bool]:
        kinds = _kinds(schema)
        is_nullable = not kinds or "null" in kinds
        kinds = kinds - {"null"}
        if schema.get("multipleOf") == 1 and kinds == {"number"}:
            kinds = {"integer"}
        if kinds == {"number", "integer"}:
            kinds = {"number"}
        if len(kinds) == 1:
            return next(iter(kinds)), is_nullable
        if kinds and not {"number", "string", "boolean", "object", "array"} <= kinds:
            self._note(parts, f"may be {' or '.join(sorted(kinds))}, a contract says one type: `any`.")
        if not kinds and (inferred := _inferred(schema)) is not None:
            return inferred, None in schema.get("enum", ())
        return "any", is_nullable

    def _enum(self, schema: Schema, parts: Parts, kind: str, *, is_nullable: bool) -> tuple[list[Any] | None, bool]:  # Any: JSON scalars
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if not isinstance(values, list):
            return None, is_nullable
        kept = [value for value in values if _is_of(value, kind)]
        if any(isinstance(value, dict | list) for value in values):
            self._note(parts, "objects and arrays cannot be in an enumeration: left out, so every value is allowed.")
            return None, is_nullable
        if not kept:
            self._note(parts, "no value of the enumeration is of its type: left out.")
            return None, is_nullable
        return kept, is_nullable and None in values

    def _range(self, schema: Schema, parts: Parts, kind: str) -> dict[str, Any]:  # Any: what YAML holds
        if kind not in ("number", "integer", "any"):
            return {}
        low = self._bound(schema, parts, kind, ("minimum", "exclusiveMinimum"), 1)
        high = self._bound(schema, parts, kind, ("maximum", "exclusiveMaximum"), -1)
        return {} if low is None and high is None else {"range": [low, high]}

    def _bound(self, schema: Schema, parts: Parts, kind: str, keys: tuple[str, str], inward: int) -> float | None:
        bound, beyond = (schema.get(key) for key in keys)
        bound = bound if _is_number(bound) else None
        if not _is_number(beyond):
            return bound
        if kind == "integer":
            beyond = (beyond // 1) + 1 if inward > 0 else -((-beyond) // 1) - 1
        elif bound is None or (beyond - bound) * inward >= 0:
            self._note(parts, f"`{keys[1]}: {beyond}`: {beyond} itself is allowed in the contract.")
        inner = beyond if bound is None or (beyond - bound) * inward > 0 else bound
        return int(inner) if kind == "integer" else inner

    def _length(self, schema: Schema, kind: str) -> dict[str, Any]:  # Any: what YAML holds
        names = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}.get(kind)
        if names is None and kind == "any" and (schema.get("minLength"), schema.get("maxLength")) == (schema.get("minItems"), schema.get("maxItems")):
            names = ("minLength", "maxLength")
        bounds = [schema.get(name) for name in names or ()]
        return {"length": bounds} if any(bound is not None for bound in bounds) else {}

    def _say_unknown(self, schema: Schema, parts: Parts, known: AbstractSet[str]) -> None:
        for key in schema:
            if key not in _SILENT and key not in known and not (key == "multipleOf" and schema[key] == 1):
                self._note(parts, f"`{key}` cannot be said in a contract: left out.")


def _kinds(schema: Schema) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else {kind for kind in kinds if isinstance(kind, str)}


def _is_object(schema: Schema) -> bool:
    kinds = _kinds(schema) - {"null"}
    return kinds == {"object"} or (not kinds and ("properties" in schema or "required" in schema))


def _may_be_object(schema: Schema) -> bool:
    kinds = _kinds(schema)
    return not kinds or "object" in kinds


def _pointed_at(root: Schema, reference: str) -> Any:  # Any: whatever stands there
    """Follow `#/$defs/x` (RFC 6901)."""
    if reference == "#":
        return root
    place: Any = root
    for part in _pointer(reference):
        place = place.get(part) if isinstance(place, dict) else None
    return place


def _pointer(reference: str) -> Iterator[str]:
    if not reference.startswith("#/"):
        yield "\0"
        return
    for part in reference[2:].split("/"):
        yield part.replace("~1", "/").replace("~0", "~")


def _inferred(schema: Schema) -> str | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(values, list):
        return None
    fitting = [kind for kind in ("string", "boolean", "number") if all(value is None or _is_of(value, kind) for value in values)]
    return fitting[0] if len(fitting) == 1 else None


def _is_number(value: Any) -> TypeGuard[float]:  # Any: whatever stands in the schema
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_of(value: Any, kind: str) -> bool:  # Any: whatever stands in the schema
    if kind == "any":
        return isinstance(value, str | int | float | bool)
    if isinstance(value, bool):
        return kind == "boolean"
    is_kind = isinstance(value, _OF_TYPE.get(kind, ()))
    return is_kind and (kind != "integer" or value == int(value))


def _pattern(pattern: str) -> str:
    """Make a pattern for the whole text of one that is searched for."""
    whole = _WHOLE.fullmatch(pattern)
    return whole[1] if whole is not None else rf"[\s\S]*(?:{pattern})[\s\S]*"
