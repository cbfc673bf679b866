"""The folder of a log: the argument that names it, and opening it to read."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pronubes.errors import PronubesError

if TYPE_CHECKING:
    from pronubes.pipeline.log import LogReader

__all__ = ["UnreadableLog", "add_folder_argument", "open_log"]


class UnreadableLog(PronubesError):
    """There is no log, or it cannot be read at all."""


def add_folder_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names the folder; it ends up as `arguments.folder`."""
    parser.add_argument("folder", metavar="FOLDER", help="The folder of the log, the one with the `.seg` files.")


def open_log(folder: str) -> LogReader:
    """Open a log to read.

    Raises:
        UnreadableLog: There is none, or it may not be read.
    """
    from pronubes.pipeline.log import LogReader

    try:
        return LogReader(folder)
    except OSError as error:
        raise UnreadableLog(f"`{folder}` cannot be read as a log: {error.strerror or error}. Name the folder that holds the `.seg` files.") from error
