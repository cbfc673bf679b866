"""The watch over the quarantine of a running node: raises alarms of breakers, and takes back a reload after which too much is quarantined."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pronubes.errors import PronubesError
from pronubes.pipeline.breaker import Breakers, ReloadWatch
from pronubes.pipeline.reload import reload
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from pronubes.pipeline.breaker import Tripped
    from pronubes.pipeline.node import Node
    from pronubes.pipeline.plan import NodePlan

__all__ = ["QuarantineWatch"]

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Rollback:
    """A reload that was taken back."""

    time_ns: int
    route: str
    share: float
    messages: int
    path: str


class QuarantineWatch:
    """Watches the quarantine of a node.

    Args:
        node: The node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._breakers = Breakers(lambda: (node.plan.breaker, node.plan.breakers))
        self._reload: tuple[ReloadWatch, NodePlan] | None = None
        self._rollback: _Rollback | None = None

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """Say which routes quarantine too much; a part of the quarantine's status."""
        return {"breakers": [asdict(one) for one in self._breakers.tripped]}

    def rollback(self) -> dict[str, Any] | None:  # Any: a JSON document
        """Say which reload was taken back, until the next one holds; a part of the node's status."""
        return None if self._rollback is None else asdict(self._rollback)

    def reloaded(self, old: NodePlan) -> None:
        """Another plan is in force: watch it, if it says so. Called in the same breath, before any message goes through it."""
        self._rollback = self._reload = None
        limits = self._node.plan.rollback_on
        if limits is not None:
            matched, faults = self._counters()
            watch = ReloadWatch(limits, self._node.clock(), matched, faults, self._breakers.share)
            self._reload = (watch, old)

    async def run(self) -> None:
        """Look every second, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look at the counters now, and act."""
        now_ns = self._node.clock()
        if self._reload is None and not self._breakers.needs_sample(now_ns, self._node.quarantine.faults):
            return
        matched, faults = self._counters()
        for change in self._breakers.sample(now_ns, matched, faults):
            about = change.about
            event = events.QuarantineTripped if change.is_tripped else events.QuarantineCalm
            emit(event(route=about.route, share=about.share, messages=about.messages))
        if self._reload is None:
            return
        watch, old = self._reload
        tripped = watch.judge(now_ns, matched, faults)
        if tripped is not None:
            await self._roll_back(old, tripped, now_ns)
        elif watch.is_over(now_ns):
            self._reload = None

    async def _roll_back(self, old: NodePlan, tripped: Tripped, now_ns: int) -> None:
        bad = self._node.plan
        try:
            await reload(self._node, old)
        except (PronubesError, ValueError) as error:
            self._reload = None
            emit(events.RollbackFailed(path=bad.path, route=tripped.route, share=tripped.share, error=str(error)))
            return
        # What is restored is not watched: it ran before, and the way back leads to what was bad.
        self._reload = None
        self._rollback = _Rollback(now_ns, tripped.route, tripped.share, tripped.messages, bad.path)
        emit(events.RolledBack(path=bad.path, route=tripped.route, share=tripped.share, messages=tripped.messages))

    def _counters(self) -> tuple[dict[str, int], dict[str, int]]:
        return self._node.engine.matched(), self._node.quarantine.faults
