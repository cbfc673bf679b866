"""The endpoint for Prometheus: `/metrics`, `/healthz` and `/readyz` of a running node.

A page is made of a snapshot that the engine writes in a millisecond or two; reading and writing it is work of a thread, and at most one page is made
a second however many ask.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from pronubes.pipeline.backoff import Backoff
from pronubes.telemetry import emit, events
from pronubes.telemetry.exposition import CONTENT_TYPE, Exposition
from pronubes.telemetry.web import is_this_machine, leave, listen, make_server

if TYPE_CHECKING:
    import random

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from pronubes.config.operations import Metrics
    from pronubes.pipeline.node import Node

__all__ = ["Scrapes", "keep_metrics"]

FRESH_S = 1.0
"""How old a page may be that is handed out again."""
MAX_CONNECTIONS = 16


async def keep_metrics(node: Node, reloaded: asyncio.Event, randomness: random.Random) -> None:
    """Serve the metrics that the plan in force asks for, until cancelled.

    Args:
        node: The node.
        reloaded: Set after each reload.
        randomness: For the jitter of attempts.
    """
    await node.is_running.wait()
    while True:
        wanted = node.plan.metrics
        async with asyncio.TaskGroup() as group:
            serving = None if wanted is None else group.create_task(_serve(node, wanted, Backoff(randomness)), name="metrics")
            while node.plan.metrics == wanted:
                reloaded.clear()
                await reloaded.wait()
            if serving is not None:
                serving.cancel()


async def _serve(node: Node, metrics: Metrics, backoff: Backoff) -> None:
    while True:
        try:
            await _serve_once(node, metrics)
        except OSError as error:
            text = error.strerror or str(error)
        except Exception as error:  # noqa: BLE001 - a defect: told, and tried again; the node goes on without metrics
            text = f"{type(error).__name__}: {error}"
        else:
            text = "the server has ended"
        pause_s = backoff.next_s()
        if backoff.is_worth_telling():
            emit(events.MetricsUnavailable(address=metrics.listen, error=text, retry_s=round(pause_s, 1)))
        await asyncio.sleep(pause_s)


async def _serve_once(node: Node, metrics: Metrics) -> None:
    listener = listen("127.0.0.1" if metrics.host == "localhost" else metrics.host, metrics.port)
    server = make_server(Scrapes(node, is_open=not metrics.is_loopback).app(), most=MAX_CONNECTIONS)
    host = f"[{metrics.host}]" if ":" in metrics.host else metrics.host
    emit(events.MetricsServed(url=f"http://{host}:{listener.getsockname()[1]}/metrics"))
    try:
        await server.serve(sockets=[listener])
    finally:
        await leave(server, listener)


class Scrapes:
    """Answers scrapes.

    Args:
        node: The node that is scraped.
        is_open: Whether other machines may ask.
    """

    def __init__(self, node: Node, *, is_open: bool) -> None:
        self._node = node
        self._is_open = is_open
        self._exposition = Exposition()
        self._is_writing = asyncio.Lock()
        self._page = b""
        self._written_s = float("-inf")

    def app(self) -> ASGIApp:
        """Make the application."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        return Starlette(routes=[Route("/metrics", self.metrics), Route("/healthz", self.healthz), Route("/readyz", self.readyz)])

    async def metrics(self, request: Request) -> Response:
        """Answer with all metrics."""
        return self._refusal(request) or _answer(200, await self._fresh(), CONTENT_TYPE)

    async def healthz(self, request: Request) -> Response:
        """Answer 200 unless the node is stuck: then a restart may help."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        found = await self._node.find_problems() if self._node.canary.is_lost else []
        if self._node.is_stuck(found):
            return _answer(503, b"No canary has come through lately: messages may not be moving.\n")
        return _answer(200, b"The node moves messages, or waits for its disk.\n" if found else b"A canary has come through lately.\n")

    async def readyz(self, request: Request) -> Response:
        """Answer 200 when the node has started, does not end, and finds nothing wrong with itself."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if self._node.is_stopping:
            return _answer(503, b"The node is about to end.\n")
        if not self._node.canary.came_back:
            return _answer(503, b"The node has just started: no canary has come through yet.\n")
        found = await self._node.find_problems()
        lines = [f"{problem.code}: {problem.text}\n" for problem in found] or ["Nothing is wrong.\n"]
        return _answer(503 if found else 200, "".join(lines).encode())

    async def _fresh(self) -> bytes:
        async with self._is_writing:
            if time.monotonic() - self._written_s > FRESH_S:
                engine_status = self._node.engine.status(now_ns=self._node.clock())
                self._page = await asyncio.to_thread(self._write, engine_status)
                self._written_s = time.monotonic()
            return self._page

    def _write(self, engine_status: bytes) -> bytes:
        return self._exposition.write(self._node.describe(engine_status), now_s=time.monotonic())

    def _refusal(self, request: Request) -> Response | None:
        if self._is_open or is_this_machine(request.headers.get("host", "")):
            return None
        return _answer(421, b"This endpoint answers to 127.0.0.1, localhost and [::1] only.\n")


def _answer(status: int, content: bytes, media_type: str = "text/plain; charset=utf-8") -> Response:
    from starlette.responses import Response

    return Response(content, status, {"cache-control": "no-store", "x-content-type-options": "nosniff"}, media_type)
