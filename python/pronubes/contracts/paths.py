"""Field paths as the engine reads them: `motor.temp`, `motor."a.b"`."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["is_index", "joined", "segments"]

_SEGMENT = re.compile(r'"((?:[^"\\]|\\["\\])*)"|([^."]+)')
_INDEX = re.compile(r"0|[1-9][0-9]*")
_ESCAPE = re.compile(r'\\(["\\])')


def segments(path: str) -> list[str]:
    """Take a path apart. A path that the engine would refuse is one segment."""
    found, at = [], 0
    while True:
        match = _SEGMENT.match(path, at)
        if match is None:
            return [path]
        found.append(_ESCAPE.sub(r"\1", match[1]) if match[1] is not None else match[2])
        at = match.end()
        if at == len(path):
            return found
        if path[at] != ".":
            return [path]
        at += 1


def is_index(segment: str) -> bool:
    """Tell whether a segment names an element where the value is an array."""
    return _INDEX.fullmatch(segment) is not None


def joined(parts: Sequence[str]) -> str:
    """Put a path together."""
    return ".".join(f'"{_escaped(part)}"' if not part or any(one in part for one in '."') else part for part in parts)


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace('"', '\\"')
