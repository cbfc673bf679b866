"""Clock and machine as the doctor sees them, from recorded files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pronubes.doctor.clock import look_at_clock
from pronubes.doctor.finding import Level
from pronubes.doctor.machine import look_at_machine, memory_limit
from pronubes.doctor.needs import Needs

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
NEEDS = Needs(Path("data"), {}, {}, {"queues": 2**30}, 3)


def test_a_clock_that_was_never_set_is_bad(tmp_path: Path) -> None:
    (finding,) = look_at_clock(dt.datetime(1970, 1, 1, tzinfo=dt.UTC), root=tmp_path)
    assert (finding.level, finding.values["year"]) == (Level.BAD, 1970)


@pytest.mark.parametrize(
    ("file", "level", "words"),
    [
        (None, Level.WARN, "none found"),
        ("run/systemd/timesync/synchronized", Level.OK, "synchronised"),
        ("run/chrony/chronyd.pid", Level.OK, "chrony runs"),
    ],
)
def test_a_time_service_is_found_by_its_files(tmp_path: Path, file: str | None, level: Level, words: str) -> None:
    if file is not None:
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    _, service = look_at_clock(NOW, root=tmp_path)
    assert service.level == level
    assert words in service.figure


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"proc/meminfo": "MemTotal:  1024 kB\n"}, (2**20, "machine")),
        ({"proc/meminfo": "MemTotal:  1024 kB\n", "sys/fs/cgroup/memory.max": "4096\n"}, (4096, "control group")),
        ({"proc/meminfo": "MemTotal:  1024 kB\n", "sys/fs/cgroup/memory.max": "max\n"}, (2**20, "machine")),
        ({}, None),
    ],
)
def test_the_smallest_limit_of_memory_counts(tmp_path: Path, files: dict[str, str], limit: tuple[int, str] | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory_limit(tmp_path) == limit
    levels = {finding.name: finding.level for finding in look_at_machine(NEEDS, root=tmp_path)}
    assert levels.get("memory") == (None if limit is None else Level.WARN)
    assert {"open files", "python"} <= levels.keys()


def test_too_few_open_files_are_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    assert next(look_at_machine(NEEDS)).level == Level.BAD
