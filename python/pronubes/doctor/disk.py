"""The disk below `data_dir`: what kind it is, whether it has room, how long it takes to be sure, and who may read it."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.amounts import size
from pronubes.doctor.finding import Finding, Level, Values, duration
from pronubes.errors import PronubesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pronubes.doctor.needs import Needs

__all__ = ["Mount", "Syncs", "find_mount", "look_at_disk", "measure_syncs", "syncs_of"]

SYNCS = 100
SYNC_BYTES = 4096
MOST_S = 5.0
"""How long syncs are measured at most: a bad disk takes long."""
SLOW_S = 0.1
TOO_SLOW_S = 1.0
TOO_FAST_S = 15e-6
"""No medium is written that quickly: something between keeps it in memory."""

_VOLATILE = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse", "fuseblk", "virtiofs", "ceph", "glusterfs"})
_UNSAFE = frozenset({"nobarrier", "barrier=0", "data=writeback", "nilfs2", "volatile"})


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system.

    Attributes:
        point: Where it is mounted.
        kind: `ext4`, `xfs`, `tmpfs`, ...
        device: What it lies on.
        options: How it is mounted.
    """

    point: str
    kind: str
    device: str
    options: frozenset[str]


def find_mount(path: Path, text: str | None = None) -> Mount | None:
    """Find the file system of a path; None where the system does not say (not Linux).

    Args:
        path: A path that exists.
        text: What `/proc/self/mountinfo` holds.
    """
    if text is None:
        try:
            text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    real = str(path.resolve())
    found: Mount | None = None
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, device, *options) = before.split(), after.split()
        point = fields[4].encode().decode("unicode_escape")
        is_above = point in ("/", real) or real.startswith(f"{point}/")
        if is_above and (found is None or len(point) >= len(found.point)):  # of two on one point the later one is seen
            found = Mount(point, kind, device, frozenset([*fields[5].split(","), *",".join(options).split(",")]))
    return found


@dataclass(frozen=True, slots=True)
class Syncs:
    """How long it took to write 4 KiB and be sure of it, in seconds."""

    count: int
    p50_s: float
    p99_s: float
    max_s: float


def measure_syncs(folder: Path) -> Syncs:
    """Write 4 KiB a hundred times, with an fdatasync each, into a file of its own that is gone afterwards.

    Raises:
        OSError: It cannot be written.
    """
    took: list[float] = []
    block = os.urandom(SYNC_BYTES)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        handle = file.fileno()
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, SYNCS * SYNC_BYTES)
        os.fsync(handle)
        sync = getattr(os, "fdatasync", os.fsync)
        end_s = time.perf_counter() + MOST_S
        while len(took) < SYNCS and (not took or time.perf_counter() < end_s):
            began_s = time.perf_counter()
            os.pwrite(handle, block, len(took) * SYNC_BYTES)
            sync(handle)
            took.append(time.perf_counter() - began_s)
    return syncs_of(took)


