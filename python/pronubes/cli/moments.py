"""Points in time as people write them on a command line: `2h` ago, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pronubes.errors import PronubesError

__all__ = ["WrongTime", "date", "moment"]

_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}
_AGO = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d)")


class WrongTime(PronubesError):
    """A time on the command line is none."""


def moment(text: str | None, now_ns: int) -> int | None:
    """Read a point in time as nanoseconds since 1970.

    Args:
        text: How long ago, or a date; None stays None.
        now_ns: The time now.

    Raises:
        WrongTime: The text is neither.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago:
        return now_ns - int(float(ago[1]) * _UNITS[ago[2]] * 1e9)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongTime(f"`{text}` is no time. Write how long ago (`2h`, `30min`, `7d`) or a date such as 2026-11-23T06:00.") from None
    return int(found.astimezone(UTC).timestamp()) * 1_000_000_000 + found.microsecond * 1000


def date(time_ns: int | None) -> str:
    """Write a point in time for people, in local time; `-` for None."""
    return "-" if time_ns is None else datetime.fromtimestamp(time_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S")
