"""Amounts as people read them: `1,507`, `64.0 MiB`, `2.5 ms`. What is not known is `-`."""

from __future__ import annotations

__all__ = ["age", "amount", "share", "size"]

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_TIMES = ((1e3, "ns", 1.0), (1e6, "us", 1e3), (1e9, "ms", 1e6), (120e9, "s", 1e9), (7200e9, "min", 60e9), (172_800e9, "h", 3600e9))


def amount(count: int | None) -> str:
    """Write a number of things."""
    return "-" if count is None else f"{count:,}"


def share(part: int | None, whole: int | None) -> str:
    """Write a number with its share of another."""
    if part is None or whole is None:
        return "-"
    return f"{part:,} ({part / whole:.2%})" if whole else f"{part:,}"


def size(count: float | None) -> str:
    """Write a number of bytes."""
    if count is None:
        return "-"
    for unit in _SIZES[:-1]:
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {_SIZES[-1]}"


def age(time_ns: float | None) -> str:
    """Write a length of time that is given in nanoseconds."""
    if time_ns is None:
        return "-"
    for below, unit, unit_ns in _TIMES:
        if abs(time_ns) < below:
            return f"{time_ns / unit_ns:.3g} {unit}"
    return f"{time_ns / 86_400e9:.1f} d"
