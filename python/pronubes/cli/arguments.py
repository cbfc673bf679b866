"""Types of arguments: lengths of time and sizes, written as in a configuration."""

from __future__ import annotations

import argparse
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from pronubes.connectors.values import ByteSize, Duration

__all__ = ["duration", "size"]

Value = TypeVar("Value")


def duration(text: str) -> float:
    """Read a length of time such as `30s` or `2h`, in seconds."""
    return _read(TypeAdapter[float](Duration), text, "a number with a unit: 500ms, 30s, 10m, 2h")


def size(text: str) -> int:
    """Read a size such as `100MiB`, in bytes."""
    return _read(TypeAdapter[int](ByteSize), int(text) if text.isdecimal() else text, "bytes, or a number with a unit: 64KiB, 100MiB, 1GiB")


def _read(adapter: TypeAdapter[Value], text: str | int, expected: str) -> Value:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f"`{text}` is not {expected}") from error
