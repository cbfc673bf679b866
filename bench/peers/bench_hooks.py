"""Hooks of the benchmark; copied beside the router's configuration. They do what `scale` does in W1."""

from __future__ import annotations

import orjson

import pronubes


@pronubes.transform
def scale(batch: pronubes.Batch) -> pronubes.Batch:
    """Scales a column with numpy."""
    return batch.with_fields(value=batch["value"] * 1.8 + 32.0)


@pronubes.transform
def scale_each(message: pronubes.Message) -> bytes:
    """Scales one message at a time with orjson."""
    payload = orjson.loads(message.payload)
    payload["value"] = payload["value"] * 1.8 + 32.0
    return orjson.dumps(payload)
