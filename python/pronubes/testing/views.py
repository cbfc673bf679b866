"""An engine to look at, for tests of sinks of the `view` plane.

It keeps newest values, points and records as the engine does and hands them out in the same form, but nothing flows: a test puts in what it wants
seen.
"""

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from pronubes.connectors.live.values import matches

__all__ = ["FakeEngineView"]

_RECORDS = 200


class FakeEngineView:
    """Implements `connectors.base.EngineView`.

    Args:
        now_ns: The clock.

    Attributes:
        document: What `status` answers.
        watched: The kept numbers by watched topic.
        known_contracts: What `contracts` answers.
        reports: What `contracts_report` answers.
        declared: What `namespace` answers.
    """

    def __init__(self, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._values: dict[str, dict[str, Any]] = {}  # Any: JSON documents; the oldest change stands first
        self._records: deque[dict[str, Any]] = deque(maxlen=_RECORDS)
        self._contracts: dict[str, str | None] = {}
        self._sequence = 0
        self.known_contracts: dict[str, dict[str, Any]] = {}
        self.reports: list[dict[str, Any]] = []
        self.declared: dict[str, Any] | None = None
        self.document: dict[str, Any] = {"node": "test", "balanced": True, "totals": {}, "sources": [], "routes": [], "sinks": [], "connections": []}
        self.watched: dict[str, deque[tuple[int, float]]] = {}

    def put(self, topic: str, payload: object, *, time_ns: int | None = None, contract: str | None = None) -> None:
        """Let a value come in.

        Args:
            topic: Its topic.
            payload: Bytes as they are; anything else is written as JSON.
            time_ns: When; without it, now.
            contract: The contract that it was judged by.
        """
        at_ns = self._now_ns() if time_ns is None else time_ns
        raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        old = self._values.pop(topic, None)
        self._sequence += 1
        self._values[topic] = {
            "topic": topic,
            **_content(raw),
            "time_ns": at_ns,
            "first_ns": old["first_ns"] if old else at_ns,
            "count": old["count"] + 1 if old else 1,
            "sequence": self._sequence,
        }
        self._contracts[topic] = contract
        if topic in self.watched:
            self._keep(topic)

    def quarantine(self, record: dict[str, Any]) -> None:  # Any: a JSON document
        """Let a message be quarantined."""
        self._records.appendleft(record)

    def changes(self, since: int, *, limit: int) -> bytes:
        """See `EngineView`."""
        newer: list[dict[str, Any]] = []  # Any: JSON documents
        for value in reversed(self._values.values()):
            if value["sequence"] <= since:
                break
            newer.append(value)
        newer.reverse()
        parts = b",".join(_written(value) for value in newer[:limit])
        head = b'{"sequence":%d,"more":%b,"topics":%d,"values":[' % (self._sequence, b"true" if len(newer) > limit else b"false", len(self._values))
        return head + parts + b"]}"

    def watch(self, topic: str, *, points: int) -> None:
        """See `EngineView`."""
        if topic not in self.watched:
            self.watched[topic] = deque(maxlen=points)
            if topic in self._values:
                self._keep(topic)

    def points(self, topic: str, *, since_ns: int) -> bytes:
        """See `EngineView`."""
        return orjson.dumps([point for point in self.watched.get(topic, ()) if point[0] > since_ns])

    def catalog_page(self, *, topic_filter: str | None, search: str | None, after: str | None, limit: int) -> bytes:
        """See `EngineView`."""
        names = sorted(
            topic
            for topic in self._values
            if (topic_filter is None or matches(topic_filter, topic)) and (search or "") in topic and (after is None or topic > after)
        )
        more = names[limit - 1] if len(names) > limit else None
        return orjson.dumps({"topics": [self._name(topic) for topic in names[:limit]], "next": more})

    def catalog_children(self, prefix: str | None, *, after: str | None, limit: int) -> bytes:
        """See `EngineView`."""
        begin = f"{prefix}/" if prefix is not None else ""
        below: dict[str, int] = {}
        for topic in self._values:
            if topic.startswith(begin):
                child = topic[len(begin) :].partition("/")[0]
                below[child] = below.get(child, 0) + (topic != begin + child)
        names = sorted(name for name in below if after is None or name > after)
        more = names[limit - 1] if len(names) > limit else None
        children = [{"name": name, "is_topic": begin + name in self._values, "below": below[name]} for name in names[:limit]]
        return orjson.dumps({"children": children, "next": more})

    def catalog_topic(self, topic: str) -> bytes | None:
        """See `EngineView`."""
        return orjson.dumps(self._name(topic)) if topic in self._values else None

    def catalog_changes(self, since: int, *, limit: int) -> bytes:
        """See `EngineView`."""
        newer = [topic for topic, value in self._values.items() if value["sequence"] > since]
        names = [self._name(topic) for topic in newer[:limit]]
        return orjson.dumps({"sequence": self._sequence, "generation": 0, "more": len(newer) > limit, "topics": names})

    def contracts(self) -> dict[str, dict[str, Any]]:  # Any: JSON documents
        """See `EngineView`."""
        return self.known_contracts

    def contracts_report(self) -> bytes:
        """See `EngineView`."""
        return orjson.dumps(self.reports)

    def namespace(self) -> dict[str, Any] | None:  # Any: a JSON document
        """See `EngineView`."""
        return self.declared

    def _name(self, topic: str) -> dict[str, Any]:  # Any: a JSON document
        value = self._values[topic]
        content: dict[str, Any] = {key: value[key] for key in ("text", "base64") if key in value}  # Any: JSON
        if "payload" in value:
            content["payload"] = orjson.Fragment(value["payload"])
        facts = {"payload_bytes": 0, "rate": 0.0, "route": "route", "source": "source", "origin": topic, "branch": None, "owner": None}
        counts = {"received_ns": value["time_ns"], "first_ns": value["first_ns"], "count": value["count"], "sequence": value["sequence"]}
        return {"topic": topic, **content, **facts, **counts, "contract": self._contracts[topic], "violations": 0, "orphan": False}

    def status(self) -> dict[str, Any]:  # Any: a JSON document
        """See `EngineView`."""
        return self.document

    def quarantined(self) -> list[dict[str, Any]]:  # Any: JSON documents
        """See `EngineView`."""
        return list(self._records)

    def _keep(self, topic: str) -> None:
        value = self._values[topic]
        payload = orjson.loads(value["payload"]) if "payload" in value else None
        number = payload.get("value") if isinstance(payload, dict) else payload
        if isinstance(number, int | float) and not isinstance(number, bool):
            self.watched[topic].append((value["time_ns"], float(number)))


def _content(raw: bytes) -> dict[str, Any]:  # Any: bytes or text
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            return {"text": raw.decode()}
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(raw).decode()}
    return {"payload": raw}


def _written(value: dict[str, Any]) -> bytes:  # Any: as `_content` made it
    return orjson.dumps({key: orjson.Fragment(part) if key == "payload" else part for key, part in value.items()})
