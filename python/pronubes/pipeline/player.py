"""A recording played to a broker: by a node with one sink, so that it is as fast, and as sure at QoS 1, as any other."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.errors import NotConnected
from pronubes.pipeline.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pronubes.pipeline.plan import NodePlan
    from pronubes.playing import Due, Player, Speed

__all__ = ["BrokerPlayer", "Published", "broker_plan"]

SINK = "broker"
SOURCE = "recording"
CHUNK = 1_000
"""So many messages are handed over at a time at most."""
CONNECT_S = 10.0
DRAIN_S = 30.0
IDLE_S = 0.25


@dataclass(slots=True)
class Published:
    """What was played.

    Attributes:
        messages: Messages that were handed over.
        delivered: Messages that the broker confirmed (QoS 1) or that were sent (QoS 0).
        refused: Messages that the broker refuses, or that are none: a topic that is not valid.
        span_ns: From the first message to the last, in the time of the recording.
        wall_ns: How long it took.
        late_sum_ns: By how much messages were late, all together.
        late_most_ns: The most that one was late.
    """

    messages: int = 0
    delivered: int = 0
    refused: int = 0
    span_ns: int = 0
    wall_ns: int = 0
    late_sum_ns: int = 0
    late_most_ns: int = 0


def broker_plan(mqtt: dict[str, Any], data_dir: Path, *, password: str | None = None) -> NodePlan:  # Any: options as a configuration has them
    """Make a plan with one sink, to which each message goes as it was recorded: its QoS (2 as 1), retained or not.

    Args:
        mqtt: Options of the sink.
        data_dir: A folder for what a node keeps.
        password: The broker's, where it came on the command line.

    Raises:
        ConfigurationError: The options have errors.
    """
    from pronubes.config.load import load_values
    from pronubes.pipeline.plan import compile_plan

    routes = {}
    for qos, retain in product((0, 1), (False, True)):
        condition = f"meta.qos {'==' if qos == 0 else '>'} 0 && {'' if retain else '!'}meta.retain"
        routes[f"qos{qos}{'-retained' if retain else ''}"] = {"filter": "#", "where": condition, "to": [{"sink": SINK, "qos": qos, "retain": retain}]}
    name = f"replay-{secrets.token_hex(3)}"
    sink = {"type": "mqtt", **mqtt}
    plan = compile_plan(load_values({"version": 1, "name": name, "sinks": {SINK: sink}, "routes": routes}, file=str(mqtt["url"])))
    spec, node = orjson.loads(plan.spec), orjson.loads(plan.node)
    spec["sources"].append(SOURCE)
    node["sources"].append({"name": SOURCE, "kind": "batch", "delivery": "through"})
    for one in node["sinks"]:
        if one["name"] == SINK and password is not None:
            one["mqtt"]["password"] = password
    return dataclasses.replace(plan, data_dir=data_dir, spec=orjson.dumps(spec), node=orjson.dumps(node))


class BrokerPlayer:
    """Plays to a broker.

    Args:
        plan: A plan of `broker_plan`.
        on_progress: Hears now and then what was played so far.
    """

    def __init__(self, plan: NodePlan, on_progress: Callable[[Published], None]) -> None:
        self._node = Node(plan, grace_s=DRAIN_S, is_embedded=True)
        self._on_progress = on_progress
        self._is_free = asyncio.Event()
        self._is_free.set()

    async def play(self, player: Player, speed: Speed, stop: asyncio.Event) -> Published:
        """Connect, play, and wait until the broker has everything.

        Args:
            player: The recording.
            speed: How fast.
            stop: Set to end it before its end.

        Raises:
            NotConnected: The broker cannot be reached, or refuses.
            UnreadableRecording: There is nothing to read.
        """
        running = asyncio.create_task(self._node.run(), name="node")
        try:
            await self._node.is_running.wait()
            self._node.dispatcher.is_free[SOURCE] = self._is_free
            await self._connected(running)
            published = Published()
            await self._play(player, speed, stop, published)
            await self._drained(stop)
        finally:
            self._node.stop("the recording has been played")
            await running
        return self._settled(published)

    def _sink(self) -> dict[str, Any]:  # Any: JSON
        sink: dict[str, Any] = next(one for one in self._node.status()["sinks"] if one["name"] == SINK)
        return sink

    async def _connected(self, running: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                while self._connection()["state"] != "connected":
                    if running.done():
                        running.result()
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise NotConnected(f"The broker did not answer, or refused, for {CONNECT_S:g} s.") from None

    def _connection(self) -> dict[str, Any]:  # Any: JSON
        connection: dict[str, Any] = self._node.status()["connections"][0]
        return connection

    async def _play(self, player: Player, speed: Speed, stop: asyncio.Event, published: Published) -> None:
        began_ns = self._node.clock()
        for chunk in _chunks(player, speed):
            due_ns = began_ns + speed.wall_ns(chunk[0].offset_ns)
            if not await self._until(due_ns, stop):
                break
            while not self._is_free.is_set() and not stop.is_set():
                await _either(self._is_free, stop, IDLE_S)
            now_ns = self._node.clock()
            self._push(chunk, now_ns)
            published.messages += len(chunk)
            published.span_ns = chunk[-1].offset_ns
            if speed.factor is not None:
                late = [max(now_ns - began_ns - speed.wall_ns(due.offset_ns), 0) for due in chunk]
                published.late_sum_ns += sum(late)
                published.late_most_ns = max(published.late_most_ns, *late)
            self._on_progress(published)
            await asyncio.sleep(0)
        published.wall_ns = self._node.clock() - began_ns

    async def _until(self, due_ns: int, stop: asyncio.Event) -> bool:
        """Wait until something is due; false when the play is to end."""
        while not stop.is_set():
            left_ns = due_ns - self._node.clock()
            if left_ns <= 0:
                return True
            await _either(stop, None, left_ns / 1e9)
        return False

    def _push(self, chunk: list[Due], now_ns: int) -> None:
        messages = [due.message for due in chunk]
        node = self._node
        work = node.engine.push(
            SOURCE,
            [message.topic for message in messages],
            [message.payload for message in messages],
            qos=[message.qos for message in messages],
            retain=[message.retain for message in messages],
            now_ns=now_ns,
        )
        node.dispatcher.do(work)

    async def _drained(self, stop: asyncio.Event) -> None:
        end = asyncio.get_running_loop().time() + DRAIN_S
        while self._sink()["buffered"] and asyncio.get_running_loop().time() < end:
            await _either(stop, None, 0.01)
            if stop.is_set():
                return

    def _settled(self, published: Published) -> Published:
        sink = self._sink()
        published.delivered = sink["delivered"]
        published.refused = published.messages - sink["delivered"] - sink["buffered"]
        return published


def _chunks(player: Player, speed: Speed) -> Iterator[list[Due]]:
    """Put messages together that are due within the same half millisecond."""
    chunk: list[Due] = []
    for due in player:
        if chunk and (len(chunk) >= CHUNK or speed.wall_ns(due.offset_ns) - speed.wall_ns(chunk[0].offset_ns) >= 500_000):
            yield chunk
            chunk = []
        chunk.append(due)
    if chunk:
        yield chunk


async def _either(first: asyncio.Event, second: asyncio.Event | None, seconds: float) -> None:
    """Wait until one of two events is set, or the time is over."""
    tasks = [asyncio.create_task(event.wait()) for event in (first, second) if event is not None]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