def syncs_of(took: Sequence[float]) -> Syncs:
    """Sum measured times up."""
    ordered = sorted(took)
    return Syncs(len(ordered), ordered[len(ordered) // 2], ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)], ordered[-1])


def look_at_disk(needs: Needs) -> tuple[list[Finding], Syncs | None]:
    """Look at the disk.

    Returns:
        What was found, and how long syncs take, where they could be measured.
    """
    folder = _existing(needs.data_dir)
    findings = [*_folder(needs.data_dir, folder)]
    mount = find_mount(folder)
    if mount is not None:
        findings.append(_file_system(mount, needs))
    findings.append(_space(folder, needs))
    try:
        syncs = measure_syncs(folder)
    except OSError as error:
        meaning = "The node cannot keep anything here."
        findings.append(Finding("disk", "write", Level.BAD, error.strerror or str(error), meaning, f"Give its user the right to write to {folder}."))
        return findings, None
    return [*findings, _sync_time(syncs, needs)], syncs


def _existing(path: Path) -> Path:
    """Find the folder itself or the nearest above it that is there."""
    for candidate in (path, *path.absolute().parents):
        if candidate.is_dir():
            return candidate
    raise PronubesError(f"There is nothing above {path}.")


def _folder(data_dir: Path, folder: Path) -> Iterator[Finding]:
    if folder != data_dir:
        yield Finding("disk", "data_dir", Level.OK, f"{data_dir} is not there yet", "The node makes it, readable by its user alone.")
        return
    found = data_dir.stat()
    mode = stat.S_IMODE(found.st_mode)
    figure = f"{data_dir}, {mode:04o}, owner {found.st_uid}"
    values: Values = {"mode": f"{mode:04o}", "owner": found.st_uid}
    if hasattr(os, "geteuid") and found.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        meaning = "It belongs to another user: what the node writes may be taken away from it, or it cannot write at all."
        yield Finding("disk", "data_dir", Level.BAD, figure, meaning, "Run the doctor and the node as one user, and give it the folder.", values)
    elif mode & 0o022:
        meaning = "Others may write here: they can replace logs and the quarantine."
        yield Finding("disk", "data_dir", Level.BAD, figure, meaning, f"chmod 700 {data_dir}", values)
    elif mode & 0o077:
        meaning = "More than its user may reach it. The files in it are readable by their user alone, their names and sizes may not be."
        yield Finding("disk", "data_dir", Level.WARN, figure, meaning, f"chmod 700 {data_dir}", values)
    else:
        yield Finding("disk", "data_dir", Level.OK, figure, "Only its user can look in.", None, values)
    open_files = [entry.name for entry in data_dir.iterdir() if entry.is_file() and stat.S_IMODE(entry.stat().st_mode) & 0o077]
    if open_files:
        meaning = "Others may read process data in these files."
        figure = ", ".join(sorted(open_files)[:3]) + (f" and {len(open_files) - 3} more" if len(open_files) > 3 else "")
        yield Finding("disk", "files", Level.WARN, figure, meaning, "chmod 600 for each of them.", {"files": len(open_files)})


def _file_system(mount: Mount, needs: Needs) -> Finding:
    figure = f"{mount.kind} on {mount.device}, mounted at {mount.point}"
    values: Values = {"kind": mount.kind, "device": mount.device, "point": mount.point}
    unsafe = sorted(_UNSAFE & mount.options)
    if mount.kind in _VOLATILE:
        is_promised = needs.uses("durable")
        meaning = "It lies in memory: a power cut or a restart of the machine takes all of it."
        what = "`durable` promises the opposite, and there is nothing that could keep it. " if is_promised else ""
        level = Level.BAD if is_promised else Level.WARN
        return Finding("disk", "file system", level, figure, meaning + (f" {what.strip()}" if what else ""), "Put `data_dir` on a disk.", values)
    if unsafe:
        meaning = f"With `{unsafe[0]}` the order of writes is not kept on a power cut: what was synced may be damaged."
        return Finding("disk", "file system", Level.BAD, figure, meaning, f"Mount it without `{unsafe[0]}`.", values)
    if mount.kind.partition(".")[0] in _REMOTE:
        meaning = "It is not a disk of this machine: an fsync is what the other side makes of it, and its outage stops `durable` sources."
        return Finding("disk", "file system", Level.WARN, figure, meaning, "Put `data_dir` on a local disk.", values)
    return Finding("disk", "file system", Level.OK, figure, "What was synced survives a power cut as far as the drive keeps its word.", None, values)


def _space(folder: Path, needs: Needs) -> Finding:
    found = os.statvfs(folder)
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    wanted = sum(needs.kept_bytes.values())
    reserve = max((_own_reserve(total) if asked is None else asked for asked in needs.reserves), default=0)
    asked = ", ".join(f"{name} {size(amount)}" for name, amount in needs.kept_bytes.items())
    left = f", and logs leave {size(reserve)} free" if reserve else ""
    figure = f"{size(free)} free of {size(total)}; the configuration may fill {size(wanted)} ({asked}){left}"
    values: Values = {"free_bytes": free, "total_bytes": total, "wanted_bytes": wanted, "reserve_bytes": reserve}
    if free < reserve and needs.reserves:
        meaning = "The disk is full for logs already: sources of `durable` are not acknowledged, and `spill` keeps nothing."
        action = f"Free {size(reserve - free)} at the least, or set `reserve` of the log."
        return Finding("disk", "space", Level.BAD, figure, meaning, action, values)
    if free < wanted + reserve:
        meaning = "The disk is full before the sizes of the configuration are reached: logs are full early, and other programs suffer."
        action = f"Free {size(wanted + reserve - free)}, or make `log`, `spill` or `quarantine` smaller."
        return Finding("disk", "space", Level.WARN, figure, meaning, action, values)
    return Finding("disk", "space", Level.OK, figure, "Everything that may be kept has room.", None, values)


def _own_reserve(total: int) -> int:
    """What a log leaves free when the configuration does not say: as the log crate does."""
    return min(max(512 * 2**20, total // 20), total // 4)


def _sync_time(syncs: Syncs, needs: Needs) -> Finding:
    figure = f"fdatasync of 4 KiB: p50 {duration(syncs.p50_s)}, p99 {duration(syncs.p99_s)}, max {duration(syncs.max_s)} ({syncs.count} times)"
    values: Values = {"p50_s": syncs.p50_s, "p99_s": syncs.p99_s, "max_s": syncs.max_s, "count": syncs.count}
    ack_s = needs.sync_gap_s + syncs.p99_s
    meaning = f"A `durable` acknowledgement takes about {duration(ack_s)} at p99: {duration(needs.sync_gap_s)} of gathering and one sync."
    if syncs.p99_s >= TOO_SLOW_S:
        action = "This disk is overloaded or broken: look at the kernel's log and at what else writes to it."
        return Finding("disk", "fsync", Level.BAD, figure, meaning, action, values)
    if syncs.p99_s >= SLOW_S:
        return Finding("disk", "fsync", Level.WARN, figure, meaning, "Use a disk that is faster to sync, or one that others do not write to.", values)
    if syncs.p50_s < TOO_FAST_S:
        meaning += " No drive is that quick: a cache in memory answers, and a power cut may take what was acknowledged."
        return Finding("disk", "fsync", Level.WARN, figure, meaning, "Find out whether drive, hypervisor or file system ignore flushes.", values)
    return Finding("disk", "fsync", Level.OK, figure, meaning, None, values)
