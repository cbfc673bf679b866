"""A node: one configuration running on one event loop.

    node = Node(plan)
    await node.run()            # until `stop()`

One task group owns every task. The order of an end is always the same: sources first, then what is inside goes out, then sinks.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import orjson

from pronubes._core import Pipeline, SpecFailure
from pronubes.config.canary import CANARY
from pronubes.connectors.base import ConnectorContext
from pronubes.pipeline.backoff import Backoff
from pronubes.pipeline.canary import Canary, without_canary
from pronubes.pipeline.catalog import NodeCatalog
from pronubes.pipeline.clock import Clock
from pronubes.pipeline.dispatch import Dispatcher
from pronubes.pipeline.egress import Egress
from pronubes.pipeline.health import problems
from pronubes.pipeline.hook_states import HookStates
from pronubes.pipeline.hooking import HookCounts, HookRunner, hooks_status
from pronubes.pipeline.ingress import Ingress
from pronubes.pipeline.quarantine import QuarantineKeeper
from pronubes.pipeline.replay import REPLAYS, Replayer
from pronubes.pipeline.state import StateKeeper
from pronubes.pipeline.tables import TableKeeper
from pronubes.pipeline.views import View, run_view
from pronubes.pipeline.watch import QuarantineWatch
from pronubes.telemetry import emit, events
from pronubes.telemetry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from pronubes.connectors.mqtt_options import MqttOptions
    from pronubes.hooks.base import Runnable
    from pronubes.pipeline.plan import NodePlan
    from pronubes.tags.naming import Naming

__all__ = ["Node"]

GRACE_S = 10.0
"""How long an end waits for what is under way."""


class Node:
    """Runs a plan.

    Args:
        plan: What to run.
        clock: Nanoseconds since 1970 (UTC).
        grace_s: How long an end waits for what is under way, in seconds.
        seed: For the jitter of reconnects; None draws one.
        is_embedded: Whether a program hands messages in by itself: then the node does not end when its sources have.
    """

    def __init__(
        self, plan: NodePlan, *, clock: Clock | None = None, grace_s: float = GRACE_S, seed: int | None = None, is_embedded: bool = False
    ) -> None:
        self.plan = plan
        self.clock = clock if clock is not None else Clock()
        self.is_running = asyncio.Event()
        self.has_reloaded = asyncio.Event()
        self._began_s = time.monotonic()
        self._grace_s = grace_s
        self._is_embedded = is_embedded
        self._random = random.Random(seed)  # noqa: S311 - jitter, no secret
        self._stop = asyncio.Event()
        self._stop_cause = "stop"
        self._leave_now = asyncio.Event()
        self.ingress: dict[str, Ingress] = {}
        self.egress: dict[str, Egress] = {}
        self.hooks: dict[int, HookRunner] = {}
        self._hook_counts: dict[str, HookCounts] = {}
        self.tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._dispatcher: Dispatcher | None = None
        self._canary: Canary | None = None
        self.catalog = NodeCatalog(self)
        self.quarantine = QuarantineKeeper(plan, clock=self.clock, randomness=self._random)
        self.replayer = Replayer(self.quarantine, lambda: self.plan, clock=self.clock)
        self.quarantine.on_failed_again = self.replayer.failed_again
        self.watch = QuarantineWatch(self)
        self.tables = TableKeeper(self)
        self.state = StateKeeper(plan.data_dir, clock=self.clock, every_s=plan.state_every_s)
        self.hook_states = HookStates(plan.data_dir, clock=self.clock)

    @property
    def dispatcher(self) -> Dispatcher:
        """The running engine's dispatcher. Only while the node runs."""
        if self._dispatcher is None:
            raise RuntimeError("The node does not run yet; wait for `is_running`.")
        return self._dispatcher

    @property
    def engine(self) -> Pipeline:
        """The running engine. Only while the node runs."""
        return self.dispatcher.engine

    @property
    def canary(self) -> Canary:
        """What proves that messages come through. Only while the node runs."""
        if self._canary is None:
            raise RuntimeError("The node does not run yet; wait for `is_running`.")
        return self._canary

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """Return the ledgers, queues and connections, and what is wrong with them."""
        return self.describe(self.engine.status(now_ns=self.clock()))

    def describe(self, engine_status: bytes) -> dict[str, Any]:  # Any: a JSON document
        """Make the node's status of the engine's. May be called on another thread."""
        document = without_canary(orjson.loads(engine_status))
        document["node"] = self.plan.name
        document["quarantine"] |= self.quarantine.status() | self.replayer.status() | self.watch.status()
        document["state"] = self.state.status()
        document["tables"] = self.tables.status(document["tables"])
        document["rollback"] = self.watch.rollback()
        document["hooks"] = hooks_status(self.hooks.values())
        document["now_ns"] = self.clock()
        document["uptime_s"] = round(time.monotonic() - self._began_s, 3)
        canary = self.canary
        document["health"] = {
            "problems": [asdict(problem) for problem in problems(document, canary)],
            "canary": {"came_back": canary.came_back, "age_s": canary.age_s, "trip_s": canary.trip_s, "every_s": canary.every_s},
        }
        return document

    async def find_problems(self) -> list[Problem]:
        """Name what is wrong with the node now; most of the work is done on another thread."""
        document = await asyncio.to_thread(self.describe, self.engine.status(now_ns=self.clock()))
        return [Problem(**problem) for problem in document["health"]["problems"]]

    def is_stuck(self, found: list[Problem]) -> bool:
        """Tell whether starting anew may help: no canary comes through, and a log that waits for its disk or its sinks is not the reason."""
        return self.canary.is_lost and not any(problem.code in {"log_failing", "log_full"} for problem in found)

    @property
    def is_stopping(self) -> bool:
        """Whether the node is about to end."""
        return self._stop.is_set()

    def stop(self, cause: str = "stop") -> None:
        """Begin to end: sources first, what is inside goes out, then sinks. A second call leaves at once."""
        if self._stop.is_set():
            self._leave_now.set()
        self._stop_cause = cause
        self._stop.set()

    async def run(self) -> None:
        """Run until `stop`, or until every source has ended.

        Raises:
            ConfigurationError: The engine finds the plan wrong.
            HookUnavailable: A hook of the configuration cannot be loaded.
        """
        began_s = time.perf_counter()
        plan = self.plan
        hooks = plan.load_hooks(self.hook_states.store_of)
        try:
            engine = Pipeline(plan.spec, plan.node, now_ns=self.clock())
        except SpecFailure as failure:
            for hook in hooks:
                hook.close()
            raise plan.refused(failure) from failure
        self.state.restore(engine)
        self.tables.start(engine)
        self._dispatcher = Dispatcher(engine, self.clock, self._settle)
        self._dispatcher.watch_logs()
        self._canary = Canary(self._dispatcher, self.clock, every_s=plan.canary_every_s, monotonic_s=time.monotonic)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self.start_hooks(hooks)
                self.start_sinks()
                self.start_links()
                self.start_sources()
                self.start(("node", "quarantine"), self.quarantine.run(self.dispatcher))
                self.start(("node", "replays"), self.replayer.run())
                self.start(("node", "watch"), self.watch.run())
                self.start(("node", "clock"), self._follow_clock())
                self.start(("node", "canary"), self._canary.run())
                self.start(("node", "state"), self.state.run(engine))
                self.start(("node", "hook states"), self.hook_states.run(lambda: self.plan.state_every_s))
                self.start(("node", "tables"), self.tables.run())
                emit(
                    events.NodeStarted(
                        node=plan.name,
                        routes=len(plan.routes),
                        sources=len(plan.sources),
                        sinks=len(plan.sinks),
                        start_ms=round((time.perf_counter() - began_s) * 1000, 1),
                    )
                )
                self.is_running.set()
                await self._until_end()
                await self._drain()
                for task in self.tasks.values():
                    task.cancel()
        finally:
            self._dispatcher.stop()
            await self.replayer.close()
            await self.quarantine.close()
            await self.hook_states.close()
            await asyncio.to_thread(engine.close, now_ns=self.clock())
            self._tell_end()

    # Starting

    def start(self, key: tuple[str, str], work: Coroutine[Any, Any, None]) -> None:
        """Start a task of this node under a key, so that it can be ended by it."""
        if self._group is None:
            raise RuntimeError("The node does not run.")
        self.tasks[key] = self._group.create_task(work, name=" ".join(key))

    def _context(self, name: str, naming: Naming | None = None) -> ConnectorContext:
        return ConnectorContext(
            name=name,
            node=self.plan.name,
            base_dir=self.plan.base_dir,
            data_dir=self.plan.data_dir,
            now_ns=self.clock,
            units=lambda: self.plan.units,
            random=self._random,
            naming=naming,
        )

    def start_hooks(self, hooks: list[Runnable]) -> None:
        """Start a runner per hook of the plan. The engine numbers hooks on from plan to plan, so that batches of two plans never mix."""
        self.hooks = {number: runner for number, runner in self.hooks.items() if not runner.has_ended}
        self.hook_states.adopt(hooks, self.plan.hooks)
        for (number, name), hook, settings in zip(self.engine.hooks(), hooks, self.plan.hooks, strict=True):
            counts = self._hook_counts.setdefault(name, HookCounts())
            runner = HookRunner(number, hook, settings, dispatcher=self.dispatcher, clock=self.clock, counts=counts)
            self.hooks[number] = runner
            self.dispatcher.wake_hook[number] = runner.wake
            self.start(("hook", str(number)), runner.run())

    def start_links(self) -> None:
        """Start a link for every MQTT connection of the engine that has none."""
        from pronubes.connectors.mqtt import LinkEnd, MqttLink

        for connection, side, name in self.engine.connections():
            if connection in self.dispatcher.links:
                continue
            planned = self.plan.sources[name] if side == "source" else self.plan.sinks[name]
            options = cast("MqttOptions", planned.options)
            pauses = Backoff(self._random, longest_s=options.backoff_max)
            link = MqttLink(LinkEnd(connection, side, name), options, base_dir=self.plan.base_dir, driver=self.dispatcher, pauses=pauses)
            self.dispatcher.links[connection] = link
            if side == "source":
                self.dispatcher.sources[name] = link
            self.start((f"mqtt {side}", name), link.run())

    def start_sources(self) -> None:
        """Start every batch source of the plan that does not run."""
        for name, planned in self.plan.sources.items():
            if planned.connector.plane == "batch" and name not in self.ingress:
                source = planned.connector.create(planned.options, self._context(name, planned.naming))
                ingress = Ingress(name, source, dispatcher=self.dispatcher, clock=self.clock, randomness=self._random)
                self.ingress[name] = ingress
                self.dispatcher.is_free[name] = ingress.is_free
                self.start(("source", name), ingress.run())

    def start_sinks(self) -> None:
        """Start every sink of the plan that does not run and is no MQTT connection."""
        for name, planned in self.plan.sinks.items():
            if ("sink", name) in self.tasks or planned.connector.plane == "bytes":
                continue
            sink = planned.connector.create(planned.options, self._context(name))
            if planned.connector.plane == "view":
                self.start(("sink", name), run_view(name, sink, View(self, name), self._random))
            else:
                egress = Egress(name, sink, dispatcher=self.dispatcher, clock=self.clock, randomness=self._random)
                self.egress[name] = egress
                self.dispatcher.is_sink_ready[name] = egress.is_ready
                self.start(("sink", name), egress.run())

    # Running

    def _settle(self, source: str, position: int, is_delivered: bool) -> None:  # noqa: FBT001 - the dispatcher's callback
        ingress = self.ingress.get(source)
        if source == CANARY:
            self.canary.settle(position, is_delivered=is_delivered)
        elif source == REPLAYS:
            self.replayer.settle(position, is_delivered=is_delivered)
        elif ingress is not None:
            ingress.settle(position, is_delivered=is_delivered)

    async def _follow_clock(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            step_ns = self.clock.follow()
            if step_ns:
                emit(events.ClockStepped(seconds=round(step_ns / 1e9, 3)))
                self.dispatcher.do(self.engine.advance(now_ns=self.clock()))

    async def _until_end(self) -> None:
        """Wait for `stop`; a node whose sources have all ended ends as well (files and standard input do, brokers never)."""
        while not self._stop.is_set():
            has_links = self._is_embedded or any(planned.connector.plane == "bytes" for planned in self.plan.sources.values())
            if self.ingress and not has_links and all(ingress.has_ended for ingress in self.ingress.values()):
                self.stop("every source has ended")
                return
            try:
                async with asyncio.timeout(0.1 if self.ingress and not has_links else None):
                    await self._stop.wait()
            except TimeoutError:
                continue

    # Ending

    async def _drain(self) -> None:
        emit(events.NodeDraining(cause=self._stop_cause, grace_s=self._grace_s))
        for name in self.ingress:
            self.tasks["source", name].cancel()
        self.canary.is_ending = True
        self.dispatcher.do(self.engine.stop_sources(now_ns=self.clock()))
        for egress in self.egress.values():
            egress.drain()
        deadline = time.monotonic() + self._grace_s
        while not self.engine.drained() and time.monotonic() < deadline and not self._leave_now.is_set():
            self.dispatcher.do(self.engine.advance(now_ns=self.clock()))
            await asyncio.sleep(0.005)
        self.dispatcher.do(self.engine.disconnect(now_ns=self.clock()))
        await self.state.save(self.engine)  # behind a save that is under way: cut off, its thread would write into this one
        self.tasks["node", "state"].cancel()
        await asyncio.gather(*(link.leave(within_s=2.0) for link in self.dispatcher.links.values()))

    def _tell_end(self) -> None:
        ledger = self.status()
        emit(
            events.NodeStopped(
                node=self.plan.name,
                received=ledger["totals"]["received"],
                delivered=ledger["totals"]["delivered"],
                quarantined=ledger["totals"]["quarantined"],
                buffered=ledger["totals"]["buffered"],
            )
        )
