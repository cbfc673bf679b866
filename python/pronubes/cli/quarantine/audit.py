"""`pronubes quarantine audit`: who replayed or dropped what, and when."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_json, printable
from pronubes.cli.quarantine.selection import add_place_arguments, date, open_quarantine

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes quarantine audit             the newest entries
  pronubes quarantine audit -n 1000 --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    add_place_arguments(parser)
    parser.add_argument("-n", "--count", type=int, default=50, metavar="N", help="At most so many entries, the newest (default: 50).")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the entries, the newest first."""
    from rich.text import Text

    with open_quarantine(arguments) as reader:
        entries = reader.audit(limit=arguments.count)
    if arguments.json:
        print_json({"entries": [asdict(entry) for entry in entries]})
        return ExitCode.OK
    if not entries:
        sys.stdout.write("Nobody has replayed or dropped anything.\n")
        return ExitCode.OK
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("id", "time", "user", "action", "which", "records", "result"):
        table.add_column(column, justify="right" if column in {"id", "records"} else "left", overflow="fold")
    for entry in entries:
        cells = (str(entry.id), date(entry.time_ns), entry.user, entry.action, entry.filter, f"{entry.records:,}", entry.result)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)
    return ExitCode.OK
