"""`pronubes replay` to a real broker: everything arrives as it was recorded, at the pace that was asked for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from servers import client, run_program, subscribing, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.server("mosquitto"), pytest.mark.timeout(60)]

BEGIN = 1_770_000_000_000_000_000


def lines(folder: Path, messages: list[dict[str, object]]) -> Path:
    path = folder / "in.ndjson"
    path.write_text("".join(json.dumps(message) + "\n" for message in messages), encoding="utf-8")
    return path


async def replayed(broker, path: Path, *options: str) -> tuple[int, dict]:
    code, text = await run_program(sys.executable, "-m", "pronubes.cli", "replay", str(path), "--url", broker.url, "--json", *options)
    return code, json.loads(text)


@pytest.mark.parametrize("is_converted", [False, True])
async def test_everything_arrives_as_it_was_recorded_and_in_order(broker, tmp_path, *, is_converted):
    messages = [{"topic": f"raw/l{n % 3}/temp", "payload": {"value": n}, "qos": n % 3, "received_ns": BEGIN + n} for n in range(3_000)]
    messages += [{"topic": "raw/odd", "payload_base64": "AP8="}, {"topic": "raw/kept", "payload": 1, "retain": True, "qos": 1}]
    path = lines(tmp_path, messages)
    if is_converted:
        packed = tmp_path / "in.pnrec"
        code, _ = await run_program(sys.executable, "-m", "pronubes.cli", "recording", "convert", str(path), str(packed))
        assert code == 0
        path = packed
    async with subscribing(broker.port, "raw/#") as subscriber:
        code, found = await replayed(broker, path, "--speed", "max", "--loop", "2")
        await until(lambda: len(subscriber.messages) >= 6_004, "everything arrives")
        assert (code, found["messages"], found["delivered"], found["rounds"]) == (0, 6_004, 6_004, 2)
        for line in range(3):
            came = [int(json.loads(payload)["value"]) for topic, payload, _ in subscriber.messages if topic == f"raw/l{line}/temp"]
            assert came == [*range(line, 3_000, 3)] * 2
        assert subscriber.messages.count(("raw/odd", b"\x00\xff", False)) == 2
    async with subscribing(broker.port, "raw/#") as late:
        await until(lambda: late.messages, "the broker has kept one")
        assert late.messages == [("raw/kept", b"1", True)]


@pytest.mark.parametrize(("speed", "seconds"), [("1", 1.0), ("4", 0.25)])
async def test_the_pace_is_that_of_the_recording(broker, tmp_path, speed, seconds):
    offsets = [0, 0.1, 0.1, 0.35, 0.9, 1.0]
    path = lines(tmp_path, [{"topic": "raw/a", "payload": n, "qos": 1, "received_ns": BEGIN + round(at * 1e9)} for n, at in enumerate(offsets)])
    came: list[float] = []
    async with client(broker.port) as listening:
        await listening.subscribe("raw/#")
        playing = asyncio.create_task(replayed(broker, path, "--speed", speed))
        async for _message in listening.messages:
            came.append(time.monotonic())
            if len(came) == len(offsets):
                break
        code, found = await playing
    assert code == 0
    assert found["span_ns"] == 1_000_000_000
    assert found["wall_ns"] >= seconds * 1e9
    factor = float(speed)
    # A message is never early; by how much it may be late depends on the machine, and the command says it.
    late_s = found["late_most_ms"] / 1e3
    for at, offset in zip(came[1:], offsets[1:], strict=True):
        assert -0.05 - late_s <= (at - came[0]) - offset / factor <= 0.5 + late_s


async def test_a_topic_that_cannot_be_published_is_said(broker, tmp_path):
    path = lines(tmp_path, [{"topic": "raw/a", "payload": 1, "qos": 1}, {"topic": "raw/+", "payload": 1}, {"topic": "$SYS/x", "payload": 1}])
    code, text = await run_program(sys.executable, "-m", "pronubes.cli", "replay", str(path), "--url", broker.url)
    assert code == 1
    assert "2 messages did not reach the broker, 2 refused" in text


async def test_a_torn_recording_is_played_as_far_as_it_is_whole(broker, tmp_path):
    path = lines(tmp_path, [{"topic": "raw/a", "payload": n} for n in range(10)])
    path.write_text(path.read_text(encoding="utf-8") + '{"topic": "raw/a", "pay', encoding="utf-8")
    async with subscribing(broker.port, "raw/#") as subscriber:
        code, text = await run_program(sys.executable, "-m", "pronubes.cli", "replay", str(path), "--url", broker.url)
        await until(lambda: len(subscriber.messages) >= 10, "what is whole arrives")
    assert code == 1
    assert "line 11" in text


async def test_ctrl_c_ends_an_endless_play(broker, tmp_path):
    path = lines(tmp_path, [{"topic": "raw/a", "payload": n, "received_ns": BEGIN + n * 10_000_000} for n in range(10)])
    async with subscribing(broker.port, "raw/#") as subscriber:
        command = [sys.executable, "-m", "pronubes.cli", "replay", str(path), "--url", broker.url, "--loop", "0"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ)
        await until(lambda: len(subscriber.messages) >= 25, "it plays again and again")
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"messages of" in out


async def test_a_broker_that_is_not_there_is_told_apart(free_port, tmp_path):
    path = lines(tmp_path, [{"topic": "raw/a", "payload": 1}])
    code, text = await run_program(sys.executable, "-m", "pronubes.cli", "replay", str(path), "--url", f"mqtt://127.0.0.1:{free_port()}")
    assert code == 4
    assert "did not answer" in text
