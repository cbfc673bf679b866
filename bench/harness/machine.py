"""Where and when numbers were taken: without that they are not written down."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from pathlib import Path

__all__ = ["describe"]


def describe() -> dict[str, str]:
    """Machine, date and commit; a changed work tree is said."""
    root = Path(__file__).resolve().parents[2]
    cpu = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    changed = "+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else ""
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": f"{commit or 'unknown'}{changed}",
        "machine": f"{os.cpu_count()} x {cpu}, {memory / 1024 / 1024:.0f} GiB, Linux {platform.release()}",
        "python": platform.python_version(),
        "load_before": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _git(root: Path, *arguments: str) -> str:
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
