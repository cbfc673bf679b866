"""The catalogue over HTTP: names with what is known of them, a page at a time, and what changed. Read-only, like everything here.

/api/catalog?filter=acme/+/packaging/%23&search=temp&after=CURSOR&limit=100     names in their order
/api/catalog/children?prefix=acme/cologne                                       the levels right below a name
/api/catalog/topic?topic=acme/cologne/line1/temp                                one name, with its contract and its offenders
/api/catalog/changes?since=SEQUENCE&limit=1000                                  what changed since
/api/contracts                                                                  contracts, their counters and offenders
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from pronubes.catalog import described, described_page
from pronubes.connectors.live.parameters import text, topic, whole
from pronubes.errors import NoCatalog

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronubes.connectors.base import EngineView

__all__ = ["catalog_routes"]

MAX_PAGE = 1000
_MOST = 2**63 - 1

Endpoint = Callable[["Request"], Awaitable[Response]]


def catalog_routes(view: EngineView, *, now_ns: Callable[[], int] = time.time_ns) -> list[Route]:
    """Make the routes.

    Args:
        view: What is looked at.
        now_ns: The clock, for ages.
    """
    api = _Catalog(view, now_ns)
    return [
        Route("/api/catalog", _guarded(api.page)),
        Route("/api/catalog/children", _guarded(api.children)),
        Route("/api/catalog/topic", _guarded(api.topic)),
        Route("/api/catalog/changes", _guarded(api.changes)),
        Route("/api/contracts", api.contracts),
    ]


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except NoCatalog as error:
            raise HTTPException(404, str(error)) from error

    return guarded


class _Catalog:
    def __init__(self, view: EngineView, now_ns: Callable[[], int]) -> None:
        self._view = view
        self._now_ns = now_ns

    async def page(self, request: Request) -> Response:
        try:
            page = self._view.catalog_page(
                topic_filter=text(request, "filter"), search=text(request, "search"), after=text(request, "after"), limit=_limit(request)
            )
        except ValueError as error:
            raise HTTPException(400, f"`filter` is no MQTT filter: {error}") from error
        return self._described(page)

    async def children(self, request: Request) -> Response:
        children = self._view.catalog_children(text(request, "prefix"), after=text(request, "after"), limit=_limit(request))
        return Response(children, media_type="application/json")

    async def topic(self, request: Request) -> Response:
        name = topic(request)
        found = self._view.catalog_topic(name)
        if found is None:
            raise HTTPException(404, "Nothing has left under this name since the start.")
        document = described(orjson.loads(found), now_ns=self._now_ns(), contracts=self._view.contracts())
        contract = document["contract"]
        report = next((entry for entry in self._reports() if entry["contract"] == contract), None)
        offenders = [offender for offender in report.get("offenders", ()) if offender["topic"] in {name, document["origin"]}] if report else []
        return _json(document | {"contract_rules": self._view.contracts().get(contract), "offenders": offenders})

    async def changes(self, request: Request) -> Response:
        return self._described(self._view.catalog_changes(whole(request, "since", default=0, least=0, most=_MOST), limit=_limit(request)))

    async def contracts(self, _request: Request) -> Response:
        reports = {report["contract"]: report for report in self._reports()}
        contracts = [{"contract": id_, **contract, "report": reports.get(id_)} for id_, contract in sorted(self._view.contracts().items())]
        return _json({"contracts": contracts})

    def _reports(self) -> list[dict[str, Any]]:  # Any: JSON documents
        reports: list[dict[str, Any]] = orjson.loads(self._view.contracts_report())
        return reports

    def _described(self, page: bytes) -> Response:
        return _json(described_page(page, now_ns=self._now_ns(), contracts=self._view.contracts()))


def _limit(request: Request) -> int:
    return whole(request, "limit", default=100, least=1, most=MAX_PAGE)


def _json(document: object) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
