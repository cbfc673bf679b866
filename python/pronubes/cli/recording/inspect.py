"""`pronubes recording inspect`: what is in a recording."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.moments import date
from pronubes.cli.output import add_json_argument, print_json, printable
from pronubes.recording import is_recording_file, lines_of, messages_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from pronubes.recording import Ending, Recorded

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes recording inspect line1.pnrec
  pronubes recording inspect line1.pnrec --topics 100
  pronubes recording inspect line1.pnrec --json

Ends with code 1 when the recording is cut or damaged; it says where, and counts what is whole.
"""
_MOST_TOPICS = 1_000_000
"""More topics are counted together."""
_OTHERS = "(others)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("file", metavar="FILE", help="The recording, or lines of JSON.")
    parser.add_argument("--topics", type=int, default=20, metavar="N", help="Show the N busiest topics (default: 20).")
    add_json_argument(parser)


@dataclass
class _Content:
    """What was found."""

    messages: int = 0
    payload_bytes: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    topics: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    qos: Counter[int] = field(default_factory=Counter)
    retained: int = 0

    def add(self, message: Recorded) -> None:
        self.messages += 1
        self.payload_bytes += len(message.payload)
        if message.time_ns:
            self.first_ns = message.time_ns if self.first_ns is None else min(self.first_ns, message.time_ns)
            self.last_ns = message.time_ns if self.last_ns is None else max(self.last_ns, message.time_ns)
        self.topics[message.topic if message.topic in self.topics or len(self.topics) < _MOST_TOPICS else _OTHERS] += 1
        self.sources[message.source] += 1
        if message.route:
            self.routes[message.route] += 1
        self.qos[message.qos] += 1
        self.retained += message.retain


def run(arguments: argparse.Namespace) -> int:
    """Read it all and say what it is."""
    content = _Content()
    ending: Ending | None = None
    if is_recording_file(arguments.file):
        messages = messages_of(arguments.file)
        ending = _read(messages, content)
    else:
        for message in lines_of(arguments.file):
            content.add(message)
    if arguments.json:
        print_json(_document(arguments, content, ending))
    else:
        _show(arguments, content, ending)
    return ExitCode.OK if ending is None or ending.is_whole else ExitCode.FAILED


def _document(arguments: argparse.Namespace, content: _Content, ending: Ending | None) -> dict[str, Any]:  # Any: JSON
    document = {name: getattr(content, name) for name in ("messages", "payload_bytes", "first_ns", "last_ns", "retained")}
    document |= {name: dict(getattr(content, name)) for name in ("sources", "routes", "qos")}
    document |= {"topic_count": len(content.topics), "topics": dict(content.topics.most_common(arguments.topics))}
    document |= {"file": arguments.file, "bytes": Path(arguments.file).stat().st_size}
    return document | ({"ending": asdict(ending)} if ending is not None else {})


def _read(messages: Generator[Recorded, None, Ending], content: _Content) -> Ending:
    while True:
        try:
            content.add(next(messages))
        except StopIteration as end:
            ending: Ending = end.value
            return ending


def _show(arguments: argparse.Namespace, content: _Content, ending: Ending | None) -> None:
    size = Path(arguments.file).stat().st_size
    kind = "recording" if ending is not None else "lines of JSON"
    lines = [f"{arguments.file}: {kind}, {size:,} bytes, {content.messages:,} messages with {content.payload_bytes:,} bytes of payload"]
    if content.first_ns is not None and content.last_ns is not None:
        lines.append(f"  received  {date(content.first_ns)} to {date(content.last_ns)} ({(content.last_ns - content.first_ns) / 1e9:,.3f} s)")
    for label, counts in (("sources", content.sources), ("routes", content.routes)):
        named = ", ".join(f"{name or '(unknown)'} {count:,}" for name, count in counts.most_common())
        if named:
            lines.append(f"  {label:9} {named}")
    lines.append(f"  qos       {', '.join(f'{qos}: {count:,}' for qos, count in sorted(content.qos.items())) or '-'}; retained {content.retained:,}")
    lines.append(f"  topics    {len(content.topics):,}")
    lines += [f"    {count:>10,}  {topic}" for topic, count in content.topics.most_common(arguments.topics)]
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
    if ending is not None and ending.lost:
        sys.stdout.write(f"{ending.lost:,} messages came and are not in it: it was full, or the recorder was too slow.\n")
    if ending is not None and not ending.is_whole:
        sys.stderr.write(f"{arguments.file}: {ending.sentence()}\n")
