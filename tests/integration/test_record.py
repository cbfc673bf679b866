"""`pronubes record` against a real broker and a real node: what it writes, how it ends, what a kill leaves."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pronubes.recording import Recorded, messages_of, read_recording
from servers import client, publish_surely, subscribing, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import Mosquitto

pytestmark = [pytest.mark.server("mosquitto"), pytest.mark.timeout(60)]

MESSAGES = [(f"raw/l{number % 3}/temp", b'{"value": %d.50}' % number) for number in range(60)]


class RecordProcess:
    """`python -m pronubes.cli record` as a process."""

    def __init__(self, folder: Path, *options: str, limit_bytes: int | None = None) -> None:
        self.file = folder / "out.pnrec"
        command = [sys.executable, "-m", "pronubes.cli", "record", str(self.file), *options]
        limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))) if limit_bytes else None
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit)  # noqa: PLW1509

    def messages(self) -> list[Recorded]:
        """What is whole in the file so far."""
        return list(messages_of(self.file)) if self.file.exists() and self.file.stat().st_size >= 64 else []

    async def end(self, number: int | None = None) -> tuple[int, str, str]:
        if number is not None:
            self.process.send_signal(number)
        await until(lambda: self.process.poll() is not None, "the recorder leaves")
        out, err = self.process.communicate()
        return self.process.returncode, out, err


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Callable[..., RecordProcess]]:
    started: list[RecordProcess] = []

    def start(*options: str, limit_bytes: int | None = None) -> RecordProcess:
        started.append(RecordProcess(tmp_path, *options, limit_bytes=limit_bytes))
        return started[-1]

    yield start
    for one in started:
        with contextlib.suppress(ProcessLookupError):
            one.process.kill()
        one.process.communicate()


async def subscribed(broker: Mosquitto, recorder: RecordProcess) -> None:
    """Wait until the recorder has what the broker keeps for those who come."""
    async with client(broker.port) as publisher:
        await publisher.publish("raw/ready", b"1", qos=1, retain=True)
    await until(lambda: any(one.topic == "raw/ready" for one in recorder.messages()), "the recorder has subscribed")


async def test_a_broker_is_recorded_with_qos_retain_and_every_byte(broker, record):
    recorder = record("--url", broker.url, "--filter", "raw/#")
    await subscribed(broker, recorder)
    odd = [("raw/odd", b"\x00\xff"), ("raw/odd", b'{"v": 1.10,\n "w":1e400}'), ("raw/empty", b""), ("other", b"1")]
    await publish_surely(broker.port, [*MESSAGES, *odd], identifier="plant")
    await until(lambda: len(recorder.messages()) == 64, "everything is in the file")
    code, out, _ = await recorder.end(signal.SIGINT)
    found = list(read_recording(recorder.file))
    assert (code, found[0].topic, found[0].retain, found[0].qos) == (0, "raw/ready", True, 1)
    assert [(one.topic, one.payload) for one in found[1:]] == [*MESSAGES, *odd[:3]]
    assert all(one.qos == 1 and one.source == "broker" and not one.retain for one in found[1:])
    times = [one.time_ns for one in found]
    assert times == sorted(times)
    assert out.startswith("64 messages in ")
    assert oct(recorder.file.stat().st_mode & 0o777) == "0o600"


async def test_a_node_is_recorded_on_either_side_and_goes_on(broker, node, record, tmp_path):
    common = {"type": "mqtt", "url": broker.url, "qos": 1}
    node.configure(
        {
            "sources": {"plant": {**common, "topics": ["raw/#"]}},
            "sinks": {"uns": common},
            "routes": {"all": {"filter": "raw/{line}/temp", "topic": "acme/{line}", "to": "uns"}},
        }
    )
    await node.start()
    (tmp_path / "in").mkdir()
    comes = RecordProcess(tmp_path / "in", "-c", str(node.config))
    leaves = record("-c", str(node.config), "--side", "out", "--filter", "acme/l1")
    beside = [*MESSAGES, ("raw/nobody/wants", b"1")]
    async with subscribing(broker.port, "acme/#") as subscriber:
        await until(lambda: comes.file.exists() and leaves.file.exists(), "both have begun")
        await publish_surely(broker.port, [("raw/l1/temp", b"0")] * 3, identifier="plant")  # until both taps stand
        await until(lambda: len(comes.messages()) + len(leaves.messages()) > 0, "the taps stand")
        await publish_surely(broker.port, beside, identifier="plant")
        await until(lambda: len(subscriber.messages) >= 63, "the node goes on")
        await until(lambda: comes.messages()[-1:] and comes.messages()[-1].topic == "raw/nobody/wants", "the last has come")
        await until(lambda: leaves.messages()[-1:] and leaves.messages()[-1].payload == MESSAGES[58][1], "the last has left")
        assert ((await comes.end(signal.SIGTERM))[0], (await leaves.end(signal.SIGTERM))[0]) == (0, 0)
    assert [(one.topic, one.payload) for one in read_recording(comes.file)][-61:] == beside
    left = [one for one in read_recording(leaves.file) if one.payload != b"0"]
    assert [(one.topic, one.payload, one.route) for one in left] == [("acme/l1", payload, "all") for topic, payload in MESSAGES if "/l1/" in topic]


async def test_a_tap_sees_what_comes_in_before_any_route(broker, node):
    mqtt = {"type": "mqtt", "url": broker.url, "qos": 1}
    node.configure({"sources": {"plant": {**mqtt, "topics": ["raw/#"]}}, "sinks": {"uns": mqtt}, "routes": {"all": {"filter": "raw/a", "to": "uns"}}})
    await node.start()
    command = [sys.executable, "-m", "pronubes.cli", "tap", "-c", str(node.config), "--side", "in", "raw/nobody/#", "-n", "1", "--json"]
    tap = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - takes a millisecond

    async def has_seen_one() -> bool:
        await publish_surely(broker.port, [("raw/nobody/wants", b"1")], identifier="plant")
        return tap.poll() is not None

    await until(has_seen_one, "the tap has seen one")
    seen = json.loads(tap.communicate()[0])
    assert (tap.returncode, seen["topic"], seen["source"], seen["route"]) == (0, "raw/nobody/wants", "plant", "")


async def test_subscribing_beside_a_node_takes_nothing_from_it(broker, node, record):
    common = {"type": "mqtt", "url": broker.url, "qos": 1}
    node.configure(
        {
            "sources": {"plant": {**common, "topics": ["raw/#"]}},
            "sinks": {"uns": common},
            "routes": {"all": {"filter": "raw/#", "topic": "acme/all", "to": "uns"}},
        }
    )
    await node.start()
    recorder = record("-c", str(node.config), "--subscribe")
    await subscribed(broker, recorder)
    async with subscribing(broker.port, "acme/#") as subscriber:
        await publish_surely(broker.port, MESSAGES, identifier="plant")
        await until(lambda: len(subscriber.messages) >= 60, "the node has them all")
        await until(lambda: len(recorder.messages()) >= 61, "so has the recording")
    assert (await recorder.end(signal.SIGINT))[0] == 0
    assert [one.payload for one in read_recording(recorder.file)][1:] == [payload for _, payload in MESSAGES]
    assert not node.said("taken over")
    assert not (recorder.file.parent / "data").exists()


async def test_a_kill_leaves_what_was_written_and_the_file_says_so(broker, record):
    recorder = record("--url", broker.url, "--filter", "raw/#")
    await subscribed(broker, recorder)
    await publish_surely(broker.port, MESSAGES, identifier="plant")
    await until(lambda: len(recorder.messages()) == 61, "everything is written")
    await recorder.end(signal.SIGKILL)
    code, text = run("recording", "inspect", str(recorder.file))
    assert code == 1
    assert "has no end" in text
    assert "61 messages are whole" in text
    whole = recorder.file.with_name("whole.pnrec")
    assert run("recording", "convert", str(recorder.file), str(whole), "--to", "recording")[0] == 1
    assert [(one.topic, one.payload) for one in read_recording(whole)][1:] == MESSAGES
    assert run("recording", "inspect", str(whole))[0] == 0


async def test_bounds_end_it(broker, record):
    recorder = record("--url", broker.url, "--filter", "raw/#", "--max-messages", "10", "--json")
    await subscribed(broker, recorder)
    await publish_surely(broker.port, MESSAGES, identifier="plant")
    code, out, _ = await recorder.end()
    summary = json.loads(out)
    assert (code, summary["messages"], summary["cause"], summary["bytes"]) == (0, 10, "full", recorder.file.stat().st_size)
    assert len(list(read_recording(recorder.file))) == 10


async def test_a_disk_that_takes_no_more_is_said_and_the_file_is_readable(broker, record):
    recorder = record("--url", broker.url, "--filter", "raw/#", "--plain", limit_bytes=40_000)
    await subscribed(broker, recorder)
    many = [("raw/l1/temp", os.urandom(500).hex().encode()) for _ in range(400)]
    await publish_surely(broker.port, many, identifier="plant")
    code, _, err = await recorder.end()
    whole = recorder.messages()
    assert code == 4
    assert "takes no more" in err
    assert "what was recorded before is whole" in err
    assert [one.payload for one in whole[1:]] == [payload for _, payload in many[: len(whole) - 1]]


def run(*words: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", "pronubes.cli", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
