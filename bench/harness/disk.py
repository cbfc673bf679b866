"""What a run did to the disk, counted from outside where the kernel tells it, and from the node's own status."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Disk"]

# Fields of /sys/dev/block/*/stat (Documentation/block/stat.rst): flush requests, from 0.
FLUSHES = 15


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of a folder, and how often its device was flushed when this was made."""

    folder: Path
    kind: str
    device: str
    flushes: int | None
    began_s: float

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """Looks at the file system that a folder lies on."""
        number = folder.stat().st_dev
        device = f"{os.major(number)}:{os.minor(number)}"
        kind = "unknown"
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            if line.split()[2] == device:
                kind = line.partition(" - ")[2].split()[0]
        return cls(folder, kind, device, _flushes(device), time.monotonic())

    def problem(self) -> str | None:
        """Says why nothing can be learned about durability here."""
        if self.kind in ("tmpfs", "ramfs", "overlay"):
            return f"`{self.folder}` lies on {self.kind}: an fsync there promises nothing. Point TMPDIR at a disk."
        return None

    def figures(self, router: int) -> dict[str, float]:
        """What a router that still runs has done since: nothing for one without a log."""
        log = _log(self.folder)
        if not log or not log["content_bytes"]:
            return {}
        elapsed_s = time.monotonic() - self.began_s
        counted = Path(f"/proc/{router}/io").read_text(encoding="utf-8").splitlines()
        device_bytes = int(dict(line.split(": ") for line in counted)["write_bytes"])
        now = _flushes(self.device)
        figures = {
            "amplification": log["bytes_written"] / log["content_bytes"],
            "device_written": device_bytes / log["content_bytes"],
            "syncs_per_s": log["syncs"] / elapsed_s,
            "sync_p99_ms": log["sync_times"]["p99_ns"] / 1e6,
        }
        if now is not None and self.flushes is not None:
            figures["flushes_per_s"] = (now - self.flushes) / elapsed_s
        return figures


def _flushes(device: str) -> int | None:
    try:
        fields = Path(f"/sys/dev/block/{device}/stat").read_text(encoding="utf-8").split()
    except OSError:
        return None
    return int(fields[FLUSHES]) if len(fields) > FLUSHES else None


def _log(folder: Path) -> dict[str, Any] | None:  # Any: JSON of the node's status
    path = folder / "data" / "control.sock"
    if not path.exists():
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.sendall(b'{"op": "status"}\n')
        answer = b""
        while not answer.endswith(b"\n"):
            if not (part := client.recv(1 << 20)):
                return None
            answer += part
    return json.loads(answer)["logs"]["durable"]
