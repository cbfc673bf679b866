"""The canary's own source, route and sink, which every node has behind those of its configuration. What it is for: `pipeline.canary`."""

from __future__ import annotations

from typing import Any

__all__ = ["CANARY", "add_to_node", "add_to_router"]

CANARY = "$canary"
"""The name of its source, route, sink and topic. No name in a configuration begins with `$`, and no filter with a wildcard in front reaches it."""


def add_to_router(spec: dict[str, Any]) -> None:  # Any: the router's specification
    """Put the canary behind everything in a specification: what the engine numbers keeps its number."""
    spec["sources"].append(CANARY)
    spec["sinks"].append(CANARY)
    spec["routes"].append({"name": CANARY, "from": [CANARY], "filter": CANARY, "to": [{"sink": CANARY}]})
    if "namespace" in spec:
        spec["namespace"]["branches"].append({"filter": CANARY, "free": True, "publish": [CANARY]})


def add_to_node(node: dict[str, Any]) -> None:  # Any: the node's connections and queues
    """Put the canary's source and sink into a node: durable where the node has a log, so that it waits for the disk like everybody else."""
    node["sources"].append({"name": CANARY, "kind": "batch", "delivery": "durable" if node.get("log") else "through"})
    node["sinks"].append({"name": CANARY, "kind": "batch", "queue_bytes": 65_536, "batch_rows": 1})
