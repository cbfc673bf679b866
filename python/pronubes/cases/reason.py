"""Why it came as it did: the words of `explain` in a line, and the command that tells more."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pronubes.cases.happening import Happening
    from pronubes.cases.judge import Difference

__all__ = ["command", "fates", "why"]

_MOST_CAUSES = 3
_LONGEST_PAYLOAD = 2_000


def why(difference: Difference, happening: Happening) -> list[str]:
    """Say for what is missing, or not routed, what became of the messages that came in."""
    if difference.kind == "unrouted" and difference.cause is not None:
        return _told(difference.cause, happening)
    if difference.kind != "missing":
        return []
    left = {output.cause for output in happening.outputs}
    silent = [cause for cause in range(len(happening.arrivals)) if cause not in left]
    lines = [line for cause in silent[:_MOST_CAUSES] for line in _told(cause, happening)]
    if len(silent) > _MOST_CAUSES:
        lines.append(f"of {len(silent) - _MOST_CAUSES:,} more messages nothing left")
    return lines


def _told(cause: int, happening: Happening) -> list[str]:
    topic = happening.arrivals[cause].topic
    return [f"{topic}: {fate}" for fate in fates(happening.explain(cause))]


def fates(explanation: dict[str, Any]) -> Iterator[str]:  # Any: a JSON document
    """Say in a line for each route what it does with a message, where nothing leaves it."""
    if explanation["rejected"] is not None:
        yield f"it cannot be routed: {explanation['rejected']}"
        return
    for route in explanation["routes"]:
        name, condition = route["route"], route["condition"]
        if route["skipped"]:
            yield f"route {name} does not see it. {route['skipped']}"
        elif route["fate"] == "filtered":
            yield f"route {name} leaves it out: `{condition['text']}` is false"
        elif route["quarantine"]:
            fault = route["quarantine"]
            step = f" at step {fault['step'] + 1}" if fault["step"] is not None else ""
            yield f"route {name} quarantines it{step}: {fault['reason']}" + (f", {fault['detail']}" if fault["detail"] else "")
        elif route["fate"] == "rejected":
            yield f"route {name} throws it away, as its contract says"
        elif route["hook"]:
            yield f"route {name} gives it to the hook {route['hook']}"
    if not explanation["routes"]:
        misses = explanation["near_misses"]
        yield "no route takes it" + (f"; the nearest, {misses[0]['route']}, {_parting(misses[0])}" if misses else "")


def _parting(miss: dict[str, Any]) -> str:  # Any: a JSON document
    wanted = f"`{miss['expected']}`" if miss["expected"] else "nothing more"
    found = f"`{miss['found']}`" if miss["found"] is not None else "the end"
    return f"wants {wanted} at level {miss['level']} and finds {found}"


def command(difference: Difference, happening: Happening, config: str) -> str | None:
    """Write the command that explains the message a difference is about."""
    cause = difference.cause
    if cause is None and len(happening.arrivals) == 1:
        cause = 0
    if cause is None or difference.kind == "order":
        return None
    arrival = happening.arrivals[cause]
    try:
        payload = arrival.payload.decode()
    except UnicodeDecodeError:
        return None
    if len(payload) > _LONGEST_PAYLOAD:
        return None
    words = ["pronubes", "explain", "-c", config, "--source", arrival.source, "--received-ms", str(arrival.at_ns // 1_000_000)]
    words += ["--qos", str(arrival.qos)] if arrival.qos else []
    words += ["--retain"] if arrival.retain else []
    return shlex.join([*words, arrival.topic, payload])
