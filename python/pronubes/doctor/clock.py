"""The clock: messages carry its time, and ages are judged by it. Timers of the node run on a clock that nobody sets."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from pronubes.doctor.finding import Finding, Level

__all__ = ["look_at_clock"]

FIRST_YEAR = 2020
SERVICES = {
    "systemd-timesyncd": "run/systemd/timesync/synchronized",
    "chrony": "run/chrony/chronyd.pid",
    "ntpd": "run/ntpd.pid",
    "ntpsec": "run/ntpsec/ntpd.pid",
    "ptp4l": "run/ptp4l",
}


def look_at_clock(now: dt.datetime, *, root: Path = Path("/")) -> list[Finding]:
    """Look at the clock.

    Args:
        now: The time, UTC.
        root: Where the files of time services are looked for.
    """
    figure = now.strftime("%Y-%m-%d %H:%M:%S UTC")
    if now.year < FIRST_YEAR:
        meaning = "The clock was never set: every message would carry a wrong time, ages and certificates are judged wrongly."
        action = "Set the clock, fit a battery, or let a time service run before the node."
        return [Finding("clock", "date", Level.BAD, figure, meaning, action, {"year": now.year})]
    date = Finding("clock", "date", Level.OK, figure, "The date is plausible; whether it is right only you can tell.", None, {"year": now.year})
    service = next((name for name, path in SERVICES.items() if (root / path).exists()), None)
    if service == "systemd-timesyncd":
        return [date, Finding("clock", "time service", Level.OK, "systemd-timesyncd, synchronised", "Times of machines can be compared.")]
    if service is not None:
        meaning = "Times of machines can be compared if it reaches its servers; that was not asked."
        return [date, Finding("clock", "time service", Level.OK, f"{service} runs", meaning)]
    meaning = (
        "Nothing was found that keeps the clock: times of two machines drift apart by about a second a day. (In a container the host may do it.)"
    )
    return [date, Finding("clock", "time service", Level.WARN, "none found", meaning, "Let chrony or systemd-timesyncd run.")]
