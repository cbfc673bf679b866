"""The command line: one file per subcommand, each loaded only when it is called."""

from pronubes.cli.entry import main

__all__ = ["main"]
