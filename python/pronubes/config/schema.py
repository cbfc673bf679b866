"""The JSON Schema of the whole configuration, with the options of every installed connector."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from pronubes.config.descriptions import describe
from pronubes.config.model import Configuration
from pronubes.connectors import registry

__all__ = ["json_schema"]


def json_schema() -> dict[str, Any]:  # Any: a JSON document
    """Make the schema (draft 2020-12)."""
    schema = describe(Configuration).model_json_schema(by_alias=True)
    definitions = schema.setdefault("$defs", {})
    for kind, key in (("source", "sources"), ("sink", "sinks")):
        names = registry.names(kind)  # type: ignore[arg-type]  # a loop over two literals
        options = [_options(kind, name, definitions) for name in names]
        schema["properties"][key]["additionalProperties"] = {"oneOf": options, "discriminator": {"propertyName": "type"}}
        _in_templates(definitions, key, {"oneOf": options, "discriminator": {"propertyName": "type"}})
        schema["properties"][key].pop("patternProperties", None)
        schema["properties"][key]["propertyNames"] = {"pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,63}$"}
    _in_templates(definitions, "routes", {"$ref": "#/$defs/Route"})
    _describe(schema)
    _allow_variables(schema)
    return {"$schema": GenerateJsonSchema.schema_dialect, "title": "pronubes configuration", **{k: v for k, v in schema.items() if k != "title"}}


def _in_templates(definitions: dict[str, Any], key: str, entry: dict[str, Any]) -> None:
    """Say what stands in a template: the same as outside, with parameters in names and wherever a text must have a form."""
    properties = definitions["Template"]["properties"][key]
    properties["additionalProperties"] = _loosened(entry, definitions)
    properties["propertyNames"] = {"pattern": r"\$\{"}


def _loosened(value: Any, definitions: dict[str, Any]) -> Any:
    """Copy a schema so that a text with a parameter may stand for each that has a form or is one of some; what it refers to is copied too."""
    if isinstance(value, list):
        return [_loosened(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    copied = {key: _loosened(item, definitions) for key, item in value.items()}
    reference = value.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix("#/$defs/")
        if f"template.{name}" not in definitions:
            definitions[f"template.{name}"] = {}  # it may refer to itself
            definitions[f"template.{name}"] = _loosened(definitions[name], definitions)
        copied["$ref"] = f"#/$defs/template.{name}"
    if isinstance(value.get("pattern"), str) or isinstance(value.get("enum"), list):
        about = {key: copied.pop(key) for key in ("description", "default", "title") if key in copied}
        return {**about, "anyOf": [copied, {"type": "string", "pattern": r"\$\{"}]}
    return copied


def _options(kind: str, name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Make the schema of one connector's options, its own definitions kept apart from those of others."""
    connector = registry.source(name) if kind == "source" else registry.sink(name)
    model: type[BaseModel] = connector.options
    options: dict[str, Any] = describe(model).model_json_schema(by_alias=True, ref_template=f"#/$defs/{kind}.{name}.{{model}}")
    definitions |= {f"{kind}.{name}.{inner}": value for inner, value in options.pop("$defs", {}).items()}
    options["title"] = name
    options["properties"] = {"type": {"const": name, "description": f"What the {kind} is."}, **options.get("properties", {})}
    options["required"] = ["type", *options.get("required", ())]
    return options


def _describe(value: Any) -> None:
    """Remove what says nothing: titles made from names, and `null` where a key is simply left out."""
    if isinstance(value, dict):
        if isinstance(value.get("title"), str) and "properties" not in value:
            value.pop("title")
        choices = value.get("anyOf")
        if isinstance(choices, list) and {"type": "null"} in choices and "default" in value:
            choices.remove({"type": "null"})
            if len(choices) == 1:
                value |= {**value.pop("anyOf")[0], **value}
            if value.get("default", ...) is None:
                value.pop("default")
        for item in value.values():
            _describe(item)
    elif isinstance(value, list):
        for item in value:
            _describe(item)


def _allow_variables(value: Any) -> None:
    """Let a variable stand where a number or a truth value is meant: `factor: ${factor}`."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict) and item.get("type") in ("number", "integer", "boolean"):
                about = {name: item.pop(name) for name in ("description", "default") if name in item}
                value[key] = {**about, "anyOf": [item, {"type": "string", "pattern": r"^\$\{[^}]+\}$"}]}
            else:
                _allow_variables(item)
    elif isinstance(value, list):
        for item in value:
            _allow_variables(item)
