"""Hooks in processes of their own, in the real node: what exits, crashes, hangs or eats memory loses its batch, and nothing else."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hooked import COUNT, run, values
from servers import until

if TYPE_CHECKING:
    from servers import NodeProcess

HOOKS = """
import ctypes, os, sys, time
from pathlib import Path
import numpy as np
import pronubes

FIRST = Path(__file__).with_name("first")
"""
CODE = """
@pronubes.transform
def columns(batch: pronubes.Batch) -> pronubes.Batch:
    print("a hook that prints harms no sink")
    assert os.getpid() != os.getppid()
    return batch.with_fields(twice=batch["value"] * 2, tag=batch["{x}"], even=batch["value"] % 2 == 0, n=batch.column("value", "i64"))

@pronubes.transform
def listed(payloads: list[dict]) -> list:
    return [{**payload, "seen": True} for payload in payloads]

@pronubes.transform
def each(message: pronubes.Message) -> object:
    content = message.json()
    if content["value"] % 100 == 7:
        raise ValueError("seven")
    return {**content, "seen": message.topic}

@pronubes.transform
def leaving(batch: pronubes.Batch) -> pronubes.Batch:
    os._exit(3)

@pronubes.transform
def crashing(batch: pronubes.Batch) -> pronubes.Batch:
    ctypes.string_at(0)

@pronubes.transform
def hanging(batch: pronubes.Batch) -> pronubes.Batch:
    time.sleep(60)

@pronubes.transform
def eating(batch: pronubes.Batch) -> pronubes.Batch:
    kept = []
    while True:
        kept.append(np.ones(1 << 20))

@pronubes.transform
def eating_alone(message: pronubes.Message) -> object:
    return b"x" * (1 << 40)

@pronubes.transform
def raising(batch: pronubes.Batch) -> pronubes.Batch:
    sys.exit(4)

@pronubes.transform
def nonsense(batch: pronubes.Batch) -> pronubes.Batch:
    return 42

@pronubes.transform
def objects(batch: pronubes.Batch) -> pronubes.Batch:
    return batch.with_fields(x=[object() for _ in range(len(batch))])

@pronubes.transform
def short(batch: pronubes.Batch) -> pronubes.Batch:
    return batch.with_fields(x=np.zeros(len(batch) + 1))

@pronubes.transform
def square(batch: pronubes.Batch) -> pronubes.Batch:
    return batch.with_fields(x=np.zeros((len(batch), 2)))

@pronubes.transform
def once(batch: pronubes.Batch) -> pronubes.Batch:
    if not FIRST.exists():
        FIRST.write_text("was here")
        os._exit(5)
    return batch
"""
NEVER_OPEN = {"share": 1.0, "of": 1_000_000}


def process(name: str, **more: Any) -> dict[str, Any]:
    return {"call": f"hooks_under_test:{name}", "process": True, **more}


async def test_what_a_process_gives_back_is_what_a_thread_gives_back(node: NodeProcess) -> None:
    found = await run(node, HOOKS + CODE, process("columns"))
    assert [line["payload"] for line in found["hooked"]] == [
        {"value": n, "twice": n * 2.0, "tag": str(n % 3), "even": n % 2 == 0, "n": n} for n in range(COUNT)
    ]
    assert [line["topic"] for line in found["hooked"]] == [f"hooked/{n % 3}" for n in range(COUNT)]
    assert (found["quarantine"], found["hooks"][0]["restarts"], found["hooks"][0]["form"]) == ([], 0, "columns")


async def test_lists_run_in_a_process(node: NodeProcess) -> None:
    found = await run(node, HOOKS + CODE, process("listed"))
    assert [line["payload"] for line in found["hooked"]] == [{"value": n, "seen": True} for n in range(COUNT)]


async def test_single_messages_fail_alone_in_a_process(node: NodeProcess) -> None:
    found = await run(node, HOOKS + CODE, process("each"))
    assert values(found["hooked"]) == [n for n in range(COUNT) if n % 100 != 7]
    assert [(record["reason"], record["detail"]) for record in found["quarantine"]] == [("hook_failed", "ValueError: seven")] * 3


ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the addresses of a process")
BAD = {
    "leaving": ("hook_died", "exit code 3"),
    "crashing": ("hook_died", "SIGSEGV"),
    "hanging": ("hook_timeout", "within 0.3 s"),
    "eating": ("hook_memory", "MemoryError"),
    "eating_alone": ("hook_memory", "MemoryError"),
    "raising": ("hook_failed", "SystemExit: 4"),
    "nonsense": ("hook_output", "returned `int`"),
    "objects": ("hook_output", "`object`"),
    "short": ("hook_output", ""),
    "square": ("hook_output", "2 dimensions"),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=ONLY_LINUX if name.startswith("eating") else ()) for name in BAD])
async def test_a_hostile_hook_loses_its_own_messages_only(node: NodeProcess, name: str) -> None:
    reason, detail = BAD[name]
    found = await run(node, HOOKS + CODE, process(name, timeout="300ms" if name == "hanging" else "20s", memory="128MiB"))
    assert found["hooked"] == []
    assert [json.loads(record["payload"]) for record in found["quarantine"]] == [{"value": number} for number in range(COUNT)]
    reasons = {record["reason"] for record in found["quarantine"]}
    assert reason in reasons
    assert reasons <= {reason, "hook_open"}  # three deaths open the breaker
    assert detail in found["quarantine"][0]["detail"]
    assert values(found["plain"]) == list(range(COUNT))


async def test_a_process_that_died_is_started_again_for_the_next_batch(node: NodeProcess) -> None:
    count = 3000
    found = await run(node, HOOKS + CODE, process("once", breaker=NEVER_OPEN), count=count)
    lost = [json.loads(record["payload"])["value"] for record in found["quarantine"]]
    assert {(record["reason"], record["detail"]) for record in found["quarantine"]} == {("hook_died", "its process ended with exit code 5")}
    assert lost == list(range(len(lost)))
    assert values(found["hooked"]) == list(range(len(lost), count))
    assert (values(found["plain"]), found["hooks"][0]["restarts"]) == (list(range(count)), 1)


async def test_nobody_is_left_behind_when_the_node_is_killed(node: NodeProcess) -> None:
    (node.folder / "hooks_under_test.py").write_text(HOOKS + CODE)
    (node.folder / "in.ndjson").write_text('{"topic": "t/1", "payload": {"value": 1}}\n')
    sources = {"file": {"type": "ndjson", "path": "in.ndjson", "follow": True}}
    route = {"filter": "t/{x}", "steps": [{"python": process("hanging", timeout="60s")}], "to": "hooked"}
    node.configure({"sources": sources, "sinks": {"hooked": {"type": "ndjson", "path": "hooked.ndjson"}}, "routes": {"hooked": route}})
    await node.start()

    async def is_called() -> bool:
        return bool((await node.status())["routes"][0]["in_hooks"])

    await until(is_called, "the hook has a message")
    pid = (await node.status())["hooks"][0]["pid"]
    os.kill(pid, 0)
    node.kill()
    await until(lambda: not _is_there(pid), "the hook's process has ended as well")


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
