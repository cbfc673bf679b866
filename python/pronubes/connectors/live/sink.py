"""Serves the live page on the node's event loop."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING

import orjson

from pronubes.connectors.base import NotConnected
from pronubes.telemetry import emit, events
from pronubes.telemetry.web import leave, listen, make_server

if TYPE_CHECKING:
    import socket

    import uvicorn

    from pronubes.connectors.base import ConnectorContext, EngineView
    from pronubes.connectors.live.options import LiveOptions

__all__ = ["LiveSink"]

MAX_CONNECTIONS = 128
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
        server = make_server(make_app(view, feed, history=self._options.history), most=MAX_CONNECTIONS)
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
            await leave(server, listener)

    def _listen(self) -> socket.socket:
        options = self._options
        try:
            return listen(options.host, options.port)
        except OSError as error:
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
