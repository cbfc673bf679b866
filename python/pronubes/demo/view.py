"""What the demonstration shows in the terminal: rates per route and sink while it runs, and an account at the end."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from pronubes.quarantine.records import QuarantineReader, Selection
from pronubes.quarantine.schema import FILE_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

__all__ = ["account", "line", "next_steps", "table"]


def next_steps(config: Path, live_port: int, broker_port: int) -> str:
    """Say where to look and what to try."""
    place = config.parent
    query = "SELECT topic, count(*), round(avg(value), 1), unit FROM history GROUP BY topic ORDER BY 2 DESC LIMIT 10"
    return f"""
  Live page            http://127.0.0.1:{live_port}
  Configuration        {config}

  Try in another terminal:
    pronubes tap -c {config} 'acme/cologne/bottling/line1/filler/#'
    pronubes explain -c {config} raw/bottling/line1/filler/temp/temp01 '{{"value": 71.234, "ts": 1732270000123, "quality": "GOOD"}}'
    pronubes top -c {config}
    sqlite3 {place}/data/history.db "{query}"
    pronubes quarantine list -c {config}          # five sensors are broken on purpose

  Add a third consumer: it takes from the namespace, not from the machines.
    mosquitto_sub -p {broker_port} -t 'acme/cologne/+/+/+/state' -v
"""


def table(status: dict[str, Any], before: dict[str, Any] | None, seconds: float) -> Table:  # Any: JSON documents
    """Draw the routes and sinks of a running node."""
    from rich.table import Table

    grid = Table(title="bottling hall", title_justify="left", expand=False)
    for heading in ("route / sink", "messages", "per s", "filtered", "quarantined", "buffered"):
        grid.add_column(heading, justify="left" if heading.startswith("route") else "right")
    for name, route in _named(status, "routes").items():
        rate = _rate(route, _named(before, "routes").get(name), "matched", seconds)
        grid.add_row(name, f"{route['matched']:,}", rate, f"{route['filtered']:,}", f"{route['quarantined']:,}", "")
    grid.add_section()
    for name, sink in _named(status, "sinks").items():
        rate = _rate(sink, _named(before, "sinks").get(name), "delivered", seconds)
        grid.add_row(name, f"{sink['delivered']:,}", rate, "", f"{sink['quarantined']:,}", f"{sink['buffered']:,}")
    return grid


def line(status: dict[str, Any]) -> str:  # Any: a JSON document
    """Say the same in one line, where there is no terminal."""
    totals = status["totals"]
    return " · ".join(f"{name} {totals[name]:,}" for name in ("received", "delivered", "quarantined", "buffered"))


def account(folder: Path, status: dict[str, Any] | None) -> str:  # Any: a JSON document
    """Say at the end what happened."""
    lines = [] if status is None else [f"Last account of the node: {line(status)}."]
    database = folder / "data" / "history.db"
    if database.exists():
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        rows, topics = connection.execute("SELECT count(*), count(DISTINCT topic) FROM history").fetchone()
        connection.close()
        lines.append(f"The historian has {rows:,} values of {topics:,} topics: {database}")
    quarantine = folder / "data" / FILE_NAME
    if quarantine.exists():
        with QuarantineReader(quarantine) as reader:
            lines.append(f"In quarantine, with reasons: {reader.count(Selection()):,} messages: {quarantine}")
    return "\n".join(lines)


def _named(status: dict[str, Any] | None, part: str) -> dict[str, Any]:  # Any: JSON documents
    return {entry["name"]: entry for entry in status[part]} if status else {}


def _rate(now: dict[str, Any], before: dict[str, Any] | None, counter: str, seconds: float) -> str:  # Any: JSON documents
    return f"{(now[counter] - before[counter]) / seconds:,.0f}" if before and seconds > 0 else "-"
