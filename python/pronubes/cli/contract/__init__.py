"""`pronubes contract`: what messages look like, version by version."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

__all__ = ["VERBS", "configure", "run"]

VERBS: dict[str, str] = {
    "list": "List the contracts with state, owner and lock.",
    "show": "Show one version: its fields, units and rules.",
    "infer": "Draft a contract from live traffic or a recording.",
    "check": "Judge live traffic or a recording by a version.",
    "lock": "Lock versions that are in use: they must not change any more.",
    "diff": "Say what differs between two versions, files or folders, and whom it breaks.",
    "export": "Print a version as JSON Schema.",
    "import": "Make a contract from a JSON Schema.",
}
"""The verbs: the module of the same name holds each (`import` is no name in Python: `import_`)."""

_EPILOG = "`pronubes contract VERB --help` explains a verb. How to: docs/how-to/contracts.md."


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
    return import_module(f"pronubes.cli.contract.{'import_' if verb == 'import' else verb}")
