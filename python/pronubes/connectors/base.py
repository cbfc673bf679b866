"""The interfaces between connectors and the pipeline.

A connector module offers a source, a sink or both. It describes each by a `SourceConnector` or `SinkConnector` (what its options
are, where its class is) under an entry point, and the pipeline makes one object per configured source or sink. Connectors see
these interfaces, `pronubes.errors` and nothing of the pipeline.

Planes: a connector of the `batch` plane implements `BatchSource` or `BatchSink` below. The `bytes` plane is a Rust session fused with the
router and driven by an asyncio protocol; MQTT is the one connector of it. A sink of the `view` plane gets no messages at all: the engine keeps
the newest value per topic for it, and it looks (`ViewSink`); the live page is one.

Rules for every connector:

1. It raises `NotConnected`, `EndOfInput`, `BackOff` and `SendRejected` to say what the pipeline shall do; any other exception counts
   as a defect, is logged with its traceback and treated like `NotConnected`.
2. It never retries, never sleeps between attempts and holds no queue: waiting is the pipeline's part.
3. It may be cancelled at any `await`; `close` is called afterwards and must release everything within five seconds.
4. `open` after `close` starts afresh: the same object connects again for as long as the node lives.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from pronubes.errors import BackOff, EndOfInput, NotConnected, SendRejected
from pronubes.tags.naming import Naming

__all__ = [
    "BackOff",
    "BatchSink",
    "BatchSource",
    "ConnectorContext",
    "Dtype",
    "EndOfInput",
    "EngineView",
    "LineFormat",
    "NotConnected",
    "Plane",
    "SendRejected",
    "Settlement",
    "SinkBatch",
    "SourceBatch",
    "ViewSink",
    "WriteResult",
]

_NO_UNITS: Mapping[str, str] = {}
Plane = Literal["batch", "bytes", "view"]
Dtype = Literal["f64", "i64", "bool", "text", "json", "binary"]


class Settlement(StrEnum):
    """What became of the messages up to a position."""

    DONE = "done"
    """Every route that matched has done its part, or keeps the message in the quarantine. The source may forget them."""
    FAILED = "failed"
    """The node gave up before they were done. The source must hand them out again after the next `open`, if it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFormat:
    """How messages stand in JSON lines.

    Attributes:
        topic_field: The field with the topic; None: the whole line is the payload.
        payload_field: The field with the payload.
        time_field: The field with the source's time in nanoseconds, where a line has it.
        topic: The topic of lines that have none.
    """

    topic_field: str | None = "topic"
    payload_field: str = "payload"
    time_field: str | None = "time_ns"
    topic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBatch:
    """Messages that a source hands in: columns of equal length, in the order in which they happened.

    A source has one of three: payloads; or values, and the engine writes each row as one payload in the shape that the source is configured for
    (`{"value": .., "quality": .., "timestamp_ms": .., "unit": ..}` where nothing is said); or JSON lines, and the engine cuts topics and
    payloads out of them.

    A value is None only where its quality is bad or says that there is no data, as it is with i3X and OPC UA. A row that breaks this rule, or that
    the shape cannot say, goes to the quarantine; the others do not suffer. What a source does not know it leaves out: nothing is invented for it.

    Attributes:
        topics: One topic per message, legal as an MQTT topic name.
        payloads: One payload per message.
        values: One value per message.
        lines: Whole JSON lines, without `topics`.
        line_format: Beside `lines`: where topics and payloads stand in them.
        qualities: Beside `values`: `GOOD`, `UNCERTAIN`, `BAD`, or the name of an OPC UA status (`BadNoCommunication`).
        statuses: In place of `qualities`: status codes of OPC UA, 32 bits each (`pronubes.connectors.status`).
        units: Beside `values`: UCUM codes.
        origins: Beside `values`: where each comes from, such as the address in the device. Only shapes that have a place for it show it.
        source_ns: When each value was true at the source, in nanoseconds since 1970 (UTC); None where the source does not say.
        position: What `settle` gets back when the whole batch is done; opaque to the pipeline. None: the source does not want to hear.
    """

    topics: Sequence[str]
    payloads: Sequence[bytes] | None = None
    values: Sequence[float | int | bool | str | None] | None = None
    lines: bytes | None = None
    line_format: LineFormat | None = None
    qualities: Sequence[str | None] | None = None
    statuses: Sequence[int | None] | None = None
    units: Sequence[str | None] | None = None
    origins: Sequence[str | None] | None = None
    source_ns: Sequence[int | None] | None = None
    position: object = None

    def __post_init__(self) -> None:
        """Check that there is one content and that all columns are equally long."""
        if sum(content is not None for content in (self.payloads, self.values, self.lines)) != 1:
            raise ValueError("A SourceBatch has one of `payloads`, `values` and `lines`.")
        if (self.lines is None) != (self.line_format is None):
            raise ValueError("`lines` and `line_format` belong together.")
        if self.qualities is not None and self.statuses is not None:
            raise ValueError("Qualities are said once: by `qualities` or by `statuses`.")
        for name in ("payloads", "values", "qualities", "statuses", "units", "origins", "source_ns"):
            side = getattr(self, name)
            if side is not None and len(side) != len(self.topics):
                raise ValueError(f"`{name}` has {len(side)} items, `topics` has {len(self.topics)}.")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is handed in."""
        return not self.topics and not self.lines


class SinkBatch(Protocol):
    """Messages that a sink shall take, in order per topic. The engine holds them; a sink asks for the form that it needs."""

    def __len__(self) -> int:
        """Return the number of messages."""

    def topics(self) -> list[str]:
        """List the topics as the routes rendered them."""

    def payloads(self) -> list[bytes]:
        """List the payloads as the routes' steps left them."""

    def routes(self) -> list[str]:
        """List the names of the routes that the messages came through."""

    def rows(
        self, wanted: Sequence[tuple[str, Dtype | None]], *, rest_without: Sequence[str] | None = None, shape: bytes | None = None
    ) -> list[tuple[float | int | bool | str | bytes | None, ...]]:
        """Read fields of all payloads with one scan in Rust: one tuple per message, in the order wanted.

        Args:
            wanted: Names and types: `topic`, `payload`, `received_ns`, `source_ns`, `time_ns` (the source's time, else the time received),
                `qos`, `retain`, `replayed` (it comes out of a log, perhaps later than newer ones), `value`, `text`, `quality`, `unit`, or any dotted
                path into the payload. What is missing or of another type is None.
            rest_without: When given, one more value at the end: the other top-level fields as JSON text, None when there are none.
            shape: The shape of the payloads (`pronubes.connectors.shapes.shape_json`): where `value`, `text`, `quality`, `unit`, `source_ns` and
                `time_ns` stand. A quality that is written as a number is given by its OPC UA name. Left out: the usual names.
        """

    def ndjson(self) -> bytes:
        """Write one JSON line per message: `topic`, `payload`, `time_ns`, `source`, `route`, and `replayed` where it comes out of a log."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of the messages of one `write`. What is named in neither field was delivered.

    Attributes:
        refused: Messages that will never be accepted, by index, with the sink's own words; they go to the quarantine.
        retry: Indexes of messages to offer again; the pipeline keeps the order of their topics.
    """

    refused: Mapping[int, str] = field(default_factory=dict)
    retry: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorContext:
    """What a connector is told about the node that it works for.

    Attributes:
        name: The name under `sources` or `sinks`.
        node: The name of the node.
        base_dir: The folder of the configuration file; relative paths in options and secrets count from here.
        data_dir: The folder for what the node keeps.
        now_ns: The wall clock, in nanoseconds since 1970 (UTC); tests put in their own.
        units: The unit of `value` by route, from the contracts that the routes promise; another object after a reload that changed it.
        random: Where randomness comes from; tests seed it.
        naming: How a source of tags names them, as it was checked; None where the configuration says nothing of it.
    """

    name: str
    node: str
    base_dir: Path
    data_dir: Path
    now_ns: Callable[[], int] = time.time_ns
    units: Callable[[], Mapping[str, str]] = field(default=lambda: _NO_UNITS)
    random: random.Random = field(default_factory=random.Random)
    naming: Naming | None = None


