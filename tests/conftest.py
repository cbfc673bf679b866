"""Fixtures that every test may use."""

from __future__ import annotations

import os
import random
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pronubes.connectors.base import ConnectorContext
from pronubes.telemetry.library import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVERS = {"mosquitto": "/usr/sbin/mosquitto", "chromium": "/usr/bin/chromium", "mosquitto_pub": "/usr/bin/mosquitto_pub", "nats-server": ""}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or in CI fail, what needs a program that is not there: `@pytest.mark.server("mosquitto")`."""
    for mark in item.iter_markers("server"):
        for program in mark.args:
            if find_program(program) is None:
                reason = f"{program} is not installed; `.ci/servers` installs it where that is allowed"
                if os.environ.get("CI"):
                    pytest.fail(reason)
                pytest.skip(reason)


def find_program(name: str) -> str | None:
    """Find a server program on PATH, beside Python, or where Debian puts it."""
    import sys

    beside = Path(sys.executable).parent / name
    usual = SERVERS.get(name, "")
    return shutil.which(name) or (str(beside) if beside.exists() else None) or (usual if usual and Path(usual).exists() else None)


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Forget how a test has set up logs: a command that ran in it writes to a stream that is closed behind it."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Give ports of 127.0.0.1 that nobody listens on."""

    def take() -> int:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
            return port

    return take


@pytest.fixture
def context(tmp_path: Path) -> ConnectorContext:
    """A connector's context in a folder of its own."""
    return ConnectorContext(name="source", node="test", base_dir=tmp_path, data_dir=tmp_path / "data", random=random.Random(7))
