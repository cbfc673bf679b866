"""`pronubes log inspect`: segments, and the backlog of each sink."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.log.folder import add_folder_argument, open_log
from pronubes.cli.output import add_json_argument, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.table import Table

__all__ = ["configure", "run"]

_SHOWN_RANGES = 5
_EPILOG = """\
examples:
  pronubes log inspect data/log/durable          segments, and what each sink has not received yet
  pronubes log inspect data/log/durable --json   for programs
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    add_folder_argument(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what there is."""
    found = json.loads(open_log(arguments.folder).inspect())
    now_ns = time.time_ns()
    for consumer in found["consumers"]:
        oldest_ns = consumer["backlog"]["oldest_ns"]
        consumer["backlog"]["age_ns"] = None if oldest_ns is None else max(now_ns - oldest_ns, 0)
    if arguments.json:
        print_json(found)
    else:
        _print(found)
    return ExitCode.OK


def _print(found: Mapping[str, Any]) -> None:  # Any: a JSON document
    from rich.console import Console
    from rich.text import Text

    from pronubes.amounts import amount, size

    console = Console(highlight=False)
    segments = found["segments"]
    console.print(Text(f"Log {found['uuid']}, format {amount(found['version'])}"))
    records, bytes_ = (sum(segment[key] for segment in segments) for key in ("records", "bytes"))
    console.print(Text(f"{records:,} records in {len(segments)} segments, {size(bytes_)}."))
    if segments:
        console.print(_segments(segments))
    console.print(_consumers(found["consumers"]) if found["consumers"] else Text("No sink has a place in it."))
    if any(segment["damage"] for segment in segments):
        console.print(Text("Some of it is damaged: `pronubes log verify` says where."))


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _segments(segments: Iterable[Mapping[str, Any]]) -> Table:  # Any: JSON documents
    from pronubes.amounts import amount, size
    from pronubes.cli.moments import date

    table = _table("segment", "first", "records", "frames", "used", "size", "oldest", "newest")
    for one in segments:
        counts = (amount(one[key]) for key in ("first", "records", "frames"))
        times = (date(one["oldest_ns"]), date(one["newest_ns"]))
        table.add_row(one["file"], *counts, size(one["used"]), size(one["bytes"]), *times)
    return table


def _consumers(consumers: Iterable[Mapping[str, Any]]) -> Table:  # Any: JSON documents
    from rich.text import Text

    from pronubes.amounts import age, amount, size
    from pronubes.cli.output import printable

    table = _table("sink", "next", "backlog", "bytes", "age", "open before that")
    for one in consumers:
        backlog = one["backlog"]
        table.add_row(
            Text(printable(one["name"])),
            amount(one["next"]),
            amount(backlog["records"]),
            size(backlog["bytes"]),
            age(backlog["age_ns"]),
            _ranges(one["pending"]),
        )
    return table


def _ranges(ranges: Sequence[Sequence[int]]) -> str:
    if not ranges:
        return "-"
    shown = ", ".join(str(first) if end == first + 1 else f"{first}-{end - 1}" for first, end in ranges[:_SHOWN_RANGES])
    return shown if len(ranges) <= _SHOWN_RANGES else f"{shown}, and {len(ranges) - _SHOWN_RANGES} more"
