"""`pronubes top`: rates, queues and ledgers of a running node, drawn anew each second."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import TYPE_CHECKING, Any

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes top                  watch the node of ./pronubes.yaml
  pronubes top --once           print the table once
  pronubes top --json           print the whole status once, for programs
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_config_argument(parser)
    parser.add_argument("--once", action="store_true", help="Print once and end.")
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="Seconds between two drawings (default: 1).")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Watch until Ctrl-C."""
    try:
        asyncio.run(_once(arguments) if arguments.once or arguments.json else _watch(arguments))
    except (KeyboardInterrupt, EOFError):
        return ExitCode.OK
    return ExitCode.OK


async def _once(arguments: argparse.Namespace) -> None:
    from pronubes.cli.attach import attach

    client = await attach(arguments.config)
    status = await client.status()
    await client.close()
    if arguments.json:
        print_json(status)
    else:
        from rich.console import Console

        Console().print(draw(status, None, 0.0))


async def _watch(arguments: argparse.Namespace) -> None:
    from rich.live import Live

    from pronubes.cli.attach import attach

    client = await attach(arguments.config)
    before: dict[str, Any] | None = None  # Any: a JSON document
    at_s = 0.0
    with Live(auto_refresh=False) as live:
        while True:
            status, now_s = await client.status(), time.monotonic()
            live.update(draw(status, before, now_s - at_s), refresh=True)
            before, at_s = status, now_s
            await asyncio.sleep(arguments.interval)


def draw(status: dict[str, Any], before: dict[str, Any] | None, seconds: float) -> RenderableType:  # Any: JSON documents
    """Draw the three ledgers of a node; rates need the status of some seconds before."""
    from rich.console import Group
    from rich.text import Text

    is_balanced = status.get("balanced", True)
    head = Text(f"{status['node']}  ", style="bold")
    head.append(
        "the ledgers balance" if is_balanced else "THE LEDGERS DO NOT BALANCE: please report this", style="green" if is_balanced else "bold red"
    )
    tables = [
        _table("sources", ("received", "matched", "unrouted", "rejected"), "received", status, before, seconds),
        _table("routes", ("matched", "passed", "filtered", "absorbed", "quarantined", "rejected"), "matched", status, before, seconds),
        _table("sinks", ("emitted", "delivered", "dropped", "quarantined", "buffered"), "delivered", status, before, seconds),
    ]
    return Group(head, *tables)


def _table(
    part: str, counters: tuple[str, ...], rated: str, status: dict[str, Any], before: dict[str, Any] | None, seconds: float
) -> RenderableType:  # Any: JSON documents
    from rich.table import Table

    table = Table(title=part, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("name", no_wrap=True)
    table.add_column("per s", justify="right")
    for counter in counters:
        table.add_column(counter, justify="right")
    older = {entry["name"]: entry for entry in before[part]} if before else {}
    for entry in status[part]:
        rate = "-"
        if entry["name"] in older and seconds > 0:
            rate = f"{(entry[rated] - older[entry['name']][rated]) / seconds:,.0f}"
        table.add_row(entry["name"], rate, *(f"{entry.get(counter, 0):,}" for counter in counters))
    return table
