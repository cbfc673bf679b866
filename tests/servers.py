"""Real servers and the real program for integration tests, each on a free port of this machine and in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiomqtt
import orjson

from conftest import find_program
from pronubes.pipeline.control import ControlClient, socket_path
from pronubes.quarantine.records import QuarantineReader, Selection, UnreadableQuarantine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DEADLINE_S = 15.0


async def until(condition: Callable[[], Any], what: str, *, within_s: float = DEADLINE_S) -> Any:
    """Wait until a condition holds, and return what it gave; it may be a coroutine function."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                result = condition()
                if asyncio.iscoroutine(result):
                    result = await result
                if result:
                    return result
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {what}") from None


class Mosquitto:
    """A broker with persistence; `kill` and `start` again keep its port and its memory."""

    def __init__(self, folder: Path, port: int, *, tls_port: int | None = None, extra: str = "", listener: str = "allow_anonymous true") -> None:
        self.folder, self.port, self.tls_port = folder, port, tls_port
        folder.mkdir(exist_ok=True)
        user = "user root\n" if os.getuid() == 0 else ""
        text = f"{user}per_listener_settings true\npersistence true\npersistence_location {folder}/\nautosave_interval 0\n"
        text += f"max_queued_messages 0\nmax_inflight_messages 1000\nlistener {port} 127.0.0.1\n{listener}\n{extra}\n"
        (folder / "mosquitto.conf").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with (self.folder / "mosquitto.log").open("ab") as log:
            program = find_program("mosquitto")
            assert program is not None
            self._process = subprocess.Popen(  # noqa: ASYNC220 - takes a millisecond
                [program, "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log
            )

        async def answers() -> bool:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return True
            return False

        await until(answers, f"mosquitto listens: {(self.folder / 'mosquitto.log').read_text()[-500:]}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"


@dataclass
class NodeProcess:
    """`python -m pronubes.cli run` as a process."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return self.folder / "pronubes.yaml"

    def configure(self, document: dict[str, Any]) -> None:
        self.config.write_bytes(orjson.dumps({"version": 1, "name": "edge", **document}, option=orjson.OPT_INDENT_2))  # JSON is YAML

    async def start(self, *options: str) -> None:
        with (self.folder / "node.log").open("ab") as log:
            command = [sys.executable, "-m", "pronubes.cli", "run", str(self.config), "--log", "json", *options]
            self.process = subprocess.Popen(  # noqa: ASYNC220 - takes a millisecond
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **self.environ}
            )
        await until(self._is_up, "the node answers on its control socket")

    async def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.text()
        with contextlib.suppress(OSError):
            await (await self.control()).close()
            return True
        return False

    async def control(self) -> ControlClient:
        return await ControlClient.connect(socket_path(self.folder / "data"))

    async def status(self) -> dict[str, Any]:
        client = await self.control()
        try:
            return await client.status()
        finally:
            await client.close()

    def text(self) -> str:
        return (self.folder / "node.log").read_text()

    def log(self) -> list[dict[str, Any]]:
        lines = self.text().splitlines()
        return [orjson.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def said(self, part: str) -> list[dict[str, Any]]:
        """The log events that have a text anywhere in their facts."""
        return [event for event in self.log() if any(part in str(fact) for fact in event.values())]

    def quarantine(self) -> list[dict[str, Any]]:
        """What waits in the quarantine, the oldest first."""
        path = self.folder / "data" / "quarantine.db"
        if not path.exists():
            return []
        with contextlib.suppress(UnreadableQuarantine), QuarantineReader(path) as reader:  # unreadable: the node is about to make it
            return [record.as_json() for record in reader.records(Selection())]
        return []

    def rss_bytes(self) -> int:
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def end(self, *, within_s: float = DEADLINE_S) -> int:
        """Wait until it has left by itself, and return its exit code."""
        assert self.process is not None
        await until(lambda: self.process is not None and self.process.poll() is not None, "the node leaves", within_s=within_s)
        return self.process.returncode

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


class Subscriber:
    """An independent client that collects what a broker hands out, QoS 1."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []

    def topics(self) -> set[str]:
        return {topic for topic, _, _ in self.messages}

    def payloads(self) -> list[bytes]:
        return [payload for _, payload, _ in self.messages]


@contextlib.asynccontextmanager
async def subscribing(port: int, *filters: str, identifier: str | None = None, **options: Any) -> AsyncIterator[Subscriber]:
    """Collect messages; with an identifier the session is persistent and comes back after the broker was away."""
    subscriber, ready = Subscriber(), asyncio.Event()

    async def collect() -> None:
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with client(port, identifier=identifier, clean_session=identifier is None, **options) as connected:
                    for one in filters:
                        await connected.subscribe(one, qos=1)
                    ready.set()
                    async for message in connected.messages:
                        subscriber.messages.append((str(message.topic), message.payload, message.retain))
            await asyncio.sleep(0.05)

    task = asyncio.create_task(collect())
    try:
        async with asyncio.timeout(DEADLINE_S):
            await ready.wait()
        yield subscriber
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def client(port: int, **options: Any) -> aiomqtt.Client:
    made = aiomqtt.Client("127.0.0.1", port, **options)
    made.pending_calls_threshold = 10**6  # only a warning in its log
    return made


async def publish_surely(port: int, messages: list[tuple[str, bytes]], *, identifier: str) -> None:
    """Publish at QoS 1 until each message is acknowledged by the broker, however often it goes away."""
    left = list(messages)
    while left:
        with contextlib.suppress(aiomqtt.MqttError, OSError):
            async with client(port, identifier=identifier, timeout=2) as connected:
                while left:
                    chunk = left[:50]
                    await asyncio.gather(*(connected.publish(topic, payload, qos=1) for topic, payload in chunk))
                    del left[: len(chunk)]
        if left:
            await asyncio.sleep(0.05)


async def run_program(*command: str) -> tuple[int, str]:
    """Run a program to its end, with its output."""
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        async with asyncio.timeout(2 * DEADLINE_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    return process.returncode or 0, output.decode()
