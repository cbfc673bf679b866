"""`pronubes run`: runs a configuration until a signal ends it."""

from __future__ import annotations

import argparse
import gc
import sys

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes run                          run ./pronubes.yaml
  pronubes run line2.yaml --log json    log JSON lines, whatever the terminal is
  kill -HUP PID                         load the configuration again; a bad file changes nothing
  kill PID                              close the sources, deliver what is under way, leave
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_config_argument(parser, is_positional=True)
    parser.add_argument(
        "--log", choices=("auto", "console", "json"), default="auto", help="The form of the log: auto is console in a terminal, else json."
    )
    parser.add_argument("--level", choices=("debug", "info", "warning", "error"), default="info", help="The lowest level of the log.")
    parser.add_argument("--grace", type=float, default=10.0, metavar="SECONDS", help="How long an end waits for what is under way (default: 10).")


def run(arguments: argparse.Namespace) -> int:
    """Run the node."""
    from pronubes.pipeline.plan import load_plan
    from pronubes.pipeline.serve import serve
    from pronubes.telemetry.logging import configure as configure_logging

    configure_logging(level=arguments.level, form=arguments.log)
    plan = load_plan(arguments.config)
    # What the start made lives as long as the node: the collector need not look at it again.
    gc.freeze()
    work = serve(lambda: load_plan(arguments.config), first=plan, grace_s=arguments.grace)
    if sys.platform == "win32":
        import asyncio

        asyncio.run(work)
    else:
        import uvloop

        uvloop.run(work)
    return ExitCode.OK
