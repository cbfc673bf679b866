"""Serving pages on the node's event loop: what the live page and the metrics share.

The server is uvicorn, without its signal handlers (they belong to the node), its access log and its own logging set-up.
"""

from __future__ import annotations

import contextlib
import re
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn

__all__ = ["is_this_machine", "leave", "listen", "make_server"]

LEAVE_S = 1
"""How long an end waits for answers under way."""
_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)


def is_this_machine(host: str) -> bool:
    """Tell whether a `Host` header names this machine: a page that rebinds its own name to 127.0.0.1 keeps its name there."""
    return _HOST.fullmatch(host) is not None


def listen(host: str, port: int) -> socket.socket:
    """Open a port.

    Raises:
        OSError: It is taken, or the address is not there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
        listener.settimeout(0)
    except OSError:
        listener.close()
        raise
    return listener


def make_server(app: object, *, most: int) -> uvicorn.Server:
    """Make a server for an ASGI application.

    Args:
        app: The application.
        most: How many connections it takes at a time.
    """
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self):  # type: ignore[no-untyped-def]  # noqa: ANN202 - uvicorn's own annotation names a private type
            """Leave the signals to the node."""
            yield

    return Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]  # an ASGI application; uvicorn's name for it is private
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=most,
            timeout_graceful_shutdown=LEAVE_S,
        )
    )


async def leave(server: uvicorn.Server, listener: socket.socket) -> None:
    """End a server: answers under way get a moment, then every connection is cut."""
    try:
        if server.started:
            await server.shutdown(sockets=[listener])
    finally:
        listener.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
