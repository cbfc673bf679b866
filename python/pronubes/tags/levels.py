"""What a level of a topic may be, and how one that may not is written so that nobody loses it.

The manner is that of ISO/IEC 9075-14 for names, the same as in the engine: `oven+` becomes `oven_x002B_`. It can be undone, so two names never
become one; for that, a `_` that begins what looks escaped is escaped itself.
"""

from __future__ import annotations

import re

__all__ = ["LEVEL_WORDS", "MOST_BYTES", "escaped", "is_level", "is_topic", "unescaped"]

LEVEL_WORDS = "levels without `+`, `#`, `{`, `}` and control characters, none empty, no white space at their ends, no `$` at their beginning"

_ILLEGAL = re.compile(r"[+#{}\x00-\x1f\x7f-\x9f\ufffe\uffff]|^\s|\s$|^\$")
_LEVEL = re.compile(r"[^/+#{}\x00-\x1f\x7f-\x9f\ufffe\uffff]+")
_ESCAPE = re.compile(r"_x(?:([0-9A-Fa-f]{4})|([0-9A-Fa-f]{6}))_")
MOST_BYTES = 65_535
"""The size of a topic (MQTT 5 §1.5.4)."""


def is_level(text: str) -> bool:
    """Tell whether a text can be one level of a name."""
    return _LEVEL.fullmatch(text) is not None and text.strip() == text and not text.startswith("$")


def is_topic(text: str) -> bool:
    """Tell whether a text can be a name."""
    return all(is_level(level) for level in text.split("/")) and len(text.encode(errors="replace")) <= MOST_BYTES


def escaped(topic: str) -> str:
    """Write a name with what is illegal in it escaped; one that is legal stays as it is. Empty levels stay: no character of theirs is illegal."""
    return "/".join(level if is_level(level) else _escaped_level(level) for level in topic.split("/"))


def _escaped_level(level: str) -> str:
    plain = _ESCAPE.sub(lambda found: f"_x005F_{found[0][1:]}", level)
    return _ILLEGAL.sub(lambda found: f"_x{ord(found[0]):04X}_", plain)


def unescaped(topic: str) -> str:
    """Undo `escaped`."""
    return _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), topic)
