"""The disk as the doctor sees it: real folders, recorded mounts, times that are given."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from pronubes.doctor import disk
from pronubes.doctor.disk import Mount, Syncs, find_mount, look_at_disk, measure_syncs, syncs_of
from pronubes.doctor.finding import Level
from pronubes.doctor.needs import Needs

MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
25 24 0:23 / /var/lib rw,relatime - xfs /dev/vdb rw,nobarrier
30 25 0:24 / /var/lib/over\040there rw - tmpfs tmpfs rw,size=1k
31 27 0:25 / /var/library rw - nfs4 server:/x rw
"""


@pytest.fixture
def needs(tmp_path: Path) -> Needs:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    classes = {"plant": frozenset({"durable"}), "slow": frozenset({"spill"})}
    return Needs(folder, classes, {"log": 2**20}, {"queues": 2**20}, 3)


def levels(needs: Needs) -> dict[str, Level]:
    return {finding.name: finding.level for finding in look_at_disk(needs)[0]}


@pytest.mark.parametrize(
    ("path", "point", "kind"),
    [
        ("/home/x", "/", "ext4"),
        ("/var/lib", "/var/lib", "xfs"),
        ("/var/lib/pronubes", "/var/lib", "xfs"),
        ("/var/lib/over there/data", "/var/lib/over there", "tmpfs"),
        ("/var/library/data", "/var/library", "nfs4"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, point: str, kind: str) -> None:
    mount = find_mount(Path(path), MOUNTS)
    assert mount is not None
    assert (mount.point, mount.kind) == (point, kind)
    assert ("nobarrier" in mount.options) == (kind == "xfs")


@pytest.mark.parametrize(
    ("kind", "options", "delivery", "level"),
    [
        ("ext4", {"rw"}, "durable", Level.OK),
        ("tmpfs", {"rw"}, "durable", Level.BAD),
        ("tmpfs", {"rw"}, "spill", Level.WARN),
        ("nfs4", {"rw"}, "durable", Level.WARN),
        ("fuse.sshfs", {"rw"}, "durable", Level.WARN),
        ("ext4", {"rw", "barrier=0"}, "durable", Level.BAD),
        ("ext4", {"rw", "data=writeback"}, "spill", Level.BAD),
    ],
)
def test_file_systems_that_cannot_keep_the_promise_are_named(
    needs: Needs, monkeypatch: pytest.MonkeyPatch, kind: str, options: set[str], delivery: str, level: Level
) -> None:
    monkeypatch.setattr(disk, "find_mount", lambda _: Mount("/", kind, "/dev/x", frozenset(options)))
    needs = dataclasses.replace(needs, classes={"plant": frozenset({delivery})})
    assert levels(needs)["file system"] == level


def test_a_tmpfs_of_this_machine_is_found() -> None:
    if not Path("/dev/shm").is_dir():
        pytest.skip("there is no /dev/shm here")
    mount = find_mount(Path("/dev/shm"))
    assert mount is None or mount.kind == "tmpfs"


@pytest.mark.parametrize(("mode", "level"), [(0o700, Level.OK), (0o750, Level.WARN), (0o770, Level.BAD), (0o777, Level.BAD)])
def test_a_folder_that_others_may_use_is_named(needs: Needs, mode: int, level: Level) -> None:
    needs.data_dir.chmod(mode)
    assert levels(needs)["data_dir"] == level


def test_files_that_others_may_read_are_named(needs: Needs) -> None:
    (needs.data_dir / "quarantine.ndjson").touch(mode=0o644)
    (needs.data_dir / "log.0").touch(mode=0o600)
    (finding,) = [finding for finding in look_at_disk(needs)[0] if finding.name == "files"]
    assert (finding.level, finding.figure, finding.values["files"]) == (Level.WARN, "quarantine.ndjson", 1)


def test_sizes_that_do_not_fit_are_named(needs: Needs) -> None:
    assert levels(needs)["space"] == Level.OK
    assert levels(dataclasses.replace(needs, kept_bytes={"log": 2**60}))["space"] == Level.WARN
    assert levels(dataclasses.replace(needs, reserves=(2**60,)))["space"] == Level.BAD
    (space,) = [finding for finding in look_at_disk(dataclasses.replace(needs, reserves=(None, 1)))[0] if finding.name == "space"]
    total = space.values["total_bytes"]
    assert isinstance(total, int)
    assert space.values["reserve_bytes"] == min(max(2**29, total // 20), total // 4)


def test_a_folder_that_is_not_there_is_looked_at_from_above_and_not_made(needs: Needs) -> None:
    needs = dataclasses.replace(needs, data_dir=needs.data_dir / "a" / "b")
    findings, syncs = look_at_disk(needs)
    assert syncs is not None
    assert "is not there yet" in findings[0].figure
    assert not needs.data_dir.exists()


def test_a_folder_that_cannot_be_written_is_bad(needs: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Syncs:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(disk, "measure_syncs", refuse)
    findings, syncs = look_at_disk(needs)
    assert (findings[-1].level, findings[-1].figure, syncs) == (Level.BAD, "Permission denied", None)


def test_syncs_are_measured_and_leave_nothing_behind(needs: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    syncs = measure_syncs(needs.data_dir)
    assert (syncs.count, len(synced)) == (disk.SYNCS, disk.SYNCS)
    assert 0 < syncs.p50_s <= syncs.p99_s <= syncs.max_s
    assert list(needs.data_dir.iterdir()) == []


def test_quantiles_are_those_of_the_times() -> None:
    assert syncs_of([number / 1000 for number in range(100, 0, -1)]) == Syncs(100, 0.051, 0.1, 0.1)
    assert syncs_of([0.5]) == Syncs(1, 0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("p50_s", "p99_s", "level", "words"),
    [
        (1e-3, 5e-3, Level.OK, "about 25 ms at p99: 20 ms of gathering"),
        (1e-3, 0.2, Level.WARN, "about 220 ms"),
        (0.5, 2.0, Level.BAD, "about 2.02 s"),
        (5e-6, 9e-6, Level.WARN, "No drive is that quick"),
    ],
)
def test_the_time_of_a_sync_says_how_late_acknowledgements_are(
    needs: Needs, monkeypatch: pytest.MonkeyPatch, p50_s: float, p99_s: float, level: Level, words: str
) -> None:
    monkeypatch.setattr(disk, "measure_syncs", lambda _: Syncs(100, p50_s, p99_s, p99_s))
    finding = look_at_disk(needs)[0][-1]
    assert (finding.name, finding.level, finding.values["p99_s"]) == ("fsync", level, p99_s)
    assert words in finding.meaning
