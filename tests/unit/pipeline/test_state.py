"""What stateful steps remember, on the disk, around the end of a node."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from pronubes import _core
from pronubes.pipeline.state import StateKeeper

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_732_270_000_000_000_000
SECOND = 1_000_000_000
NODE = json.dumps({"sources": [{"name": "plant", "kind": "batch", "delivery": "volatile"}], "sinks": [{"name": "sql", "kind": "batch"}]}).encode()


def pipeline(step: str) -> _core.Pipeline:
    route = {"name": "all", "filter": "raw/{tag}", "steps": [json.loads(step)], "to": [{"sink": "sql"}]}
    return _core.Pipeline(json.dumps({"sources": ["plant"], "sinks": ["sql"], "routes": [route]}).encode(), NODE, now_ns=NOW)


def taken(engine: _core.Pipeline, now_ns: int) -> list[bytes]:
    engine.advance(now_ns=now_ns)
    batch = engine.take("sql", now_ns=now_ns, force=True)
    return [] if batch is None else batch.payloads()


def keeper(folder: Path) -> StateKeeper:
    return StateKeeper(folder, clock=lambda: NOW, every_s=1.0)


def test_what_is_held_stays_held_when_sinks_are_gone_and_leaves_behind_the_next_start(tmp_path: Path) -> None:
    before = pipeline('{"debounce": {"for": "1s"}}')
    before.push("plant", ["raw/a"], [b"1"], now_ns=NOW)
    before.disconnect(now_ns=NOW)
    left = taken(before, NOW + 10 * SECOND)
    asyncio.run(keeper(tmp_path).save(before))
    after = pipeline('{"debounce": {"for": "1s"}}')
    keeper(tmp_path).restore(after)
    assert (left, taken(after, NOW + 10 * SECOND)) == ([], [b"1"])


class Portions:
    """An engine with a state of three portions."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def has_state(self) -> bool:
        return True

    def save_state(self, at: tuple[int, int], limit: int) -> tuple[bytes, tuple[int, int] | None]:
        self.asked.append(at)
        return b"portion", (0, at[1] + 1) if at[1] < 2 else None


def test_a_save_waits_for_the_one_before_since_both_write_the_same_file(tmp_path: Path) -> None:
    engine = Portions()

    async def save_twice() -> None:
        states = keeper(tmp_path)
        await asyncio.gather(states.save(engine), states.save(engine))

    asyncio.run(save_twice())
    assert engine.asked == [(0, 0), (0, 1), (0, 2)] * 2
