"""The demonstration's folder: a copy of the bottling hall's configuration, with ports that are free on this machine."""

from __future__ import annotations

import re
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Ports", "choose_ports", "prepare"]

BOTTLING = Path(__file__).parent / "bottling"
FIRST_CHOICE = {"broker": 18830, "nats": 14222, "filler_plc": 15020, "packer_plc": 15021, "live": 8080}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the demonstration's parts listen, all on 127.0.0.1."""

    broker: int
    nats: int
    filler_plc: int
    packer_plc: int
    live: int


def choose_ports() -> Ports:
    """Take the ports that the documentation names where they are free, any other where not."""
    chosen: dict[str, int] = {}
    held: list[socket.socket] = []
    try:
        for name, first in FIRST_CHOICE.items():
            listener = _listen(first) or _listen(0)
            if listener is None:
                raise OSError("no free port on 127.0.0.1")
            held.append(listener)
            chosen[name] = listener.getsockname()[1]
    finally:
        for listener in held:
            listener.close()
    return Ports(**chosen)


def _listen(port: int) -> socket.socket | None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(1)
    except OSError:
        listener.close()
        return None
    return listener


def prepare(folder: Path, ports: Ports) -> Path:
    """Copy the configuration into `folder` and write the ports into it.

    Returns:
        The configuration file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "data", ignore_errors=True)
    shutil.copytree(BOTTLING, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    config = folder / "pronubes.yaml"
    text = config.read_text(encoding="utf-8")
    text = re.sub(r"(broker: mqtt://127\.0\.0\.1:)\d+", rf"\g<1>{ports.broker}", text)
    text = re.sub(r"(filler_plc: tcp://127\.0\.0\.1:)\d+", rf"\g<1>{ports.filler_plc}", text)
    text = re.sub(r"(packer_plc: tcp://127\.0\.0\.1:)\d+", rf"\g<1>{ports.packer_plc}", text)
    text = re.sub(r"(port: )8080", rf"\g<1>{ports.live}", text)
    config.write_text(text, encoding="utf-8")
    return config
