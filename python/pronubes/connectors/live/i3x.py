"""The catalogue in the shape of the i3X read API (CESMII, Implementation Guide 1.0, release candidate): explore and query.

Every level of a name is an object: its `elementId` is the name so far, its parent the level above (`HasParent`, `HasChildren`). A name that
messages leave under has the type of its contract, whose JSON Schema is the type's; without a contract it is of `UnknownType`. A level that
only groups others is of `Level`. Values follow the guide's rules: null exactly with `Bad` or `GoodNoData`, and a stale value is `Uncertain`.

It keeps no history, so `objects/history` answers that there is none (`GoodNoData`), and it takes no updates. Subscriptions would be state of a
client in the node; they are not offered (501): `/api/catalog/changes` has what changed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from pronubes.catalog import described
from pronubes.errors import NoCatalog

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronubes.connectors.base import EngineView

__all__ = ["PREFIX", "i3x_routes"]

PREFIX = "/i3x/v1"
MOST_OBJECTS = 1000
"""An answer with more is cut and says so with 206."""
BODY_BYTES = 1 << 20

_OWN = "urn:pronubes:namespace"
_I3X = "https://cesmii.org/i3x"
_RELATIONS = {"HasParent": "HasChildren", "HasChildren": "HasParent", "HasComponent": "ComponentOf", "ComponentOf": "HasComponent"}
_QUALITIES = {"good": "Good", "192": "Good", "goodnodata": "GoodNoData", "bad": "Bad", "0": "Bad"}

Document = dict[str, Any]  # Any: a JSON document
Endpoint = Callable[["Request"], Awaitable[Response]]


class _Refused(Exception):
    """A request that is answered with a problem (RFC 9457)."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        self.problem: Document = {"title": title, "status": status, "detail": detail}
        super().__init__(detail)


def i3x_routes(view: EngineView, *, now_ns: Callable[[], int] = time.time_ns) -> list[Route]:
    """Make the routes.

    Args:
        view: What is looked at.
        now_ns: The clock.
    """
    api = _I3x(view, now_ns)
    get: dict[str, Callable[[Request], Document]] = {
        "/info": api.info,
        "/namespaces": api.namespaces,
        "/objecttypes": api.object_types,
        "/relationshiptypes": api.relationship_types,
        "/objects": api.objects,
    }
    post: dict[str, Callable[[Document, str], Any]] = {  # Any: the result for one id
        "/objecttypes/query": api.object_type,
        "/relationshiptypes/query": api.relationship_type,
        "/objects/list": api.object_,
        "/objects/related": api.related,
        "/objects/value": api.value,
        "/objects/history": api.history,
    }
    refused = [Route(PREFIX + path, _unoffered, methods=["POST", "PUT"]) for path in ("/subscriptions", "/subscriptions/{rest:path}")]
    return [
        *(Route(PREFIX + path, _answering(answer), methods=["GET"]) for path, answer in get.items()),
        *(Route(PREFIX + path, _bulk(answer), methods=["POST"]) for path, answer in post.items()),
        *refused,
    ]


