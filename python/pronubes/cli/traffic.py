"""Messages to look at: from a recording, a broker or a running node. `tap`, `contract infer`, `contract check` and `discover` share it."""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal, Self

import orjson

from pronubes.errors import NotConnected
from pronubes.recording import Recorded, read_recording

__all__ = ["add_traffic_arguments", "broker_messages", "describe", "node_lines", "traffic"]

_PROGRESS_SECONDS = 0.5


def add_traffic_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where messages come from."""
    parser.add_argument("--recording", metavar="FILE", help="A recording, or lines of JSON (`topic`, `payload`); `-`: those on standard input.")
    parser.add_argument("--url", metavar="URL", help="A broker (mqtt://HOST:PORT). Without it and `--recording`: the running node.")
    parser.add_argument("--filter", default="#", metavar="FILTER", help="Only topics that match this MQTT filter (default: #).")
    parser.add_argument("-n", "--count", type=int, metavar="N", help="End after N messages.")
    parser.add_argument("--seconds", type=float, default=None, metavar="S", help="End after S seconds (default for live traffic: 30).")


def describe(arguments: argparse.Namespace) -> str:
    """Say where the messages come from, for headings."""
    source = arguments.recording or (arguments.url and _without_user(arguments.url)) or f"the node of {arguments.config}"
    return source if arguments.filter == "#" else f"{source}, {arguments.filter}"


async def traffic(arguments: argparse.Namespace) -> AsyncIterator[Recorded]:
    """Give the messages that the arguments ask for, with the progress on a terminal.

    Raises:
        NotConnected: The broker cannot be reached.
        UnreadableRecording: The recording cannot be read.
        NodeNotRunning: There is no running node.
    """
    from pronubes import topic_matches

    left = arguments.count
    topic_matches(arguments.filter, "a")  # refuses a filter that is none before anything is opened
    with _Progress() as progress:
        if arguments.recording:
            for seen in read_recording(arguments.recording):
                if arguments.filter == "#" or topic_matches(arguments.filter, seen.topic):
                    progress.count()
                    yield seen
                    left = None if left is None else left - 1
                if left == 0:
                    return
            return
        messages = broker_messages(arguments.url, arguments.filter) if arguments.url else _node(arguments.config, arguments.filter)
        async for seen in _until(messages, arguments.seconds or 30.0):
            progress.count()
            yield seen
            left = None if left is None else left - 1
            if left == 0:
                return


async def _until(messages: AsyncIterator[Recorded], seconds: float) -> AsyncIterator[Recorded]:
    end = asyncio.get_running_loop().time() + seconds
    try:
        while True:
            async with asyncio.timeout_at(end):
                seen = await anext(messages)
            yield seen
    except (TimeoutError, StopAsyncIteration):
        return


def _payload(record: dict[str, Any]) -> bytes:  # Any: JSON
    if "payload_base64" in record:
        return base64.b64decode(record["payload_base64"])
    if "payload_text" in record:
        return str(record["payload_text"]).encode()
    return orjson.dumps(record["payload"])


async def _node(config: str, topic_filter: str) -> AsyncIterator[Recorded]:
    async for line in node_lines(config, topic_filter):
        record = orjson.loads(line)
        if "error" in record:
            raise NotConnected(record["error"])
        yield Recorded(record["topic"], _payload(record), time.time_ns(), bool(record.get("retain")))


async def node_lines(config: str, topic_filter: str, *, side: Literal["in", "out"] = "out") -> AsyncIterator[bytes]:
    """Give what leaves the routes of the running node, or what its sources hand in, as lines of JSON.

    Raises:
        NodeNotRunning: There is no running node.
    """
    from pronubes.cli.attach import attach

    client = await attach(config)
    try:
        async for line in client.tap(topic_filter, side=side):
            yield line
    finally:
        await client.close()


async def broker_messages(url: str, topic_filter: str) -> AsyncIterator[Recorded]:
    """Give what a broker has.

    Raises:
        NotConnected: It cannot be reached, or it refused.
    """
    from urllib.parse import unquote, urlsplit

    import aiomqtt

    parts = urlsplit(url)
    tls = aiomqtt.TLSParameters() if parts.scheme == "mqtts" else None
    port = parts.port or (8883 if tls else 1883)
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    try:
        async with aiomqtt.Client(parts.hostname or "", port, tls_params=tls, username=username, password=password) as client:
            await client.subscribe(topic_filter)
            async for message in client.messages:
                payload = message.payload if isinstance(message.payload, bytes) else str(message.payload).encode()
                yield Recorded(str(message.topic), payload, time.time_ns(), bool(message.retain))
    except aiomqtt.MqttError as error:
        raise NotConnected(f"{parts.scheme}://{parts.hostname}:{port}: {error}") from error


def _without_user(url: str) -> str:
    head, separator, rest = url.partition("://")
    return f"{head}{separator}{rest.rpartition('@')[2]}"


class _Progress:
    """Counts on standard error, where a person looks on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._is_shown = sys.stderr.isatty()
        self._messages = 0
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._is_shown and self._messages:
            sys.stderr.write("\r\x1b[K")

    def count(self) -> None:
        self._messages += 1
        if self._is_shown and self._messages % 100 == 1 and self._clock() >= self._next:
            self._next = self._clock() + _PROGRESS_SECONDS
            sys.stderr.write(f"\r{self._messages:,} messages")
            sys.stderr.flush()
