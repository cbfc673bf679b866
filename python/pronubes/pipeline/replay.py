"""Replaying the quarantine through the running node.

Rules of this file:

1. A record goes through the present plan at most once at a time, and once only when that succeeds: what became of it is in the file before it counts
   as done. A crash between the delivery and that note may replay it again.
2. What fails again corrects its own record (`QuarantineStore.append`); nothing here makes a second one.
3. Notes outlive whoever asked: when the client leaves, what is on its way is noted when it settles.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from pronubes._core import Pipeline
from pronubes.errors import PronubesError, QuarantineFull
from pronubes.quarantine.actions import Actor, Fate
from pronubes.quarantine.store import FAILED_AGAIN, QuarantineDamaged

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from pronubes.pipeline.dispatch import Dispatcher
    from pronubes.pipeline.plan import NodePlan
    from pronubes.pipeline.quarantine import QuarantineKeeper
    from pronubes.quarantine.records import Record, Selection

__all__ = ["REFUSALS", "REPLAYS", "ReplayRefused", "Replayer"]

REPLAYS = ""
"""The source that the engine names when a record settles: none that a configuration can give."""
RETRY_S = 1.0
DELIVERED = "delivered"
LOST = "lost on its way; it waits on"
DONE = {"filtered": "filtered: the route's condition is false now", "rejected": "thrown away by the route's contract"}
"""Outcomes that end a record without a delivery."""
REFUSALS = {
    "no_route": "it never came to a route: name one with --route",
    "unknown_route": "its route is not in the present configuration: name another with --route",
    "unknown_sink": "its sink is not in the present configuration",
    "no_match": "its topic does not lead to the route",
    "invalid_topic": "its topic is none",
}
"""Why a record cannot be replayed; it waits on."""

_Sent = tuple[int, str, str, str, bytes, int, int | None, int, bool, str | None]


class ReplayRefused(PronubesError):
    """The node does not replay or drop now. The sentence says why."""


class _Flight(NamedTuple):
    """A record on its way."""

    replay_id: int
    noted: asyncio.Future[str]


class Replayer:
    """Replays records of a node's quarantine.

    Args:
        keeper: The quarantine.
        plan: What the node runs at the moment it is called.
        clock: Nanoseconds since 1970 (UTC).
    """

    def __init__(self, keeper: QuarantineKeeper, plan: Callable[[], NodePlan], *, clock: Callable[[], int]) -> None:
        self._keeper = keeper
        self._plan = plan
        self._clock = clock
        self._lock = asyncio.Lock()
        self._flights: dict[int, _Flight] = {}
        self._settled: dict[int, bool] = {}
        self._failed: set[int] = set()
        self._has_settled = asyncio.Event()

    def status(self) -> dict[str, int]:
        """Say how many records are on their way; a part of the node's status."""
        return {"replaying": len(self._flights)}

    # What the engine and the keeper tell

    def settle(self, record: int, *, is_delivered: bool) -> None:
        """Everything that came of a record has arrived, or is in quarantine again."""
        if record in self._flights:
            self._settled[record] = is_delivered
            self._has_settled.set()

    def failed_again(self, records: Iterable[int]) -> None:
        """Records failed again, and say so in the file. Called before they settle."""
        self._failed.update(records)

    async def run(self) -> None:
        """Note what becomes of records, until cancelled."""
        while True:
            await self._has_settled.wait()
            try:
                await self.note()
            except (QuarantineFull, QuarantineDamaged):
                await asyncio.sleep(RETRY_S)

    async def note(self) -> None:
        """Note what has settled.

        Raises:
            QuarantineFull: The disk does not take it; nothing is noted, and it can be tried again.
            QuarantineDamaged: The file is damaged and set aside.
        """
        self._has_settled.clear()
        settled = dict(self._settled)
        fates: dict[int, list[Fate]] = {}
        for record, is_delivered in settled.items():
            result = FAILED_AGAIN if record in self._failed else DELIVERED if is_delivered else LOST
            fates.setdefault(self._flights[record].replay_id, []).append(Fate(record, result == DELIVERED, result))
        for replay_id, of_replay in fates.items():
            try:
                await self._keeper.on_thread(partial(self._keeper.store.note_fates, of_replay, replay_id))
            except QuarantineFull:
                self._has_settled.set()
                raise
            for fate in of_replay:
                self._end(fate)
            self._keeper.made_room()

    async def close(self) -> None:
        """Note what settled last. What did not settle waits on in the file."""
        with contextlib.suppress(QuarantineFull, QuarantineDamaged):
            await self.note()

    def _end(self, fate: Fate) -> None:
        del self._settled[fate.record]
        self._failed.discard(fate.record)
        flight = self._flights.pop(fate.record)
        if not flight.noted.done():
            flight.noted.set_result(fate.result)

    # What people ask for

    async def drop(self, selection: Selection, actor: Actor) -> int:
        """Let records go; how many there were.

        Raises:
            ReplayRefused: A replay is under way.
            QuarantineFull: The disk does not take it; nothing is dropped.
        """
        if self._lock.locked() or self._flights:
            raise ReplayRefused("A replay is under way: nothing is dropped meanwhile.")
        async with self._lock:
            dropped = await self._keeper.on_thread(lambda: self._keeper.store.drop(selection, actor))
        self._keeper.made_room()
        return dropped

    async def replay(self, selection: Selection, actor: Actor, dispatcher: Dispatcher, *, route: str | None) -> AsyncGenerator[dict[str, int], None]:
        """Replay records, the oldest first; after every some hundred of them, what has become of all so far.

        Args:
            selection: Which.
            actor: Who wants it.
            dispatcher: The node's.
            route: Through this route in place of their own. (What sinks refused goes to its sink in any case.)

        Yields:
            How many records had each result so far.

        Raises:
            ReplayRefused: Another replay is under way, or there is no such route.
            QuarantineFull: The disk does not take notes; what was replayed and not noted is noted when it does.
        """
        if self._lock.locked():
            raise ReplayRefused("A replay is under way already. Wait for its end.")
        if route is not None and route not in self._plan().routes:
            raise ReplayRefused(f"There is no route `{route}`. Routes: {', '.join(self._plan().routes) or 'none'}.")
        counts: Counter[str] = Counter()
        async with self._lock:
            replay_id = await self._keeper.on_thread(lambda: self._keeper.store.begin_replay(selection, actor, route=route))
            result = "stopped: whoever asked for it left"
            try:
                async with aclosing(self._pages(selection)) as pages:
                    async for page in pages:
                        counts.update(await self._through(page, replay_id, dispatcher, route))
                        yield dict(counts)
                result = "done"
            finally:
                ended = dict(counts)
                await asyncio.shield(self._keeper.on_thread(lambda: self._keeper.store.end_replay(replay_id, actor, ended, result=result)))

    async def rehearse(self, selection: Selection, *, route: str | None) -> dict[str, int]:
        """Say what a replay would do, and do nothing: the records go through an engine of their own that is connected to nothing.

        Raises:
            QuarantineFull: The file cannot be read.
        """
        plan, counts = self._plan(), Counter[str]()
        async with aclosing(self._pages(selection)) as pages:
            async for page in pages:
                counts.update(await asyncio.to_thread(_rehearsed, plan, page, route, self._clock()))
        return dict(counts)

    async def _pages(self, selection: Selection) -> AsyncGenerator[list[Record], None]:
        from dataclasses import replace

        after, left = 0, selection.limit
        while left is None or left > 0:
            wanted, since = replace(selection, limit=left, states=("waiting",)), after
            page = await self._keeper.on_thread(partial(self._keeper.store.page, wanted, after_id=since))
            if not page:
                return
            after = page[-1].id
            left = None if left is None else left - len(page)
            yield page

    async def _through(self, page: Sequence[Record], replay_id: int, dispatcher: Dispatcher, route: str | None) -> Counter[str]:
        page = [record for record in page if record.id not in self._flights]
        outcomes = _sent(dispatcher.engine, page, route, self._clock())
        loop = asyncio.get_running_loop()
        flights = {record.id: _Flight(replay_id, loop.create_future()) for record in page if outcomes[record.id] == "taken"}
        self._flights |= flights
        dispatcher.do(dispatcher.engine.work(now_ns=self._clock()))
        at_once = [Fate(record, code in DONE, DONE.get(code) or REFUSALS[code]) for record, code in outcomes.items() if code != "taken"]
        if at_once:
            await self._keeper.on_thread(lambda: self._keeper.store.note_fates(at_once, replay_id))
        results = [await flight.noted for flight in flights.values()]
        return Counter([*results, *(fate.result for fate in at_once)])


