"""Reading a status: one place that knows where the engine's document has what `status`, `top`, the metrics and the health look at.

A node of another version may not report everything: what is not there is None, and shown as `-`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Backlog", "LogReading", "backlog", "drops", "logs"]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a sink has not got yet: in memory and in the log.

    Attributes:
        records: How many messages.
        bytes: How many bytes.
        oldest_age_ns: How long the oldest waits.
        state: `live`, `lagging` or `replaying`.
        replayed: How many came out of the log so far.
    """

    records: int | None
    bytes: int | None
    oldest_age_ns: int | None
    state: str | None
    replayed: int | None


def backlog(sink: Mapping[str, Any]) -> Backlog:  # Any: a JSON document
    """Read what waits for a sink. Where no log stands behind it, that is its queue."""
    found = sink.get("backlog")
    if not found:
        return Backlog(sink.get("buffered"), sink.get("queued_bytes"), sink.get("oldest_age_ns"), None, None)
    return Backlog(found.get("records"), found.get("bytes"), found.get("oldest_age_ns"), found.get("state"), found.get("replayed"))


def drops(sink: Mapping[str, Any]) -> dict[str, int]:  # Any: a JSON document
    """Count what a sink's policy dropped, by the name of the reason; empty when nothing was."""
    found = sink.get("drops")
    if isinstance(found, dict):
        return {reason: count for reason, count in found.items() if count}
    return {"dropped": sink["dropped"]} if sink.get("dropped") else {}


@dataclass(frozen=True, slots=True)
class LogReading:
    """How a log fares.

    Attributes:
        name: `durable` or `spill`.
        state: `ok`, `full` or `failing`.
        bytes: Its size on the disk.
        segments: In how many files.
        pending_bytes: What waits in memory to be written.
        oldest_age_ns: How old its oldest record is.
        sync_ns: How long an fsync takes: `p50`, `p99`, `max`.
        syncs: How many there were.
        written_bytes: What was written so far.
    """

    name: str
    state: str | None
    bytes: int | None
    segments: int | None
    pending_bytes: int | None
    oldest_age_ns: int | None
    sync_ns: Mapping[str, int | None]
    syncs: int | None
    written_bytes: int | None


def logs(status: Mapping[str, Any]) -> Iterator[LogReading]:  # Any: a JSON document
    """Read the logs of a node; none where it has none."""
    for name, found in (status.get("logs") or {}).items():
        if found:
            yield _log(name, found)


def _log(name: str, found: Mapping[str, Any]) -> LogReading:  # Any: a JSON document
    sync = found.get("sync_ns") or {}
    return LogReading(
        name=name,
        state=found.get("state"),
        bytes=found.get("bytes"),
        segments=found.get("segments"),
        pending_bytes=found.get("pending_bytes"),
        oldest_age_ns=found.get("oldest_age_ns"),
        sync_ns={quantile: sync.get(quantile) for quantile in ("p50", "p99", "max")},
        syncs=found.get("syncs"),
        written_bytes=found.get("written_bytes"),
    )
