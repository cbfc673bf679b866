"""The metrics: each with its name, its meaning and where a status has it. `docs/reference/metrics.md` is generated from these tables.

Rules of this file:

1. Label values are names of the configuration and codes of the program, never topics, client ids or texts of errors.
2. There are never more than `MAX_SERIES` series: of many sources, routes, sinks or hooks only the busiest have their own, the others are summed up as
   `(other)`.
3. A counter never falls, also not that of `(other)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pronubes.telemetry import reading
from pronubes.telemetry.problems import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["GROUPS", "LABELS", "MAX_SERIES", "OTHER", "PREFIX", "SINGLE", "Group", "Metric"]

PREFIX = "pronubes_"
MAX_SERIES = 2000
OTHER = "(other)"
"""The label value that stands for all that have no series of their own. No name of a configuration has parentheses."""
LABELS = ("source", "route", "sink", "hook", "table", "reason", "log")

Number = float | None
Kind = Literal["counter", "gauge"]


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: Behind `pronubes_`; counters get `_total` behind it.
        kind: Whether it only rises.
        text: What it counts or measures.
        read: Takes it out of an entry of a status, to which `link`, its connection, and `waits`, its backlog, are added; None where the node does not
            report it. With a second label, a mapping of its values.
        label: The second label, if it has one.
        is_summed: How `(other)` is made: the sum, else the greatest.
    """

    name: str
    kind: Kind
    text: str
    read: Callable[[Mapping[str, Any]], Any]  # Any: a JSON document; a number, or a mapping of them
    label: str | None = None
    is_summed: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """The metrics of every source, route, sink or hook.

    Attributes:
        part: Where a status has the entries.
        label: The label that has their name.
        busy: The counter that says which are the busiest.
        metrics: The metrics.
        width: How many series an entry has at most.
    """

    part: str
    label: str
    busy: str
    metrics: tuple[Metric, ...]
    width: int


def _count(key: str) -> Callable[[Mapping[str, Any]], Number]:  # Any: a JSON document
    return lambda entry: entry.get(key)


def _is(key: str) -> Callable[[Mapping[str, Any]], Number]:  # Any: a JSON document
    return lambda entry: None if entry.get(key) is None else float(entry[key])


def _seconds(key: str) -> Callable[[Mapping[str, Any]], Number]:  # Any: a JSON document
    return lambda entry: (entry.get(key) or 0) / 1e9 if key in entry else None


def _backlog(key: str, unit: float = 1.0) -> Callable[[Mapping[str, Any]], Number]:  # Any: a JSON document
    return lambda sink: (getattr(sink["waits"], key) or 0) / unit


def _link(key: str) -> Callable[[Mapping[str, Any]], Number]:  # Any: a JSON document
    return lambda entry: None if (link := entry.get("link")) is None else float(link[key])


def _is_open(hook: Mapping[str, Any]) -> Number:  # Any: a JSON document
    return float(hook["breaker"] != "closed")


def _is_broken(table: Mapping[str, Any]) -> Number:  # Any: a JSON document
    return float(bool(table.get("error")))


_CONNECTED = "1 while its connection to the broker is up. Only for MQTT."
_LOST = "How often its connection to the broker was lost. Only for MQTT."

