"""`pronubes contract import`: a contract from a JSON Schema."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import orjson

from pronubes.cli.contract.folders import add_folder_arguments, folder_of
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import printable
from pronubes.diagnostics import Diagnostic
from pronubes.errors import ConfigurationError

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes contract import measurement.schema.json --name measurement            print the file
  pronubes contract import measurement.schema.json --name measurement --write    write contracts/measurement/1.yaml
What the schema says and a contract cannot is named on standard error. Read the file before it becomes active.
"""
_MOST_BYTES = 16 * 2**20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("schema", metavar="FILE", help="The JSON Schema.")
    parser.add_argument("--name", metavar="NAME", help="The name of the contract (default: the schema's, when it was exported).")
    parser.add_argument("--version", dest="as_version", metavar="N", type=int, help="Its version (default: the schema's, else 1).")
    parser.add_argument("--write", action="store_true", help="Write the file into the folder; one that is there stays as it is.")
    add_folder_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the contract."""
    from pronubes.contracts.engine import engine_problems
    from pronubes.contracts.folder import read_contract_text
    from pronubes.contracts.json_import import import_schema
    from pronubes.contracts.yaml_text import contract_text

    imported = import_schema(_schema(arguments.schema), name=arguments.name, version=arguments.as_version)
    values = imported.values
    text = contract_text(values, comment=f"Made from {Path(arguments.schema).name}. Read every line before it becomes active.")
    for note in imported.notes:
        sys.stderr.write(printable(f"note: {note}") + "\n")
    file = read_contract_text(text, file=f"{values['contract']}/{values['version']}.yaml")
    if problems := engine_problems(file):
        raise ConfigurationError(problems)
    if not arguments.write:
        sys.stdout.write(text)
        return ExitCode.OK
    path = Path(folder_of(arguments)) / str(values["contract"]) / f"{values['version']}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        sys.stderr.write(f"`{path}` is there already: give another `--version`.\n")
        return ExitCode.USAGE
    sys.stdout.write(f"wrote {path}\n")
    return ExitCode.OK


def _schema(path: str) -> dict[str, Any]:  # Any: a JSON document
    from pronubes.config.files import read_text

    try:
        schema = orjson.loads(read_text(path, limit=_MOST_BYTES))
    except orjson.JSONDecodeError as error:
        raise ConfigurationError([Diagnostic(code="no_json", message=f"This is not JSON: {error}.", file=path)]) from error
    if not isinstance(schema, dict):
        raise ConfigurationError([Diagnostic(code="no_schema", message="A JSON Schema of a payload is an object.", file=path)])
    return schema
