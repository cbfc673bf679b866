"""A node with a route that has a hook and one that has none, both fed with the same messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from servers import until

if TYPE_CHECKING:
    from servers import NodeProcess

COUNT = 300


async def run(node: NodeProcess, code: str, hook: str | dict[str, Any], *, count: int = COUNT) -> dict[str, list[dict[str, Any]]]:
    """Send `count` messages through a route with the hook and one without; return what came out of each, the quarantine, and the hooks' status."""
    (node.folder / "hooks_under_test.py").write_text(code)
    lines = (json.dumps({"topic": f"t/{number % 3}", "payload": {"value": number}}) for number in range(count))
    (node.folder / "in.ndjson").write_text("\n".join(lines) + "\n")
    node.configure(
        {
            "sources": {"file": {"type": "ndjson", "path": "in.ndjson", "follow": True}},
            "sinks": {name: {"type": "ndjson", "path": f"{name}.ndjson"} for name in ("hooked", "plain")},
            "routes": {
                "hooked": {"filter": "t/{x}", "steps": [{"python": hook}], "topic": "hooked/{x}", "to": "hooked"},
                "plain": {"filter": "t/{x}", "topic": "plain/{x}", "to": "plain"},
            },
        }
    )
    await node.start()
    statuses = []

    async def is_done() -> bool:
        status = await node.status()
        assert status["balanced"], status
        statuses.append(status)
        routes = {route["name"]: route for route in status["routes"]}
        return routes["hooked"]["matched"] == count and not routes["hooked"]["in_hooks"] and not status["totals"]["buffered"]

    await until(is_done, "everything is accounted for")
    node.signal(15)
    assert await node.end() == 0
    found = {name: read(node, f"{name}.ndjson") for name in ("hooked", "plain")}
    return {**found, "quarantine": node.quarantine(), "hooks": statuses[-1]["hooks"]}


def read(node: NodeProcess, name: str) -> list[dict[str, Any]]:
    path = node.folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def values(lines: list[dict[str, Any]]) -> list[int]:
    return [line["payload"]["value"] for line in lines]
