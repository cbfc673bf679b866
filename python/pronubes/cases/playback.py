"""A recording played into a configuration under test: the engine of a case, with the recording's own time as its clock, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pronubes.cases.bench import Arrival, Bench
from pronubes.cases.moments import DEFAULT_START_NS
from pronubes.config.sources import source_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from pronubes.cases.bench import Output
    from pronubes.config.compile import Compiled
    from pronubes.playing import Due, Player

__all__ = ["Counts", "play"]

MOST_TOPICS = 100_000
"""More topics are counted together."""
OTHERS = "(others)"


@dataclass(slots=True)
class Counts:
    """What became of a recording.

    Attributes:
        messages: Messages that came in.
        outputs: Messages that left, whatever number of sinks got them.
        topics: The same by topic.
        sources: The ledgers of sources.
        routes: The ledgers of routes, with reasons.
        sinks: What each sink got.
        quarantined: What was quarantined, by route and reason.
        span_ns: From the first message to the last, in the time of the recording.
    """

    messages: int = 0
    outputs: int = 0
    topics: Counter[str] = field(default_factory=Counter)
    sources: list[dict[str, Any]] = field(default_factory=list)  # Any: JSON
    routes: list[dict[str, Any]] = field(default_factory=list)  # Any: JSON
    sinks: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[tuple[str, str]] = field(default_factory=Counter)
    span_ns: int = 0

    @property
    def unrouted(self) -> int:
        """Messages that no route took."""
        return sum(source["unrouted"] for source in self.sources)

    def document(self) -> dict[str, Any]:  # Any: JSON
        """Write it as JSON."""
        kept = ("name", "matched", "passed", "filtered", "absorbed", "quarantined", "rejected", "reasons")
        return {
            "messages": self.messages,
            "unrouted": self.unrouted,
            "outputs": self.outputs,
            "span_s": self.span_ns / 1e9,
            "sources": {source["name"]: source["received"] for source in self.sources if source["received"]},
            "routes": {route["name"]: {key: route[key] for key in kept if key != "name"} for route in self.routes},
            "sinks": dict(self.sinks),
            "topics": dict(sorted(self.topics.items())),
        }


def play(
    compiled: Compiled,
    player: Player,
    *,
    source: str | None = None,
    linger_ns: int = 0,
    wait: Callable[[int], bool] = lambda _offset_ns: True,
    each: Callable[[Output], None] = lambda _output: None,
) -> Counts:
    """Play a recording into a configuration, with all sources and sinks replaced by lists.

    Args:
        compiled: The configuration.
        player: The recording.
        source: The source that all messages come from; None: the one that the recording names, else the first that can hand in the topic.
        linger_ns: How much time passes after the last message, for steps with timers.
        wait: Called before each message with the time at which it is due, from the first on; false ends the play.
        each: Called with each message that leaves.

    Raises:
        ConfigurationError: The engine finds errors in the configuration.
        HookUnavailable: A hook cannot be loaded.
        UnreadableRecording: There is nothing to read.
    """
    counts, chosen = Counts(), _Sources(compiled, source)
    dues = iter(player)
    due = next(dues, None)
    start_ns = player.first_ns if player.first_ns is not None else DEFAULT_START_NS
    bench = Bench(compiled, now_ns=start_ns)
    while due is not None and wait(due.offset_ns):
        bench.take(_arrival(due, chosen, start_ns), counts.messages)
        counts.messages += 1
        counts.span_ns = due.offset_ns
        _drain(bench, counts, each)
        due = next(dues, None)
    if linger_ns:
        bench.advance(bench.now_ns + linger_ns)
        _drain(bench, counts, each)
    status = bench.status()
    counts.sources, counts.routes = status["sources"], status["routes"]
    return counts


def _arrival(due: Due, chosen: _Sources, start_ns: int) -> Arrival:
    message = due.message
    at_ns = start_ns + due.offset_ns
    source = chosen.of(message.source, message.topic)
    return Arrival(source, message.topic, message.payload, at_ns, message.qos, message.retain, message.source_ns)


class _Sources:
    """Which source a message comes from, remembered by topic."""

    def __init__(self, compiled: Compiled, source: str | None) -> None:
        self._loaded = compiled.loaded
        self._source = source
        self._known: dict[str, str] = {}

    def of(self, recorded: str, topic: str) -> str:
        if self._source is not None:
            return self._source
        if recorded in self._loaded.configuration.sources:
            return recorded
        if topic not in self._known:
            if len(self._known) >= MOST_TOPICS:
                self._known.clear()
            self._known[topic] = source_for(self._loaded, topic)
        return self._known[topic]


def _drain(bench: Bench, counts: Counts, each: Callable[[Output], None]) -> None:
    for output in bench.outputs:
        counts.outputs += 1
        counts.topics[output.topic if output.topic in counts.topics or len(counts.topics) < MOST_TOPICS else OTHERS] += 1
        counts.sinks.update(output.sinks.keys())
        each(output)
    for fault in bench.quarantined:
        counts.quarantined[fault.route or "", fault.reason] += 1
    bench.outputs.clear()
    bench.quarantined.clear()
    bench.rejected.clear()
