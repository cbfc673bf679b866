"""Hooks that do what they should not, in the real process: named reasons, nothing lost, order kept, neighbours undisturbed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hooked import COUNT, read, run, values
from servers import until

if TYPE_CHECKING:
    from servers import NodeProcess

HOOKS = """
import sys, time
import numpy as np
import pronubes

@pronubes.transform
def doubled(batch: pronubes.Batch) -> pronubes.Batch:
    return batch.with_fields(twice=batch["value"] * 2)

@pronubes.transform
def odd_only(batch: pronubes.Batch) -> pronubes.Batch:
    return batch.where(batch.column("value", "i64") % 2 == 1)

@pronubes.transform
def each(message: pronubes.Message) -> object:
    content = message.json()
    if content["value"] % 100 == 7:
        raise ValueError("seven")
    return {**content, "seen": message.topic}

@pronubes.transform
def raising(batch: pronubes.Batch) -> pronubes.Batch:
    raise RuntimeError("no")

@pronubes.transform
def leaving(batch: pronubes.Batch) -> pronubes.Batch:
    sys.exit(3)

@pronubes.transform
def nonsense(batch: pronubes.Batch) -> pronubes.Batch:
    return 42

@pronubes.transform
def short(batch: pronubes.Batch) -> pronubes.Batch:
    return batch.with_fields(x=np.zeros(len(batch) + 1))

@pronubes.transform
def infinite(batch: pronubes.Batch) -> pronubes.Batch:
    return batch.with_fields(x=np.full(len(batch), np.inf))

@pronubes.transform
def hanging(batch: pronubes.Batch) -> pronubes.Batch:
    time.sleep(60)
"""


async def test_a_batch_hook_adds_a_column_and_keeps_the_order(node: NodeProcess) -> None:
    found = await run(node, HOOKS, "hooks_under_test:doubled")
    assert [line["payload"] for line in found["hooked"]] == [{"value": number, "twice": number * 2.0} for number in range(COUNT)]
    assert [line["topic"] for line in found["hooked"]] == [f"hooked/{number % 3}" for number in range(COUNT)]


async def test_a_mask_filters_rows(node: NodeProcess) -> None:
    found = await run(node, HOOKS, "hooks_under_test:odd_only")
    assert values(found["hooked"]) == list(range(1, COUNT, 2))
    assert found["quarantine"] == []


async def test_a_message_hook_loses_only_the_messages_it_raises_on(node: NodeProcess) -> None:
    found = await run(node, HOOKS, "hooks_under_test:each")
    assert values(found["hooked"]) == [number for number in range(COUNT) if number % 100 != 7]
    assert {line["payload"]["seen"] for line in found["hooked"]} == {"t/0", "t/1", "t/2"}
    assert [(record["reason"], json.loads(record["payload"])["value"]) for record in found["quarantine"]] == [
        ("hook_failed", n) for n in (7, 107, 207)
    ]
    assert all("seven" in record["detail"] for record in found["quarantine"])


BAD = {
    "raising": ("hook_failed", "RuntimeError: no"),
    "leaving": ("hook_failed", "SystemExit: 3"),
    "nonsense": ("hook_output", "returned `int`"),
    "short": ("hook_output", ""),
    "infinite": ("not_finite", ""),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_hook_quarantines_its_messages_and_disturbs_nobody(node: NodeProcess, name: str) -> None:
    reason, detail = BAD[name]
    found = await run(node, HOOKS, f"hooks_under_test:{name}")
    assert found["hooked"] == []
    assert [json.loads(record["payload"]) for record in found["quarantine"]] == [{"value": number} for number in range(COUNT)]
    assert {(record["reason"], record["route"]) for record in found["quarantine"]} == {(reason, "hooked")}
    assert detail in (found["quarantine"][0]["detail"] or "")
    assert values(found["plain"]) == list(range(COUNT))


async def test_a_hook_that_hangs_is_left_behind(node: NodeProcess) -> None:
    found = await run(node, HOOKS, {"call": "hooks_under_test:hanging", "timeout": "200ms"})
    assert {record["reason"] for record in found["quarantine"]} == {"hook_timeout"}
    assert len(found["quarantine"]) == COUNT
    assert values(found["plain"]) == list(range(COUNT))


async def test_a_hook_that_fails_too_often_is_left_alone_and_status_says_so(node: NodeProcess) -> None:
    hook = {"call": "hooks_under_test:each", "breaker": {"share": 0.001, "of": 1, "pause": "1h", "messages": "pass"}}
    (node.folder / "hooks_under_test.py").write_text(HOOKS)
    feed = node.folder / "in.ndjson"
    feed.write_text(json.dumps({"topic": "t", "payload": {"value": 7}}) + "\n")
    route = {"filter": "t", "steps": [{"python": hook}], "to": "hooked"}
    sources = {"file": {"type": "ndjson", "path": "in.ndjson", "follow": True}}
    node.configure({"sources": sources, "sinks": {"hooked": {"type": "ndjson", "path": "hooked.ndjson"}}, "routes": {"hooked": route}})
    await node.start()

    async def hooks() -> dict[str, Any]:
        (status,) = (await node.status())["hooks"]
        return status

    async def is_open() -> bool:
        return (await hooks())["breaker"] == "open"

    await until(is_open, "the breaker opens")
    with feed.open("a") as lines:
        lines.write(json.dumps({"topic": "t", "payload": {"value": 8}}) + "\n")
    await until(lambda: read(node, "hooked.ndjson"), "the next message goes by")
    status = await hooks()
    health = (await node.status())["health"]["problems"]
    assert read(node, "hooked.ndjson")[0]["payload"] == {"value": 8}
    assert {key: status[key] for key in ("name", "messages", "reasons", "passed_by", "opened", "stuck")} == {
        "name": "hooks_under_test:each",
        "messages": 1,
        "reasons": {"hook_failed": 1},
        "passed_by": 1,
        "opened": 1,
        "stuck": 0,
    }
    assert [problem["code"] for problem in health] == ["hook_open"]
    assert [event["hook"] for event in node.said("is not called for a while")] == ["hooks_under_test:each"]
