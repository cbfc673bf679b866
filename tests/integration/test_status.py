"""`pronubes status` against a real node: what it says and the code that it ends with."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from servers import run_program, until

if TYPE_CHECKING:
    from servers import NodeProcess

ROUTES = {"all": {"filter": "raw/#", "where": "payload.value > 0", "to": "out"}}


def pronubes(*words: str) -> list[str]:
    return [sys.executable, "-m", "pronubes.cli", *words]


@pytest.fixture
def plan(node: NodeProcess) -> dict[str, Any]:
    lines = [f'{{"topic":"raw/t","payload":{{"value":{number % 4}}}}}' for number in range(100)]
    (node.folder / "in.ndjson").write_text("\n".join(lines) + "\n")
    sources = {"file": {"type": "ndjson", "path": "in.ndjson", "follow": True}}
    return {"sources": sources, "sinks": {"out": {"type": "ndjson", "path": "out.ndjson"}}, "routes": ROUTES}


async def test_one_look_shows_the_account_and_the_code_says_whether_it_is_healthy(node: NodeProcess, plan: dict[str, Any]) -> None:
    node.configure(plan)
    await node.start()

    async def is_done() -> bool:
        status = await node.status()
        return bool(status["totals"]["delivered"] == 75 and not status["totals"]["buffered"])

    await until(is_done, "everything is delivered")
    code, text = await run_program(*pronubes("status", "-c", str(node.config)))
    json_code, document = await run_program(*pronubes("status", "--json", "-c", str(node.config)))
    node.signal(15)
    ended = await node.end()
    after_code, after = await run_program(*pronubes("status", "-c", str(node.config)))
    lines = [line.split() for line in text.splitlines()]
    assert (code, json_code, ended, after_code) == (0, 0, 0, 4), text + after
    assert ["sources", "received", "100", "=", "matched", "75", "+", "unrouted", "25", "\u2713"] in lines
    assert ["sinks", "emitted", "75", "=", "delivered", "75", "\u2713"] in lines
    assert json.loads(document)["health"]["problems"] == []
    assert "No node of" in after


async def test_systemd_hears_that_the_node_is_ready_and_is_fed_by_the_canary(node: NodeProcess, plan: dict[str, Any]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(node.folder / "notify"))
        systemd.settimeout(0)
        node.environ = {"NOTIFY_SOCKET": str(node.folder / "notify"), "WATCHDOG_USEC": "100000"}
        node.configure(plan)
        await node.start()
        heard: list[str] = []

        def is_fed() -> bool:
            with contextlib.suppress(BlockingIOError):
                while True:
                    heard.extend(systemd.recv(4096).decode().splitlines())
            return heard.count("WATCHDOG=1") >= 3

        await until(is_fed, "the watchdog is fed")
        node.signal(15)
        assert await node.end() == 0
        is_fed()
    assert (heard[0], heard[-1], "STATUS=Healthy." in heard) == ("READY=1", "STOPPING=1", True)