@runtime_checkable
class BatchSource(Protocol):
    """A source of the batch plane. One task per source makes all calls, one at a time, except `settle`, which may come while `read` waits."""

    async def open(self) -> None:
        """Connect, or open what is read. Called before the first `read` and again after `close` when the connection was lost.

        Raises:
            NotConnected: Not reachable now; the pipeline waits and opens again, for ever.
            BackOff: The peer asks for a pause; `open` is called again after it.
        """

    async def read(self) -> SourceBatch:
        """Wait for messages and hand them over, at most a few thousand and at most about 1 MiB at a time.

        Called again at once when the router took the batch; not called while a sink holds the source back. An empty batch is allowed and costs
        one turn of the loop, so wait instead of spinning.

        Raises:
            NotConnected: The connection is lost; `close`, then `open` follow.
            EndOfInput: There is nothing more; outstanding positions are still settled, then `close` follows.
            BackOff: Call again after a pause.
        """

    async def settle(self, position: object, outcome: Settlement) -> None:
        """Acknowledge upstream. Called once per batch whose position is not None, in the order of the batches, from the source's task group.

        Never called because time has passed. After a lost connection the positions of before are still settled: a source that cannot
        acknowledge them any more ignores the call.
        """

    async def close(self) -> None:
        """Release everything. Called once after every `open`, also after a failed one; must not raise."""