def _sent(engine: Pipeline, page: Sequence[Record], route: str | None, now_ns: int) -> dict[int, str]:
    """Hand records to an engine; the code of what became of each at once."""
    codes = {record.id: "no_route" for record in page if record.kind == "message" and record.route is None and route is None}
    sent: list[_Sent] = [
        (one.id, one.source, route or one.route or "", one.topic, one.payload, one.time_ns, one.source_ns, one.qos, one.retain, one.sink)
        for one in page
        if one.id not in codes
    ]
    return codes | dict(zip((one[0] for one in sent), engine.replay(sent, now_ns=now_ns), strict=True))


def _rehearsed(plan: NodePlan, page: Sequence[Record], route: str | None, now_ns: int) -> Counter[str]:
    node: dict[str, Any] = orjson.loads(plan.node)  # Any: a JSON document
    for source in node["sources"]:
        source["delivery"] = "volatile"
    # No logs: they belong to the node that runs.
    engine = Pipeline(plan.spec, orjson.dumps({"sources": node["sources"], "sinks": node["sinks"]}), now_ns=now_ns)
    for name, table in plan.tables.items():
        engine.set_table(name, table.rows)
    outcomes = _sent(engine, page, route, now_ns)
    again: dict[int, str] = {}
    while (batch := engine.take_quarantine()) is not None:
        rows = batch.rows()
        again |= {record: rows[at][5] for at, record in batch.replayed()}
        engine.confirm_quarantine(batch.id, now_ns=now_ns)
    words = {**DONE, **REFUSALS, "taken": "would go to its sinks"}
    return Counter(f"would fail again: {again[record]}" if record in again else words[code] for record, code in outcomes.items())
