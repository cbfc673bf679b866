"""`pronubes log export`: records as lines of JSON."""

from __future__ import annotations

import argparse
import sys
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.log.folder import add_folder_argument, open_log

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pronubes.pipeline.log import LogReader

    Record: TypeAlias = tuple[int, str, str, int, int | None, bytes, list[tuple[str, str, int, bool, bool]]]

__all__ = ["configure", "run"]

_CHUNK = 2_000
_EPILOG = """\
examples:
  pronubes log export data/log/durable > everything.ndjson
  pronubes log export data/log/durable --sink historian --pending    what the historian has not received yet
  pronubes log export data/log/durable --from 2h --to 30min          by the time they were received
  pronubes log export data/log/spill --from 2026-11-23T06:00 | head

A line holds `seq`, `topic`, `payload` (`payload_text` where it is no JSON, `payload_base64` where it is no text), `received_ns`, `time_ns` (if
the source gave one), `route`, `source`, and for each sink its name, topic, qos, retain and whether the record is `pending`. They are a recording:
`pronubes contract check --recording` and an `ndjson` source read them.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    add_folder_argument(parser)
    parser.add_argument("--sink", metavar="NAME", help="Only records for this sink, with its topics.")
    parser.add_argument("--from", dest="from_", metavar="TIME", help="Received then or later: `2h` ago, or a date such as 2026-11-23T06:00.")
    parser.add_argument("--to", metavar="TIME", help="Received before this.")
    parser.add_argument("--pending", action="store_true", help="Only what a sink (or the one of `--sink`) has not received yet.")
    parser.add_argument("--json", action="store_true", help="Lines of JSON, which is what it prints anyway.")


def run(arguments: argparse.Namespace) -> int:
    """Print the records; what is damaged is passed over and counted on standard error."""
    from pronubes.cli.moments import moment

    now_ns = time.time_ns()
    since_ns, until_ns = moment(arguments.from_, now_ns), moment(arguments.to, now_ns)
    log = open_log(arguments.folder)
    if arguments.sink is not None and arguments.sink not in log.consumers():
        return _no_sink(arguments.sink, log)
    log.select(sink=arguments.sink, since_ns=since_ns, until_ns=until_ns, pending=arguments.pending)
    while records := log.read(_CHUNK):
        sys.stdout.write("".join(_lines(records)))
    sys.stdout.flush()
    if log.missing:
        sys.stderr.write(f"{log.missing:,} records are damaged or gone and were passed over; `pronubes log verify` says where.\n")
    return ExitCode.OK


def _no_sink(sink: str, log: LogReader) -> int:
    from pronubes.suggest import did_you_mean

    names = log.consumers()
    hint = did_you_mean(sink, names) or (f"Sinks: {', '.join(names)}." if names else "It has none.")
    sys.stderr.write(f"pronubes log export: No sink `{sink}` has a place in this log. {hint}\n")
    return ExitCode.USAGE


def _lines(records: Iterable[Record]) -> Iterable[str]:
    for seq, route, source, received_ns, source_ns, payload, sinks in records:
        line: dict[str, Any] = {"seq": seq, "topic": sinks[0][1] if sinks else "", **_payload(payload), "received_ns": received_ns}  # Any: JSON
        if source_ns is not None:
            line["time_ns"] = source_ns
        line |= {"route": route, "source": source}
        keys = ("sink", "topic", "qos", "retain", "pending")
        line["sinks"] = [dict(zip(keys, sink, strict=True)) for sink in sinks]
        yield orjson.dumps(line).decode() + "\n"


def _payload(payload: bytes) -> dict[str, Any]:  # Any: a JSON value
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        pass
    else:
        # As it stands, so that every byte of its numbers is kept; a line break in it would end the line.
        if b"\n" not in payload and b"\r" not in payload:
            return {"payload": orjson.Fragment(payload)}
    try:
        return {"payload_text": payload.decode()}
    except UnicodeDecodeError:
        return {"payload_base64": b64encode(payload).decode()}
