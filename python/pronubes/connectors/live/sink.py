"""Serves the live page on the node's event loop.

The server is uvicorn, without its signal handlers (they belong to the node), its access log and its own logging set-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING

import orjson

from pronubes.connectors.base import NotConnected
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    import uvicorn

    from pronubes.connectors.base import ConnectorContext, EngineView
    from pronubes.connectors.live.options import LiveOptions

__all__ = ["LiveSink"]

MAX_CONNECTIONS = 128
LEAVE_S = 1
"""How long an end waits for answers under way."""
WATCH_AHEAD = 128
"""The first topics whose numbers are kept before anybody asks, so that the charts of a small namespace have a past. The engine keeps 256 at most."""
LOOK_S = 2.0


class LiveSink:
    """Implements `ViewSink`.

    Attributes:
        url: Where the page is while it is served; None before and after.
    """

    def __init__(self, options: LiveOptions, context: ConnectorContext) -> None:
        self._options = options
        self._context = context
        self.url: str | None = None

    async def serve(self, view: EngineView) -> None:
        """Serve until cancelled.

        Raises:
            NotConnected: The port is taken, or the address is not there.
        """
        from pronubes.connectors.live.app import make_app
        from pronubes.connectors.live.feed import Feed

        listener = self._listen()
        feed = Feed(view, context=self._context, history=self._options.history)
        server = _server(make_app(view, feed, history=self._options.history))
        feed.abort = lambda client: _abort(server, client)
        host = f"[{self._options.host}]" if self._options.family() == "ipv6" else self._options.host
        self.url = f"http://{host}:{listener.getsockname()[1]}/"
        emit(events.PageServed(sink=self._context.name, url=self.url))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_watch_ahead(view, points=self._options.history), name=f"{self._context.name} charts")
                await server.serve(sockets=[listener])
        finally:
            self.url = None
            feed.close()
            await _leave(server, listener)

    def _listen(self) -> socket.socket:
        options = self._options
        family = socket.AF_INET6 if options.family() == "ipv6" else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((options.host, options.port))
            listener.listen(64)
            listener.settimeout(0)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                message = (
                    f"Port {options.port} on {options.host} is taken by another program, so the live page `{self._context.name}` is not there yet. "
                    "It is tried again. Stop the other program, or choose another `port` (0 takes any free one)."
                )
            else:
                message = (
                    f"The live page `{self._context.name}` cannot be served on {options.host}:{options.port} ({error.strerror}). It is tried again."
                )
            raise NotConnected(message) from error
        return listener


def _server(app: object) -> uvicorn.Server:
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
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=LEAVE_S,
        )
    )


async def _leave(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        if server.started:
            await server.shutdown(sockets=[listener])
    finally:
        listener.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()


def _abort(server: uvicorn.Server, client: tuple[str, int]) -> None:
    """Cut a client off that does not read: what is still buffered for it would otherwise stay until it leaves."""
    for connection in list(server.server_state.connections):
        if getattr(connection, "client", None) == client:  # every protocol of uvicorn for HTTP/1 has it; their common type does not
            connection.transport.abort()


async def _watch_ahead(view: EngineView, *, points: int) -> None:
    """Keep the numbers of the first topics from the moment when they appear."""
    watched: set[str] = set()
    since = 0
    while len(watched) < WATCH_AHEAD:
        for value in orjson.loads(view.changes(since, limit=WATCH_AHEAD))["values"]:
            since = max(since, value["sequence"])
            if value["topic"] not in watched:
                watched.add(value["topic"])
                view.watch(value["topic"], points=points)
        await asyncio.sleep(LOOK_S)
