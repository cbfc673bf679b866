"""`pronubes tags`: tables of names, from a spreadsheet and back into one."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

__all__ = ["VERBS", "configure", "run"]

VERBS: dict[str, str] = {
    "check": "Say which rows of a table of names can be used, which can be fixed and which not.",
    "import": "Write what can be used of a table, fixed, and say what became of every row.",
    "export": "Write a table of all tags of a source with the names that they have now.",
}
"""The verbs: the module of the same name holds each (`import` is no name in Python: `import_`)."""

_EPILOG = "`pronubes tags VERB --help` explains a verb. How to: docs/how-to/tag-names.md."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs with their arguments."""
    parser.epilog = _EPILOG
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=type(parser))
    for name, summary in VERBS.items():
        subparser = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        _module(name).configure(subparser)


def run(arguments: argparse.Namespace) -> int:
    """Run a verb."""
    code: int = _module(arguments.verb).run(arguments)
    return code


def _module(verb: str) -> Any:  # Any: a module with `configure` and `run`
    return import_module(f"pronubes.cli.tags.{'import_' if verb == 'import' else verb}")
