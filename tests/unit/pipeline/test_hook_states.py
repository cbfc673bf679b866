"""What hooks remember over reloads, restarts and damage."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pronubes
from pronubes.hooks.base import Hook
from pronubes.hooks.settings import HookSettings, StateSettings
from pronubes.pipeline.hook_states import HookStates

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Batch:
    """Messages with these topics."""

    def __init__(self, *topics: str) -> None:
        self._topics = topics

    def __len__(self) -> int:
        return len(self._topics)

    def topics(self) -> list[str]:
        return list(self._topics)

    def payloads(self) -> list[bytes]:
        return [b"{}"] * len(self._topics)


@pronubes.transform
def count(payload: bytes, state: dict[str, Any]) -> object:
    state["n"] = state.get("n", 0) + 1
    return state["n"]


class Node:
    """As much of a node as keeps states."""

    def __init__(self, folder: Path, *, by: tuple[str, ...] = (), max_keys: int = 100, function: Any = count) -> None:
        self.states = HookStates(folder, clock=lambda: 5_000_000_000)
        self.load(by=by, max_keys=max_keys, function=function)

    def load(self, *, by: tuple[str, ...] = (), max_keys: int = 100, function: Any = count) -> None:
        settings = HookSettings("m:count", state=StateSettings(by, max_keys))
        self.hook = Hook("m:count", function, store=self.states.store_of(settings))
        self.states.adopt([self.hook], [settings])

    def run(self, *topics: str) -> list[bytes]:
        batch: Any = Batch(*topics)
        return self.hook.run(batch).changes["payloads"]

    async def end(self) -> None:
        await self.states.close()


async def test_states_outlive_a_restart_and_a_reload(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.run("a", "b", "a")
    await node.states.save()
    node.load()
    found = node.run("a")
    await node.end()
    node = Node(tmp_path)
    found += node.run("a", "b", "c")
    await node.end()
    assert found == [b"3", b"4", b"2", b"1"]


async def test_a_kill_leaves_the_save_before(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.run("a")
    await node.states.save()
    node.run("a", "b")
    killed, node = node, Node(tmp_path)
    found = node.run("a", "b")
    await node.end()
    await killed.end()
    assert found == [b"2", b"1"]


async def test_other_captures_begin_anew_and_the_old_states_go(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.run("a", "b")
    await node.end()
    node = Node(tmp_path, by=("line",))
    found = len(node.hook.store or [])
    await node.end()
    assert found == 0


async def test_the_oldest_keys_are_forgotten_on_the_disk_too(tmp_path: Path) -> None:
    node = Node(tmp_path, max_keys=2)
    node.run("a", "b")
    await node.states.save()
    node.run("a")
    node.run("c")
    await node.end()
    node = Node(tmp_path)
    found = node.run("a", "b", "c")
    await node.end()
    assert found == [b"3", b"1", b"2"]


async def test_a_state_that_is_emptied_is_gone(tmp_path: Path) -> None:
    @pronubes.transform
    def emptied(payload: bytes, state: dict[str, Any]) -> object:
        state.clear()
        return b"0"

    node = Node(tmp_path)
    node.run("a", "b")
    await node.states.save()
    node.load(function=emptied)
    node.run("a")
    await node.end()
    node = Node(tmp_path)
    found = node.run("a", "b")
    await node.end()
    assert found == [b"1", b"2"]


async def test_a_damaged_database_is_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hooks.db").write_bytes(b"no database " * 1000)
    node = Node(tmp_path)
    found = node.run("a")
    await node.end()
    node = Node(tmp_path)
    found += node.run("a")
    await node.end()
    assert found == [b"1", b"2"]
    assert (tmp_path / "hooks.db.damaged").read_bytes().startswith(b"no database")


async def test_what_cannot_be_written_is_written_later(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    node = Node(tmp_path / "data")
    node.run("a")
    await node.states.save()
    (tmp_path / "data").unlink()
    await node.end()
    node = Node(tmp_path / "data")
    found = node.run("a")
    await node.end()
    assert found == [b"2"]


async def test_what_json_cannot_say_stays_in_memory_and_harms_no_other_key(tmp_path: Path) -> None:
    @pronubes.transform
    def odd(message: pronubes.Message, state: dict[str, Any]) -> object:
        state["n"] = {1} if message.topic == "odd" else 7
        return b"0"

    node = Node(tmp_path, function=odd)
    node.run("odd", "a")
    await node.end()
    node = Node(tmp_path)
    found = node.run("a", "odd")
    await node.end()
    assert found == [b"8", b"1"]


async def test_a_hook_that_hangs_holds_up_no_save_and_is_left_behind_with_its_states(tmp_path: Path) -> None:
    is_free, is_in = threading.Event(), threading.Event()

    @pronubes.transform
    def hanging(message: pronubes.Message, state: dict[str, Any]) -> object:
        if message.topic == "slow":
            is_in.set()
            is_free.wait(10)
        state["n"] = state.get("n", 0) + 1
        return state["n"]

    node = Node(tmp_path, function=hanging)
    node.run("a")
    batch: Any = Batch("a", "slow")
    thread = threading.Thread(target=lambda: node.hook.run(batch))
    thread.start()
    is_in.wait(5)
    assert node.hook.store is not None
    node.hook.store.disown()
    found = node.run("a")
    is_free.set()
    thread.join(5)
    await node.end()
    node = Node(tmp_path)
    found += node.run("a", "slow")
    await node.end()
    assert found == [b"3", b"4", b"1"]
