"""`pronubes replay`: plays a recording into a configuration under test, or to a broker."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import signal
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pronubes.cli.arguments import duration
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json, printable
from pronubes.playing import Player, Speed

if TYPE_CHECKING:
    from pronubes.cases.playback import Counts
    from pronubes.pipeline.player import Published

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes replay line1.pnrec                                    into ./pronubes.yaml: what comes out, by route, sink and topic
  pronubes replay line1.pnrec -c new.yaml --linger 1m --json     with a minute for timers after the last message, for programs
  pronubes replay line1.pnrec --url mqtt://127.0.0.1:1883        to a broker, at the pace at which it was recorded
  pronubes replay line1.pnrec --url mqtt://127.0.0.1:1883 --speed max --loop 10

Into a configuration nothing is connected: sources and sinks are replaced, and the clock is that of the recording, so that steps with timers do what
they did then, however fast it goes. Payloads are played as they were recorded, with the times that stand in them.
"""
_PROGRESS_S = 0.5
_MOST_TOPICS = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", metavar="FILE", help="A recording, or lines of JSON.")
    add_config_argument(parser)
    parser.add_argument("--url", metavar="URL", help="Play to a broker (mqtt://HOST:PORT), with the QoS and the retain flag of each message.")
    parser.add_argument(
        "--speed", type=_speed, metavar="FACTOR", help="1: as recorded; 10: ten times as fast; max (default: to a broker 1, else max)."
    )
    parser.add_argument("--loop", type=int, default=1, metavar="N", help="Play it N times; 0: until Ctrl-C.")
    parser.add_argument("--filter", default="#", metavar="FILTER", help="Only topics that match this MQTT filter (default: #).")
    parser.add_argument("--source", metavar="NAME", help="Into a configuration: all messages come from this source.")
    parser.add_argument(
        "--linger", type=duration, default=0.0, metavar="TIME", help="Into a configuration: let so much time pass after the last message."
    )
    add_json_argument(parser)


def _speed(text: str) -> Speed:
    try:
        factor = None if text == "max" else float(text)
    except ValueError:
        factor = 0.0
    if factor is not None and not 0 < factor < 1e9:
        raise argparse.ArgumentTypeError(f"`{text}` is no speed: write 1, 10, 0.5 or max")
    return Speed(factor)


def run(arguments: argparse.Namespace) -> int:
    """Play."""
    from pronubes import topic_matches

    try:
        topic_matches(arguments.filter, "a")
    except ValueError as error:
        sys.stderr.write(f"pronubes replay: --filter: {error}\n")
        return ExitCode.USAGE
    if arguments.loop < 0:
        sys.stderr.write("pronubes replay: --loop is a number of rounds, or 0 for no end.\n")
        return ExitCode.USAGE
    player = Player(arguments.file, rounds=arguments.loop, topic_filter=arguments.filter)
    if arguments.url:
        return asyncio.run(_to_broker(arguments, player))
    return _into_configuration(arguments, player)


def _into_configuration(arguments: argparse.Namespace, player: Player) -> int:
    from pronubes.cases.playback import play
    from pronubes.config.compile import compile_router, refuse_errors
    from pronubes.config.load import load
    from pronubes.suggest import did_you_mean

    compiled = compile_router(load(arguments.config))
    refuse_errors(compiled)
    sources = compiled.loaded.configuration.sources
    if arguments.source is not None and arguments.source not in sources:
        hint = did_you_mean(arguments.source, sources) or f"Sources: {', '.join(sources) or 'none'}."
        sys.stderr.write(f"pronubes replay: The configuration has no source `{arguments.source}`. {hint}\n")
        return ExitCode.USAGE
    if not sources:
        sys.stderr.write("pronubes replay: The configuration has no source: nothing can come in.\n")
        return ExitCode.USAGE
    pace = _Pace(arguments.speed or Speed(None))
    previous = signal.signal(signal.SIGINT, pace.stop)
    try:
        counts = play(compiled, player, source=arguments.source, linger_ns=round(arguments.linger * 1e9), wait=pace)
    finally:
        signal.signal(signal.SIGINT, previous)
        pace.progress.clear()
    seconds = time.monotonic() - pace.began_s
    if arguments.json:
        head = {"file": arguments.file, "config": arguments.config, "rounds": player.rounds_done, "seconds": round(seconds, 3)}
        print_json({**head, "problem": player.problem or None, **counts.document()})
    else:
        _show(arguments, counts, seconds)
    return _end(arguments, player)


def _end(arguments: argparse.Namespace, player: Player) -> int:
    if player.problem:
        sys.stderr.write(f"{arguments.file}: {player.problem}\n")
        return ExitCode.FAILED
    return ExitCode.OK


