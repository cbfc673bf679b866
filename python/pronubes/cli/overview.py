"""A node's status as tables for people: what `status` prints once and `top` draws anew each second. What the node does not report is `-`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from pronubes.amounts import age, amount, share, size
from pronubes.telemetry import account, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.console import RenderableType

__all__ = [
    "Rates",
    "account_lines",
    "connections_table",
    "draw",
    "health_lines",
    "logs_table",
    "routes_table",
    "show",
    "sinks_table",
    "sources_table",
    "states_table",
    "tables_table",
]

ROUTES = 20
"""How many routes `draw` shows: the busiest."""
STEP_WIDTH = 60
"""How much of a step is shown where a table names it."""
WIDTH = 200
"""How wide tables may become where no terminal wraps them."""


class Rates:
    """Rates per second: since an earlier status, or without one since the start of the node.

    Args:
        now: The status.
        before: One of the same node some seconds before.
        seconds: How many.
    """

    def __init__(self, now: Mapping[str, Any], before: Mapping[str, Any] | None = None, seconds: float = 0.0) -> None:  # Any: JSON documents
        self._older = {(part, entry["name"]): entry for part in ("sources", "routes", "sinks") for entry in (before or {}).get(part, ())}
        self._is_since_start = before is None
        self._seconds = seconds if before is not None else now.get("uptime_s") or 0.0

    def of(self, part: str, entry: Mapping[str, Any], counter: str) -> str:  # Any: a JSON document
        """Write the rate of a counter, or `-` where nothing is known."""
        older = {counter: 0} if self._is_since_start else self._older.get((part, entry["name"]))
        if older is None or self._seconds <= 0:
            return "-"
        return f"{(entry[counter] - older[counter]) / self._seconds:,.0f}"


def show(status: Mapping[str, Any], *, has_routes: bool) -> None:  # Any: a JSON document
    """Print everything once, with rates since the start. A file or a pipe gets whole lines."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, WIDTH)
    console.print(draw(status, Rates(status), has_routes=has_routes))


def draw(status: Mapping[str, Any], rates: Rates, *, has_routes: bool = True) -> RenderableType:  # Any: a JSON document
    """Draw everything."""
    parts: list[RenderableType] = [*health_lines(status), *account_lines(status), sources_table(status, rates)]
    if has_routes:
        parts.append(routes_table(status, rates))
    parts += [sinks_table(status, rates), states_table(status), tables_table(status), logs_table(status), orphans_table(status)]
    parts += [_quarantine_line(status), connections_table(status)]
    return Group(*(part for part in parts if not isinstance(part, Table) or part.row_count))


def health_lines(status: Mapping[str, Any]) -> Sequence[Text]:  # Any: a JSON document
    """Say whether the node is well, and if not, what is wrong."""
    health = status.get("health") or {}
    found = health.get("problems")
    head = Text(f"{status['node']}  ", style="bold")
    if found is None:
        head.append("health: -", style="dim")
    elif found:
        head.append(f"UNHEALTHY: {len(found)} problem{'s' if len(found) > 1 else ''}", style="bold red")
    else:
        head.append("healthy", style="green")
    head.append(f"  up {age(_ns(status.get('uptime_s')))}", style="dim")
    canary = health.get("canary") or {}
    head.append(f"  last canary {age(_ns(canary.get('age_s')))} ago, {age(_ns(canary.get('trip_s')))} under way", style="dim")
    return [head, *(Text(f"  {problem['code']}: {problem['text']}", style="red") for problem in found or ())]


