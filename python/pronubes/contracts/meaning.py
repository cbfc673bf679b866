"""What a version of a contract means: all that a reader or a sender of messages may rely on, and nothing else.

Comments, `description`, `owner`, `steward` and `state` are not part of it: they may change when the version is locked. The meaning is a plain JSON
value, keys that say nothing left out, so that its hash stays when a later pronubes knows more keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from pronubes.contracts.model import Contract, ScalarField

__all__ = ["Meaning", "digest", "meaning", "text_digest"]

Meaning = Mapping[str, Any]  # Any: a JSON value

_KEPT = ("type", "unit", "range", "length", "enum", "pattern", "time", "not_after", "not_before")


def meaning(contract: Contract) -> Meaning:
    """Work out what a contract means."""
    found: dict[str, Any] = {"extra": contract.extra, "mode": contract.mode}
    if contract.scalar is not None:
        found["scalar"] = _field(contract.scalar)
    else:
        found["payload"] = {path: _field(field) | ({"optional": True} if field.optional else {}) for path, field in contract.payload.items()}
    if contract.quality is not None:
        found["quality"] = contract.quality.model_dump()
    if contract.mode == "annotate":
        found["annotate"] = contract.annotate.model_dump(exclude_none=True)
    for key in ("retain", "expiry"):
        if (value := getattr(contract, key)) is not None:
            found[key] = _number(value)
    return found


def digest(of: Meaning) -> str:
    """Hash a meaning. The order of fields is no part of it."""
    return "sha256:" + hashlib.sha256(orjson.dumps(of, option=orjson.OPT_SORT_KEYS)).hexdigest()


def text_digest(text: str) -> str:
    """Hash the text of a file; how its lines end does not matter."""
    return "sha256:" + hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


def _field(field: ScalarField) -> dict[str, Any]:  # Any: a JSON value
    found = {key: _number(value) for key in _KEPT if (value := getattr(field, key)) is not None}
    if field.null != "never":
        found["null"] = field.null
    return found


def _number(value: Any) -> Any:  # Any: a JSON value
    """Write equal numbers alike: 10 and 10.0 are the same bound."""
    if isinstance(value, list):
        return [_number(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
