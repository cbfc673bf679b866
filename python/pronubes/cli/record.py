"""`pronubes record`: writes live traffic to a file, from a running node, from the sources of a configuration, or from a broker."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import errno
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import orjson

from pronubes.cli.arguments import duration, size
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json
from pronubes.errors import PronubesError
from pronubes.recording import UNBOUNDED, new_writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pronubes._core import RecordingWriter
    from pronubes.pipeline.plan import NodePlan
    from pronubes.pipeline.recorder import Cause, Feed, Recorder

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes record line1.pnrec --for 1h                   what the sources of the running node hand in
  pronubes record out.pnrec --side out --filter 'acme/#' what leaves its routes
  pronubes record line1.pnrec --subscribe --for 10m      without a running node: connect to the sources of ./pronubes.yaml
  pronubes record raw.pnrec --url mqtt://127.0.0.1:1883 --filter 'raw/#' --max-messages 100000

Ctrl-C ends it; the file is whole then. `pronubes replay` plays it, `pronubes recording` shows it and turns it into lines of JSON.
"""
_PROGRESS_S = 0.5
_CAUSES: dict[Cause, str] = {
    "stopped": "stopped",
    "seconds": "the time is over",
    "full": "it is full",
    "ended": "nothing more comes",
    "disk": "the disk takes no more",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", metavar="FILE", help="The file to write, such as line1.pnrec.")
    add_config_argument(parser)
    parser.add_argument("--filter", default="#", metavar="FILTER", help="Only topics that match this MQTT filter (default: #).")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--subscribe", action="store_true", help="Connect to the sources of the configuration, beside a running node or without one.")
    place.add_argument("--url", metavar="URL", help="Subscribe to a broker (mqtt://HOST:PORT), without a configuration.")
    parser.add_argument("--source", metavar="NAME", action="append", default=[], help="With --subscribe: only this source; may be given again.")
    parser.add_argument(
        "--side", choices=("in", "out"), default="in", help="Of a running node: what sources hand in (default) or what leaves routes."
    )
    parser.add_argument("--for", dest="seconds", type=duration, metavar="TIME", help="End after this time: 30s, 10m, 2h.")
    parser.add_argument("--max-messages", type=int, default=UNBOUNDED, metavar="N", help="End after N messages.")
    parser.add_argument("--max-bytes", type=size, default=2**30, metavar="SIZE", help="End before the file is larger: 100MiB (default: 1GiB).")
    parser.add_argument("--plain", action="store_true", help="Do not compress.")
    parser.add_argument("--overwrite", action="store_true", help="Replace the file if it is there.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record until a bound, Ctrl-C, or the end of the traffic."""
    from pronubes import topic_matches

    if Path(arguments.file).suffix in (".ndjson", ".jsonl", ".json"):
        hint = f"pronubes recording convert recorded.pnrec {arguments.file}"
        sys.stderr.write(f"pronubes record: Recordings are no lines of JSON. Record, say, recorded.pnrec, then: {hint}\n")
        return ExitCode.USAGE
    if arguments.side == "out" and (arguments.url or arguments.subscribe):
        sys.stderr.write("pronubes record: `--side out` needs a running node: sources and brokers have no routes.\n")
        return ExitCode.USAGE
    try:
        topic_matches(arguments.filter, "a")
    except ValueError as error:
        sys.stderr.write(f"pronubes record: --filter: {error}\n")
        return ExitCode.USAGE
    return asyncio.run(_record(arguments))


async def _record(arguments: argparse.Namespace) -> int:
    from pronubes.pipeline.clock import Clock
    from pronubes.pipeline.recorder import Recorder

    clock = Clock()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _feed(arguments) as feed:
        try:
            writer = new_writer(
                arguments.file,
                is_compressed=not arguments.plain,
                max_bytes=arguments.max_bytes,
                max_messages=arguments.max_messages,
                is_replacing=arguments.overwrite,
                now_ns=clock(),
            )
        except FileExistsError:
            sys.stderr.write(f"pronubes record: `{arguments.file}` is there already. Choose another name, or add --overwrite.\n")
            return ExitCode.USAGE
        progress = _Progress(writer)
        recorder = Recorder(writer, arguments.seconds, clock, progress)
        try:
            cause = await recorder.run(feed, stop)
        finally:
            summary = _Summary.of(writer, feed, recorder, began_s=progress.began_s)
            try:
                await asyncio.to_thread(writer.end, lost=summary.lost, now_ns=clock())
            except OSError as error:
                recorder.disk_error = recorder.disk_error or error
            progress.clear()
    return _report(arguments, dataclasses.replace(summary, cause=cause if recorder.disk_error is None else "disk"), recorder)


@contextlib.asynccontextmanager
async def _feed(arguments: argparse.Namespace) -> AsyncIterator[Feed]:
    from pronubes.pipeline.recorder import NodeFeed, SourceFeed, listening_plan, scratch_folder
    from pronubes.telemetry.logging import configure as configure_logging

    if not (arguments.subscribe or arguments.url):
        from pronubes.cli.attach import attach

        client = await attach(arguments.config)
        try:
            yield NodeFeed(client, arguments.filter, side=arguments.side)
        finally:
            await client.close()
        return
    plan = _broker_plan(arguments.url, arguments.filter) if arguments.url else _configured_plan(arguments)
    configure_logging(level="warning", form="console")
    with scratch_folder() as folder:
        async with SourceFeed(listening_plan(plan, arguments.source or list(plan.sources), folder), arguments.filter) as feed:
            yield feed


def _configured_plan(arguments: argparse.Namespace) -> NodePlan:
    from pronubes.pipeline.plan import load_plan
    from pronubes.suggest import did_you_mean

    plan = load_plan(arguments.config)
    for name in arguments.source:
        if name not in plan.sources:
            hint = did_you_mean(name, plan.sources) or f"Sources: {', '.join(plan.sources)}."
            raise PronubesError(f"`{arguments.config}` has no source `{name}`. {hint}")
    return plan


def _broker_plan(url: str, topic_filter: str) -> NodePlan:
    from pronubes.config.load import load_values
    from pronubes.pipeline.plan import compile_plan

    parts = urlsplit(url)
    source: dict[str, Any] = {"type": "mqtt", "url": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", "topics": [topic_filter], "qos": 1}
    if parts.username:
        source["username"] = unquote(parts.username)
    if parts.scheme == "mqtt":
        source["allow_plaintext"] = True  # who types the address knows the network
    plan = compile_plan(load_values({"version": 1, "name": f"record-{secrets.token_hex(3)}", "sources": {"broker": source}}, file=url))
    if parts.password:
        node = orjson.loads(plan.node)
        node["sources"][0]["mqtt"]["password"] = unquote(parts.password)
        plan = dataclasses.replace(plan, node=orjson.dumps(node))
    return plan


@dataclasses.dataclass(frozen=True, slots=True)
class _Summary:
    """What a recording came to."""

    messages: int
    bytes: int
    lost: int
    left_out: int
    seconds: float
    cause: Cause

    @classmethod
    def of(cls, writer: RecordingWriter, feed: Feed, recorder: Recorder, *, began_s: float) -> _Summary:
        with contextlib.suppress(OSError):  # it comes again when the writer ends, or `run` has it
            writer.flush()
        lost = feed.lost + recorder.bad_lines
        return cls(writer.messages, writer.bytes, lost, writer.left_out, time.monotonic() - began_s, "stopped")


def _report(arguments: argparse.Namespace, summary: _Summary, recorder: Recorder) -> int:
    size_bytes = Path(arguments.file).stat().st_size
    if arguments.json:
        print_json({"file": arguments.file, **dataclasses.asdict(summary), "bytes": size_bytes, "seconds": round(summary.seconds, 3)})
    else:
        why = _CAUSES[summary.cause]
        sys.stdout.write(f"{summary.messages:,} messages in {summary.seconds:,.1f} s, {size_bytes:,} bytes in {arguments.file} ({why}).\n")
    if summary.cause == "disk" and recorder.disk_error is not None:
        error = recorder.disk_error
        what = "The disk is full" if error.errno == errno.ENOSPC else f"The disk takes no more ({error.strerror})"
        sys.stderr.write(f"{what}: what was recorded before is whole, {summary.left_out:,} messages that came then are not in it.\n")
        return ExitCode.UNAVAILABLE
    if summary.cause == "full" and summary.left_out:
        sys.stderr.write(f"{summary.left_out:,} messages that came when it was full are not in it.\n")
    if summary.lost:
        sys.stderr.write(f"{summary.lost:,} messages were lost: this machine or its disk was too slow for the traffic.\n")
        return ExitCode.FAILED
    if summary.cause == "ended" and not (arguments.subscribe or arguments.url):
        sys.stderr.write("The node has left.\n")
        return ExitCode.UNAVAILABLE
    return ExitCode.OK


class _Progress:
    """Counts on standard error, where a person looks on."""

    def __init__(self, writer: RecordingWriter) -> None:
        self._writer = writer
        self._is_shown = sys.stderr.isatty()
        self._next = 0.0
        self.began_s = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if self._is_shown and now >= self._next:
            self._next = now + _PROGRESS_S
            sys.stderr.write(f"\r\x1b[K{self._writer.messages:,} messages, {self._writer.bytes:,} bytes, {now - self.began_s:,.0f} s; Ctrl-C ends")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
