"""`pronubes quarantine replay`: messages go through the present configuration once more. The running node does it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json
from pronubes.cli.quarantine.selection import add_ids_argument, add_selection_arguments, names_nothing, selection_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pronubes.quarantine.records import Selection

__all__ = ["configure", "run"]

_EPILOG = """\
A message goes through the route that it failed in, and no other; what a sink refused goes to that sink. A record that was
delivered is never replayed again; one that fails again waits on with its new reason. `pronubes quarantine audit` has who did what.

examples:
  pronubes quarantine replay --route temperatures --dry-run      what would happen
  pronubes quarantine replay --route temperatures --since 2h     do it
  pronubes quarantine replay 1234 1235 --through temperatures2   through another route
exit code: 1 when a record was not delivered, or nothing fits
"""
_GOOD = ("delivered", "would go to its sinks")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    add_ids_argument(parser)
    add_config_argument(parser)
    add_selection_arguments(parser)
    parser.add_argument("--through", metavar="ROUTE", help="Through this route, in place of the one that it failed in.")
    parser.add_argument("--dry-run", action="store_true", help="Say what would happen, and do nothing.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay the records; the code is 1 when one was not delivered, or there is none."""
    selection = selection_of(arguments)
    if names_nothing(arguments, selection):
        return ExitCode.USAGE
    try:
        counts = asyncio.run(_replay(arguments, selection))
    except EOFError:
        sys.stderr.write("The node has left meanwhile. What was not noted as delivered waits on; `pronubes quarantine list` counts it.\n")
        return ExitCode.UNAVAILABLE
    if arguments.json:
        print_json({"dry_run": arguments.dry_run, "records": sum(counts.values()), "results": counts})
    else:
        _print(counts)
    return ExitCode.OK if counts and all(result in _GOOD for result in counts) else ExitCode.FAILED


async def _replay(arguments: argparse.Namespace, selection: Selection) -> dict[str, int]:
    from pronubes.cli.attach import attach

    def show(counts: Mapping[str, int]) -> None:
        if sys.stderr.isatty() and not arguments.json:
            sys.stderr.write(f"\r{sum(counts.values()):,} records, {counts.get('delivered', 0):,} delivered")

    client = await attach(arguments.config)
    try:
        return await client.replay(selection, route=arguments.through, is_rehearsal=arguments.dry_run, on_progress=show)
    finally:
        await client.close()
        if sys.stderr.isatty() and not arguments.json:
            sys.stderr.write("\r\x1b[K")


def _print(counts: Mapping[str, int]) -> None:
    if not counts:
        sys.stdout.write("No record fits.\n")
    for result, count in sorted(counts.items(), key=lambda item: -item[1]):
        sys.stdout.write(f"{count:>10,}  {result}\n")
