"""Writes a learned draft as a contract file, one field a line, with what was seen beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pronubes.contracts.infer import DraftField, Learner

__all__ = ["draft_text"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def draft_text(name: str, version: int, learner: Learner, *, learned_from: str) -> str:
    """Write the file.

    Args:
        name: The contract's name.
        version: Its version.
        learner: What was learned.
        learned_from: Where the messages came from, for the first line.
    """
    fields = list(learner.fields())
    lines = [
        f"# Learned from {learner.count:,} messages of {_comment(learned_from)}. Read every line before it becomes active: ranges are guesses.",
        f"contract: {_scalar(name)}",
        f"version: {version}",
        "state: draft",
    ]
    if learner.is_scalar:
        lines += [f"scalar: {_flow(fields[0].rules)}{_seen(fields[0])}"]
    else:
        lines += ["payload:", *(f"  {_scalar(field.path)}: {_flow(field.rules)}{_seen(field)}" for field in fields)] if fields else ["payload: {}"]
    if (quality := learner.quality_path) is not None:
        lines.append(f"quality: {_scalar(quality)}")
    lines.append("extra: keep")
    return "\n".join([*lines, "mode: observe            # then annotate, quarantine or reject, when the counters say that it fits", ""])


def _seen(field: DraftField) -> str:
    return f"    # {_comment(field.seen)}" if field.seen else ""


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _flow(rules: Mapping[str, Any]) -> str:  # Any: scalars and lists of YAML
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in rules.items()) + "}"


def _value(value: Any) -> str:  # Any: a scalar or list of YAML
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:  # Any: a scalar of YAML
    """Write a scalar so that YAML reads the same one: a JSON string is a YAML string (YAML 1.2 §1.3)."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return orjson.dumps(value).decode()
