"""The rig of a durability test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rig import Rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """Brokers that run, a node that does not yet."""
    folder = tmp_path / "node"
    folder.mkdir(exist_ok=True)
    one = Rig(folder)
    await one.open()
    yield one
    await one.close()


@pytest.fixture
def say(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Report seeds and figures: shown when the test fails or with `-s`, and kept in a JUnit file."""

    def one(text: str) -> None:
        print(f"{request.node.name}: {text}")  # noqa: T201 - pytest shows it when the test fails
        record_property("figures", text)

    return one
