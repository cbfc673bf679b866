"""`pronubes tap`: watches messages as they come into a running node or leave its routes, or on any broker."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument
from pronubes.cli.traffic import broker_messages, node_lines
from pronubes.errors import NotConnected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes tap                                          everything that leaves the routes of ./pronubes.yaml
  pronubes tap 'acme/+/bottling/#' -n 10                ten messages of one branch
  pronubes tap --side in 'raw/#'                        what its sources hand in, before any route
  pronubes tap --json | jq .topic                       for programs
  pronubes tap --url mqtt://127.0.0.1:1883 'raw/#'      what a broker has, before it is routed
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("filter", nargs="?", default="#", metavar="FILTER", help="An MQTT filter (default: #).")
    add_config_argument(parser)
    parser.add_argument("--url", metavar="URL", help="Watch a broker (mqtt://HOST:PORT) instead of a node.")
    parser.add_argument("--side", choices=("in", "out"), default="out", help="Of a node: what leaves routes (default) or what sources hand in.")
    parser.add_argument("-n", "--count", type=int, metavar="N", help="End after N messages.")
    parser.add_argument("--seconds", type=float, metavar="S", help="End after S seconds.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Watch until the count, the time or Ctrl-C."""
    try:
        asyncio.run(_watch(arguments))
    except KeyboardInterrupt:
        return ExitCode.OK
    return ExitCode.OK


async def _watch(arguments: argparse.Namespace) -> None:
    left = arguments.count
    lines = _broker(arguments.url, arguments.filter) if arguments.url else node_lines(arguments.config, arguments.filter, side=arguments.side)
    try:
        async with asyncio.timeout(arguments.seconds):
            async for line in lines:
                _print(line, as_json=arguments.json)
                if left is not None:
                    left -= 1
                    if left <= 0:
                        return
    except TimeoutError:
        return


async def _broker(url: str, topic_filter: str) -> AsyncIterator[bytes]:
    async for message in broker_messages(url, topic_filter):
        yield orjson.dumps({"topic": message.topic, "payload": _readable(message.payload), "retain": message.retain})


def _readable(payload: bytes) -> Any:  # Any: whatever the payload holds
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "backslashreplace")


def _print(line: bytes, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(line if line.endswith(b"\n") else line + b"\n")
        sys.stdout.buffer.flush()
        return
    message = orjson.loads(line)
    if "error" in message:
        raise NotConnected(message["error"])
    payload = message.get("payload", message.get("payload_base64"))
    text = payload if isinstance(payload, str) else orjson.dumps(payload).decode()
    shown = f"{message['topic']}  {text}"
    sys.stdout.write("".join(character if character.isprintable() else "\ufffd" for character in shown) + "\n")
    sys.stdout.flush()
