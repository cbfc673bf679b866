"""`pronubes catalog`: the names of a running node with what is known of them."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json, printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from pronubes.pipeline.control import ControlClient

__all__ = ["configure", "run"]

_PAGE = 1000
_EPILOG = """\
examples:
  pronubes catalog                                   the first names of the node of ./pronubes.yaml
  pronubes catalog 'acme/+/bottling/#' -n 1000       one branch
  pronubes catalog --search temp --stale             names with `temp` in them that have gone silent
  pronubes catalog --topic acme/cologne/line1/temp   everything about one name
  pronubes catalog --all --json | jq .topics[].topic for programs
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("filter", nargs="?", default=None, metavar="FILTER", help="An MQTT filter (default: every name).")
    parser.add_argument("--search", metavar="TEXT", help="Only names that contain this.")
    parser.add_argument("--topic", metavar="TOPIC", help="Everything about one name.")
    parser.add_argument("--stale", action="store_true", help="Only names that have gone silent.")
    parser.add_argument("-n", "--count", type=int, default=50, metavar="N", help="At most so many names (default: 50).")
    parser.add_argument("--all", action="store_true", help="All names.")
    add_config_argument(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for; the code is 1 when nothing was found."""
    topics, has_more = asyncio.run(_found(arguments))
    if arguments.json:
        print_json({"topics": topics, "more": has_more})
    elif arguments.topic is not None and topics:
        _print_one(topics[0])
    else:
        _print(topics, has_more=has_more)
    return ExitCode.OK if topics else ExitCode.FAILED


async def _found(arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], bool]:  # Any: JSON documents
    from pronubes.cli.attach import attach

    client = await attach(arguments.config)
    try:
        if arguments.topic is not None:
            return (await client.catalog(topic=arguments.topic))["topics"], False
        most = sys.maxsize if arguments.all else arguments.count
        found: list[dict[str, Any]] = []  # Any: JSON documents
        async for topic in _topics(client, arguments):
            if arguments.stale and not topic["is_stale"]:
                continue
            if len(found) >= most:
                return found, True
            found.append(topic)
        return found, False
    finally:
        await client.close()


async def _topics(client: ControlClient, arguments: argparse.Namespace) -> AsyncIterator[dict[str, Any]]:  # Any: JSON documents
    after = None
    while True:
        page = await client.catalog(filter=arguments.filter, search=arguments.search, after=after, limit=_PAGE)
        for topic in page["topics"]:
            yield topic
        after = page["next"]
        if after is None:
            return


def _print(topics: Sequence[Mapping[str, Any]], *, has_more: bool) -> None:  # Any: JSON documents
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("name", "value", "unit", "quality", "age", "per s", "contract", "owner", "route"):
        table.add_column(name, justify="right" if name in {"value", "age", "per s"} else "left", overflow="fold")
    for topic in topics:
        age = Text(_age(topic["age_s"]), style="yellow" if topic["is_stale"] else "")
        contract = Text(topic["contract"] or "", style="red" if topic["violations"] else "")
        cells = [_shown(topic["value"]), topic["unit"] or "", _shown(topic["quality"])]
        table.add_row(Text(printable(topic["topic"])), *map(Text, cells), age, f"{topic['rate']:.3g}", contract, topic["owner"] or "", topic["route"])
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    if not topics:
        console.print("No name fits. Names appear when their first message leaves.")
    if has_more:
        console.print(f"There are more than these {len(topics):,}: say -n, --all, or a filter.")


def _print_one(topic: Mapping[str, Any]) -> None:  # Any: a JSON document
    width = max(map(len, topic))
    for name, value in topic.items():
        sys.stdout.write(f"{name:<{width}}  {_shown(value)}\n")


def _shown(value: Any) -> str:  # Any: JSON
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return printable(text if len(text) <= 200 else f"{text[:197]}...")


def _age(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
