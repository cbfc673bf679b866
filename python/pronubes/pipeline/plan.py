"""What a node is made from: the compiled specification and one connector object per configured source and sink."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pronubes.connectors.options import SinkConnector, SinkOptions, SourceConnector, SourceOptions

__all__ = ["NodePlan", "PlannedSink", "PlannedSource"]


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One source: its connector and its options."""

    connector: SourceConnector[Any]  # Any: each connector has options of its own
    options: SourceOptions


@dataclass(frozen=True, slots=True)
class PlannedSink:
    """One sink: its connector and its options."""

    connector: SinkConnector[Any]  # Any: each connector has options of its own
    options: SinkOptions


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A configuration, checked and compiled.

    Attributes:
        name: The node's name.
        base_dir: The folder of the configuration file.
        data_dir: Where the node keeps its files.
        spec: The router's specification, JSON.
        node: Connections, queues and classes, JSON, with secrets resolved: never logged.
        sources: By name, in the order of the file.
        sinks: By name, in the order of the file.
        routes: The names of the routes, in the order of the file.
        hooks: `module:function` of each hook, by its number in `spec`, with its time budget in seconds.
        quarantine_size: How many bytes of bad messages are kept.
        quarantine_age_s: How long they are kept, in seconds.
        path: The configuration file; None when it came from a dict.
    """

    name: str
    base_dir: Path
    data_dir: Path
    spec: bytes
    node: bytes = field(repr=False)
    sources: Mapping[str, PlannedSource]
    sinks: Mapping[str, PlannedSink]
    routes: tuple[str, ...]
    hooks: tuple[tuple[str, float], ...] = ()
    quarantine_size: int = 2**30
    quarantine_age_s: float = 7 * 86_400.0
    path: Path | None = None
