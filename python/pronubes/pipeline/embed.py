"""A node inside of a program: `pronubes.run`.

    async with pronubes.run("pronubes.yaml") as node:
        with node.subscribe("acme/#") as batches:
            await node.publish([("raw/a/l1/p1/temp/t1", b'{"value": 20.5}')])
            async for batch in batches:
                print(batch.topics, batch["value"])

The node is the same as that of `pronubes run`, on the program's own event loop, without signals and without a control socket. What the
program hands in comes from a source `api` that the embedding adds; routes without `from` take it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, Self

import orjson

from pronubes.batch import Batch
from pronubes.errors import PronubesError
from pronubes.pipeline.node import GRACE_S, Node
from pronubes.pipeline.plan import load_plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path
    from typing import Any

    from pronubes.pipeline.plan import NodePlan

__all__ = ["API", "EmbeddedNode", "NodeEnded", "Subscription", "run"]

API = "api"
"""The name of the source that `publish` stands for."""
SUBSCRIPTION_BYTES = 4 * 1024 * 1024
"""How far a subscriber may lag behind before it loses the newest; it never holds a route up."""


class NodeEnded(PronubesError):
    """The embedded node has ended, or is about to: it takes no more messages."""


class Subscription:
    """An asynchronous iterator of batches of what leaves the routes; made by `EmbeddedNode.subscribe`.

    It collects from the moment it is made. Use it in a `with` block, or call `close`, so that it does not collect for nobody.
    It ends when the node has ended and everything is handed over.
    """

    def __init__(self, node: Node, topic_filter: str, *, queue_bytes: int, has_ended: asyncio.Event) -> None:
        self._engine = node.engine
        self._dispatcher = node.dispatcher
        self._has_ended = has_ended
        self._is_closed = False
        self._tap = self._engine.open_tap(topic_filter, queue_bytes=queue_bytes)
        self._is_ready = self._dispatcher.is_tap_ready.setdefault(self._tap, asyncio.Event())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        while not self._is_closed:
            self._is_ready.clear()
            batch = self._engine.take_tap(self._tap)
            if batch is not None:
                return Batch(batch)
            if self._has_ended.is_set():
                break
            await self._is_ready.wait()
        raise StopAsyncIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wake(self) -> None:
        """Look again: the node has ended."""
        self._is_ready.set()

    def close(self) -> int:
        """Collect no more; an iteration that waits ends.

        Returns:
            How many messages were lost because the subscriber lagged behind; 0 when it was closed before.
        """
        if self._is_closed:
            return 0
        self._is_closed = True
        del self._dispatcher.is_tap_ready[self._tap]
        self._is_ready.set()
        return self._engine.close_tap(self._tap)


class EmbeddedNode:
    """A running node and what a program may do with it; made by `run`. All calls belong on the event loop that it runs on."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._has_ended = asyncio.Event()
        self._subscriptions: list[Subscription] = []
        self._is_free = node.dispatcher.is_free.setdefault(API, asyncio.Event())
        self._is_free.set()

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Hand messages to the routes, as from the source `api`; about a microsecond each, so hand in some thousand at a time at most.

        Waits while a sink holds its sources back. On return the routes are through with the messages, and the sinks have them in their queues; an
        end of the node delivers them first. What a route cannot use is quarantined, as from any source.

        Args:
            messages: Topics and payloads, in order.

        Raises:
            NodeEnded: The node has ended or is about to.
        """
        while not self._is_free.is_set() and not self._has_ended.is_set():
            await self._is_free.wait()
        if self._has_ended.is_set():
            raise NodeEnded("The node has ended; it takes no more messages.")
        topics = [topic for topic, _ in messages]
        payloads = [payload for _, payload in messages]
        self._node.dispatcher.do(self._node.engine.push(API, topics, payloads, now_ns=self._node.clock()))
        await asyncio.sleep(0)  # a program that only publishes must not keep the sinks from working

    def subscribe(self, topic_filter: str = "#", *, queue_bytes: int = SUBSCRIPTION_BYTES) -> Subscription:
        """Begin to collect what leaves the routes.

        Args:
            topic_filter: An MQTT filter on the topics as the routes rendered them.
            queue_bytes: How far the subscriber may lag behind; beyond that it loses the newest, and no route waits for it.

        Returns:
            An asynchronous iterator of batches.

        Raises:
            NodeEnded: The node has ended.
            TopicError: The filter is not valid.
        """
        if self._has_ended.is_set():
            raise NodeEnded("The node has ended; nothing leaves its routes any more.")
        subscription = Subscription(self._node, topic_filter, queue_bytes=queue_bytes, has_ended=self._has_ended)
        self._subscriptions.append(subscription)
        return subscription

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """Return the ledgers, queues and connections, as `pronubes top --json` prints them."""
        return self._node.status()

    def end(self) -> None:
        """Let publishers and subscribers know that the node has ended. Called by `run`."""
        self._has_ended.set()
        self._is_free.set()
        for subscription in self._subscriptions:
            subscription.wake()


@contextlib.asynccontextmanager
async def run(path: str | Path, *, grace_s: float = GRACE_S) -> AsyncIterator[EmbeddedNode]:
    """Run a configuration inside of this program, for as long as the `async with` block lasts.

    Example:
        >>> async def first_batch(path):
        ...     async with pronubes.run(path) as node:
        ...         with node.subscribe("#") as batches:
        ...             await node.publish([("raw/t1", b'{"value": 1}')])
        ...             return await anext(batches)

    Args:
        path: The configuration file.
        grace_s: How long the end waits for what is under way, in seconds.

    Yields:
        The running node.

    Raises:
        ConfigurationError: The file has errors; all of them.
        HookUnavailable: A hook cannot be loaded.
        PronubesError: The configuration has a source `api` of its own that messages cannot be handed to.
    """
    plan = _with_api(await asyncio.to_thread(load_plan, path))
    node = Node(plan, grace_s=grace_s, is_embedded=True)
    running = asyncio.create_task(node.run(), name="node")
    started = asyncio.create_task(node.is_running.wait(), name="node starts")
    try:
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        embedded = EmbeddedNode(node)
        running.add_done_callback(lambda _: embedded.end())
        yield embedded
    finally:
        started.cancel()
        if not running.done():
            node.stop("the program leaves the block")
        await running


def _with_api(plan: NodePlan) -> NodePlan:
    """Add the source `api`, unless the configuration has one that is of the batch plane."""
    own = plan.sources.get(API)
    if own is not None and own.connector.plane != "batch":
        raise PronubesError(f"The source `{API}` of {plan.path} is no batch source, so a program cannot hand messages in under that name; rename it.")
    if own is not None:
        return plan
    spec, node = orjson.loads(plan.spec), orjson.loads(plan.node)
    spec["sources"].append(API)
    node["sources"].append({"name": API, "kind": "batch", "delivery": "volatile"})
    return dataclasses.replace(plan, spec=orjson.dumps(spec), node=orjson.dumps(node))
