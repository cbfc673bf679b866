"""A new configuration for a running node: what is unchanged is not touched, what has errors changes nothing.

The order matters. Everything that can fail comes first (hooks are imported, the engine compiles and swaps in one call); from then on
only tasks are ended and started. Between the two the event loop is not given away, so no message sees half of a configuration.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING

from pronubes._core import SpecFailure
from pronubes.config.model import Sink
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pronubes.config.model import Source
    from pronubes.pipeline.node import Node
    from pronubes.pipeline.plan import NodePlan

__all__ = ["reload"]


async def reload(node: Node, plan: NodePlan) -> None:
    """Put a checked plan in force.

    Args:
        node: The running node.
        plan: What to run from now on.

    Raises:
        HookUnavailable: A hook cannot be loaded. Nothing has changed.
        ConfigurationError: The engine finds the plan wrong. Nothing has changed.
    """
    hooks = await asyncio.to_thread(plan.load_hooks, node.hook_states.store_of) if plan.hooks else []
    began_s = time.perf_counter()
    try:
        work = node.engine.swap(plan.spec, plan.node, now_ns=node.clock())
    except SpecFailure as failure:
        for hook in hooks:
            hook.close()
        raise plan.refused(failure) from failure
    old, node.plan = node.plan, plan
    node.tables.reloaded()
    node.canary.every_s = plan.canary_every_s
    node.state.every_s = plan.state_every_s
    node.quarantine.reconfigure(plan)
    node.watch.reloaded(old)
    stopped = _stop_sources(node, _gone(old.sources, plan.sources)) + _stop_sinks(node, _gone(old.sinks, plan.sinks))
    node.start_hooks(hooks)
    node.start_sinks()
    node.start_links()
    node.start_sources()
    node.dispatcher.watch_logs()
    node.dispatcher.do(work)
    total = len(plan.sources) + len(plan.sinks)
    started = len(_gone(plan.sources, old.sources)) + len(_gone(plan.sinks, old.sinks))
    node.has_reloaded.set()
    emit(
        events.Reloaded(
            path=plan.path,
            routes=len(plan.routes),
            kept=total - started,
            started=started,
            stopped=stopped,
            pause_ms=round((time.perf_counter() - began_s) * 1000, 1),
        )
    )


def _gone(old: Mapping[str, Source] | Mapping[str, Sink], new: Mapping[str, Source] | Mapping[str, Sink]) -> list[str]:
    """Name what is in `old` and not, or not the same, in `new`."""
    return [name for name, planned in old.items() if not _goes_on(planned, new.get(name))]


def _goes_on(old: Source | Sink, new: Source | Sink | None) -> bool:
    """Tell whether a connector stays as it is. A sink's queue is the engine's, which changes its size and policy while messages wait."""
    return old == new or (isinstance(old, Sink) and isinstance(new, Sink) and _without_queue(old) == _without_queue(new))


def _without_queue(sink: Sink) -> Sink:
    return dataclasses.replace(sink, options=sink.options.model_copy(update={"queue": None}))


def _stop_sources(node: Node, names: list[str]) -> int:
    for name in names:
        if node.ingress.pop(name, None) is not None:
            node.tasks.pop(("source", name)).cancel()
            node.dispatcher.is_free.pop(name, None)
        _stop_link(node, "source", name)
        node.dispatcher.sources.pop(name, None)
    return len(names)


def _stop_sinks(node: Node, names: list[str]) -> int:
    """End connectors that are gone or changed. What is gone altogether drains first: the engine closes its link, or says that its queue is empty."""
    for name in names:
        egress = node.egress.pop(name, None)
        node.dispatcher.is_sink_ready.pop(name, None)
        task = node.tasks.pop(("sink", name), None)
        if egress is not None and name not in node.plan.sinks:
            egress.drain()
        elif task is not None:
            task.cancel()
        _stop_link(node, "sink", name)
    return len(names)


def _stop_link(node: Node, side: str, name: str) -> None:
    """End a link so that another takes its connection.

    One whose sink drains (removed, or replaced by a newer connection) goes on until the engine closes it.
    """
    task = node.tasks.pop((f"mqtt {side}", name), None)
    if task is None:
        return
    newest = max((number for number, of_side, of_name in node.engine.connections() if (of_side, of_name) == (side, name)), default=None)
    is_planned = name in (node.plan.sources if side == "source" else node.plan.sinks)
    for connection, link in list(node.dispatcher.links.items()):
        if (link.side, link.name) != (side, name):
            continue
        if side == "sink" and not (is_planned and connection == newest):
            node.tasks[f"mqtt {side}", f"{name} #{connection}"] = task
        else:
            task.cancel()
            del node.dispatcher.links[connection]
