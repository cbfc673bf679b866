"""`pronubes quarantine drop`: messages that nobody wants wait no longer."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json
from pronubes.cli.quarantine.selection import add_ids_argument, add_selection_arguments, names_nothing, selection_of

if TYPE_CHECKING:
    from pronubes.quarantine.records import Selection

__all__ = ["configure", "run"]

_EPILOG = """\
Dropped records are noted in `pronubes quarantine audit`. They stay readable (`list --state dropped`) until their room is needed or they are too old.

examples:
  pronubes quarantine drop --route temperatures --reason wrong_type --dry-run
  pronubes quarantine drop --until 7d --all
exit code: 1 when nothing fits
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    add_ids_argument(parser)
    add_config_argument(parser)
    add_selection_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="Say how many there are, and do nothing.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Drop the records; the code is 1 when there is none."""
    selection = selection_of(arguments)
    if names_nothing(arguments, selection):
        return ExitCode.USAGE
    count = _count(arguments, selection) if arguments.dry_run else asyncio.run(_drop(arguments, selection))
    if arguments.json:
        print_json({"dry_run": arguments.dry_run, "dropped": count})
    else:
        sys.stdout.write(f"{count:,} records {'would be ' if arguments.dry_run else ''}dropped.\n")
    return ExitCode.OK if count else ExitCode.FAILED


def _count(arguments: argparse.Namespace, selection: Selection) -> int:
    from pronubes.config.load import load
    from pronubes.quarantine.records import QuarantineReader
    from pronubes.quarantine.schema import FILE_NAME

    with QuarantineReader(load(arguments.config).data_dir / FILE_NAME) as reader:
        return reader.count(selection)


async def _drop(arguments: argparse.Namespace, selection: Selection) -> int:
    from pronubes.cli.attach import NodeNotRunning, attach

    try:
        client = await attach(arguments.config)
    except NodeNotRunning:
        return _drop_in_file(arguments, selection)
    try:
        return await client.drop(selection)
    finally:
        await client.close()


def _drop_in_file(arguments: argparse.Namespace, selection: Selection) -> int:
    from pronubes.config.load import load
    from pronubes.errors import PronubesError
    from pronubes.quarantine.actions import Actor
    from pronubes.quarantine.schema import FILE_NAME
    from pronubes.quarantine.store import QuarantineDamaged, QuarantineStore

    loaded = load(arguments.config)
    bounds = loaded.configuration.quarantine
    store = QuarantineStore(loaded.data_dir / FILE_NAME, size=bounds.size, age_s=bounds.age)
    try:
        return store.drop(selection, Actor.of())
    except QuarantineDamaged as damage:
        raise PronubesError(str(damage)) from damage
    finally:
        store.close()
