from __future__ import annotations

import pytest

from pronubes.quarantine.store import QuarantineStore
from quarantine_rows import MIB, Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    made = QuarantineStore(tmp_path / "data" / "quarantine.db", size=4 * MIB, age_s=7 * 86_400, now_ns=clock)
    yield made
    made.close()
