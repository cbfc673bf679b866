"""What the durability tests stand on: a stub broker before the real process and one behind it, and an oracle that owns the account."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.testing import Oracle, StubBroker
from pronubes.testing.mqtt_packets import user_properties
from servers import NodeProcess, until

if TYPE_CHECKING:
    from pronubes.testing.mqtt_packets import Publish

DELIVERY = "durable"
"""The class that the routes of these tests have."""

SOURCE = "edge-plant"
"""The client id of the node's source: `{node}-{name}`."""

SINK = "edge-uns"


def is_marked(message: Publish) -> bool:
    """Whether a message says that it was replayed."""
    return bool(message.properties) and "pronubes-replayed" in user_properties(message.properties)


class Rig:
    """A plant's broker, the node, and the broker of the namespace; messages are counted by the oracle as they pass."""

    def __init__(self, folder: Path, *, keys: int = 7, padding: int = 0) -> None:
        self.node = NodeProcess(folder)
        self.plant, self.uns = StubBroker(), StubBroker()
        self.oracle = Oracle(keys=keys, padding=padding, is_durable=True)
        self.plant.acknowledged = self.oracle.acknowledged
        self.uns.published = self._delivered
        self.replayed = 0
        self.kill_at: int | None = None
        """Kill the node in the middle of the chunk that brings this delivery, before anything of it is confirmed."""
        self.source_url = self.sink_url = ""

    def _delivered(self, message: Publish) -> None:
        is_replayed = is_marked(message)
        self.replayed += is_replayed
        self.oracle.delivered(message.payload, is_replayed=is_replayed)
        if self.kill_at is not None and self.oracle.delivered_unique >= self.kill_at:
            self.kill_at = None
            self.node.kill()

    async def open(self) -> None:
        """Start the brokers."""
        await self.plant.start()
        await self.uns.start()
        self.source_url, self.sink_url = self.plant.url, self.uns.url

    async def close(self) -> None:
        """End everything."""
        with contextlib.suppress(ProcessLookupError):
            self.node.kill()
        await self.plant.stop()
        await self.uns.stop()

    def plan(
        self, *, source: dict[str, Any] | None = None, sink: dict[str, Any] | None = None, route: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """One source, one route, one sink; QoS 1 all the way."""
        common = {"type": "mqtt", "qos": 1, "backoff_max": "200ms"}
        return {
            "sources": {"plant": {**common, "url": self.source_url, "topics": ["raw/#"], **(source or {})}},
            "sinks": {"uns": {**common, "url": self.sink_url, **(sink or {})}},
            "routes": {"all": {"filter": "raw/{rest#}", "topic": "acme/{rest}", "to": "uns", "delivery": DELIVERY, **(route or {})}},
        }

    async def start(self, document: dict[str, Any] | None = None, *options: str) -> None:
        """Start the node and wait until it has subscribed."""
        if document is not None:
            self.node.configure(document)
        await self.node.start(*options)
        await self.plant.subscribed(SOURCE)

    def issue(self, count: int) -> None:
        """Give the plant's broker so many new messages."""
        self.plant.publish(self.oracle.issue(count))

    async def load(self, per_s: float, *, until_set: asyncio.Event) -> None:
        """Give messages at a rate until the event is set; the broker's backlog is bounded to two seconds of them."""
        began, given = time.monotonic(), 0
        while not until_set.is_set():
            due = int((time.monotonic() - began) * per_s) - given
            if due > 0 and self.plant.backlog(SOURCE) + len(self.plant.unclaimed) < 2 * per_s:
                self.issue(due)
            given += max(due, 0)
            await asyncio.sleep(0.005)

    async def drained(self, *, within_s: float = 20.0) -> None:
        """Wait until everything issued has come out, and is acknowledged."""

        def is_done() -> bool:
            return self.oracle.acknowledged_count == self.oracle.issued and self.oracle.is_complete()

        try:
            await until(is_done, "everything has come out", within_s=within_s)
        except AssertionError:
            self.oracle.check()
            raise

    async def status(self, section: str, name: str) -> dict[str, Any]:
        """One entry of the node's status."""
        return next(one for one in (await self.node.status())[section] if one["name"] == name)

    def threads_and_files(self) -> tuple[int, int]:
        """How many threads and open files the node has."""
        assert self.node.process is not None
        folder = Path(f"/proc/{self.node.process.pid}")
        return sum(1 for _ in (folder / "task").iterdir()), sum(1 for _ in (folder / "fd").iterdir())