def _answering(answer: Callable[[Request], Document]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return _json(answer(request))
        except NoCatalog as error:
            return _problem(_Refused(404, "Not Found", str(error)))
        except _Refused as refused:
            return _problem(refused)

    return endpoint


def _bulk(answer: Callable[[Document, str], Any]) -> Endpoint:  # Any: the result for one id
    """Answer for each id of the request by itself, in its order (guide, Bulk Response)."""

    async def endpoint(request: Request) -> Response:
        try:
            body = await _body(request)
            results = [_one(partial(answer, body), id_) for id_ in _ids(body)]
        except _Refused as refused:
            return _problem(refused)
        return _json({"success": all(result["success"] for result in results), "results": results})

    return endpoint


def _one(answer: Callable[[str], Any], id_: str) -> Document:  # Any: the result
    try:
        return {"success": True, "elementId": id_, "result": answer(id_)}
    except NoCatalog as error:
        return {"success": False, "elementId": id_, "responseDetail": {"title": "Not Found", "status": 404, "detail": str(error)}}
    except _Refused as refused:
        return {"success": False, "elementId": id_, "responseDetail": refused.problem}


async def _body(request: Request) -> Document:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES:
            raise _Refused(400, "Bad Request", f"The body is larger than {BODY_BYTES:,} bytes.")
        parts.append(part)
    try:
        body = orjson.loads(b"".join(parts))
    except orjson.JSONDecodeError as error:
        raise _Refused(400, "Bad Request", f"The body is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise _Refused(400, "Bad Request", "The body is not an object.")
    return body


def _ids(body: Mapping[str, Any]) -> list[str]:  # Any: a JSON document
    ids = body.get("elementIds")
    if not isinstance(ids, list) or not ids or not all(isinstance(id_, str) for id_ in ids):
        raise _Refused(400, "Bad Request", "`elementIds` must be a list of at least one text.")
    if len(ids) > MOST_OBJECTS:
        raise _Refused(400, "Bad Request", f"At most {MOST_OBJECTS:,} `elementIds` at a time.")
    return ids


async def _unoffered(_request: Request) -> Response:
    detail = "Subscriptions are not offered. Ask /api/catalog/changes for what changed."
    return _problem(_Refused(501, "Not Implemented", detail))


class _I3x:
    def __init__(self, view: EngineView, now_ns: Callable[[], int]) -> None:
        self._view = view
        self._now_ns = now_ns

    def info(self, _request: Request) -> Document:
        capabilities = {"query": {"history": False}, "update": {"current": False, "history": False}, "subscribe": {"stream": False}}
        result = {"specVersion": "1.0", "serverName": "pronubes", "capabilities": capabilities}
        return {"success": True, "result": result}

    def namespaces(self, _request: Request) -> Document:
        return {"success": True, "result": [{"uri": _OWN, "displayName": "pronubes"}, {"uri": _I3X, "displayName": "i3X"}]}

    def object_types(self, request: Request) -> Document:
        wanted = request.query_params.get("namespaceUri")
        return {"success": True, "result": [kind for kind in self._types().values() if wanted in {None, kind["namespaceUri"]}]}

    def object_type(self, _body: Document, id_: str) -> Document:
        return _found(self._types(), id_, "Object type")

    def _types(self) -> dict[str, Document]:
        described_types = {
            "Level": ("Level", "1.0.0", {"type": "object"}),
            "UnknownType": ("UnknownType", "1.0.0", {"type": "object"}),
            **{
                id_: (id_.partition("@")[0], f"{id_.partition('@')[2]}.0.0", contract.get("schema") or {"type": "object"})
                for id_, contract in self._view.contracts().items()
            },
        }
        return {
            id_: {"elementId": id_, "displayName": name, "namespaceUri": _OWN, "sourceTypeId": id_, "version": version, "schema": schema}
            for id_, (name, version, schema) in described_types.items()
        }

    def relationship_types(self, request: Request) -> Document:
        wanted = request.query_params.get("namespaceUri")
        return {"success": True, "result": list(_relationships().values()) if wanted in {None, _I3X} else []}

    def relationship_type(self, _body: Document, id_: str) -> Document:
        return _found(_relationships(), id_, "Relationship type")

    def objects(self, request: Request) -> Document:
        query = request.query_params
        has_metadata = query.get("includeMetadata") == "true"
        found = self._roots() if query.get("root") == "true" else self._all(query.get("typeElementId"))
        objects: list[Document] = []
        for name in found:
            if len(objects) == MOST_OBJECTS:
                detail = f"Only the first {MOST_OBJECTS:,} objects. Browse from the roots (`root=true`) with objects/related."
                return {"success": True, "result": objects, "responseDetail": {"title": "Partial Content", "status": 206, "detail": detail}}
            objects.append(self._object(name, has_metadata=has_metadata))
        return {"success": True, "result": objects}

    def _roots(self) -> Iterator[str]:
        return (child["name"] for child in self._children(None))

    def _all(self, kind: str | None) -> Iterator[str]:
        """All objects of a type, levels before what is below them."""
        told: set[str] = set()
        after: str | None = None
        while True:
            page = orjson.loads(self._view.catalog_page(topic_filter=None, search=None, after=after, limit=MOST_OBJECTS))
            for topic in page["topics"]:
                name = topic["topic"]
                for level in (name[:end] for end in _ends(name)):
                    if level not in told:
                        told.add(level)
                        if kind is None or kind == self._type_of(level):
                            yield level
            after = page["next"]
            if after is None:
                return

    def object_(self, body: Document, id_: str) -> Document:
        return self._object(self._known(id_), has_metadata=body.get("includeMetadata") is True)

    def related(self, body: Document, id_: str) -> list[Document]:
        name, wanted, has_metadata = self._known(id_), body.get("relationshipType"), body.get("includeMetadata") is True
        edges = [("HasParent", parent)] if (parent := _parent(name)) is not None else []
        edges += [("HasChildren", f"{name}/{child['name']}") for child in self._children(name)]
        kept = [(relation, target) for relation, target in edges if wanted in {None, relation}]
        return [{"sourceRelationship": relation, "object": self._object(target, has_metadata=has_metadata)} for relation, target in kept]

    def value(self, _body: Document, id_: str) -> Document:
        name = self._known(id_)
        found = self._view.catalog_topic(name)
        if found is None:
            return {"isComposition": False, "value": None, "quality": "GoodNoData", "timestamp": _rfc3339(self._now_ns())}
        topic = described(orjson.loads(found), now_ns=self._now_ns(), contracts=self._view.contracts())
        return {"isComposition": False, **_value(topic)}

    def history(self, body: Document, id_: str) -> Document:
        for name in ("startTime", "endTime"):
            if not isinstance(body.get(name), str):
                raise _Refused(400, "Bad Request", f"`{name}` is needed: a time by RFC 3339.")
        self._known(id_)
        return {"isComposition": False, "values": [{"value": None, "quality": "GoodNoData", "timestamp": _rfc3339(self._now_ns())}]}

    def _known(self, id_: str) -> str:
        """Return the name, if a level or a topic has it."""
        if self._view.catalog_topic(id_) is None and not orjson.loads(self._view.catalog_children(id_, after=None, limit=1))["children"]:
            raise _Refused(404, "Not Found", f"Element not found: {id_}")
        return id_

    def _children(self, name: str | None) -> Sequence[Document]:
        """The levels right below, at most `MOST_OBJECTS`."""
        children: list[Document] = orjson.loads(self._view.catalog_children(name, after=None, limit=MOST_OBJECTS))["children"]
        return children

    def _type_of(self, name: str) -> str:
        found = self._view.catalog_topic(name)
        return "Level" if found is None else orjson.loads(found)["contract"] or "UnknownType"

    def _object(self, name: str, *, has_metadata: bool) -> Document:
        kind, parent = self._type_of(name), _parent(name)
        element: Document = {
            "elementId": name,
            "displayName": name.rpartition("/")[2] or name,
            "typeElementId": kind,
            "parentId": parent,
            "isComposition": False,
            "isExtended": False,
        }
        if has_metadata:
            children = [f"{name}/{child['name']}" for child in self._children(name)]
            relations = ({"HasParent": parent} if parent is not None else {}) | ({"HasChildren": children} if children else {})
            element["metadata"] = {"typeNamespaceUri": _OWN, "sourceTypeId": kind, "relationships": relations}
        return element


def _relationships() -> dict[str, Document]:
    return {
        name: {"elementId": name, "displayName": name, "namespaceUri": _I3X, "relationshipId": name, "reverseOf": reverse}
        for name, reverse in _RELATIONS.items()
    }


def _found(elements: Mapping[str, Document], id_: str, what: str) -> Document:
    if id_ not in elements:
        raise _Refused(404, "Not Found", f"{what} not found: {id_}")
    return elements[id_]


def _ends(name: str) -> Iterator[int]:
    for position, character in enumerate(name):
        if character == "/":
            yield position
    yield len(name)


def _parent(name: str) -> str | None:
    return name.rpartition("/")[0] if "/" in name else None


def _value(topic: Mapping[str, Any]) -> Document:  # Any: a JSON document
    """Give a value, its quality and its time (guide, Query Methods and Null Value Handling)."""
    value = topic.get("payload", topic.get("text", topic.get("base64")))
    quality = "Good" if topic["quality"] is None else _QUALITIES.get(str(topic["quality"]).lower(), "Uncertain")
    if topic["is_stale"] and quality == "Good":
        quality = "Uncertain"
    if quality in {"Bad", "GoodNoData"}:
        value = None
    elif value is None:
        quality = "GoodNoData"
    return {"value": value, "quality": quality, "timestamp": _rfc3339(topic["time_ns"] or topic["received_ns"])}


def _rfc3339(time_ns: int) -> str:
    try:
        moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00Z"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9 // 1000:06d}Z"


def _problem(refused: _Refused) -> Response:
    document = {"success": False, "responseDetail": refused.problem}
    return Response(orjson.dumps(document), refused.problem["status"], media_type="application/json")


def _json(document: Document) -> Response:
    status = document.get("responseDetail", {}).get("status", 200)
    return Response(orjson.dumps(document), status, media_type="application/json")
