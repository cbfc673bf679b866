"""`pronubes log verify`: reads everything and says what is damaged."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.log.folder import add_folder_argument, open_log
from pronubes.cli.output import add_json_argument, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes log verify data/log/durable          reads every byte: about 0.5 GB/s
  pronubes log verify data/log/durable --json   for programs
exit code: 1 when something is damaged
The node itself sets damaged bytes aside and goes on; this only looks.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    add_folder_argument(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read everything; the code is 1 when something is damaged."""
    found = json.loads(open_log(arguments.folder).verify())
    if arguments.json:
        print_json(found)
    else:
        _print(found)
    return ExitCode.FAILED if found["damage"] else ExitCode.OK


def _print(found: Mapping[str, Any]) -> None:  # Any: a JSON document
    from pronubes.amounts import size

    for one in found["damage"]:
        place = f"{one['file']}: byte {one['offset']}"
        length = f", {size(one['bytes'])}" if one["bytes"] else ""
        lost = f" Records {one['first']}-{one['end'] - 1} are not there." if one["first"] is not None and one["end"] > one["first"] else ""
        sys.stdout.write(f"damage: {place}{length}: {one['what']}.{lost}\n")
    if found["unfinished"]:
        sys.stdout.write(
            f"The newest segment ends in {size(found['unfinished'])} that are no whole frame: a write under way, or one that a crash cut.\n"
        )
    state = f"{len(found['damage'])} damaged places" if found["damage"] else "no damage"
    sys.stdout.write(
        f"{found['records']:,} records in {found['frames']:,} frames and {found['segments']} segments, {size(found['bytes'])}: {state}.\n"
    )
