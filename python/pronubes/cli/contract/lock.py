"""`pronubes contract lock`: from now on these versions must not change."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pronubes.cli.contract.folders import add_folder_arguments, folder_of
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_json

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes contract lock                    lock every version that is no draft
  pronubes contract lock measurement@1      lock one
  git add contracts/contracts.lock          the lock file belongs into version control
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("ids", nargs="*", metavar="NAME@VERSION", help="The versions (default: all but drafts).")
    add_folder_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Lock."""
    from pronubes.contracts.folder import Contracts
    from pronubes.contracts.locking import lock

    contracts = Contracts(Path(folder_of(arguments)))
    try:
        added = lock(contracts, arguments.ids or None)
    except LookupError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        return ExitCode.USAGE
    if arguments.json:
        print_json({"file": contracts.lock.file, "locked": added, "total": len(contracts.lock.contracts)})
        return ExitCode.OK
    for id_ in added:
        sys.stdout.write(f"locked {id_}\n")
    sys.stdout.write(f"`{contracts.lock.file}` locks {len(contracts.lock.contracts)} versions, {len(added)} of them new.\n")
    return ExitCode.OK
