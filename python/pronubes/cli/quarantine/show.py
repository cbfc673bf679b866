"""`pronubes quarantine show`: one record, why it is there, and what the present configuration would make of it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_error, print_json, printable
from pronubes.cli.quarantine.selection import add_place_arguments, date, open_quarantine
from pronubes.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pronubes.quarantine.records import Record

__all__ = ["configure", "run"]

_MOST_BYTES = 64 * 1024
_EPILOG = """\
examples:
  pronubes quarantine show 1234                  the message, the reason, and what would become of it now
  pronubes quarantine show 1234 --raw > message  the payload as it came
exit code: 1 when there is no such record
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("id", type=int, metavar="ID", help="The record's number, as `list` prints it.")
    add_place_arguments(parser)
    parser.add_argument("--raw", action="store_true", help="Print the payload and nothing else.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the record."""
    from pronubes.quarantine.records import Selection

    with open_quarantine(arguments) as reader:
        record = next(reader.records(Selection(ids=(arguments.id,), states=())), None)
    if record is None:
        sys.stderr.write(f"There is no record {arguments.id} in the quarantine. `pronubes quarantine list --all` lists them.\n")
        return ExitCode.FAILED
    if arguments.raw:
        sys.stdout.buffer.write(record.payload)
        sys.stdout.buffer.flush()
    elif arguments.json:
        print_json({**record.as_json(), **_reason(record.reason), "now": None if arguments.file else _now(arguments.config, record)[0]})
    else:
        _print(record, None if arguments.file else arguments.config)
    return ExitCode.OK


def _reason(code: str) -> dict[str, str]:
    from pronubes.pipeline.views import reason_words

    return reason_words().get(code, {})


def _now(config: str, record: Record) -> tuple[dict[str, Any] | None, dict[str, Any]]:  # Any: JSON documents
    """Explain what the configuration would make of the message, and hand over its routes as they are written; nothing when it cannot be asked."""
    from pronubes.config.compile import compile_router
    from pronubes.config.load import load
    from pronubes.errors import TopicError
    from pronubes.router import Router

    loaded = load(config)
    routes = loaded.values.get("routes", {})
    if record.kind == "output" or record.source not in loaded.configuration.sources:
        return None, routes
    try:
        return Router(compile_router(loaded)).explain(record.source, record.topic, record.payload, now_ns=record.time_ns), routes
    except TopicError:
        return None, routes


def _print(record: Record, config: str | None) -> None:
    for name, value in _facts(record):
        sys.stdout.write(f"{name:<9} {printable(value)}\n")
    sys.stdout.write("\n")
    for line in payload_lines(record.payload):
        sys.stdout.write(f"  {line}\n")
    about = _reason(record.reason)
    sys.stdout.write(f"\n{record.reason}: {about.get('text', '')}\n")
    if record.detail:
        sys.stdout.write(f"  {printable(record.detail)}\n")
    sys.stdout.write(f"What to do: {about.get('action', '')} (docs/reasons.md)\n")
    if config is not None:
        _print_now(record, config)


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    yield "record", f"{record.id}, {record.state}"
    yield "came", f"{date(record.time_ns)} from {record.source or 'a source that is not known'}"
    step = "" if record.step is None else f", step {record.step + 1}"
    yield "route", f"{record.route}{step}" if record.route else "none: it never came to one"
    if record.sink:
        yield "sink", f"{record.sink} refused what the route had made (QoS {record.qos}{', retained' if record.retain else ''})"
    if record.replayed_ns is not None:
        yield "replayed", f"{date(record.replayed_ns)}: {record.result} (audit {record.replay_id})"
    yield "topic", record.topic
    yield "payload", f"{len(record.payload):,} bytes"


def payload_lines(payload: bytes) -> Iterator[str]:
    """Write a payload for a terminal: text with everything invisible replaced, or a hex dump."""
    shown = payload[:_MOST_BYTES]
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        for at in range(0, len(shown), 16):
            line = shown[at : at + 16]
            letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
            yield f"{at:08x}  {line.hex(' '):<47}  {letters}"
    else:
        yield from map(printable, text[:_MOST_BYTES].splitlines() or [""])
    if len(payload) > _MOST_BYTES:
        yield f"... and {len(payload) - _MOST_BYTES:,} bytes more: --raw prints them"


def _print_now(record: Record, config: str) -> None:
    try:
        explanation, routes = _now(config, record)
    except ConfigurationError as error:
        print_error(error)
        sys.stdout.write("\nWhat would become of it now cannot be said: the configuration has errors.\n")
        return
    if record.kind == "output":
        sys.stdout.write(f"\n`replay` hands it to the sink {record.sink} once more, as it is.\n")
    elif explanation is None:
        sys.stdout.write("\nWhat would become of it now cannot be said: its source is not in the configuration, or its topic is none.\n")
    else:
        from rich.console import Console

        from pronubes.cli.explain import render

        sys.stdout.write("\nNow the configuration would do this:\n\n")
        sys.stdout.flush()
        console = Console(highlight=False)
        for line in render(explanation, routes):
            console.print(line, soft_wrap=True)
