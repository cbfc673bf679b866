"""The three ledgers against an oracle that knows what it sent: another program, its own arithmetic."""

from __future__ import annotations

import collections
import json
import random
from typing import TYPE_CHECKING, Any

from servers import until

if TYPE_CHECKING:
    from servers import NodeProcess

COUNT = 5000
BROKEN = {
    "missing_field": b'{"valve":%d}',
    "wrong_type": b'{"value":"%d"}',
    "duplicate_key": b'{"value":1,"value":%d}',
}


def issue(randomness: random.Random) -> list[tuple[str, str, bytes]]:
    """Make messages and their fates: 2 % bad, some that no route wants, some that a condition sends away."""
    issued = []
    for number in range(COUNT):
        draw = randomness.random()
        if draw < 0.02:
            fate = randomness.choice(sorted(BROKEN))
            issued.append((fate, f"raw/l{number % 7}/x", BROKEN[fate] % number))
        elif draw < 0.07:
            issued.append(("unrouted", f"other/{number}", b'{"value":%d}' % number))
        elif draw < 0.17:
            issued.append(("filtered", f"raw/l{number % 7}/x", b'{"value":-%d}' % (number + 1)))
        else:
            issued.append(("delivered", f"raw/l{number % 7}/x", b'{"value":%d}' % number))
    return issued


async def test_every_message_is_accounted_for(node: NodeProcess) -> None:
    issued = issue(random.Random(11))
    expected = collections.Counter(fate for fate, _, _ in issued)
    bad = sum(expected[reason] for reason in BROKEN)
    published = node.folder / "in.ndjson"
    lines = [f'{{"topic":{json.dumps(topic)},"payload":{payload.decode()}}}' for _, topic, payload in issued]
    published.write_text("\n".join(lines) + "\n")
    node.configure(
        {
            "sources": {"file": {"type": "ndjson", "path": "in.ndjson", "follow": True}},
            "sinks": {"out": {"type": "ndjson", "path": "out.ndjson"}, "db": {"type": "sqlite", "path": "h.db"}},
            "routes": {
                "main": {
                    "filter": "raw/{line}/{tag}",
                    "where": "payload.value >= 0",
                    "steps": [{"scale": {"field": "value", "factor": 2}}],
                    "topic": "acme/{line}/{tag}",
                    "to": ["out", "db"],
                }
            },
        }
    )
    await node.start()

    async def settled() -> dict[str, Any] | None:
        status = await node.status()
        assert status["balanced"], status
        is_done = status["sources"][0]["received"] == COUNT and not status["totals"]["buffered"]
        return status if is_done and len(node.quarantine()) == status["totals"]["quarantined"] else None

    status = await until(settled, "everything is settled")
    node.signal(15)
    assert await node.end() == 0
    source, route, sinks = status["sources"][0], status["routes"][0], {sink["name"]: sink for sink in status["sinks"]}
    # What no route takes is unrouted, also when it was a condition that sent it away.
    assert (source["received"], source["unrouted"], source["rejected"]) == (COUNT, expected["unrouted"] + expected["filtered"], 0)
    assert (route["passed"], route["filtered"], route["quarantined"]) == (expected["delivered"], expected["filtered"], bad)
    assert {name: (sink["emitted"], sink["delivered"]) for name, sink in sinks.items()} == dict.fromkeys(("out", "db"), (expected["delivered"],) * 2)
    outputs = [json.loads(line)["payload"]["value"] for line in (node.folder / "out.ndjson").read_text().splitlines()]
    assert outputs == [json.loads(payload)["value"] * 2 for fate, _, payload in issued if fate == "delivered"]
    kept = [(record["topic"], record["payload"]) for record in node.quarantine()]
    assert kept == [(topic, payload.decode()) for fate, topic, payload in issued if fate in BROKEN]
    reasons = collections.Counter(record["reason"] for record in node.quarantine())
    assert reasons == {reason: expected[reason] for reason in BROKEN}
