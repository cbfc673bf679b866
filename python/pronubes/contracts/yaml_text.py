"""A contract file as a person would write it: one field a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

__all__ = ["contract_text", "flow", "scalar"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def contract_text(values: Mapping[str, Any], *, comment: str | None = None) -> str:  # Any: what YAML holds
    """Write a contract; the order of keys stays."""
    lines = [] if comment is None else [f"# {printable(comment)}"]
    for key, value in values.items():
        if key == "payload":
            lines += ["payload:", *(f"  {scalar(path)}: {flow(rules)}" for path, rules in value.items())]
        else:
            lines.append(f"{key}: {_value(value)}")
    return "\n".join([*lines, ""])


def printable(text: str) -> str:
    """Make a text fit for a comment."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def flow(rules: Mapping[str, Any]) -> str:  # Any: what YAML holds
    """Write a mapping on one line."""
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in rules.items()) + "}"


def _value(value: Any) -> str:  # Any: what YAML holds
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return flow(value) if isinstance(value, Mapping) else scalar(value)


def scalar(value: Any) -> str:  # Any: a scalar of YAML
    """Write a scalar so that YAML reads the same one: a JSON string is a YAML string (YAML 1.2 §1.3)."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return orjson.dumps(value).decode()
