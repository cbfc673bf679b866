"""`pronubes test --watch`: runs the cases again whenever a file changes.

Each run is a process of its own, so hooks are imported anew.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pronubes.cli.exit_codes import ExitCode

__all__ = ["snapshot", "watch"]

_EVERY_S = 0.5
_SUFFIXES = frozenset({".yaml", ".yml", ".py", ".csv", ".xlsx", ".ndjson", ".gz", ".zst", ".lock", ".db", ".json", ".pnrec"})
_MOST_FILES = 5_000


def watch(config: str, cases: Sequence[str]) -> int:
    """Run, wait for a change, run again; until Ctrl-C."""
    words = [word for word in sys.argv[1:] if word != "--watch"]
    seen: dict[Path, tuple[int, int]] = {}
    try:
        while True:
            now = snapshot(config, cases)
            if now != seen:
                seen = now
                sys.stdout.write(f"\n{time.strftime('%H:%M:%S')}  pronubes {' '.join(words)}\n")
                sys.stdout.flush()
                subprocess.run([sys.executable, "-m", "pronubes.cli", *words], check=False)  # noqa: S603  our own command line again
                sys.stdout.write(f"Waiting for a change below `{Path(config).parent}`. Ctrl-C ends it.\n")
                sys.stdout.flush()
            time.sleep(_EVERY_S)
    except KeyboardInterrupt:
        return ExitCode.OK


def snapshot(config: str, cases: Sequence[str]) -> dict[Path, tuple[int, int]]:
    """Note size and time of change of every file that a run may read: those below the configuration's folder and those of the cases."""
    folders = {Path(config).resolve().parent}
    for place in cases:
        path = Path(place).resolve()
        folders.add(path if path.is_dir() else path.parent)
    found: dict[Path, tuple[int, int]] = {}
    for folder in folders:
        for path in _files(folder):
            if len(found) >= _MOST_FILES:
                break
            try:
                status = path.stat()
            except OSError:
                continue
            found[path] = (status.st_size, status.st_mtime_ns)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        is_hidden = any(part.startswith((".", "__")) or part in ("node_modules", "data") for part in path.relative_to(folder).parts)
        if path.suffix in _SUFFIXES and not is_hidden:
            yield path
