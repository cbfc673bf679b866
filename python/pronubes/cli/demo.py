"""`pronubes demo`: a simulated bottling line with broker, router, SQL and a live page."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes demo                     until Ctrl-C
  pronubes demo --seconds 15        ends by itself
  pronubes demo --dir /tmp/hall     keep the configuration and data there, to play with
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seconds", type=float, metavar="S", help="End after S seconds.")
    parser.add_argument("--dir", default="data/demo", metavar="FOLDER", help="Where configuration and data are kept (default: data/demo).")


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration."""
    from pronubes.demo.run import run_demo

    return asyncio.run(run_demo(Path(arguments.dir).resolve(), seconds=arguments.seconds))
