"""The folder of a log, to look into: what the commands use."""

from pronubes._core import LogReader

__all__ = ["LogReader"]