GROUPS: tuple[Group, ...] = (
    Group(
        "sinks",
        "sink",
        "emitted",
        (
            Metric("sink_emitted", "counter", "Messages that routes sent to it.", _count("emitted")),
            Metric("sink_delivered", "counter", "Messages that the other side has.", _count("delivered")),
            Metric("sink_quarantined", "counter", "Messages that the other side refused for good.", _count("quarantined")),
            Metric(
                "sink_dropped",
                "counter",
                "Messages lost by the policy of its queue. More than 0 is a loss that somebody allowed.",
                reading.drops,
                "reason",
            ),
            Metric("sink_buffered", "gauge", "Messages inside of the node for it.", _count("buffered")),
            Metric("sink_queue_bytes", "gauge", "Bytes in its queue in memory.", _count("queued_bytes")),
            Metric("sink_backlog_messages", "gauge", "Messages that it has not got yet, in memory and in the log.", _backlog("records")),
            Metric("sink_backlog_bytes", "gauge", "The same in bytes.", _backlog("bytes")),
            Metric("sink_backlog_seconds", "gauge", "How long the oldest of them has waited.", _backlog("oldest_age_ns", 1e9), is_summed=False),
            Metric("sink_full", "gauge", "1 while its queue is full.", _is("is_full")),
            Metric("sink_connected", "gauge", _CONNECTED, _link("is_up")),
            Metric("sink_connection_losses", "counter", _LOST, _link("losses")),
        ),
        width=16,
    ),
    Group(
        "sources",
        "source",
        "received",
        (
            Metric("source_received", "counter", "Messages that came in.", _count("received")),
            Metric("source_unrouted", "counter", "Messages that no route took.", _count("unrouted")),
            Metric("source_rejected", "counter", "Messages without a valid topic.", _count("rejected")),
            Metric("source_dropped", "counter", "Messages lost before they were routed.", _count("dropped")),
            Metric("source_failed", "counter", "Messages that were lost inside and asked for again: defects.", _count("failed")),
            Metric(
                "source_unacknowledged",
                "gauge",
                "Messages (batches, for sources that read batches) that are not acknowledged yet.",
                _count("unsettled"),
            ),
            Metric(
                "source_oldest_unacknowledged_seconds",
                "gauge",
                "How long the oldest of them has waited.",
                _seconds("oldest_unsettled_age_ns"),
                is_summed=False,
            ),
            Metric("source_paused", "gauge", "1 while it is held back because a sink or a log is full.", _is("is_paused")),
            Metric("source_connected", "gauge", _CONNECTED, _link("is_up")),
            Metric("source_connection_losses", "counter", _LOST, _link("losses")),
        ),
        width=10,
    ),
    Group(
        "routes",
        "route",
        "matched",
        (
            Metric("route_matched", "counter", "Messages that it took.", _count("matched")),
            Metric("route_passed", "counter", "Messages that left for its sinks.", _count("passed")),
            Metric("route_filtered", "counter", "Messages that a condition or a hook sent away.", _count("filtered")),
            Metric("route_quarantined", "counter", "Messages that it quarantined.", _count("quarantined")),
            Metric("route_rejected", "counter", "Messages that a contract of mode `reject` threw away.", _count("rejected")),
            Metric("route_absorbed", "counter", "Messages that its stateful steps kept to themselves.", _count("absorbed")),
            Metric("route_in_hooks", "gauge", "Messages in its hooks.", _count("in_hooks")),
        ),
        width=7,
    ),
    Group(
        "hooks",
        "hook",
        "messages",
        (
            Metric("hook_batches", "counter", "Batches that it was called with.", _count("batches")),
            Metric("hook_messages", "counter", "Messages that it was called with.", _count("messages")),
            Metric("hook_failed", "counter", "Messages of them that went to the quarantine.", _count("failed")),
            Metric("hook_passed_by", "counter", "Messages that came while it was left alone.", _count("passed_by")),
            Metric("hook_opened", "counter", "How often it failed so much that it was left alone.", _count("opened")),
            Metric("hook_open", "gauge", "1 while it is left alone.", _is_open, is_summed=False),
            Metric("hook_stuck", "gauge", "Threads that were left behind because it hangs in them.", _count("stuck")),
        ),
        width=7,
    ),
    Group(
        "tables",
        "table",
        "hits",
        (
            Metric("table_rows", "gauge", "Rows that are in force.", _count("rows")),
            Metric("table_hits", "counter", "Keys that it had.", _count("hits")),
            Metric("table_misses", "counter", "Keys that it did not have.", _count("misses")),
            Metric("table_read_age_seconds", "gauge", "How long ago these rows were read.", _count("read_age_s"), is_summed=False),
            Metric("table_broken", "gauge", "1 while its file cannot be used and the last good rows stay in force.", _is_broken, is_summed=False),
        ),
        width=5,
    ),
)
"""What every source, route, sink, hook and table has."""


def _quarantine(key: str) -> Callable[[Mapping[str, Any]], Number]:  # Any: a JSON document
    return lambda status: (status.get("quarantine") or {}).get(key)


def _quarantine_ok(status: Mapping[str, Any]) -> Number:  # Any: a JSON document
    state = (status.get("quarantine") or {}).get("state")
    return None if state is None else float(state == "ok")


def _quarantine_drops(status: Mapping[str, Any]) -> dict[str, Number]:  # Any: a JSON document
    return {reason: _quarantine(f"dropped_{reason}")(status) for reason in ("full", "old")}


def _breakers(status: Mapping[str, Any]) -> Number:  # Any: a JSON document
    tripped = (status.get("quarantine") or {}).get("breakers")
    return None if tripped is None else len(tripped)


def _rolled_back(status: Mapping[str, Any]) -> Number:  # Any: a JSON document
    return float(status["rollback"] is not None) if "rollback" in status else None


def _canary(key: str) -> Callable[[Mapping[str, Any]], Number]:  # Any: a JSON document
    return lambda status: ((status.get("health") or {}).get("canary") or {}).get(key)


def _problems(status: Mapping[str, Any]) -> dict[str, int]:  # Any: a JSON document
    found = [problem["code"] for problem in status["health"]["problems"]]
    return {code: found.count(code) for code in CODES}


def _reasons(status: Mapping[str, Any]) -> dict[str, int]:  # Any: a JSON document
    sums: dict[str, int] = {}
    for route in status.get("routes", ()):
        for reason, count in (route.get("reasons") or {}).items():
            sums[reason] = sums.get(reason, 0) + count
    return sums


def _states(key: str) -> Callable[[Mapping[str, Any]], Number]:  # Any: a JSON document
    return lambda status: sum(step[key] for step in status["states"]) if "states" in status else None


def _state(key: str) -> Callable[[Mapping[str, Any]], Number]:  # Any: a JSON document
    return lambda status: (status.get("state") or {}).get(key)


