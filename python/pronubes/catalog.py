"""What a name of the catalogue says to people: value, quality, time, unit and whether it is stale, read from its newest payload.

The engine keeps payloads as they came; they are read here, when somebody looks. A contract says where value, quality and time stand and in which
unit the value is; without one, the usual names are taken (`value`, `quality`, `timestamp_ms`) and nothing is guessed beyond them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

__all__ = ["NS_PER_S", "STALE_LEAST_S", "Contracts", "described", "described_page"]

NS_PER_S = 1_000_000_000
STALE_LEAST_S = 10.0
"""A name that was silent for less is never stale."""
STALE_INTERVALS = 5
"""A name is stale when it was silent for longer than so many of its usual intervals."""

_QUALITY_NAMES = ("quality", "q")
_TIME_NAMES = (("timestamp_ms", 10**6), ("timestamp_ns", 1), ("time_ns", 1), ("timestamp_us", 10**3), ("timestamp_s", 10**9))

Contracts = Mapping[str, Mapping[str, Any]]  # Any: a contract as the engine's specification has it
"""Contracts by `name@version`."""


def described_page(page: bytes, *, now_ns: int, contracts: Contracts) -> dict[str, Any]:  # Any: a JSON document
    """Read a page of the catalogue (`{"topics": [..], ..}`) and describe each name."""
    document: dict[str, Any] = orjson.loads(page)
    document["topics"] = [described(topic, now_ns=now_ns, contracts=contracts) for topic in document["topics"]]
    return document


def described(topic: Mapping[str, Any], *, now_ns: int, contracts: Contracts) -> dict[str, Any]:  # Any: JSON documents
    """Describe a name.

    Args:
        topic: The name as the engine gives it.
        now_ns: Nanoseconds since 1970 (UTC).
        contracts: The contracts of the configuration.

    Returns:
        The same with `value`, `quality`, `time_ns`, `unit`, `age_s` and `is_stale`; each of the first four is null where nothing says it.
    """
    contract = contracts.get(topic["contract"] or "", {})
    payload = topic.get("payload", topic.get("text", topic.get("base64")))
    quality_path = (contract.get("quality") or {}).get("path")
    fields: Mapping[str, Any] = payload if isinstance(payload, dict) else {}
    value_path = _value_path(contract, fields)
    age_s = max(now_ns - topic["received_ns"], 0) / NS_PER_S
    return {
        **topic,
        "value": _at(fields, value_path) if isinstance(payload, dict) else payload,
        "quality": _at(fields, quality_path) if quality_path else next((fields[name] for name in _QUALITY_NAMES if name in fields), None),
        "time_ns": _time_ns(contract, fields),
        "unit": _unit(contract, value_path, fields),
        "age_s": round(age_s, 3),
        "is_stale": _is_stale(topic, age_s),
    }


def _value_path(contract: Mapping[str, Any], fields: Mapping[str, Any]) -> str | None:  # Any: JSON documents
    """The field that holds the value: `value`, or the only number of the contract that is no time."""
    if "value" in fields:
        return "value"
    numbers = [field["path"] for field in contract.get("fields", ()) if field.get("type") in {"number", "integer"} and not field.get("time")]
    return numbers[0] if len(numbers) == 1 else None


def _at(fields: Mapping[str, Any], path: str | None) -> Any:  # Any: JSON
    if path is None:
        return None
    if path in fields:
        return fields[path]
    value: Any = fields
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _time_ns(contract: Mapping[str, Any], fields: Mapping[str, Any]) -> int | None:  # Any: JSON documents
    factors = {"s": NS_PER_S, "ms": 10**6, "us": 10**3, "ns": 1}
    named = [
        (field["path"], factors[field["time"]["unit"]]) for field in contract.get("fields", ()) if (field.get("time") or {}).get("unit") in factors
    ]
    for path, factor in [*named, *_TIME_NAMES]:
        number = _at(fields, path)
        if isinstance(number, int) and not isinstance(number, bool):
            return number * factor
    return None


def _unit(contract: Mapping[str, Any], value_path: str | None, fields: Mapping[str, Any]) -> str | None:  # Any: JSON documents
    scalar = contract.get("scalar") or {}
    unit = next((field.get("unit") for field in contract.get("fields", ()) if field["path"] == value_path), scalar.get("unit"))
    written = fields.get("unit")
    return unit or (written if isinstance(written, str) else None)


def _is_stale(topic: Mapping[str, Any], age_s: float) -> bool:  # Any: a JSON document
    """Tell whether a name is silent for longer than is usual for it; one that came once only is never stale: nobody knows what is usual."""
    if topic["count"] < 2:
        return False
    interval_s = (topic["received_ns"] - topic["first_ns"]) / (topic["count"] - 1) / NS_PER_S
    return bool(age_s > max(STALE_LEAST_S, STALE_INTERVALS * interval_s))
