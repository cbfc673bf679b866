"""The entry point: finds the subcommand, loads its file, runs it and turns what it raises into a message and an exit code.

Built on argparse, not on cyclopts or typer: those take 90 ms to import before the first line of ours runs, a fifth of the time in which `run` must
have routed its first message. A command is a module with `configure(parser)` and `run(arguments) -> int`; a line in `COMMANDS` makes it known,
so `pronubes --help` imports none of them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from pronubes.cli.exit_codes import ExitCode

__all__ = ["COMMANDS", "main", "make_parser"]

COMMANDS: dict[str, str] = {
    "run": "Run a configuration.",
    "check": "Check a configuration: errors with lines, and warnings.",
    "explain": "Show what a configuration does with a topic and payload, step by step.",
    "test": "Run the cases of a configuration: messages in, what must become of them.",
    "status": "One look at a running node: the account, queues, backlogs, logs, health.",
    "doctor": "What limits the promise and the rate on this machine: disk, clock, brokers, in numbers.",
    "top": "Watch rates, queues and ledgers of a running node.",
    "catalog": "List the names of a running node: newest value, unit, age, contract, owner, where they come from.",
    "quarantine": "Look at the messages that could not go on; replay or drop them.",
    "tap": "Watch messages as they leave the routes of a running node.",
    "record": "Write live traffic to a file: of a running node, of sources, of a broker.",
    "recording": "Show recordings, and turn them into lines of JSON and back.",
    "replay": "Play a recording into a configuration under test, or to a broker.",
    "discover": "Draft a configuration from the traffic of a broker.",
    "bench": "Measure the router on this machine.",
    "demo": "Run a simulated bottling line with broker, router, SQL and a live page.",
    "init": "Write a configuration that runs.",
    "contract": "Show, lock and compare contracts: what messages look like.",
    "tags": "Check, import and export tables of names: what tags of devices are called.",
    "log": "Look into the log of a node: segments, backlogs, damage, records.",
    "schema": "Print the JSON Schema of the configuration, for editors.",
    "completion": "Print the completion script for a shell.",
}
"""The subcommands: the module of the same name holds each."""

_EPILOG = "`pronubes COMMAND --help` explains a command. Exit codes: docs/reference/exit-codes.md."


class Parser(argparse.ArgumentParser):
    """An argument parser with our exit code and a hint for mistyped commands."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and leave."""
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}\n")


def make_parser(command: str | None) -> argparse.ArgumentParser:
    """Make the parser, with the arguments of one command or, for None, of none."""
    parser = Parser(prog="pronubes", description="A Rust-accelerated stream router for plants.", epilog=_EPILOG, allow_abbrev=False)
    parser.add_argument("--version", action="store_true", help="Print the version and how it was built.")
    parser.add_argument("--traceback", action="store_true", help="Print the traceback of an error.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if name == command:
            import_module(f"pronubes.cli.{name}").configure(subparser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments; those of the process when left out.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = next((word for word in words if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        return _unknown(command)
    try:
        parsed = make_parser(command).parse_args(words)
    except SystemExit as leaving:
        return int(leaving.code or 0)
    if parsed.version:
        return _print_version()
    if parsed.command is None:
        make_parser(None).print_help()
        return ExitCode.USAGE
    return _run(parsed)


def _run(parsed: argparse.Namespace) -> int:
    from pronubes.cli.output import print_error
    from pronubes.errors import ConfigurationError, PronubesError

    try:
        return int(import_module(f"pronubes.cli.{parsed.command}").run(parsed))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone (`| head`): nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except PronubesError as error:
        if parsed.traceback:
            raise
        print_error(error)
        return ExitCode.CONFIGURATION if isinstance(error, ConfigurationError) else ExitCode.UNAVAILABLE


def _unknown(command: str) -> int:
    from pronubes.suggest import did_you_mean

    hint = did_you_mean(command, COMMANDS) or f"Commands: {', '.join(COMMANDS)}."
    sys.stderr.write(f"pronubes: There is no command `{command}`. {hint}\n")
    return ExitCode.USAGE


def _print_version() -> int:
    from pronubes import BUILD

    sys.stdout.write(f"pronubes {BUILD}\n")
    return ExitCode.OK
