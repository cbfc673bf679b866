"""`pronubes bench`: how many messages a second this machine's engine routes, for a configuration or for the built-in work.

It measures `Router.route` with lists of 1,000 messages: the engine and the Python API (lists in, outcome objects out), without sockets, brokers and
sinks. `run` makes no Python object per message, so it does more than this. `make bench` measures whole programs, over a broker.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_json
from pronubes.recording import is_recording_file, messages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pronubes.config.load import Loaded
    from pronubes.router import Router

__all__ = ["W1", "Batch", "configure", "generate", "measure", "read_messages", "run"]

BATCH_MESSAGES = 1_000
SAMPLE_MESSAGES = 10_000
MOST_MESSAGES = 1_000_000
"""What is read of a recording: the sample is held in memory."""

W1: dict[str, Any] = {  # Any: what YAML would hold
    "version": 1,
    "name": "bench",
    "sources": {"plant": {"type": "mqtt", "url": "mqtt://127.0.0.1", "topics": ["raw/#"]}},
    "sinks": {"uns": {"type": "mqtt", "url": "mqtt://127.0.0.1"}},
    "routes": {
        "w1": {
            "from": "plant",
            "filter": "raw/{area}/{line}/{plc}/{tag}",
            "steps": [
                {"scale": {"field": "value", "factor": 1.8, "offset": 32}},
                {"rename": {"ts": "timestamp_ms"}},
                {"drop": ["quality"], "where": 'payload.quality == "GOOD"'},
                {"set": {"unit": "[degF]"}},
            ],
            "topic": "acme/site1/{area}/{line}/{plc}/{tag}",
            "to": "uns",
        }
    },
}
"""The work W1 of the full benchmark: five levels of topic, four steps, 60 bytes of JSON."""

_EPILOG = """\
examples:
  pronubes bench                                        the built-in work
  pronubes bench -c line2.yaml                          a configuration, with messages made up from its filters
  pronubes bench -c line2.yaml --messages day.pnrec     the same with recorded messages, or with those that an ndjson sink wrote

It measures the router and its Python API in this process, on one core, without sockets and sinks.
`make bench` in the sources measures whole programs over a broker, with their peers.
"""

Messages = list[tuple[str, bytes]]


class UnreadableMessagesError(Exception):
    """A recording that cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one source, handed to the router in one call."""

    source: str
    messages: Messages


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("-c", "--config", metavar="FILE", help="The configuration (default: the built-in work W1, not ./pronubes.yaml).")
    parser.add_argument("--messages", metavar="FILE", help="A recording, or lines of JSON with `topic` and `payload` in each.")
    parser.add_argument("--source", metavar="NAME", help="The source that recorded messages come from (default: the first).")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="How long to measure (default: 3).")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure."""
    from pronubes.config.compile import compile_router
    from pronubes.config.load import load, load_values
    from pronubes.router import Router

    if not 0 < arguments.seconds <= 3600:
        sys.stderr.write(f"`--seconds {arguments.seconds:g}` is no time to measure for: give more than 0 and at most 3600.\n")
        return ExitCode.USAGE
    loaded = load(arguments.config) if arguments.config else load_values(W1)
    source = arguments.source or next(iter(loaded.configuration.sources), "")
    if source not in loaded.configuration.sources:
        known = ", ".join(loaded.configuration.sources) or "none"
        sys.stderr.write(f"There is no source `{source}`. Sources: {known}.\n")
        return ExitCode.USAGE
    try:
        sample = {source: read_messages(Path(arguments.messages))} if arguments.messages else generate(loaded)
    except UnreadableMessagesError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.UNAVAILABLE
    report = measure(Router(compile_router(loaded)), list(_batches(sample)), seconds=arguments.seconds)
    report = {"work": arguments.config or "W1", "sample": arguments.messages or "generated", **report}
    if arguments.json:
        print_json(report)
    else:
        _print(report)
    return ExitCode.OK if report["outcomes"].keys() - {"unrouted", "rejected"} else ExitCode.FAILED


