"""`pronubes status` against a real node: what it says and the code that it ends with."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pronubes.telemetry.reading import backlogs
from servers import Mosquitto, publish_surely, run_program, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


@pytest.mark.server("mosquitto")
async def test_what_waits_in_the_log_is_shown_before_and_after_a_kill_and_goes_when_the_sink_is_back(
    broker: Mosquitto, node: NodeProcess, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    away = Mosquitto(tmp_path / "away", free_port())
    common = {"type": "mqtt", "qos": 1, "backoff_max": "200ms"}
    sources = {"plant": {**common, "url": broker.url, "topics": ["raw/#"]}}
    sinks = {"uns": {**common, "url": away.url}}
    node.configure({"sources": sources, "sinks": sinks, "routes": {"all": {"filter": "raw/#", "to": "uns"}}, "health": {"every": "200ms"}})
    await node.start()
    await until(lambda: node.said("Connected."), "the source is connected")
    await publish_surely(broker.port, [(f"raw/{number}", b'{"value": 1}') for number in range(50)], identifier="plc")

    async def shown(*, least: int, most: int) -> dict[str, Any] | None:
        status = await node.status()
        waiting = backlogs(status)["uns"]
        has_synced = (status["logs"]["durable"] or {}).get("syncs")
        return status if has_synced and least <= (waiting.records or 0) <= most and status["sources"][0]["unsettled"] == 0 else None

    before = await until(lambda: shown(least=50, most=50), "all is in the log and acknowledged")
    code, text = await run_program(*pronubes("status", "-c", str(node.config)))
    node.kill()
    await node.start()
    after = await until(lambda: shown(least=50, most=200), "the backlog of the run before is shown")
    await away.start()
    try:
        drained = await until(lambda: shown(least=0, most=0), "the backlog is gone")
        node.signal(15)
        assert await node.end() == 0
    finally:
        away.stop()
    assert (code, before["health"]["problems"], after["health"]["problems"], drained["health"]["problems"]) == (0, [], [], []), text
    assert before["health"]["canary"]["trip_s"] >= before["logs"]["durable"]["sync_times"]["p50_ns"] / 2e9  # it waited for a sync
    assert [before["balanced"], after["balanced"], drained["balanced"]] == [True, True, True]
    assert "$canary" not in json.dumps([before, after, drained])
    assert drained["sinks"][0]["delivered"] >= 50
