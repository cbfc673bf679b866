"""`pronubes recording`: shows recordings, and turns them into lines of JSON and back."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

__all__ = ["VERBS", "configure", "run"]

VERBS: dict[str, str] = {
    "inspect": "Show what is in a recording: messages, topics, times, and whether it is whole.",
    "convert": "Turn a recording into lines of JSON, or lines of JSON into a recording.",
}
"""The verbs: the module of the same name holds each."""

_EPILOG = """\
`pronubes recording VERB --help` explains a verb. Format: docs/reference/recording-format.md.
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
    return import_module(f"pronubes.cli.recording.{verb}")
