"""The catalogue of a running node: what views, the control socket and the live page ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from pronubes.catalog import described, described_page
from pronubes.errors import NoCatalog
from pronubes.pipeline.canary import without_canary_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pronubes.pipeline.node import Node

__all__ = ["NodeCatalog"]

T = TypeVar("T")


class NodeCatalog:
    """Asks the engine; every method raises `NoCatalog` when the configuration keeps none.

    Args:
        node: The node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._contracts: tuple[object, Mapping[str, Mapping[str, Any]]] = (None, {})  # Any: JSON documents; of which plan

    def page(self, *, topic_filter: str | None, search: str | None, after: str | None, limit: int) -> bytes:
        """See `EngineView.catalog_page`."""
        engine, now_ns = self._node.engine, self._node.clock()
        page = _asked(lambda: engine.catalog_page(filter=topic_filter, search=search, after=after, limit=limit, now_ns=now_ns))
        return without_canary_name(page, "topics")

    def children(self, prefix: str | None, *, after: str | None, limit: int) -> bytes:
        """See `EngineView.catalog_children`."""
        page = _asked(lambda: self._node.engine.catalog_children(prefix, after=after, limit=limit))
        return page if prefix else without_canary_name(page, "children")

    def topic(self, topic: str) -> bytes | None:
        """See `EngineView.catalog_topic`."""
        return _asked(lambda: self._node.engine.catalog_get(topic, now_ns=self._node.clock()))

    def changes(self, since: int, *, limit: int) -> bytes:
        """See `EngineView.catalog_changes`."""
        page = _asked(lambda: self._node.engine.catalog_changes(since, limit=limit, now_ns=self._node.clock()))
        return without_canary_name(page, "topics")

    def contracts(self) -> Mapping[str, Mapping[str, Any]]:  # Any: JSON documents
        """See `EngineView.contracts`; worked out once per plan."""
        plan = self._node.plan
        if self._contracts[0] is not plan:
            self._contracts = (plan, {} if plan.compiled is None else plan.compiled.loaded.contracts.documents())
        return self._contracts[1]

    def namespace(self) -> Mapping[str, Any] | None:  # Any: a JSON document
        """See `EngineView.namespace`."""
        compiled = self._node.plan.compiled
        declared = None if compiled is None else compiled.loaded.configuration.namespace
        return None if declared is None else declared.model_dump(mode="json")

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON documents
        """Answer the control socket: a page of described names, or one name.

        Args:
            request: `filter`, `search`, `after`, `limit`, or `topic` alone.

        Raises:
            NoCatalog: The configuration keeps none.
            ValueError: `filter` is no filter.
        """
        now_ns = self._node.clock()
        if "topic" in request:
            found = self.topic(str(request["topic"]))
            return {"topics": [] if found is None else [described(orjson.loads(found), now_ns=now_ns, contracts=self.contracts())], "next": None}
        texts = {key: str(value) if (value := request.get(key)) else None for key in ("filter", "search", "after")}
        page = self.page(topic_filter=texts["filter"], search=texts["search"], after=texts["after"], limit=int(request.get("limit", 1000)))
        return described_page(page, now_ns=now_ns, contracts=self.contracts())


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except KeyError as error:
        raise NoCatalog from error
