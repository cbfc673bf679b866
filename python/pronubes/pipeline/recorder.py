"""Recording live traffic: where it comes from (a running node, or sources that are connected for it), and the loop that writes it down."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import orjson

from pronubes._core import Batch, RecordingWriter
from pronubes.config import canary
from pronubes.errors import NotConnected
from pronubes.pipeline.node import Node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from types import TracebackType

    from pronubes.pipeline.clock import Clock
    from pronubes.pipeline.control import ControlClient
    from pronubes.pipeline.plan import NodePlan

__all__ = ["Cause", "NodeFeed", "Recorder", "SourceFeed", "listening_plan"]

FLUSH_S = 1.0
"""What was taken is written so often at least: what a kill of the recorder costs."""
QUEUE_BYTES = 64 * 2**20
"""How far the disk may lag behind the sources before the newest messages are lost, counted."""
GRACE_S = 2.0

Cause = Literal["stopped", "seconds", "full", "ended", "disk"]
"""Why a recording ended: it was told to; its time is over; it has as many messages or bytes as it may; nothing more comes; the disk takes no more."""


class Feed(Protocol):
    """Where messages come from."""

    @property
    def lost(self) -> int:
        """Messages that came and were dropped before anybody could write them."""

    async def read(self) -> Batch | bytes | None:
        """Wait for messages: a batch or whole lines of JSON; None when no more will come."""


class NodeFeed:
    """Messages of a running node, over its control socket.

    Args:
        client: The connection; it is closed by whoever made it.
        topic_filter: An MQTT filter.
        side: What sources hand in, or what leaves the routes.
    """

    def __init__(self, client: ControlClient, topic_filter: str, *, side: Literal["in", "out"]) -> None:
        self.lost = 0
        self._lines: AsyncIterator[bytes] = client.record(topic_filter, side=side)

    async def read(self) -> bytes | None:
        """See `Feed`.

        Raises:
            NotConnected: The node refused; the sentence says why.
        """
        lines = await anext(self._lines, None)
        if lines is None or not (lines.startswith((b'{"lost"', b'{"error"')) or b'\n{"lost"' in lines):
            return lines
        messages = []
        for line in lines.splitlines(keepends=True):
            if line.startswith(b'{"error"'):
                raise NotConnected(orjson.loads(line)["error"])
            if line.startswith(b'{"lost"'):
                self.lost = orjson.loads(line)["lost"]
            else:
                messages.append(line)
        return b"".join(messages)


class SourceFeed:
    """Messages of sources that are connected for the recording, by a node without routes.

    Args:
        plan: A plan of `listening_plan`.
        topic_filter: An MQTT filter.
    """

    def __init__(self, plan: NodePlan, topic_filter: str) -> None:
        self._node = _ListeningNode(plan, topic_filter)
        self._task: asyncio.Task[None] | None = None

    @property
    def lost(self) -> int:
        """See `Feed`."""
        return self._node.lost

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._node.run(), name="sources")
        self._task.add_done_callback(lambda _: self._node.is_ready.set())
        return self

    async def __aexit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if self._task is not None:
            self._node.stop("the recording ends")
            await self._task

    async def read(self) -> Batch | None:
        """See `Feed`."""
        while True:
            has_ended = self._task is None or self._task.done()
            self._node.is_ready.clear()
            batch = self._node.take()
            if batch is not None:
                return batch
            if has_ended:
                if self._task is not None:
                    self._task.result()
                return None
            await self._node.is_ready.wait()


class _ListeningNode(Node):
    """A node with a tap on what comes in, from before the first source is connected."""

    def __init__(self, plan: NodePlan, topic_filter: str) -> None:
        super().__init__(plan, grace_s=GRACE_S)
        self.is_ready = asyncio.Event()
        self._filter = topic_filter
        self._tap: int | None = None

    @property
    def lost(self) -> int:
        return self.engine.tap_dropped(self._tap) if self._tap is not None else 0

    def start_links(self) -> None:
        self._tap = self.engine.open_tap(self._filter, queue_bytes=QUEUE_BYTES, is_input=True)
        self.dispatcher.is_tap_ready[self._tap] = self.is_ready
        super().start_links()

    def take(self) -> Batch | None:
        return self.engine.take_tap(self._tap) if self._tap is not None else None


def listening_plan(plan: NodePlan, sources: Collection[str], data_dir: Path) -> NodePlan:
    """Make a plan that connects sources and routes nothing.

    MQTT sessions get names of their own and begin clean: with the name of the running node's session they would throw it out and take its messages.

    Args:
        plan: The plan of the configuration.
        sources: The sources to connect.
        data_dir: A folder for what a node keeps; not the one of the configuration, whose node may be running.
    """
    compiled, node = orjson.loads(plan.spec), orjson.loads(plan.node)
    spec: dict[str, Any] = {"limits": compiled["limits"], "sources": list(sources), "sinks": [], "routes": []}  # Any: JSON
    entries = {entry["name"]: entry for entry in node["sources"]}
    listening: dict[str, Any] = {"sources": [_listening(entries[name]) for name in sources], "sinks": []}  # Any: JSON
    canary.add_to_router(spec)
    canary.add_to_node(listening)
    return dataclasses.replace(
        plan,
        data_dir=data_dir,
        spec=orjson.dumps(spec),
        node=orjson.dumps(listening),
        sources={name: plan.sources[name] for name in sources},
        sinks={},
        routes=(),
        hooks=(),
        column_types=(),
        metrics=None,
        rollback_on=None,
        breakers={},
        compiled=None,
    )


def _listening(entry: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    entry = {**entry, "delivery": "volatile"}
    if "mqtt" in entry:
        name = f"{entry['mqtt']['client_id'][:160]}-record-{secrets.token_hex(3)}"
        entry["mqtt"] = {**entry["mqtt"], "client_id": name, "clean_start": True, "session_expiry_s": 0, "will": None}
    return entry


@dataclass(slots=True)
class Recorder:
    """Writes what a feed brings.

    Attributes:
        writer: The file.
        seconds: How long it records; None: until it is stopped.
        clock: Nanoseconds since 1970 (UTC).
        on_progress: Hears now and then that something was written.
        bad_lines: Lines of a node that held no message; 0 but for a defect.
        disk_error: Why the disk takes no more.
    """

    writer: RecordingWriter
    seconds: float | None
    clock: Clock
    on_progress: Callable[[], None]
    bad_lines: int = 0
    disk_error: OSError | None = None

    async def run(self, feed: Feed, stop: asyncio.Event) -> Cause:
        """Record until something ends it. What was taken by then is written; `end` the writer afterwards.

        Args:
            feed: Where messages come from.
            stop: Set to end it.

        Raises:
            NotConnected: The feed refuses.
        """
        try:
            return await self._run(feed, stop)
        except OSError as error:
            self.disk_error = error
            return "disk"

    async def _run(self, feed: Feed, stop: asyncio.Event) -> Cause:
        loop = asyncio.get_running_loop()
        end = loop.time() + self.seconds if self.seconds is not None else None
        stopping = asyncio.create_task(stop.wait())
        reading = asyncio.create_task(feed.read())
        flush = loop.time() + FLUSH_S
        try:
            while True:
                wake = min(flush, end) if end is not None else flush
                await asyncio.wait({reading, stopping}, timeout=max(wake - loop.time(), 0), return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    portion = reading.result()
                    if portion is None:
                        return "ended"
                    reading = asyncio.create_task(feed.read())
                    await self._append(portion)
                if loop.time() >= flush:
                    await asyncio.to_thread(self.writer.flush)
                    flush = loop.time() + FLUSH_S
                self.on_progress()
                if self.writer.is_full:
                    return "full"
                if stop.is_set():
                    return "stopped"
                if end is not None and loop.time() >= end:
                    return "seconds"
        finally:
            for task in (stopping, reading):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task

    async def _append(self, portion: Batch | bytes) -> None:
        if isinstance(portion, Batch):
            await asyncio.to_thread(self.writer.append_batch, portion)
            return
        while portion:
            wrong = await asyncio.to_thread(self.writer.append_lines, portion)
            if wrong is None:
                return
            self.bad_lines += 1
            portion = b"".join(portion.splitlines(keepends=True)[wrong[0] + 1 :])


@contextlib.contextmanager
def scratch_folder() -> Any:  # Any: an iterator of paths
    """Give a folder for what a listening node keeps, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pronubes-record-") as folder:
        yield Path(folder)