def _logs(read: Callable[[reading.LogReading], Number]) -> Callable[[Mapping[str, Any]], dict[str, Number]]:  # Any: a JSON document
    return lambda status: {log.name: read(log) for log in reading.logs(status)}


def _counter(name: str) -> Callable[[reading.LogReading], Number]:
    return lambda log: log.counters[name]


def _syncs(quantile: str) -> Callable[[reading.LogReading], Number]:
    return lambda log: None if (time_ns := log.sync_ns[quantile]) is None else time_ns / 1e9


SINGLE: tuple[Metric, ...] = (
    Metric("healthy", "gauge", "1 while nothing is wrong: no problem below is there.", lambda status: float(not status["health"]["problems"])),
    Metric("problems", "gauge", "Problems that are there now, by code.", _problems, "reason"),
    Metric("uptime_seconds", "gauge", "How long the node has run.", _count("uptime_s")),
    Metric("canary", "counter", "Canaries that came through.", _canary("came_back")),
    Metric("canary_age_seconds", "gauge", "How long ago the last one came through.", _canary("age_s")),
    Metric("canary_trip_seconds", "gauge", "How long it was under way.", _canary("trip_s")),
    Metric("ledgers_balanced", "gauge", "1 while every ledger adds up.", _is("balanced")),
    Metric("lost_holds", "counter", "Messages that were given up inside and sent again by their source: defects.", _count("lost_holds")),
    Metric("quarantined_by_reason", "counter", "Messages that routes quarantined or threw away, by reason.", _reasons, "reason"),
    Metric("quarantine_received", "counter", "Messages that came into the quarantine.", _quarantine("received")),
    Metric("quarantine_evicted", "counter", "Messages lost because the quarantine's memory was full.", _quarantine("evicted")),
    Metric("quarantine_waiting", "gauge", "Messages that wait to be written to it.", _quarantine("buffered")),
    Metric("quarantine_ok", "gauge", "1 while it takes records.", _quarantine_ok),
    Metric(
        "quarantine_dropped",
        "counter",
        "Messages that it dropped: `full`, because of its size; `old`, because of their age.",
        _quarantine_drops,
        "reason",
    ),
    Metric("quarantine_alarms", "gauge", "Routes that quarantine more than their breaker allows, now.", _breakers),
    Metric("rolled_back", "gauge", "1 while a reload is taken back because too much was quarantined after it.", _rolled_back),
    Metric("state_keys", "gauge", "Keys that stateful steps remember.", _states("keys")),
    Metric("state_bytes", "gauge", "What these keys take in memory.", _states("bytes")),
    Metric("state_refused", "counter", "Messages of keys for which a step had no room.", _states("refused")),
    Metric("state_saved_age_seconds", "gauge", "How long ago the state of steps was saved.", _state("saved_age_s")),
    Metric("quarantine_messages", "gauge", "Messages that it keeps.", _quarantine("records")),
    Metric("quarantine_bytes", "gauge", "Its size on the disk.", _quarantine("bytes")),
    Metric(
        "log_ok",
        "gauge",
        "1 while it is neither full nor failing.",
        _logs(lambda log: None if log.state is None else float(log.state == "ok")),
        "log",
    ),
    Metric("log_bytes", "gauge", "Its size on the disk.", _logs(lambda log: log.bytes), "log"),
    Metric("log_max_bytes", "gauge", "How large it may become.", _logs(lambda log: log.max_bytes), "log"),
    Metric("log_pending_bytes", "gauge", "What waits in memory to be written.", _logs(lambda log: log.pending_bytes), "log"),
    Metric("log_oldest_seconds", "gauge", "How old its oldest segment is.", _logs(lambda log: (log.oldest_age_ns or 0) / 1e9), "log"),
    Metric("log_syncs", "counter", "How often it was synced to the disk.", _logs(_counter("syncs")), "log"),
    Metric("log_sync_failures", "counter", "How often the disk refused to.", _logs(_counter("sync_failures")), "log"),
    Metric("log_written_bytes", "counter", "Bytes that it wrote.", _logs(_counter("bytes_written")), "log"),
    Metric(
        "log_dropped",
        "counter",
        "Records dropped because the log was full or they were too old, once for each sink.",
        _logs(_counter("dropped")),
        "log",
    ),
    Metric("log_lost", "counter", "Records that could not be read any more.", _logs(_counter("lost")), "log"),
    Metric("log_damaged_bytes", "counter", "Damaged bytes that were found and set aside.", _logs(_counter("damaged_bytes")), "log"),
    Metric("log_sync_p50_seconds", "gauge", "How long half of the syncs take at most.", _logs(_syncs("p50")), "log"),
    Metric("log_sync_p99_seconds", "gauge", "How long 99 % of the syncs take at most.", _logs(_syncs("p99")), "log"),
    Metric("log_sync_max_seconds", "gauge", "How long the longest sync took.", _logs(_syncs("max")), "log"),
)
"""What the node has once; those with a label have it by reason or log."""
