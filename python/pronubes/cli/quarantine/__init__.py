"""`pronubes quarantine`: the messages that could not go on."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

__all__ = ["VERBS", "configure", "run"]

VERBS: dict[str, str] = {
    "list": "Count quarantined messages by route and reason, or list them.",
    "show": "Show one: its bytes, why it is there, and what the present configuration would make of it.",
    "replay": "Send messages through the present configuration once more.",
    "drop": "Let messages go.",
    "audit": "Show who replayed or dropped what, and when.",
}
"""The verbs: the module of the same name holds each."""

_EPILOG = "`pronubes quarantine VERB --help` explains a verb. How to: docs/how-to/quarantine.md."


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
    return import_module(f"pronubes.cli.quarantine.{verb}")
