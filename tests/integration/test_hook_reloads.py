"""Hooks over reloads and restarts of the real node: new code, broken code, and what they remember."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from hooked import read
from servers import until

if TYPE_CHECKING:
    from servers import NodeProcess

pytestmark = pytest.mark.timeout(150)

SLOW_S = 40.0
"""A process of a hook starts with an interpreter and numpy: seconds on a machine that builds meanwhile."""

CODE = """
import pronubes

@pronubes.transform
def count(payload: dict, state: dict) -> dict:
    state["n"] = state.get("n", 0) + 1
    return {"version": VERSION, "n": state["n"]}
"""


class Feed:
    """A node that counts in a hook what comes."""

    def __init__(self, node: NodeProcess, *, is_process: bool) -> None:
        self.node = node
        self.out: list[Any] = []
        self.write("VERSION = 1\n" + CODE)
        (node.folder / "in.ndjson").write_text("")
        hook = {"call": "hooks_under_test:count", "process": is_process}
        route = {"filter": "t", "steps": [{"python": hook}], "to": "out"}
        sources = {"file": {"type": "ndjson", "path": "in.ndjson", "follow": True}}
        sinks = {"out": {"type": "ndjson", "path": "out.ndjson"}}
        node.configure({"sources": sources, "sinks": sinks, "routes": {"r": route}, "state": {"save_every": "100ms"}})

    def write(self, code: str) -> None:
        (self.node.folder / "hooks_under_test.py").write_text(code)

    async def send(self) -> tuple[int, int]:
        """Send a message, and return the version that counted it, and how many it has counted."""
        before = len(read(self.node, "out.ndjson"))
        with (self.node.folder / "in.ndjson").open("a") as lines:
            lines.write(json.dumps({"topic": "t", "payload": {}}) + "\n")
        await until(lambda: len(read(self.node, "out.ndjson")) > before, "it comes out", within_s=SLOW_S)
        payload = read(self.node, "out.ndjson")[-1]["payload"]
        return payload["version"], payload["n"]

    async def reload(self, code: str, said: str) -> None:
        before = len(self.node.said(said))
        self.write(code)
        self.node.signal(1)
        await until(lambda: len(self.node.said(said)) > before, said, within_s=SLOW_S)


@pytest.mark.parametrize("is_process", [False, True], ids=["thread", "process"])
async def test_new_code_counts_on_and_broken_code_changes_nothing(node: NodeProcess, is_process: bool) -> None:
    feed = Feed(node, is_process=is_process)
    await node.start()
    found = [await feed.send()]
    await feed.reload("VERSION = 2\n" + CODE, "in force")
    found.append(await feed.send())
    await feed.reload("def (", "SyntaxError")
    found.append(await feed.send())
    await feed.reload("VERSION = 3\n" + CODE.replace("payload: dict,", "payload: int,"), "no form of a hook")
    found.append(await feed.send())
    await feed.reload("VERSION = 4\n" + CODE, "in force")
    found.append(await feed.send())
    node.signal(15)
    assert await node.end() == 0
    assert found == [(1, 1), (2, 2), (2, 3), (2, 4), (4, 5)]


def saved(node: NodeProcess) -> list[bytes]:
    with contextlib.closing(sqlite3.connect(node.folder / "data" / "hooks.db")) as database:
        return [state for (state,) in database.execute("SELECT state FROM states")]


@pytest.mark.parametrize("is_process", [False, True], ids=["thread", "process"])
async def test_what_a_hook_remembers_outlives_a_kill_and_says_how_old_it_is(node: NodeProcess, is_process: bool) -> None:
    feed = Feed(node, is_process=is_process)
    await node.start()
    await feed.send()
    await feed.send()
    (node.folder / "in.ndjson").write_text("")
    node.signal(15)
    assert await node.end() == 0
    await node.start()
    after_end = await feed.send()
    await until(lambda: saved(node) == [b'{"n":3}'], "the state is saved")
    node.kill()
    (node.folder / "in.ndjson").write_text("")
    await node.start()
    after_kill = await feed.send()
    events = node.said("What a Python hook remembered is there again")
    assert (after_end[1], after_kill[1]) == (3, 4)
    assert [(event["hook"], event["keys"]) for event in events] == [("hooks_under_test:count", 1)] * 2
    assert all(0 <= event["age_s"] < 60 for event in events)
