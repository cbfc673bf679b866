"""Reading a table of names for a command, and the report on it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cli.output import add_json_argument, print_json, printable

if TYPE_CHECKING:
    from pronubes.tags.names_table import Entry, NamesTable

__all__ = ["add_table_arguments", "print_report", "read"]

_SHOWN = 50


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a table."""
    parser.add_argument("file", metavar="FILE", help="The table: CSV or XLSX, with the columns tag, topic, contract, unit, description.")
    parser.add_argument("--sheet", help="The sheet of an XLSX file (default: the first).")
    parser.add_argument("--ignore", action="append", default=[], metavar="COLUMN", help="A column that means nothing here; may stand several times.")
    parser.add_argument("--all", action="store_true", help=f"Print all findings, not the first {_SHOWN}.")
    add_json_argument(parser)


def read(arguments: argparse.Namespace) -> NamesTable:
    """Read and judge the table.

    Raises:
        ConfigurationError: It cannot be read at all.
    """
    from pronubes.config.tag_names import check_unit, unreadable
    from pronubes.errors import ConfigurationError
    from pronubes.tables.reader import TableProblem, read_table
    from pronubes.tags.names_table import judge

    try:
        table = read_table(Path(arguments.file), arguments.file, arguments.sheet)
    except TableProblem as problem:
        raise ConfigurationError([unreadable(arguments.file, problem)]) from problem
    return judge(table, ignored=arguments.ignore, check_unit=check_unit)


def print_report(arguments: argparse.Namespace, table: NamesTable, **facts: Any) -> None:  # Any: values of a JSON document
    """Print what became of the rows, for people or for programs."""
    numbers = table.numbers()
    if arguments.json:
        print_json({"file": arguments.file, **numbers, **facts, "findings": [_as_json(entry) for entry in table.entries]})
        return
    shown = table.entries if arguments.all else table.entries[:_SHOWN]
    for entry in shown:
        sys.stdout.write(printable_lines(entry, table.file))
    if len(shown) < len(table.entries):
        sys.stdout.write(f"... and {len(table.entries) - len(shown):,} more; `--all` prints them.\n")
    sys.stdout.write(
        f"{numbers['rows']:,} rows: {numbers['accepted']:,} accepted as they are, {numbers['fixed']:,} fixed, {numbers['refused']:,} refused.\n"
    )


def printable_lines(entry: Entry, file: str) -> str:
    """Write a finding in a few lines."""
    place = f"{file}:{entry.line}" + (f": {entry.column}" if entry.column else "")
    lines = [f"{entry.verdict}: {place}: {entry.message}"]
    facts = (("found", entry.found), ("became", entry.became), ("expected", entry.expected), ("hint", entry.hint))
    lines += [f"   {name}: {text}" for name, text in facts if text]
    return "".join(f"{printable(line)}\n" for line in lines)


def _as_json(entry: Entry) -> dict[str, Any]:  # Any: a JSON document
    return {
        "verdict": entry.verdict,
        "row": entry.line,
        "column": entry.column or None,
        "message": entry.message,
        "found": entry.found,
        "expected": entry.expected,
        "became": entry.became,
        "hint": entry.hint,
    }
