"""JSON as publishers in the field write it: any white space, any escapes, any order, and wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["BROKEN", "STYLES", "Style", "write"]

Style = Callable[[Random], str]

# Two strings for each call of a style would be more than is needed: white space is white space wherever it stands.
STYLES: dict[str, Style] = {
    "compact": lambda _: "",
    "spaced": lambda _: " ",
    "pretty": lambda _: "\n    ",
    "ragged": lambda random: random.choice(["", " ", "\t", "\r\n", "   "]),
}


def text(random: Random, value: str, *, escape_share: float) -> str:
    """A JSON string; some characters as escapes that they would not need."""
    written = json.dumps(value, ensure_ascii=random.random() < escape_share)
    if random.random() < escape_share:
        written = written.replace("/", "\\/")
    if random.random() < escape_share and len(value) > 2 and value[1].isascii() and value[1].isalnum():
        plain = json.dumps(value[0], ensure_ascii=False)[:-1]
        written = f"{plain}\\u{ord(value[1]):04X}{json.dumps(value[2:], ensure_ascii=False)[1:]}"
    return written


def write(random: Random, fields: list[tuple[str, Any]], style: Style, escape_share: float) -> str:  # Any: JSON
    """An object from its fields in order; a value given as `Raw` is taken as it is."""
    members = []
    for key, value in fields:
        written = value.text if isinstance(value, Raw) else _value(random, value, escape_share)
        key_text = text(random, key, escape_share=escape_share / 10)
        members.append(f"{style(random)}{key_text}{style(random)}:{style(random)}{written}{style(random)}")
    return "{" + ",".join(members) + "}"


class Raw:
    """Text of a value as it shall stand, for numbers that Python would write differently."""

    def __init__(self, written: str) -> None:
        self.text = written


def _value(random: Random, value: Any, escape_share: float) -> str:  # Any: JSON
    if isinstance(value, str):
        return text(random, value, escape_share=escape_share)
    return json.dumps(value, ensure_ascii=False)


def _nested(payload: str) -> str:
    return payload.rstrip()[:-1] + ',"deep":' + "[" * 70 + "]" * 70 + "}"


# Payloads that no route may let through, made from right ones.
BROKEN: dict[str, Callable[[str], str]] = {
    "cut off": lambda payload: payload[: len(payload) * 2 // 3].rstrip(", \t\r\n}") or "{",
    "trailing text": lambda payload: payload + "x",
    "trailing comma": lambda payload: payload.rstrip()[:-1] + ",}",
    "control character": lambda payload: payload.rstrip()[:-1] + ',"c":"a\x01b"}',
    "lone surrogate": lambda payload: payload.rstrip()[:-1] + ',"s":"\\ud800"}',
    "leading zero": lambda payload: payload.rstrip()[:-1] + ',"n":007}',
    "not a number": lambda payload: payload.rstrip()[:-1] + ',"n":NaN}',
    "too deep": _nested,
}
