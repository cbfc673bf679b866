"""The machine: open files, memory, Python and its event loop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.amounts import size
from pronubes.doctor.finding import Finding, Level, Values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pronubes.doctor.needs import Needs

__all__ = ["look_at_machine", "memory_limit"]

BASE_FILES = 256
"""What a node has open beside its connections: segments of logs, sockets of people who look, the libraries'."""
BASE_BYTES = 150 * 2**20
"""What a node takes beside its queues and tables."""


def look_at_machine(needs: Needs, *, root: Path = Path("/")) -> Iterator[Finding]:
    """Look at the machine.

    Args:
        needs: What the configuration needs.
        root: Where `/proc` and `/sys` are.
    """
    yield from _open_files(needs)
    limit = memory_limit(root)
    if limit is not None:
        yield _memory(needs, *limit)
    yield _python()


def _open_files(needs: Needs) -> Iterator[Finding]:
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = BASE_FILES + needs.connections
    figure = f"{soft:,} open files (at most {hard:,}); {wanted:,} are enough"
    values: Values = {"soft": soft, "hard": hard, "wanted": wanted}
    if soft != resource.RLIM_INFINITY and soft < wanted:
        yield Finding(
            "machine", "open files", Level.BAD, figure, "Connections and logs would fail to open.", f"ulimit -n {wanted}, or LimitNOFILE=", values
        )
    else:
        yield Finding("machine", "open files", Level.OK, figure, "Every connection and log can be opened.", None, values)


def memory_limit(root: Path) -> tuple[int, str] | None:
    """Find how much memory there is and who says so: the control group of the service, else the machine."""
    found: list[tuple[int, str]] = []
    for path, who in (("sys/fs/cgroup/memory.max", "control group"), ("sys/fs/cgroup/memory/memory.limit_in_bytes", "control group")):
        try:
            text = (root / path).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal():
            found.append((int(text), who))
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    found += [(int(line.split()[1]) * 1024, "machine") for line in lines if line.startswith("MemTotal:")]
    return min(found, default=None)


def _memory(needs: Needs, limit: int, who: str) -> Finding:
    wanted = BASE_BYTES + sum(needs.memory_bytes.values())
    parts = ", ".join(f"{name} {size(amount)}" for name, amount in needs.memory_bytes.items())
    figure = f"{size(limit)} ({who}); at most {size(wanted)} are used ({parts})"
    values: Values = {"limit_bytes": limit, "wanted_bytes": wanted}
    if wanted > limit:
        meaning = "With every queue full and every table at its size the node would be killed for its memory."
        return Finding("machine", "memory", Level.WARN, figure, meaning, "Make queues smaller, or give the service more.", values)
    return Finding("machine", "memory", Level.OK, figure, "Full queues and tables fit.", None, values)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.platform == "win32":
        meaning = "Commands that only read configurations work; `run` is for Linux."
        return Finding("machine", "python", Level.WARN, f"Python {version} on Windows", meaning, "Run nodes on Linux.")
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    try:
        loop = version_of("uvloop")
    except PackageNotFoundError:
        return Finding("machine", "python", Level.BAD, f"Python {version} without uvloop", "`run` cannot start.", "pip install uvloop")
    values: Values = {"python": version, "uvloop": loop}
    return Finding("machine", "python", Level.OK, f"Python {version}, uvloop {loop}", "The event loop is there.", None, values)
