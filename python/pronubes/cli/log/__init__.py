"""`pronubes log`: what lies in the log of a node, read without changing it."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

__all__ = ["VERBS", "configure", "run"]

VERBS: dict[str, str] = {
    "inspect": "Show segments, and what each sink has not received yet.",
    "verify": "Read everything, and say what is damaged and where.",
    "export": "Print records as lines of JSON.",
}
"""The verbs: the module of the same name holds each."""

_EPILOG = """\
All verbs read only, also while a node writes to the log. `pronubes log VERB --help` explains a verb. Format: docs/reference/log-format.md.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs with their arguments."""
    parser.epilog = _EPILOG
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=type(parser))
    for name, summary in VERBS.items():
        subparser = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        subparser.formatter_class = argparse.RawDescriptionHelpFormatter
        _module(name).configure(subparser)


def run(arguments: argparse.Namespace) -> int:
    """Run a verb."""
    code: int = _module(arguments.verb).run(arguments)
    return code


def _module(verb: str) -> Any:  # Any: a module with `configure` and `run`
    return import_module(f"pronubes.cli.log.{verb}")
