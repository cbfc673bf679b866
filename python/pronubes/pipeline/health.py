"""Health: what is wrong with a node now, in sentences. A process that lives proves nothing; a canary that came through lately does.

Rules of this file:

1. A problem is a fact of the present status. It goes away when the fact does; what happened once is a matter of logs and counters.
2. Nothing here reads a clock or waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pronubes.telemetry import account, reading
from pronubes.telemetry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pronubes.telemetry.problems import Code

__all__ = ["OLD_TOKEN_NS", "CanaryState", "problems"]

OLD_TOKEN_NS = 30 * 10**9
"""A message that its source waits this long for an acknowledgement of is an alarm."""

_LOGS: Mapping[tuple[str, str], tuple[Code, str]] = {
    ("durable", "failing"): (
        "log_failing",
        "The disk refuses what the log `durable` writes: its sources are not acknowledged until it works again. "
        "Look at the disk; `pronubes doctor` measures it.",
    ),
    ("durable", "full"): (
        "log_full",
        "The log `durable` is full: its sources are held back until its sinks have caught up. Look at the sinks with the largest backlog.",
    ),
    ("spill", "failing"): (
        "log_failing",
        "The disk refuses what the log `spill` writes: what sinks cannot take stays in memory. Look at the disk; `pronubes doctor` measures it.",
    ),
    ("spill", "full"): (
        "log_full",
        "The log `spill` has no room: the oldest messages are dropped and counted. Look at the sinks with the largest backlog.",
    ),
}


class CanaryState(Protocol):
    """What is known of the canary; `pipeline.canary.Canary` is one."""

    @property
    def is_lost(self) -> bool:
        """Whether none came back for too long."""

    @property
    def age_s(self) -> float | None:
        """How long ago the last one came back; None: never."""


def problems(status: Mapping[str, Any], canary: CanaryState) -> Iterator[Problem]:  # Any: a JSON document
    """Name what is wrong in a status; nothing when the node is healthy."""
    if canary.is_lost:
        since = "since the start" if canary.age_s is None else f"for {canary.age_s:,.0f} s"
        yield Problem(
            "canary_lost", f"No canary has come through {since}: messages may not be moving. If nothing else is named here, restart the node."
        )
    if not status.get("balanced", True):
        where = ", ".join(f"{name} ({difference:+,})" for name, difference in account.unbalanced(status)) or "messages in hooks"
        yield Problem("ledger", f"A ledger does not add up: {where}. That is a defect of pronubes: please report it with `pronubes status --json`.")
    if status.get("lost_holds"):
        count = status["lost_holds"]
        yield Problem(
            "holds_lost", f"{count:,} messages were given up inside and sent again by their source. That is a defect of pronubes: please report it."
        )
    for log in reading.logs(status):
        if (log.name, log.state or "") in _LOGS:
            yield Problem(*_LOGS[log.name, log.state or ""])
    quarantine = status.get("quarantine") or {}
    if quarantine.get("state") == "failing":
        text = f"The quarantine takes no record ({quarantine.get('error')}): sources of bad messages are not acknowledged and fall silent."
        yield Problem("quarantine_failing", f"{text} Replay or drop what is in it, give it more room, or free the disk.")
    for source in status.get("sources", ()):
        age_ns = source.get("oldest_unsettled_age_ns")
        if age_ns is not None and age_ns > OLD_TOKEN_NS:
            yield Problem(
                "old_token",
                f"The source `{source['name']}` has waited {age_ns / 1e9:,.0f} s for an acknowledgement: a sink or the log does not go on.",
            )
    yield from _of_hooks(status.get("hooks", ()))
    yield from _of_tables(status.get("tables", ()))


def _of_hooks(hooks: Iterable[Mapping[str, Any]]) -> Iterator[Problem]:  # Any: JSON documents
    for hook in hooks:
        if hook["breaker"] != "closed":
            since = f"The hook `{hook['name']}` is not called since {hook['open_s']:,.0f} s: {hook['why']}."
            yield Problem("hook_open", f"{since} It is tried again in {hook['retry_s']:,.0f} s. Mend it and load the configuration again.")
        if hook["stuck"]:
            text = f"The hook `{hook['name']}` hangs in {hook['stuck']} threads, which cannot be ended from outside."
            yield Problem("hook_stuck", f"{text} Mend it and restart the node, or say `process: true` on its step.")


def _of_tables(tables: Iterable[Mapping[str, Any]]) -> Iterator[Problem]:  # Any: JSON documents
    for table in tables:
        if table.get("error"):
            since = "" if table.get("broken_s") is None else f" since {table['broken_s']:,.0f} s"
            text = f"The file of the table `{table['name']}` cannot be used{since}: {table['error']}"
            yield Problem("table_broken", f"{text} Its last good rows stay in force. Mend `{table['path']}`: it is read again when it changes.")