class _Pace:
    """Waits until a message is due by the wall clock, as the speed wants it; Ctrl-C ends the play."""

    def __init__(self, speed: Speed) -> None:
        self._speed = speed
        self._is_stopped = False
        self._count = 0
        self.began_s = time.monotonic()
        self.progress = _Progress()

    def stop(self, *_signal: object) -> None:
        self._is_stopped = True

    def __call__(self, offset_ns: int) -> bool:
        due_s = self.began_s + self._speed.wall_ns(offset_ns) / 1e9
        while not self._is_stopped and (left_s := due_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.2))  # in pieces, so that Ctrl-C is heard
        self.progress(self._count)
        self._count += 1
        return not self._is_stopped


def _show(arguments: argparse.Namespace, counts: Counts, seconds: float) -> None:
    span_s = counts.span_ns / 1e9
    lines = [f"{counts.messages:,} messages of {span_s:,.1f} s into {arguments.config}: {counts.outputs:,} left, {counts.unrouted:,} unrouted"]
    lines[0] += f" ({seconds:,.1f} s)"
    rows: list[tuple[str, ...]] = [("route", "matched", "left", "filtered", "absorbed", "quarantined", "rejected")]
    keys = ("matched", "passed", "filtered", "absorbed", "quarantined", "rejected")
    rows += [(route["name"], *(f"{route[key]:,}" for key in keys)) for route in counts.routes]
    lines += _table(rows)
    lines += [f"  {count:,} quarantined by {route or '(no route)'}: {reason}" for (route, reason), count in counts.quarantined.most_common()]
    lines += _table([("sink", "messages"), *((name, f"{count:,}") for name, count in counts.sinks.most_common())])
    topics = counts.topics.most_common(_MOST_TOPICS)
    lines += _table([("topic", "messages"), *((name, f"{count:,}") for name, count in topics)])
    if len(counts.topics) > len(topics):
        lines.append(f"  and {len(counts.topics) - len(topics):,} topics more; --json has them all")
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  " + "  ".join([row[0].ljust(widths[0]), *(row[at].rjust(widths[at]) for at in range(1, len(row)))]).rstrip() for row in rows]


async def _to_broker(arguments: argparse.Namespace, player: Player) -> int:
    from pronubes.pipeline.player import BrokerPlayer, broker_plan
    from pronubes.pipeline.recorder import scratch_folder
    from pronubes.telemetry.logging import configure as configure_logging

    parts = urlsplit(arguments.url)
    sink: dict[str, Any] = {"url": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"}
    if parts.username:
        sink["username"] = unquote(parts.username)
    if parts.scheme == "mqtt":
        sink["allow_plaintext"] = True  # who types the address knows the network
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    progress = _Progress()
    speed = arguments.speed or Speed(1.0)
    with scratch_folder() as folder:
        plan = broker_plan(sink, folder, password=unquote(parts.password) if parts.password else None)
        configure_logging(level="warning", form="console")
        try:
            published = await BrokerPlayer(plan, lambda so_far: progress(so_far.messages)).play(player, speed, stop)
        finally:
            progress.clear()
    return _report(arguments, player, published, speed, sink["url"])


def _report(arguments: argparse.Namespace, player: Player, published: Published, speed: Speed, url: str) -> int:
    mean_ms = published.late_sum_ns / published.messages / 1e6 if published.messages else 0.0
    most_ms = published.late_most_ns / 1e6
    if arguments.json:
        document = {"file": arguments.file, "url": url, "rounds": player.rounds_done, "speed": str(speed), "problem": player.problem or None}
        print_json(document | dataclasses.asdict(published) | {"late_mean_ms": round(mean_ms, 3), "late_most_ms": round(most_ms, 3)})
    else:
        wall_s, span_s = published.wall_ns / 1e9, published.span_ns / 1e9
        late = f"; late by {mean_ms:.1f} ms on average, {most_ms:.1f} ms at most" if speed.factor is not None else ""
        sys.stdout.write(f"{published.messages:,} messages of {span_s:,.1f} s to {url} in {wall_s:,.1f} s (speed {speed}){late}.\n")
    missing = published.messages - published.delivered
    if missing:
        refused = f", {published.refused:,} refused by it or with a topic that cannot be published" if published.refused else ""
        sys.stderr.write(f"{missing:,} messages did not reach the broker{refused}.\n")
    return ExitCode.FAILED if missing else _end(arguments, player)


class _Progress:
    """Counts on standard error, where a person looks on."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._next = 0.0

    def __call__(self, messages: int) -> None:
        if self._is_shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _PROGRESS_S
            sys.stderr.write(f"\r\x1b[K{messages:,} messages; Ctrl-C ends")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
