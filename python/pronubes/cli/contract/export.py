"""`pronubes contract export`: a version as JSON Schema."""

from __future__ import annotations

import argparse
import sys

from pronubes.cli.contract.folders import add_folder_arguments, file_of
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import print_json

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes contract export measurement@1 > measurement.schema.json
What JSON Schema has no word for stands under `x-...`; standard error names it.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("id", metavar="NAME@VERSION", help="The version, or a file.")
    add_folder_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    from pronubes.contracts.json_schema import export

    try:
        file = file_of(arguments.id, arguments)
    except LookupError as error:
        sys.stderr.write(f"pronubes contract export: {error.args[0]}\n")
        return ExitCode.USAGE
    exported = export(file.contract)
    for note in exported.notes:
        sys.stderr.write(f"note: {note}\n")
    print_json(exported.schema)
    return ExitCode.OK