def _ns(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e9


def account_lines(status: Mapping[str, Any]) -> Sequence[Text]:  # Any: a JSON document
    """Write every ledger as an equation, with a tick, or an alarm when it does not balance."""
    is_balanced = status.get("balanced", True)
    wrong = {} if is_balanced else dict(account.unbalanced(status))
    lines = [_equation(ledger.sum(status), {name for name in wrong if name.startswith(ledger.part)}) for ledger in account.LEDGERS]
    head = Text("account  ", style="bold")
    if is_balanced:
        head.append("\u2713 the ledgers balance", style="green")
    else:
        head.append("\u2717 THE LEDGERS DO NOT BALANCE: please report this", style="bold red")
    return [head, *lines, *(Text(f"  \u2717 {name}: {difference:+,}", style="red") for name, difference in wrong.items())]


def _equation(total: account.Sum, wrong: set[str]) -> Text:
    ledger, counts = total.ledger, total.counts
    gains = " + ".join(f"{name} {counts[name]:,}" for name in ledger.gains if counts[name] or name == ledger.gains[0])
    terms = " + ".join(f"{name} {counts[name]:,}" for name in ledger.terms if counts[name] or name == ledger.terms[0])
    line = Text(f"  {ledger.part:<10}  {gains} = {terms} ")
    return line.append("\u2717", style="bold red") if wrong else line.append("\u2713", style="green")


def _table(title: str, columns: Iterable[str], *, left: int = 1) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        if number < left:
            table.add_column(column, no_wrap=True)
        else:
            table.add_column(column, justify="right")
    return table


class _Column(NamedTuple):
    title: str
    cell: Callable[[Mapping[str, Any]], str]  # Any: a JSON document


def _counters(*names: str) -> list[_Column]:
    return [_Column(name, lambda entry, name=name: amount(entry.get(name))) for name in names]  # type: ignore[misc]  # the default binds the name


def _rows(table: Table, columns: Sequence[_Column], entries: Iterable[Mapping[str, Any]]) -> Table:  # Any: JSON documents
    for entry in entries:
        table.add_row(*(column.cell(entry) for column in columns))
    return table


def sources_table(status: Mapping[str, Any], rates: Rates) -> Table:  # Any: a JSON document
    """Draw where messages come from."""
    columns = [
        _Column("name", lambda entry: str(entry["name"])),
        _Column("state", lambda entry: "paused" if entry.get("is_paused") else "reads"),
        _Column("per s", lambda entry: rates.of("sources", entry, "received")),
        *_counters("received", "matched", "unrouted", "rejected"),
        _Column("unacknowledged", lambda entry: amount(entry.get("unsettled"))),
        _Column("oldest", lambda entry: age(entry.get("oldest_unsettled_age_ns"))),
        _Column("sent again", lambda entry: amount(entry.get("failed"))),
    ]
    return _rows(_table("sources", [column.title for column in columns], left=2), columns, status.get("sources", ()))


def routes_table(status: Mapping[str, Any], rates: Rates) -> Table:  # Any: a JSON document
    """Draw the busiest routes."""
    columns = [
        _Column("name", lambda entry: str(entry["name"])),
        _Column("per s", lambda entry: rates.of("routes", entry, "matched")),
        *_counters("matched", "passed", "filtered", "absorbed", "in_hooks", "quarantined", "rejected"),
    ]
    routes = status.get("routes", ())
    shown = routes if len(routes) <= ROUTES else sorted(routes, key=lambda entry: -entry["matched"])[:ROUTES]
    title = "routes" if len(shown) == len(routes) else f"routes: the busiest {ROUTES} of {len(routes):,}"
    return _rows(_table(title, [column.title for column in columns]), columns, shown)


def sinks_table(status: Mapping[str, Any], rates: Rates) -> Table:  # Any: a JSON document
    """Draw where messages go, what waits for them and what was dropped."""
    backlogs = reading.backlogs(status)
    columns = [
        _Column("name", lambda entry: str(entry["name"])),
        _Column("state", lambda entry: _sink_state(entry, backlogs[entry["name"]])),
        _Column("per s", lambda entry: rates.of("sinks", entry, "delivered")),
        *_counters("emitted", "delivered", "quarantined", "buffered"),
        _Column("queue", lambda entry: size(entry.get("queued_bytes"))),
        _Column("backlog", lambda entry: amount(backlogs[entry["name"]].records)),
        _Column("bytes", lambda entry: size(backlogs[entry["name"]].bytes)),
        _Column("oldest", lambda entry: age(backlogs[entry["name"]].oldest_age_ns)),
        _Column("dropped", _dropped),
    ]
    return _rows(_table("sinks", [column.title for column in columns], left=2), columns, status.get("sinks", ()))


def _sink_state(sink: Mapping[str, Any], backlog: reading.Backlog) -> str:  # Any: a JSON document
    if sink.get("is_retired"):
        return "drains"
    return "full" if sink.get("is_full") else backlog.state or "takes"


def _dropped(sink: Mapping[str, Any]) -> str:  # Any: a JSON document
    return ", ".join(f"{reason} {count:,}" for reason, count in reading.drops(sink).items()) or "0"


def logs_table(status: Mapping[str, Any]) -> Table:  # Any: a JSON document
    """Draw the logs; an empty table where there are none."""
    titles = (
        "name",
        "state",
        "size",
        "at most",
        "in memory",
        "oldest",
        "fsyncs",
        "p50",
        "p99",
        "max",
        "failed",
        "written",
        "dropped",
        "lost",
        "damaged",
    )
    table = _table("logs", titles, left=2)
    for log in reading.logs(status):
        counters = log.counters
        table.add_row(
            log.name,
            log.state or "-",
            size(log.bytes),
            size(log.max_bytes),
            size(log.pending_bytes),
            age(log.oldest_age_ns),
            amount(counters["syncs"]),
            *(age(log.sync_ns[quantile]) for quantile in ("p50", "p99", "max")),
            amount(counters["sync_failures"]),
            size(counters["bytes_written"]),
            amount(counters["dropped"]),
            amount(counters["lost"]),
            size(counters["damaged_bytes"]),
        )
    return table


def states_table(status: Mapping[str, Any]) -> Table:  # Any: a JSON document
    """Draw what stateful steps remember; an empty table where there are none."""
    age_s = (status.get("state") or {}).get("saved_age_s")
    table = _table(
        "what steps remember, saved " + ("not yet" if age_s is None else f"{age(_ns(age_s))} ago"),
        ("route", "step", "keys", "at most", "bytes", "without room"),
        left=2,
    )
    for step in status.get("states", ()):
        table.add_row(
            step["route"], _shortened(step["step"]), *map(amount, (step["keys"], step["max_keys"])), size(step["bytes"]), amount(step["refused"])
        )
    return table


def tables_table(status: Mapping[str, Any]) -> Table:  # Any: a JSON document
    """Draw the tables that steps look up; an empty table where there are none."""
    table = _table("tables", ("name", "file", "rows", "read", "found", "not found", ""), left=2)
    for one in status.get("tables", ()):
        read = age(_ns(one.get("read_age_s")))
        counts = map(amount, (one["hits"], one["misses"]))
        table.add_row(one["name"], one.get("path") or "-", amount(one["rows"]), f"{read} ago", *counts, "BROKEN" if one.get("error") else "")
    return table


def _shortened(text: str) -> str:
    return text if len(text) <= STEP_WIDTH else f"{text[: STEP_WIDTH - 1]}…"


def orphans_table(status: Mapping[str, Any]) -> Table:  # Any: a JSON document
    """Draw what logs keep for sinks that the configuration does not have any more; an empty table where there is nothing."""
    table = _table("kept for sinks that are not configured any more", ("name", "log", "records at most", "bytes at most", "oldest"), left=2)
    for log in reading.logs(status):
        for one in log.consumers:
            if not one.is_present and one.records_at_most:
                table.add_row(one.name, log.name, amount(one.records_at_most), size(one.bytes_at_most), age(one.oldest_age_ns))
    return table


def _quarantine_line(status: Mapping[str, Any]) -> Text:  # Any: a JSON document
    found, totals = status.get("quarantine") or {}, status.get("totals") or {}
    line = Text("quarantine  ", style="bold")
    line.append(f"{found.get('state', '-')}  ", style="" if found.get("state", "ok") == "ok" else "bold red")
    line.append(f"{share(totals.get('quarantined'), totals.get('received'))} of what came in; keeps {amount(found.get('records'))}, ")
    line.append(f"{size(found.get('bytes'))}; waiting {amount(found.get('buffered'))}")
    for name, words in (("evicted", "evicted"), ("dropped_full", "dropped for its size"), ("dropped_old", "dropped for their age")):
        line.append(f", {words} {amount(found.get(name))}", style="red" if found.get(name) else "")
    for one in found.get("breakers") or ():
        line.append(f"\n  ALARM: route {one['route']} quarantines {one['share']:.1%} of its last {one['messages']:,} messages", style="bold red")
    rollback = status.get("rollback")
    if rollback:
        line.append(
            f"\n  the reload of {rollback['path']} was taken back: route {rollback['route']} quarantined {rollback['share']:.1%}", style="bold red"
        )
    reasons: dict[str, int] = {}
    for route in status.get("routes", ()):
        for reason, count in (route.get("reasons") or {}).items():
            reasons[reason] = reasons.get(reason, 0) + count
    for reason, count in sorted(reasons.items(), key=lambda item: -item[1])[:5]:
        line.append(f"\n  {reason} {count:,}")
    return line


def connections_table(status: Mapping[str, Any]) -> Table:  # Any: a JSON document
    """Draw the connections to brokers, and how often each was lost."""
    columns = [
        _Column("name", lambda entry: str(entry["name"])),
        _Column("side", lambda entry: str(entry["role"])),
        _Column("state", lambda entry: str(entry["state"])),
        _Column("lost", lambda entry: amount(_losses(entry))),
        *_counters("received", "published", "inflight", "unacknowledged"),
        _Column("sent again", lambda entry: amount(entry.get("sent_again"))),
    ]
    return _rows(_table("connections", [column.title for column in columns], left=3), columns, status.get("connections", ()))


def _losses(connection: Mapping[str, Any]) -> int | None:  # Any: a JSON document
    count = connection.get("connections")
    return None if count is None else max(count - (connection["state"] == "connected"), 0)
