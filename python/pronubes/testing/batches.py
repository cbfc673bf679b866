"""A batch made of Python lists, for tests of sinks without an engine. It answers as the engine's batch does, only slower."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pronubes import _core
    from pronubes.connectors.base import Dtype

__all__ = ["ListBatch"]

_MISSING = object()


class ListBatch:
    """Implements `connectors.base.SinkBatch`.

    Args:
        messages: Topics and payloads, in order.
        route: The route that all came through.
        time_ns: When all were received, in nanoseconds since 1970 (UTC).
    """

    def __init__(self, messages: Sequence[tuple[str, bytes]], *, route: str = "route", time_ns: int = 0) -> None:
        self._messages = list(messages)
        self._route = route
        self._time_ns = time_ns

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self._messages)

    def topics(self) -> list[str]:
        """List the topics."""
        return [topic for topic, _ in self._messages]

    def payloads(self) -> list[bytes]:
        """List the payloads."""
        return [payload for _, payload in self._messages]

    def routes(self) -> list[str]:
        """List the routes."""
        return [self._route] * len(self._messages)

    def rows(
        self, wanted: Sequence[tuple[str, Dtype | None]], *, rest_without: Sequence[str] | None = None, shape: bytes | None = None
    ) -> list[tuple[float | int | bool | str | bytes | None, ...]]:
        """Read fields of all payloads; see `SinkBatch.rows`."""
        if shape is not None:
            return self._engines().rows(wanted, rest_without=rest_without, shape=shape)
        return [self._row(topic, payload, wanted, rest_without) for topic, payload in self._messages]

    def _engines(self) -> _core.Batch:
        """Make a batch of the engine: shapes are read there and nowhere else."""
        from pronubes import _core

        spec = {"sources": ["source"], "sinks": ["sink"], "routes": [{"name": self._route, "to": [{"sink": "sink"}]}]}
        rows = max(len(self._messages), 1)
        node = {"sources": [{"name": "source", "kind": "batch"}], "sinks": [{"name": "sink", "kind": "batch", "batch_rows": rows}]}
        pipeline = _core.Pipeline(orjson.dumps(spec), orjson.dumps(node), now_ns=self._time_ns)
        pipeline.push("source", self.topics(), self.payloads(), now_ns=self._time_ns)
        batch = pipeline.take("sink", now_ns=self._time_ns, force=True)
        if batch is None or len(batch) != len(self._messages):
            raise ValueError("The engine does not take these messages: a topic is none, or there are too many of them.")
        return batch

    def _row(
        self, topic: str, payload: bytes, wanted: Sequence[tuple[str, Dtype | None]], rest_without: Sequence[str] | None
    ) -> tuple[float | int | bool | str | bytes | None, ...]:
        document = _parse(payload)
        fields = document if isinstance(document, dict) else {}
        time_ms = fields.get("timestamp_ms")
        source_ns = time_ms * 1_000_000 if isinstance(time_ms, int) else None
        scalar = document if document is not _MISSING and not isinstance(document, dict | list) else None
        known: dict[str, Any] = {  # Any: values of JSON
            "topic": topic,
            "route": self._route,
            "payload": payload,
            "received_ns": self._time_ns,
            "source_ns": source_ns,
            "time_ns": self._time_ns if source_ns is None else source_ns,
            "qos": 0,
            "retain": False,
            "replayed": False,
            "value": fields.get("value", scalar),
            "text": fields.get("value", scalar),
        }
        row: list[Any] = [
            _typed(known[name] if name in known else _at(fields, name), dtype or "json") for name, dtype in wanted
        ]  # Any: values of JSON
        if rest_without is not None:
            rest = {name: value for name, value in fields.items() if name not in rest_without}
            row.append(orjson.dumps(rest).decode() if rest else None)
        return tuple(row)

    def ndjson(self) -> bytes:
        """Write one JSON line per message."""
        lines = []
        for topic, payload in self._messages:
            document = _parse(payload)
            content = {"payload": payload.decode("utf-8", "replace") if document is _MISSING else document}
            lines.append(orjson.dumps({"topic": topic, **content, "time_ns": self._time_ns, "source": "source", "route": self._route}))
        return b"".join(line + b"\n" for line in lines)


def _parse(payload: bytes) -> Any:  # Any: whatever the payload holds
    try:
        return json.loads(payload)  # integers of any length, as the engine has them
    except ValueError:
        return _MISSING


def _at(fields: dict[str, Any], path: str) -> Any:  # Any: values of JSON
    value: Any = fields
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _typed(value: Any, dtype: Dtype) -> Any:  # Any: values of JSON
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    right = {
        "f64": is_number,
        "i64": is_number and isinstance(value, int) and -(2**63) <= value < 2**63,
        "bool": isinstance(value, bool),
        "text": isinstance(value, str),
        "binary": isinstance(value, bytes),
        "json": value is not None,
    }
    if not right[dtype]:
        return None
    return float(value) if dtype == "f64" else json.dumps(value, separators=(",", ":")) if dtype == "json" else value
