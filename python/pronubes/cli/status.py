"""`pronubes status`: one look at a running node, through its local socket."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["configure", "is_healthy", "look", "run", "watch"]

FEW_ROUTES = 5
"""So many routes are worth a look; `top` shows those of a larger node."""
_EPILOG = """\
examples:
  pronubes status                            the node of ./pronubes.yaml: account, sources, sinks, logs, connections
  pronubes status --json | jq .totals        for programs
  pronubes status --watch                    drawn anew each second, until Ctrl-C
  pronubes status > /dev/null || alert       the code is 0 when the node is healthy, 1 when not, 4 when none runs

Rates are since the start of the node, with --watch of the last interval.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_config_argument(parser)
    parser.add_argument("--watch", action="store_true", help="Draw it anew until Ctrl-C.")
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="Seconds between two drawings (default: 1).")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what the node says; the code is 1 when it is not healthy."""
    if arguments.watch and not arguments.json:
        return watch(arguments.config, interval_s=arguments.interval, has_routes=False)
    status = asyncio.run(look(arguments.config))
    if arguments.json:
        print_json(status)
    else:
        from pronubes.cli.overview import show

        show(status, has_routes=len(status["routes"]) <= FEW_ROUTES)
    return ExitCode.OK if is_healthy(status) else ExitCode.FAILED


def is_healthy(status: Mapping[str, Any]) -> bool:  # Any: a JSON document
    """Tell whether a node finds nothing wrong with itself."""
    return not (status.get("health") or {}).get("problems") and bool(status.get("balanced", True))


async def look(config: str) -> dict[str, Any]:  # Any: a JSON document
    """Ask the running node of a configuration once."""
    from pronubes.cli.attach import attach

    client = await attach(config)
    try:
        return await client.status()
    finally:
        await client.close()


def watch(config: str, *, interval_s: float, has_routes: bool) -> int:
    """Draw a node anew until Ctrl-C, or until it leaves."""
    with contextlib.suppress(KeyboardInterrupt, EOFError):
        asyncio.run(_watch(config, interval_s, has_routes=has_routes))
    return ExitCode.OK


async def _watch(config: str, interval_s: float, *, has_routes: bool) -> None:
    import time

    from rich.live import Live

    from pronubes.cli.attach import attach
    from pronubes.cli.overview import Rates, draw

    client = await attach(config)
    before: dict[str, Any] | None = None  # Any: a JSON document
    at_s = 0.0
    with Live(auto_refresh=False) as live:
        while True:
            status, now_s = await client.status(), time.monotonic()
            live.update(draw(status, Rates(status, before, now_s - at_s), has_routes=has_routes), refresh=True)
            before, at_s = status, now_s
            await asyncio.sleep(interval_s)
