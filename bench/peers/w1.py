"""The work of W1 as a user writes it by hand, shared by the hand-written peers."""

from __future__ import annotations

import orjson

__all__ = ["transform"]


def transform(topic: str, payload: bytes) -> tuple[str, bytes]:
    """Scales the value, renames `ts`, drops a good quality, adds the unit, moves the topic into the namespace."""
    _, area, line, plc, tag = topic.split("/")
    message = orjson.loads(payload)
    message["value"] = message["value"] * 1.8 + 32
    message["timestamp_ms"] = message.pop("ts")
    if message.get("quality") == "GOOD":
        del message["quality"]
    message["unit"] = "[degF]"
    return f"acme/site1/{area}/{line}/{plc}/{tag}", orjson.dumps(message)
