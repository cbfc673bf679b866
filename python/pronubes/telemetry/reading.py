"""Reading a status: one place that knows where the engine's document has what `status`, `top`, the metrics and the health look at.

A node of another version may not report everything: what is not there is None, and shown as `-`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Backlog", "Consumer", "LogReading", "backlogs", "drops", "logs"]

LOGS = ("durable", "spill")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a sink has not got yet: in memory and in the logs.

    Attributes:
        records: How many messages; of those that an earlier run left in a log this is the most that it can be.
        bytes: How many bytes, those in logs by whole files.
        oldest_age_ns: How long the oldest waits.
        state: `live`, `lagging` or `replaying`; None where no log stands behind the sink.
        replayed: How many came out of a log so far.
    """

    records: int | None
    bytes: int | None
    oldest_age_ns: int | None
    state: str | None
    replayed: int | None


def backlogs(status: Mapping[str, Any]) -> dict[str, Backlog]:  # Any: a JSON document
    """Read what waits for each sink, by its name."""
    kept: dict[str, list[Consumer]] = {}
    for log in logs(status):
        for consumer in log.consumers:
            kept.setdefault(consumer.name, []).append(consumer)
    return {sink["name"]: _backlog(sink, kept.get(sink["name"], [])) for sink in status.get("sinks", ())}


def _backlog(sink: Mapping[str, Any], kept: Sequence[Consumer]) -> Backlog:  # Any: a JSON document
    found = sink.get("backlog")
    records, size, oldest_ns = sink.get("buffered"), sink.get("queued_bytes"), sink.get("oldest_age_ns")
    if not found:
        return Backlog(records, size, oldest_ns, None, None)
    behind = [consumer for consumer in kept if consumer.records_at_most] if found.get("state") != "live" else []
    ages = [age_ns for age_ns in (oldest_ns, found.get("oldest_age_ns"), *(one.oldest_age_ns for one in behind)) if age_ns is not None]
    return Backlog(
        records=max(records or 0, sum(one.records_at_most for one in behind)),
        bytes=(size or 0) + sum(one.bytes_at_most for one in behind),
        oldest_age_ns=max(ages, default=None),
        state=found.get("state"),
        replayed=found.get("replayed"),
    )


def drops(sink: Mapping[str, Any]) -> dict[str, int]:  # Any: a JSON document
    """Count what a sink's policy dropped, by the name of the reason; empty when nothing was."""
    found = sink.get("drops")
    if isinstance(found, dict):
        return {reason: count for reason, count in found.items() if count}
    return {"dropped": sink["dropped"]} if sink.get("dropped") else {}


@dataclass(frozen=True, slots=True)
class Consumer:
    """A sink as a log knows it: what it has not got yet.

    Attributes:
        name: The sink's name.
        is_present: Whether the configuration still has it; otherwise its records wait for it.
        records_at_most: How many records there are between its oldest and the newest, of other sinks too.
        bytes_at_most: In how many bytes they lie.
        oldest_age_ns: How long the oldest waits.
    """

    name: str
    is_present: bool
    records_at_most: int
    bytes_at_most: int
    oldest_age_ns: int | None


@dataclass(frozen=True, slots=True)
class LogReading:
    """How a log fares; what the node does not report is None.

    Attributes:
        name: `durable` or `spill`.
        state: `ok`, `full` or `failing`.
        bytes: Its size on the disk.
        max_bytes: How large it may become.
        segments: In how many files.
        pending_bytes: What waits in memory to be written.
        oldest_age_ns: How old its oldest segment is.
        sync_ns: How long an fsync takes: `p50`, `p99`, `max`.
        counters: `syncs`, `sync_failures`, `bytes_written`, `dropped`, `lost`, `damaged_bytes`, of this run.
        consumers: Its sinks.
    """

    name: str
    state: str | None
    bytes: int | None
    max_bytes: int | None
    segments: int | None
    pending_bytes: int | None
    oldest_age_ns: int | None
    sync_ns: Mapping[str, int | None]
    counters: Mapping[str, int | None]
    consumers: tuple[Consumer, ...]


_COUNTERS = ("syncs", "sync_failures", "bytes_written", "dropped", "lost", "damaged_bytes")


def logs(status: Mapping[str, Any]) -> Iterator[LogReading]:  # Any: a JSON document
    """Read the logs of a node; none where it has none."""
    for name in LOGS:
        found = (status.get("logs") or {}).get(name)
        if found:
            yield _log(name, found, status.get("now_ns"))


def _log(name: str, found: Mapping[str, Any], now_ns: int | None) -> LogReading:  # Any: a JSON document
    times = found.get("sync_times") or {}
    return LogReading(
        name=name,
        state=found.get("state"),
        bytes=found.get("bytes"),
        max_bytes=found.get("max_bytes"),
        segments=found.get("segments"),
        pending_bytes=found.get("pending_bytes"),
        oldest_age_ns=_age(found.get("oldest_ns"), now_ns),
        sync_ns={quantile: times.get(f"{quantile}_ns") if found.get("syncs") else None for quantile in ("p50", "p99", "max")},
        counters={counter: found.get(counter) for counter in _COUNTERS},
        consumers=tuple(
            Consumer(one["name"], one["is_present"], one["records_at_most"], one["bytes_at_most"], _age(one.get("oldest_ns"), now_ns))
            for one in found.get("consumers") or ()
        ),
    )


def _age(since_ns: int | None, now_ns: int | None) -> int | None:
    return None if since_ns is None or now_ns is None else max(now_ns - since_ns, 0)