def measure(router: Router, batches: Sequence[Batch], *, seconds: float) -> dict[str, Any]:  # Any: a JSON document
    """Route the batches again and again.

    Args:
        router: What is measured.
        batches: The sample; one round of it warms the tables up and is counted by what becomes of it, not timed.
        seconds: How long to measure; a batch that has begun is finished.

    Returns:
        What was measured, as JSON can hold it.
    """
    outcomes: dict[str, int] = {}
    for batch in batches:
        for outcome in router.route(batch.source, batch.messages):
            outcomes[outcome.kind] = outcomes.get(outcome.kind, 0) + 1
    messages, spent_ns, costs = 0, 0, []
    while spent_ns < seconds * 1e9:
        for batch in batches:
            began_ns = time.perf_counter_ns()
            router.route(batch.source, batch.messages)
            cost_ns = time.perf_counter_ns() - began_ns
            spent_ns += cost_ns
            messages += len(batch.messages)
            costs.append(cost_ns / len(batch.messages))
            if spent_ns >= seconds * 1e9:
                break
    costs.sort()
    return {
        "messages": messages,
        "seconds": round(spent_ns / 1e9, 3),
        "messages_per_second": round(messages / spent_ns * 1e9),
        "ns_per_message": round(spent_ns / messages, 1),
        "ns_per_message_median": round(costs[len(costs) // 2], 1),
        "ns_per_message_best": round(costs[0], 1),
        "sample_messages": sum(len(batch.messages) for batch in batches),
        "outcomes": outcomes,
        "includes_python_api": True,
    }


def generate(loaded: Loaded) -> dict[str, Messages]:
    """Make up messages that the routes' filters match, by source: the levels of captures and wildcards count up, payloads are readings."""
    routes = [route for route in loaded.configuration.routes.values() if not route.otherwise]
    sample: dict[str, Messages] = {}
    share = max(SAMPLE_MESSAGES // max(len(routes), 1), 1)
    for route in routes:
        source = next(iter(route.from_ or loaded.configuration.sources))
        filter_ = route.filter or next(iter(loaded.configuration.sources[source].options.filters() or ()), "#")
        sample.setdefault(source, []).extend(_reading(filter_, number) for number in range(share))
    return sample


def _reading(filter_: str, number: int) -> tuple[str, bytes]:
    levels, rest = [], number
    for level in reversed(filter_.split("/")):
        if level in ("+", "#") or "{" in level:
            levels.append(f"{level.strip('{}#+') or 'level'}{rest % 10}")
            rest //= 10
        else:
            levels.append(level)
    value = round(15 + number * 7919 % 10_007 / 97, 2)
    payload = f'{{"value": {value}, "ts": {1_700_000_000_000 + number}, "quality": "{"GOOD" if number % 16 else "UNCERTAIN"}"}}'
    return "/".join(reversed(levels)), payload.encode()


def read_messages(path: Path) -> Messages:
    """Read a recording or lines of JSON, at most a million messages.

    Raises:
        UnreadableMessagesError: The file cannot be read, or a line is no message.
    """
    messages: Messages = []
    if path.is_file() and is_recording_file(path):
        messages += ((message.topic, message.payload) for message in islice(messages_of(path), MOST_MESSAGES))
        if messages:
            return messages
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if len(messages) == MOST_MESSAGES:
                    break
                if line.strip():
                    messages.append(_message(path, number, line))
    except OSError as error:
        raise UnreadableMessagesError(f"`{path}` cannot be read: {error.strerror}.") from error
    if not messages:
        raise UnreadableMessagesError(f"`{path}` has no message.")
    return messages


def _message(path: Path, number: int, line: bytes) -> tuple[str, bytes]:
    import orjson

    expected = 'expected an object like {"topic": "raw/a", "payload": {"value": 1}}'
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UnreadableMessagesError(f"`{path}` line {number} is no JSON; {expected}.") from error
    topic = fields.get("topic") if isinstance(fields, dict) else None
    try:
        payload = _payload(fields) if isinstance(topic, str) else None
    except binascii.Error as error:
        raise UnreadableMessagesError(f"`{path}` line {number} has a `payload_base64` that is no base64.") from error
    if topic is None or payload is None:
        raise UnreadableMessagesError(f"`{path}` line {number} has no topic or no payload; {expected}.")
    return topic, payload


def _payload(fields: Mapping[str, Any]) -> bytes | None:  # Any: values of JSON
    import orjson

    if "payload" in fields:
        return orjson.dumps(fields["payload"])
    if isinstance(fields.get("payload_text"), str):
        return str(fields["payload_text"]).encode()
    if isinstance(fields.get("payload_base64"), str):
        return base64.b64decode(fields["payload_base64"], validate=True)
    return None


def _batches(sample: Mapping[str, Messages]) -> Iterator[Batch]:
    for source, messages in sample.items():
        for start in range(0, len(messages), BATCH_MESSAGES):
            yield Batch(source, messages[start : start + BATCH_MESSAGES])


def _print(report: Mapping[str, Any]) -> None:  # Any: a JSON document
    outcomes = ", ".join(f"{count:,} {kind}" for kind, count in report["outcomes"].items())
    sys.stdout.write(
        f"{report['messages_per_second']:>12,} messages/s\n"
        f"{report['ns_per_message']:>12,.0f} ns per message"
        f" (median batch {report['ns_per_message_median']:,.0f}, best {report['ns_per_message_best']:,.0f})\n\n"
        f"{report['work']}, {report['sample_messages']:,} {report['sample']} messages: {outcomes}.\n"
        f"Measured for {report['seconds']:.1f} s on one core, in this process: engine and Python API (`Router.route`, an object per outcome).\n"
        "`pronubes run` makes no such objects. `make bench` measures whole programs over a broker.\n"
    )
