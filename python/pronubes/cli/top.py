"""`pronubes top`: rates, queues, backlogs and ledgers of a running node, drawn anew each second."""

from __future__ import annotations

import argparse
import asyncio

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json
from pronubes.cli.status import look, watch

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes top                  watch the node of ./pronubes.yaml
  pronubes top --once           print the tables once
  pronubes top --json           print the whole status once, for programs
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_config_argument(parser)
    parser.add_argument("--once", action="store_true", help="Print once and end.")
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="Seconds between two drawings (default: 1).")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Watch until Ctrl-C."""
    if not arguments.once and not arguments.json:
        return watch(arguments.config, interval_s=arguments.interval, has_routes=True)
    status = asyncio.run(look(arguments.config))
    if arguments.json:
        print_json(status)
    else:
        from pronubes.cli.overview import show

        show(status, has_routes=True)
    return ExitCode.OK
