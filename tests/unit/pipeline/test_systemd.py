"""What systemd is told: ready, fed while messages move or the disk is to blame, not fed when the node is stuck."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING

import pytest

from pronubes.pipeline.node import Node
from pronubes.pipeline.systemd import tell_systemd
from pronubes.telemetry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOST = Problem("canary_lost", "No canary.")
FULL = Problem("log_full", "The log `durable` is full.")


class FakeCanary:
    is_lost = False


class FakeNode:
    """As much of a node as systemd hears of."""

    def __init__(self, found: list[Problem]) -> None:
        self.is_running = asyncio.Event()
        self.canary = FakeCanary()
        self.canary.is_lost = LOST in found
        self._found = found

    async def find_problems(self) -> list[Problem]:
        return self._found

    is_stuck = Node.is_stuck


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(0)
        yield listener


def heard(listener: socket.socket) -> list[str]:
    lines: list[str] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            lines += listener.recv(4096).decode().splitlines()
    return lines


async def tell(listener: socket.socket, found: list[Problem], **environ: str) -> list[str]:
    node = FakeNode(found)
    told = asyncio.create_task(tell_systemd(node, {"NOTIFY_SOCKET": listener.getsockname(), **environ}))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    before = heard(listener)
    node.is_running.set()
    async with asyncio.timeout(5):
        lines: list[str] = []
        while sum(line.startswith("STATUS=") for line in lines) < 2:
            await asyncio.sleep(0.001)
            lines += heard(listener)
    told.cancel()
    await asyncio.gather(told, return_exceptions=True)
    return before + lines + heard(listener)


async def test_a_healthy_node_is_ready_and_feeds_the_watchdog_twice_as_often_as_asked(systemd: socket.socket) -> None:
    lines = await tell(systemd, [], WATCHDOG_USEC="20000", WATCHDOG_PID=str(os.getpid()))
    assert (lines[0], lines[-1]) == ("READY=1", "STOPPING=1")
    assert lines[1:5] == ["WATCHDOG=1", "STATUS=Healthy.", "WATCHDOG=1", "STATUS=Healthy."]


async def test_a_node_that_is_stuck_is_not_fed(systemd: socket.socket) -> None:
    lines = await tell(systemd, [LOST], WATCHDOG_USEC="20000")
    assert "WATCHDOG=1" not in lines
    assert "STATUS=No canary." in lines


async def test_a_node_that_waits_for_its_disk_is_fed(systemd: socket.socket) -> None:
    lines = await tell(systemd, [LOST, FULL], WATCHDOG_USEC="20000")
    assert lines.count("WATCHDOG=1") >= 2


async def test_nobody_is_told_when_nobody_asked() -> None:
    async with asyncio.timeout(1):
        await tell_systemd(FakeNode([]), {})  # type: ignore[arg-type]
