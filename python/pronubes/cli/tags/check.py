"""`pronubes tags check`: what is right and wrong in a table of names."""

from __future__ import annotations

import argparse

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.tags.report import add_table_arguments, print_report, read

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_table_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check the table."""
    from pronubes.tags.names_table import Verdict

    table = read(arguments)
    print_report(arguments, table)
    return ExitCode.FAILED if any(entry.verdict is not Verdict.TIDIED for entry in table.entries) else ExitCode.OK