@runtime_checkable
class BatchSink(Protocol):
    """A sink of the batch plane. One task per sink makes all calls, one at a time."""

    async def open(self) -> None:
        """Connect, or open what is written. Called before the first `write` and again after `close` when the connection was lost.

        Raises:
            NotConnected: Not reachable now; the pipeline waits and opens again, for ever.
            BackOff: The peer asks for a pause; `open` is called again after it.
        """

    async def write(self, batch: SinkBatch) -> WriteResult:
        """Write the batch; return only when it is as safe as this sink promises (committed, confirmed).

        The batch has at least one message. Blocking calls of more than a millisecond belong on a thread. What was offered and
        neither confirmed nor refused when an exception comes out is offered again: a sink that can, deduplicates.

        Raises:
            NotConnected: The connection is lost; `close`, `open`, then the same messages again.
            BackOff: The same messages again after a pause.
            SendRejected: None of these messages will ever be accepted; all go to the quarantine.
        """

    async def close(self) -> None:
        """Flush and release everything. Called once after every `open`, also after a failed one; must not raise."""


class EngineView(Protocol):
    """What a `ViewSink` may look at. Calls are cheap and made from the event loop; what they return is bounded by their arguments."""

    def changes(self, since: int, *, limit: int) -> bytes:
        """Return as JSON what changed in this sink's table of newest values after the sequence number `since`, oldest change first.

        `{"sequence", "more", "topics", "values": [{"topic", "payload" | "text" | "base64", "time_ns", "first_ns", "count", "sequence"}]}`.
        """

    def watch(self, topic: str, *, points: int) -> None:
        """Begin to keep the newest numbers of a topic (at most `points`)."""

    def points(self, topic: str, *, since_ns: int) -> bytes:
        """Return the kept numbers of a watched topic as JSON: `[[time_ns, number], ..]`."""

    def catalog_page(self, *, topic_filter: str | None, search: str | None, after: str | None, limit: int) -> bytes:
        """Return as JSON names of the catalogue in their order: `{"topics": [..], "next": cursor or null}`, see `_core.Pipeline.catalog_page`.

        Raises:
            NoCatalog: The configuration has none.
            ValueError: `topic_filter` is no filter.
        """

    def catalog_children(self, prefix: str | None, *, after: str | None, limit: int) -> bytes:
        """Return as JSON the levels right below a name: `{"children": [{"name", "is_topic", "below"}], "next": cursor or null}`.

        Raises:
            NoCatalog: The configuration has none.
        """

    def catalog_topic(self, topic: str) -> bytes | None:
        """Return one name as JSON, or None when nothing left under it.

        Raises:
            NoCatalog: The configuration has none.
        """

    def catalog_changes(self, since: int, *, limit: int) -> bytes:
        """Return as JSON what changed after a sequence number: `{"sequence", "generation", "more", "topics": [..]}`.

        Raises:
            NoCatalog: The configuration has none.
        """

    def contracts(self) -> Mapping[str, Mapping[str, Any]]:  # Any: contracts as the engine's specification has them
        """Return the contracts by `name@version`."""

    def contracts_report(self) -> bytes:
        """Return as JSON what the gate judged: by contract the counts by rule, and the newest offenders."""

    def namespace(self) -> Mapping[str, Any] | None:  # Any: the namespace as the engine's specification has it
        """Return the declared namespace, or None."""

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """Return the node's ledgers, queues and connections."""

    def quarantined(self) -> list[dict[str, Any]]:  # Any: JSON documents
        """Return the newest quarantined messages (some hundred at most), newest first.

        Each is as it stands in the quarantine file, and has `text` (what the reason means) and `action` (what a person can do).
        """


@runtime_checkable
class ViewSink(Protocol):
    """A sink that looks instead of taking messages."""

    async def serve(self, view: EngineView) -> None:
        """Serve until cancelled. Called once from a task of its own.

        Raises:
            NotConnected: Cannot serve now (a port is taken): the pipeline waits and calls again.
        """
