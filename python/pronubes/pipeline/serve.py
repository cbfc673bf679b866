"""A node as a service: signals, reload and the control socket around `Node`.

SIGTERM and SIGINT drain and leave, a second one leaves at once; SIGHUP loads the configuration again.
"""

from __future__ import annotations

import asyncio
import random
import signal
from typing import TYPE_CHECKING

from pronubes.errors import ConfigurationError, PronubesError
from pronubes.hooks.memory import keep_freed_memory
from pronubes.pipeline.control import ControlServer, socket_path
from pronubes.pipeline.node import Node
from pronubes.pipeline.reload import reload
from pronubes.pipeline.scrape import keep_metrics
from pronubes.pipeline.systemd import tell_systemd
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Callable

    from pronubes.pipeline.plan import NodePlan

__all__ = ["serve"]


async def serve(load: Callable[[], NodePlan], *, first: NodePlan, grace_s: float) -> None:
    """Run a node until a signal ends it, or every source has ended.

    Args:
        load: Reads and compiles the configuration; called on a thread at each SIGHUP.
        first: The plan to begin with.
        grace_s: How long an end waits for what is under way, in seconds.

    Raises:
        HookUnavailable: A hook cannot be loaded (at the start; at a reload that is logged and the old configuration goes on).
    """
    if first.hooks:
        keep_freed_memory()
    node = Node(first, grace_s=grace_s)
    loop = asyncio.get_running_loop()
    wanted = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, node.stop, signal.Signals(number).name)
    loop.add_signal_handler(signal.SIGHUP, wanted.set)
    helpers = [
        asyncio.create_task(_reload_when(wanted, node, load), name="reload"),
        asyncio.create_task(_control(node), name="control"),
        asyncio.create_task(keep_metrics(node, node.has_reloaded, random.Random()), name="metrics"),  # noqa: S311 - jitter, no secret
        asyncio.create_task(tell_systemd(node), name="systemd"),
    ]
    try:
        await node.run()
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)


async def _control(node: Node) -> None:
    await node.is_running.wait()
    path = socket_path(node.plan.data_dir)
    try:
        await ControlServer(node, path).run()
    except OSError as error:
        emit(events.ControlUnavailable(path=str(path), error=str(error)))


async def _reload_when(wanted: asyncio.Event, node: Node, load: Callable[[], NodePlan]) -> None:
    while True:
        await wanted.wait()
        wanted.clear()
        try:
            await reload(node, await asyncio.to_thread(load))
            if node.plan.hooks:
                keep_freed_memory()
        except ConfigurationError as error:
            emit(events.ReloadRefused(path=node.plan.path, errors=len(error.diagnostics), first=str(error.diagnostics[0])))
        except (PronubesError, ValueError) as error:
            emit(events.ReloadRefused(path=node.plan.path, errors=1, first=str(error)))
