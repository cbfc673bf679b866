"""`pronubes tags import`: a table as an engineer has it becomes one that a configuration takes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.tags.report import add_table_arguments, print_report, read

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_table_arguments(parser)
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="Where to write the table: .csv or .xlsx.")
    parser.add_argument("--force", action="store_true", help="Write over a file that is there.")


def run(arguments: argparse.Namespace) -> int:
    """Import the table."""
    from pronubes.tables.writer import write_table

    output = Path(arguments.output)
    if output.exists() and not arguments.force:
        sys.stderr.write(f"`{output}` is there already. Say `--force` to write over it.\n")
        return ExitCode.USAGE
    table = read(arguments)
    if table.rows:
        try:
            write_table(output, table.columns, table.cells(), sheet="names")
        except OSError as error:
            sys.stderr.write(f"`{output}` cannot be written: {error.strerror}.\n")
            return ExitCode.UNAVAILABLE
    print_report(arguments, table, output=str(output) if table.rows else None)
    if not table.rows:
        sys.stderr.write(f"No row can be used: `{output}` was not written.\n")
    return ExitCode.FAILED if table.numbers()["refused"] or not table.rows else ExitCode.OK
