"""The tables for people."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.results import Entry, Spread, Verdict
from harness.scenario import Scenario

__all__ = ["show", "show_verdicts"]

TITLES = {
    "cpu_us": "CPU us/msg",
    "cpu_us_per_input": "CPU us/input",
    "cpu_ns_per_byte": "CPU ns/byte",
    "cpu_share": "core",
    "rate": "msg/s",
    "p50_us": "p50 us",
    "p99_us": "p99 us",
    "p999_us": "p99.9 us",
    "ack_p99_us": "ack p99 us",
    "resident_mb": "RSS MB",
    "peak_mb": "peak MB",
    "subscribed_ms": "subscribed ms",
    "first_message_ms": "first msg ms",
    "acked_ahead": "acked ahead",
    "load_ms": "load ms",
    "us_per_message": "us/msg",
    "ns_per_message": "ns/msg",
    "ns_per_output": "ns/output",
    "allocations": "allocations/msg",
    "ns_without": "ns without",
    "ns_with": "ns with",
    "ns_more": "ns more",
    "bytes_per_tag": "bytes/tag",
    "emitted": "share out",
    "fast_path": "fast path",
    "live_rate": "live msg/s",
    "outage_rate": "in outage",
    "backlog": "backlog",
    "drain_over_live": "drain / live",
    "live_p99_ms": "live p99 ms",
    "grown_mib": "grown MiB",
    "reload_p99_ms": "reload p99 ms",
    "back_ms": "back ms",
    "amplification": "written / content",
    "device_written": "by the kernel",
    "syncs_per_s": "syncs/s",
    "flushes_per_s": "flushes/s",
    "sync_p99_ms": "sync p99 ms",
}
FLOOR, HAND_WRITTEN = "forwarder", "aiomqtt"
# From this share of waiting on, a run says more about the machine than about the router.
STARVED = 0.05
# In a table of many generated sets, so many rows say enough; the file has them all.
SHOWN_SETS = 5


def show(console: Console, scenario: Scenario, entries: dict[str, Entry]) -> None:
    """Prints one scenario: a row per contestant, medians with least and greatest, ratios of the first column."""
    if not any(entry.figures or entry.problems for entry in entries.values()):
        return
    console.print(f"\n[bold]{scenario.name}[/bold]  {escape(scenario.measures)}")
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for column in scenario.columns:
        table.add_column(TITLES.get(column, column), justify="right")
    first = scenario.columns[0]
    for name in (FLOOR, HAND_WRITTEN):
        table.add_column(f"/ {name}" if name in entries else "", justify="right")
    for name in _rows(scenario, entries):
        entry = entries[name]
        if entry.problems:
            table.add_row(name, f"[red]{escape(entry.problems[0][:400])}[/red]")
        elif entry.figures:
            ratios = [_ratio(entry, entries.get(other), first) for other in (FLOOR, HAND_WRITTEN)]
            table.add_row(name, *(_cell(column, entry.figures.get(column)) for column in scenario.columns), *ratios)
    console.print(table)
    _warn(console, entries)


def _warn(console: Console, entries: dict[str, Entry]) -> None:
    """Says when router or generator could run and had no core."""
    shares = {name: entry.figures["starved"].greatest for name, entry in entries.items() if "starved" in entry.figures}
    starved = [name for name, share in shares.items() if share > STARVED]
    if not starved:
        return
    worst = max(starved, key=lambda name: shares[name])
    text = (
        f"{len(starved)} of {len(shares)} had to wait for a core ({worst}: {shares[worst] * 100:.0f} % of the time). Their rates are lower bounds, "
        "latencies are the machine's, CPU per message suffers from shared caches. Repeat on a quiet machine."
    )
    console.print(text, style="yellow")


def _rows(scenario: Scenario, entries: dict[str, Entry]) -> list[str]:
    if scenario.summary == "each":
        return list(entries)
    first = scenario.columns[0]
    sets = [name for name in entries if name.startswith("set ")]
    wrong = [name for name in sets if entries[name].problems]
    ranked = sorted((name for name in sets if name not in wrong and entries[name].figures), key=lambda name: -entries[name].figures[first].median)
    return [*(name for name in entries if name not in sets), *wrong, *ranked[:SHOWN_SETS]]


def _cell(column: str, spread: Spread | None) -> str:
    if spread is None:
        return ""
    text = _number(spread.median)
    if spread.least == spread.greatest or column in {"acked_ahead", "cpu_share"}:
        return text
    return f"{text} [dim]{_number(spread.least)}..{_number(spread.greatest)}[/dim]"


def _number(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:.2f}M"
    if value >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(entry: Entry, other: Entry | None, metric: str) -> str:
    if other is None or entry is other or metric not in other.figures or metric not in entry.figures or not other.figures[metric].median:
        return ""
    ratio = entry.figures[metric].median / other.figures[metric].median
    return f"{ratio:.1f}x" if ratio >= 1 else f"1/{1 / ratio:.0f}" if ratio > 0 else ""


def show_verdicts(console: Console, verdicts: list[Verdict]) -> None:
    """Prints what became of the goals."""
    for verdict in verdicts:
        if verdict.found is None:
            console.print(f"  [dim]not measured: {verdict.text}[/dim]")
        else:
            word = "[green]met[/green]" if verdict.is_met else "[yellow]missed[/yellow]"
            console.print(f"  {word}: {verdict.text}: {_number(verdict.found) if verdict.found > 0 else f'{verdict.found:.3g}'}")
