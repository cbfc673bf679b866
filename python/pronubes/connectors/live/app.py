"""The addresses of the live page and who may ask for them.

Everything is GET, but the queries of i3X, and changes nothing. Three things keep other web pages in the same browser out: the `Host` header must
name this machine (a page that rebinds its own name to 127.0.0.1 keeps its name there), requests that the browser marks as made by another site are
refused, and no answer carries a permission to read it from elsewhere. The page itself may load nothing but its own files.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pronubes.connectors.live.catalog import catalog_routes
from pronubes.connectors.live.feed import MAX_CLIENTS, EventStream, Feed
from pronubes.connectors.live.i3x import PREFIX as I3X_PREFIX
from pronubes.connectors.live.i3x import i3x_routes
from pronubes.connectors.live.parameters import topic as asked_topic
from pronubes.connectors.live.parameters import whole
from pronubes.connectors.live.values import find_values
from pronubes.telemetry.web import is_this_machine

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pronubes.connectors.base import EngineView

__all__ = ["make_app"]

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_PAGE_SIZE = 1000


def make_app(view: EngineView, feed: Feed, *, history: int) -> ASGIApp:
    """Make the application.

    Args:
        view: What is looked at.
        feed: Where streams come from.
        history: How many points are kept of a tag that is charted.
    """
    api = _Api(view, feed, history=history)
    routes = [
        Route("/events", api.events),
        Route("/api/values", api.values),
        Route("/api/points", api.points),
        Route("/api/status", api.status),
        Route("/api/quarantine", api.quarantine),
        *catalog_routes(view),
        *i3x_routes(view),
        *_static_routes(),
    ]
    return _Guard(Starlette(routes=routes, exception_handlers={HTTPException: _told}))


class _Api:
    def __init__(self, view: EngineView, feed: Feed, *, history: int) -> None:
        self._view = view
        self._feed = feed
        self._history = history

    async def events(self, request: Request) -> Response:
        if self._feed.clients >= MAX_CLIENTS:
            raise HTTPException(503, f"{MAX_CLIENTS} pages are open already. Close one; this one tries again.", {"retry-after": "5"})
        event_id = request.headers.get("last-event-id") or request.query_params.get("after", "")
        return EventStream(self._feed, self._feed.start_of(event_id))

    async def values(self, request: Request) -> Response:
        query = request.query_params
        page = await find_values(
            self._view,
            topic_filter=query.get("filter", ""),
            search=query.get("search", ""),
            page=whole(request, "page", default=1, least=1, most=10**9),
            size=whole(request, "size", default=100, least=1, most=_PAGE_SIZE),
        )
        return _json({"page": page.page, "pages": page.pages, "found": page.found, "values": page.values})

    async def points(self, request: Request) -> Response:
        topic = asked_topic(request)
        since_ns = whole(request, "since", default=0, least=0, most=2**63 - 1)
        self._view.watch(topic, points=self._history)
        return Response(self._view.points(topic, since_ns=since_ns), media_type="application/json")

    async def status(self, _request: Request) -> Response:
        return _json(self._view.status())

    async def quarantine(self, _request: Request) -> Response:
        return _json({"records": self._view.quarantined()})


class _Guard:
    """Refuses who may not ask, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        refusal = _refusal(scope)
        await (refusal or self._app)(scope, receive, send_guarded)


def _refusal(scope: Scope) -> Response | None:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    if not is_this_machine(headers.get(b"host", "")):
        return _text(421, "This page answers to 127.0.0.1, localhost and [::1] only. Open it under one of these names.")
    if headers.get(b"sec-fetch-site", "none") not in {"none", "same-origin"} and headers.get(b"sec-fetch-mode") != "navigate":
        return _text(403, "Another web page asked for this; only the live page itself may.")
    is_query = scope["method"] == "POST" and scope["path"].startswith(f"{I3X_PREFIX}/")  # i3X asks by POST; nothing there changes anything
    if scope["method"] not in {"GET", "HEAD"} and not is_query:
        return _text(405, "Nothing can be changed here: only GET is answered.")
    return None


def _static_routes() -> list[Route]:
    """Read the page's files once: they are small, and what is not among them cannot be asked for."""
    routes = []
    for file in (resources.files(__package__) / "static").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in _TYPES:
            path = "/" if file.name == "index.html" else f"/static/{file.name}"
            routes.append(Route(path, _static_endpoint(file.read_bytes(), _TYPES[suffix])))
    return routes


def _static_endpoint(content: bytes, media_type: str) -> Any:  # Any: what Starlette calls an endpoint
    async def endpoint(_request: Request) -> Response:
        return Response(content, media_type=media_type)

    return endpoint


async def _told(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return Response(error.detail, error.status_code, error.headers, media_type="text/plain")


def _json(document: object) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")


def _text(status: int, sentence: str) -> Response:
    return Response(sentence, status, media_type="text/plain")
