"""Which records are meant: the arguments that the verbs share, and where the quarantine is."""

from __future__ import annotations

import argparse
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.cli.output import add_config_argument
from pronubes.errors import PronubesError

if TYPE_CHECKING:
    from pronubes.quarantine.records import QuarantineReader, Selection

__all__ = [
    "add_ids_argument",
    "add_place_arguments",
    "add_selection_arguments",
    "date",
    "names_nothing",
    "open_quarantine",
    "selection_of",
]

_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}
_AGO = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d)")


class WrongTime(PronubesError):
    """A time on the command line is none."""


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say whose quarantine it is."""
    add_config_argument(parser)
    parser.add_argument("--file", metavar="PATH", help="A quarantine.db of its own, where there is no configuration for it.")


def add_selection_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which records are meant; all that are given must fit."""
    which = parser.add_argument_group("which records (all that is said must fit)")
    which.add_argument("--route", action="append", default=[], metavar="NAME", help="Of this route; `-` stands for none. May be given several times.")
    which.add_argument("--reason", action="append", default=[], metavar="CODE", help="With this reason code. May be given several times.")
    which.add_argument("--source", action="append", default=[], metavar="NAME", help="Of this source. May be given several times.")
    which.add_argument("--topic", metavar="FILTER", help="With topics that an MQTT filter matches.")
    which.add_argument("--since", metavar="TIME", help="Not older: `2h`, `30min`, `7d`, or a date such as 2026-11-23T06:00 (local, or with a zone).")
    which.add_argument("--until", metavar="TIME", help="Older than this.")
    which.add_argument("--limit", type=_positive, metavar="N", help="At most so many, the oldest of them.")


def add_ids_argument(parser: argparse.ArgumentParser) -> None:
    """Add the numbers of records, and the word that means all of them."""
    parser.add_argument("ids", type=int, nargs="*", metavar="ID", help="These records, by number.")
    parser.add_argument("--all", action="store_true", help="All that wait. Without it, say which.")


def names_nothing(arguments: argparse.Namespace, selection: Selection) -> bool:
    """Tell, and say, whether a command that changes something is not told which records it is about."""
    if not selection.is_everything or arguments.all:
        return False
    sys.stderr.write("Say which records: by number, by --route, --reason, --source, --topic, --since or --until, or --all.\n")
    return True


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is no number above 0")
    return number


def selection_of(arguments: argparse.Namespace, *, states: tuple[str, ...] = ("waiting",), now_ns: int | None = None) -> Selection:
    """Read the arguments.

    Args:
        arguments: The command line.
        states: Records in these states.
        now_ns: The time; that of the system when left out.

    Raises:
        WrongTime: `--since` or `--until` is no time.
    """
    from pronubes.quarantine.records import Selection

    now_ns = time.time_ns() if now_ns is None else now_ns
    return Selection(
        ids=tuple(getattr(arguments, "ids", ())),
        routes=tuple(arguments.route),
        reasons=tuple(arguments.reason),
        sources=tuple(arguments.source),
        topic=arguments.topic,
        since_ns=_time(arguments.since, now_ns),
        until_ns=_time(arguments.until, now_ns),
        states=states,
        limit=arguments.limit,
    )


def _time(text: str | None, now_ns: int) -> int | None:
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago:
        return now_ns - int(float(ago[1]) * _UNITS[ago[2]] * 1e9)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongTime(f"`{text}` is no time. Write how long ago (`2h`, `30min`, `7d`) or a date such as 2026-11-23T06:00.") from None
    return int(moment.astimezone(UTC).timestamp() * 1e9)


def open_quarantine(arguments: argparse.Namespace) -> QuarantineReader:
    """Open the quarantine to read, with its node running or not.

    Raises:
        ConfigurationError: The configuration has errors.
        UnreadableQuarantine: There is no quarantine, or it cannot be read.
    """
    from pronubes.config.load import load
    from pronubes.quarantine.records import QuarantineReader
    from pronubes.quarantine.schema import FILE_NAME

    path = Path(arguments.file) if arguments.file else load(arguments.config).data_dir / FILE_NAME
    return QuarantineReader(path)


def date(time_ns: int) -> str:
    """Write a time for people, in local time."""
    return datetime.fromtimestamp(time_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S")
