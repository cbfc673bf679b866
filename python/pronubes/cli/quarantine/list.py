"""`pronubes quarantine list`: what is in quarantine, by route and reason or one by one."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_json, printable
from pronubes.cli.quarantine.selection import add_place_arguments, add_selection_arguments, date, open_quarantine, selection_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from pronubes.quarantine.records import Group, Record

__all__ = ["configure", "run"]

_STATES = ("waiting", "replayed", "dropped")
_PAGE = 100
_EPILOG = """\
examples:
  pronubes quarantine list                                       by route and reason, with counts
  pronubes quarantine list --route temperatures --since 2h --all one by one, the newest first
  pronubes quarantine list --topic 'raw/+/filler/#' --json       for programs
  pronubes quarantine list --state replayed --all                what has been replayed
exit code: 1 when nothing fits
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    add_place_arguments(parser)
    add_selection_arguments(parser)
    parser.add_argument("--all", action="store_true", help=f"List the records, the newest first (the newest {_PAGE} without --limit).")
    parser.add_argument("--state", choices=_STATES, default="waiting", help="Records in this state (default: waiting).")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """List what is there; the code is 1 when nothing fits."""
    selection = selection_of(arguments, states=(arguments.state,))
    with open_quarantine(arguments) as reader:
        if arguments.all:
            # Without a limit, one more than is shown: whether there are more is told without counting.
            found = list(islice(reader.records(selection, newest_first=True), None if selection.limit else _PAGE + 1))
            _print_records(found[: selection.limit or _PAGE], has_more=not selection.limit and len(found) > _PAGE, is_json=arguments.json)
            return ExitCode.OK if found else ExitCode.FAILED
        groups = reader.groups(selection)
        if arguments.json:
            print_json({"file": str(reader.path), "records": sum(group.records for group in groups), "groups": [asdict(group) for group in groups]})
        else:
            _print_groups(groups)
    return ExitCode.OK if groups else ExitCode.FAILED


def _print_records(records: Sequence[Record], *, has_more: bool, is_json: bool) -> None:
    from rich.text import Text

    if is_json:
        print_json({"records": [record.as_json() for record in records], "more": has_more})
        return
    table = _table(("id", "time", "route", "step", "reason", "topic", "payload"))
    for record in records:
        step = "" if record.step is None else str(record.step + 1)
        where = record.route or "-"
        cells = (record.id, date(record.time_ns), f"{where} -> {record.sink}" if record.sink else where, step, record.reason, record.topic)
        table.add_row(*(Text(printable(str(cell))) for cell in (*cells, _short(record.payload))))
    _print(table, "No record fits." if not records else "")
    if has_more:
        _say(f"There are more than these {len(records)}: say --limit, or narrow it down.")


def _print_groups(groups: Sequence[Group]) -> None:
    from rich.text import Text

    table = _table(("route", "reason", "records", "newest", "newest id"))
    for group in groups:
        cells = (group.route or "-", group.reason, f"{group.records:,}", date(group.newest_ns), str(group.newest_id))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    _print(table, "Nothing is in quarantine." if not groups else "")
    if groups:
        _say(f"{sum(group.records for group in groups):,} records. `pronubes quarantine show {groups[0].newest_id}` says more about one.")


def _short(payload: bytes) -> str:
    text = payload[:80].decode(errors="replace")
    return text if len(payload) <= 80 else f"{text}..."


def _table(columns: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right" if column in {"records", "id", "newest id", "step"} else "left", overflow="fold")
    return table


def _print(table: Table, otherwise: str) -> None:
    from rich.console import Console

    if otherwise:
        _say(otherwise)
    else:
        Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False).print(table)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
