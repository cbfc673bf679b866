"""Telling systemd how the node fares, when it asked for it (`Type=notify`): the protocol is a datagram of lines, so there is no library.

The watchdog is fed by the canary: a process that lives but moves nothing is started anew. When the disk is the reason, it is fed nevertheless: a node
that waits for its disk has what it acknowledged safe, and starting it anew would not help.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pronubes.pipeline.node import Node

__all__ = ["tell_systemd"]

CALM_S = 30.0
"""How often the status line is renewed where there is no watchdog."""
MAX_STATUS = 200


async def tell_systemd(node: Node, environ: Mapping[str, str] = os.environ) -> None:
    """Say that the node is ready, then feed the watchdog until cancelled; returns at once when nobody asked for it."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    address = "\0" + address[1:] if address.startswith("@") else address
    every_s = _watchdog_s(environ)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        await node.is_running.wait()
        _send(notify, address, "READY=1")
        try:
            while True:
                problems = await node.find_problems()
                lines = [] if node.is_stuck(problems) else ["WATCHDOG=1"]
                lines.append(f"STATUS={problems[0].text[:MAX_STATUS] if problems else 'Healthy.'}")
                _send(notify, address, *lines)
                await asyncio.sleep(every_s / 2 if every_s else CALM_S)
        finally:
            _send(notify, address, "STOPPING=1")


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    is_for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    time_us = environ.get("WATCHDOG_USEC", "")
    return int(time_us) / 1e6 if is_for_us and time_us.isdecimal() and int(time_us) else None


def _send(notify: socket.socket, address: str, *lines: str) -> None:
    with contextlib.suppress(OSError):  # systemd is about to find out by itself
        notify.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, address)
