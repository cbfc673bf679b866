"""`pronubes schema`: the JSON Schema of the configuration, for editors and other programs."""

from __future__ import annotations

import argparse

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import print_json

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = "Editors find it when a configuration begins with `# yaml-language-server: $schema=pronubes.schema.json`."


def run(_arguments: argparse.Namespace) -> int:
    """Print the schema."""
    from pronubes.config.schema import json_schema

    print_json(json_schema())
    return ExitCode.OK
