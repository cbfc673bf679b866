"""Fixtures of the integration tests: brokers and nodes that end with the test."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from servers import Mosquitto, NodeProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


@pytest.fixture
async def broker(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Mosquitto]:
    """A broker that lets everybody in."""
    mosquitto = Mosquitto(tmp_path / "broker", free_port())
    await mosquitto.start()
    yield mosquitto
    mosquitto.stop()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    """A node in a folder of its own, not started."""
    folder = tmp_path / "node"
    folder.mkdir()
    process = NodeProcess(folder)
    yield process
    with contextlib.suppress(ProcessLookupError):
        process.kill()
