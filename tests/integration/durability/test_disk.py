"""The disk is full and comes back: D1 against the real process. Each call that fails stands in the log crate's tests (A5, D2, D3)."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from pronubes.testing import Oracle
from servers import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def large(rig):
    """Messages of two kilobytes."""
    rig.oracle = Oracle(padding=2000, is_durable=True)
    rig.plant.acknowledged = rig.oracle.acknowledged
    return rig


async def state(rig) -> str:
    return (await rig.node.status())["logs"]["durable"]["state"]


async def stands_still(rig) -> bool:
    """Whether nothing is acknowledged any more although there is more to come."""
    before = rig.oracle.acknowledged_count
    await rig.node.status()
    return await state(rig) == "full" and rig.oracle.acknowledged_count == before < rig.oracle.issued


async def test_d1_a_full_log_stops_the_intake_and_goes_on_by_itself(large):
    rig = large
    rig.uns.manners.is_acknowledging = False
    document = rig.plan(sink={"queue": {"size": "256KiB"}})
    document["log"] = {"size": "16MiB", "segment": "1MiB"}
    await rig.start(document)
    rig.issue(20_000)
    await until(lambda: stands_still(rig), "the log is full", within_s=30)
    held = rig.oracle.acknowledged_count
    assert 0 < held < 20_000
    rig.uns.catch_up()
    await rig.drained(within_s=60)
    rig.oracle.check()
    await until(lambda: is_ok(rig), "all is well again")


async def is_ok(rig) -> bool:
    return await state(rig) == "ok"


@pytest.fixture
def small_disk(rig) -> Iterator[Path]:
    """A file system of 64 MiB where the node keeps its data."""
    folder = rig.node.folder / "data"
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "none", str(folder)], check=True)
    yield folder
    rig.node.kill()
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_d1_a_full_file_system_loses_nothing_across_a_kill_and_recovers(large, small_disk, say):
    rig = large
    rig.uns.manners.is_acknowledging = False
    document = rig.plan(sink={"queue": {"size": "256KiB"}})
    document["log"] = {"segment": "1MiB", "reserve": "0B"}
    await rig.start(document)
    hog = small_disk / "hog"
    with hog.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 50 * 2**20)
    rig.issue(20_000)
    await until(lambda: stands_still(rig), "the disk is full", within_s=60)
    say(f"{rig.oracle.acknowledged_count} of {rig.oracle.issued} acknowledged on the full disk")
    rig.node.kill()
    await rig.start()
    hog.unlink()
    rig.uns.catch_up()
    await rig.drained(within_s=60)
    rig.oracle.check()
    await until(lambda: is_ok(rig), "all is well again")
