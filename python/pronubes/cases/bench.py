"""Where a case runs: the engine of a node, with every source and sink replaced by lists and a clock that the case moves.

It is the engine that `run` has (sessions and logs left out), so hooks, contracts, names and state do here what they do there. One message goes in
at a time and all that comes of it is taken out before the next, so each output has the message it came of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from pronubes import _core
from pronubes.cases.hooks import CaseHooks
from pronubes.config.compile import diagnose
from pronubes.config.load import in_order
from pronubes.errors import ConfigurationError

if TYPE_CHECKING:
    from pronubes.config.compile import Compiled

__all__ = ["Arrival", "Bench", "Output", "Quarantined", "Rejected"]

_QUEUE_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that comes in.

    Attributes:
        source: The source.
        topic: Its topic.
        payload: Its payload.
        at_ns: When it comes, in nanoseconds since 1970 (UTC).
        qos: The quality of service it came with.
        retain: Whether the broker had kept it.
        source_ns: When the source says it happened.
    """

    source: str
    topic: str
    payload: bytes
    at_ns: int
    qos: int = 0
    retain: bool = False
    source_ns: int | None = None


@dataclass(slots=True)
class Output:
    """A message that left, to one sink or several.

    Attributes:
        cause: Which of the messages it came of; None where a timer made it.
        at_ns: When it left.
        route: Its route.
        topic: Its topic.
        payload: Its payload.
        source_ns: The source's time that it has.
        sinks: Each sink that got it, with quality of service and whether it is to be retained.
    """

    cause: int | None
    at_ns: int
    route: str
    topic: str
    payload: bytes
    source_ns: int | None
    sinks: dict[str, tuple[int, bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that went to the quarantine.

    Attributes:
        cause: As for `Output`.
        at_ns: When.
        route: The route, where it was one.
        step: The step, from 0, where it was one.
        reason: The reason's code.
        detail: More about it.
        topic: The topic it came with.
        payload: Its payload as it came.
    """

    cause: int | None
    at_ns: int
    route: str | None
    step: int | None
    reason: str
    detail: str
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that a contract of mode `reject` threw away.

    Attributes:
        cause: As for `Output`.
        at_ns: When.
        route: The route whose contract it was.
        reason: The reason's code.
        topic: The topic it came with; empty where a timer made the message.
        payload: Its payload as it came.
    """

    cause: int | None
    at_ns: int
    route: str
    reason: str
    topic: str
    payload: bytes


class Bench:
    """Runs messages through a configuration.

    Args:
        compiled: The configuration.
        now_ns: When it begins.
        is_covered: Whether it notes what of the routes is run.
    """

    def __init__(self, compiled: Compiled, *, now_ns: int, is_covered: bool = False) -> None:
        """Compile the routes.

        Raises:
            ConfigurationError: The engine found errors; all of them.
            HookUnavailable: A hook cannot be loaded.
        """
        configuration = compiled.loaded.configuration
        try:
            self._engine = _core.Pipeline(compiled.spec, orjson.dumps(_node(compiled)), now_ns=now_ns)
        except _core.SpecFailure as failure:
            raise ConfigurationError(in_order(diagnose(compiled, failure.errors))) from failure
        for name, table in compiled.loaded.tables.items():
            self._engine.set_table(name, _core.TableRows(table.document))
        if is_covered:
            self._engine.cover()
        self._hooks = CaseHooks(self._engine, compiled)
        self._sinks = list(configuration.sinks)
        self._route_order = {name: index for index, name in enumerate(configuration.routes)}
        self._deadline_ns: int | None = None
        self.now_ns = now_ns
        self.outputs: list[Output] = []
        self.quarantined: list[Quarantined] = []
        self.rejected: list[Rejected] = []
        self._has_rejecting = any(one["mode"] == "reject" for one in orjson.loads(compiled.spec).get("contracts", ()))
        self._counts: dict[str, Counter[str]] = {}

    def take(self, arrival: Arrival, cause: int) -> None:
        """Let a message come in; the time goes on to when it comes."""
        self.advance(arrival.at_ns)
        work = self._engine.push(
            arrival.source,
            [arrival.topic],
            [arrival.payload],
            source_ns=[arrival.source_ns],
            qos=[arrival.qos],
            retain=[arrival.retain],
            now_ns=self.now_ns,
        )
        self._note(work)
        self._collect(cause, arrival)

    def advance(self, until_ns: int) -> None:
        """Let time pass: what timers make leaves at its own time."""
        while self._deadline_ns is not None and self._deadline_ns <= until_ns:
            self._step(max(self._deadline_ns, self.now_ns))
        if until_ns > self.now_ns:
            self._step(until_ns)

    def coverage(self) -> list[Any]:  # Any: a JSON document
        """Say for each route what of it was run, as the engine does; nothing where nobody asked for it."""
        found = self._engine.coverage()
        return orjson.loads(found)["routes"] if found is not None else []

    def has_unrouted(self) -> bool:
        """Tell whether there were messages that no route took."""
        return any(source["unrouted"] for source in self.status()["sources"])

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """Return the ledgers, as a node has them."""
        status: dict[str, Any] = orjson.loads(self._engine.status(now_ns=self.now_ns))
        return status

    def _step(self, now_ns: int) -> None:
        was_ns, self.now_ns = self._deadline_ns, now_ns
        work = self._engine.advance(now_ns=now_ns)
        self._deadline_ns = work.deadline_ns if work is not None else None
        self._collect(None)
        if was_ns is not None and self._deadline_ns == was_ns <= now_ns:
            self._deadline_ns = None  # a deadline that its own time does not move would hold the clock for ever

    def _note(self, work: _core.Work | None) -> None:
        if work is not None and work.deadline_ns is not None:
            self._deadline_ns = work.deadline_ns

    def _collect(self, cause: int | None, arrival: Arrival | None = None) -> None:
        while self._hooks.run(now_ns=self.now_ns):
            self._note(self._engine.work(now_ns=self.now_ns))
        rows = [row for order, sink in enumerate(self._sinks) for row in self._taken(sink, order)]
        if rows:
            self.outputs += _joined(rows, cause, self.now_ns)
        while (batch := self._engine.take_quarantine()) is not None:
            for _, _, _, route, step, reason, detail, topic, payload, *_ in batch.rows():
                self.quarantined.append(Quarantined(cause, self.now_ns, route, step, reason, detail, topic, payload))
            self._note(self._engine.confirm_quarantine(batch.id, now_ns=self.now_ns))
        if self._has_rejecting:
            self._note_rejected(cause, arrival)

    def _note_rejected(self, cause: int | None, arrival: Arrival | None) -> None:
        """Find by the ledgers what was thrown away: nothing else hears of it."""
        topic, payload = (arrival.topic, arrival.payload) if arrival is not None else ("", b"")
        for route in self.status()["routes"]:
            counts = Counter(route["reasons"])
            counts["(rejected)"] = route["rejected"]
            fresh = counts - self._counts.get(route["name"], Counter())
            self._counts[route["name"]] = counts
            if fresh.pop("(rejected)", 0):
                fresh -= Counter(one.reason for one in self.quarantined if one.cause == cause and one.route == route["name"])
                reasons = fresh.elements()
                self.rejected += [Rejected(cause, self.now_ns, route["name"], reason, topic, payload) for reason in reasons]

    def _taken(self, sink: str, order: int) -> Iterator[_Row]:
        while (batch := self._engine.take(sink, now_ns=self.now_ns, force=True)) is not None:
            columns = batch.rows([("qos", None), ("retain", None), ("source_ns", None)])
            places: dict[str, int] = {}
            for topic, payload, route, values in zip(batch.topics(), batch.payloads(), batch.routes(), columns, strict=True):
                place = places[route] = places.get(route, -1) + 1
                yield _Row(self._route_order.get(route, 0), place, order, sink, route, topic, payload, values)
            self._note(self._engine.confirm(sink, batch.id, now_ns=self.now_ns))


@dataclass(frozen=True, slots=True)
class _Row:
    """What one sink got, with its place in the order in which it left."""

    route_order: int
    place: int
    sink_order: int
    sink: str
    route: str
    topic: str
    payload: bytes
    values: Sequence[Any]  # Any: columns as the engine gives them


def _joined(rows: Iterable[_Row], cause: int | None, now_ns: int) -> list[Output]:
    """Put rows of several sinks together that are the same message, in the order of routes, then of what leaves them."""
    found: dict[tuple[Any, ...], Output] = {}
    for row in sorted(rows, key=lambda row: (row.route_order, row.place, row.sink_order)):
        qos, retain, source_ns = row.values
        number = 0
        while row.sink in (known := found.setdefault((row.route, row.topic, row.payload, source_ns, number), _output(row, cause, now_ns))).sinks:
            number += 1
        known.sinks[row.sink] = (qos, retain)
    return list(found.values())


def _output(row: _Row, cause: int | None, now_ns: int) -> Output:
    return Output(cause, now_ns, row.route, row.topic, row.payload, row.values[2])


def _node(compiled: Compiled) -> dict[str, Any]:  # Any: a JSON document
    """Describe a node without connections and without logs: nothing waits for anything."""
    configuration = compiled.loaded.configuration
    sink = {"kind": "batch", "queue_bytes": _QUEUE_BYTES, "policy": "block", "linger_ms": 0}
    return {
        "sources": [{"name": name, "kind": "batch", "delivery": "volatile"} for name in configuration.sources],
        "sinks": [{"name": name, "qos": getattr(one.options, "qos", 0), **sink} for name, one in configuration.sinks.items()],
        "routes": dict.fromkeys(configuration.routes, "volatile"),
        "quarantine_bytes": _QUEUE_BYTES,
    }
