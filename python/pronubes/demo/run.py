"""Starts the demonstration's four processes in order, shows what happens, and ends them in the opposite order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from pronubes.demo import view
from pronubes.demo.broker import start_broker
from pronubes.demo.errors import DemoFailed
from pronubes.demo.folder import choose_ports, prepare
from pronubes.pipeline.control import ControlClient, socket_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run_demo"]

NODE_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 15.0


async def run_demo(folder: Path, *, seconds: float | None) -> int:
    """Run the demonstration until Ctrl-C, or for `seconds`.

    Args:
        folder: Where it keeps its files, an absolute path; data of an earlier run is removed.
        seconds: When to end by itself; None: never.

    Returns:
        The exit code: 0 when everything ran to the end.

    Raises:
        DemoFailed: A part does not start.
    """
    ports = choose_ports()
    config = prepare(folder, ports)
    parts: list[asyncio.subprocess.Process] = []
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        _say("Starting the broker, the plant and the router ...")
        parts.append(await start_broker(folder, port=ports.broker, client_port=ports.nats))
        plant = ("-m", "pronubes.demo.plant", "--mqtt", ports.broker, "--filler", ports.filler_plc, "--packer", ports.packer_plc)
        parts.append(await _start(folder, "plant", *map(str, plant)))
        node = await _start(folder, "node", "-m", "pronubes.cli", "run", str(config))
        parts.append(node)
        client = await _connect(folder, node)
        _say(view.next_steps(config, ports.live, ports.broker))
        status = await _watch(client, node, ended, seconds)
    finally:
        await _stop(parts)
    _say(view.account(folder, status))
    if node.returncode != 0:
        raise DemoFailed(f"The router ended with exit code {node.returncode}; its words are in {folder / 'node.log'}.")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _start(folder: Path, name: str, *arguments: str) -> asyncio.subprocess.Process:
    with (folder / f"{name}.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdout=log,
            stderr=log,
            stdin=asyncio.subprocess.DEVNULL,
            # Ctrl-C goes to the demonstration alone, which ends its parts in order.
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )


async def _connect(folder: Path, node: asyncio.subprocess.Process) -> ControlClient:
    deadline_s = time.monotonic() + NODE_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if node.returncode is not None:
            words = (folder / "node.log").read_text(encoding="utf-8", errors="replace")[-2000:]
            raise DemoFailed(f"The router ended at once (exit code {node.returncode}):\n{words}")
        with contextlib.suppress(OSError):
            return await ControlClient.connect(socket_path(folder / "data"))
        await asyncio.sleep(0.05)
    raise DemoFailed(f"The router did not come up within {NODE_TIMEOUT_S:g} s; its words are in {folder / 'node.log'}.")


async def _watch(
    client: ControlClient, node: asyncio.subprocess.Process, ended: asyncio.Event, seconds: float | None
) -> dict[str, Any] | None:  # Any: a JSON document
    began_s = time.monotonic()
    show = _Screen() if sys.stdout.isatty() else _Lines()
    status: dict[str, Any] | None = None
    with show:
        while not ended.is_set() and node.returncode is None:
            left_s = None if seconds is None else seconds - (time.monotonic() - began_s)
            if left_s is not None and left_s <= 0:
                break
            status = await client.status()
            show.update(status)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(show.every_s, left_s) if left_s is not None else show.every_s):
                    await ended.wait()
        with contextlib.suppress(OSError, EOFError):
            status = await client.status()
    return status


class _Lines:
    """A line now and then, for logs and pipes."""

    every_s = 5.0

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def update(self, status: dict[str, Any]) -> None:  # Any: a JSON document
        _say(view.line(status))


class _Screen:
    """A table that is drawn anew each second."""

    every_s = 1.0

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(auto_refresh=False, transient=True)
        self._before: dict[str, Any] | None = None
        self._at_s = 0.0

    def __enter__(self) -> None:
        self._live.__enter__()

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def update(self, status: dict[str, Any]) -> None:  # Any: a JSON document
        now_s = time.monotonic()
        self._live.update(view.table(status, self._before, now_s - self._at_s), refresh=True)
        self._before, self._at_s = status, now_s


async def _stop(parts: list[asyncio.subprocess.Process]) -> None:
    for part in reversed(parts):
        if part.returncode is None:
            part.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await part.wait()
            except TimeoutError:
                part.kill()
                await part.wait()
