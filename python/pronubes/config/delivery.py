"""Delivery classes: which one counts for a route and a source, and the logs on the disk that two of them need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from pronubes.connectors.options import Delivery, StrictModel
from pronubes.connectors.values import ByteSize, Duration

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from pronubes.config.model import Configuration, Route, Source

__all__ = ["DurableLog", "SpillLog", "classes_in_use", "delivery_of", "log_specs"]


class DurableLog(StrictModel):
    """The log of class `durable`: what is acknowledged lies in it until every sink has it. It is the folder `log` in `data_dir`."""

    size: ByteSize = Field(default=4 * 2**30, ge=16 * 2**20)
    """How large it may become. When it is full, sources are not acknowledged any more; nothing in it is dropped to make room."""
    age: Duration = Field(default=30 * 86400.0, ge=60)
    """How long messages wait for a sink that does not take them. Then they are dropped, counted."""
    sync_gap: Duration = Field(default=0.02, ge=0, le=5)
    """How long messages gather before they are synced together. `0`: as often as the disk can; `100ms` spares flash."""
    compression: Literal["none", "zstd"] = "none"
    """Whether it is compressed: JSON becomes three to ten times smaller, for a little more processor time."""
    segment: ByteSize = Field(default=64 * 2**20, ge=2**20, le=2**30)
    """The size of its files. Room on the disk comes back a file at a time."""
    reserve: ByteSize | None = None
    """How much of the file system is left free. Left out: 512 MiB or 5 %, the larger, but never more than a quarter of it."""


class SpillLog(StrictModel):
    """The log of class `spill`: what sinks cannot take now. It is the folder `spill` in `data_dir`."""

    size: ByteSize = Field(default=2**30, ge=16 * 2**20)
    """How large it may become. When it is full, the oldest messages are dropped, counted."""
    age: Duration = Field(default=7 * 86400.0, ge=60)
    """How long messages wait for a sink that does not take them. Then they are dropped, counted."""
    compression: Literal["none", "zstd"] = "none"
    """Whether it is compressed."""
    segment: ByteSize = Field(default=16 * 2**20, ge=2**20, le=2**30)
    """The size of its files. The oldest file goes when room is needed."""
    reserve: ByteSize | None = None
    """How much of the file system is left free. Left out: 512 MiB or 5 %, the larger, but never more than a quarter of it."""


def delivery_of(route: Route, source: Source) -> Delivery:
    """Say which class counts for the messages of a source on a route."""
    return route.delivery or source.options.default_delivery()


def classes_in_use(configuration: Configuration) -> set[Delivery]:
    """Say which classes the configuration uses."""
    defaults = {name: source.options.default_delivery() for name, source in configuration.sources.items()}
    every = set(defaults.values())
    found: set[Delivery] = set()
    for route in configuration.routes.values():
        if route.delivery is not None:
            found.add(route.delivery)
        elif route.from_ is None:
            found |= every
        else:
            found |= {defaults[name] for name in route.from_ if name in defaults}
    return found


def log_specs(configuration: Configuration, data_dir: Path) -> dict[str, dict[str, Any]]:  # Any: a JSON document
    """Describe the logs that a node needs: those that a class in use asks for, and those in which an earlier run left something."""
    classes = classes_in_use(configuration)
    specs: dict[str, dict[str, Any]] = {}
    logs: tuple[tuple[str, Delivery, DurableLog | SpillLog], ...] = (
        ("log", "durable", configuration.log),
        ("spill", "spill", configuration.spill),
    )
    for folder, kind, options in logs:
        if kind in classes or (data_dir / folder).is_dir():
            gap_s = options.sync_gap if isinstance(options, DurableLog) else 0.1
            specs[folder] = {
                "dir": str(data_dir / folder),
                "size": options.size,
                "age_s": int(options.age),
                "sync_gap_ms": round(gap_s * 1000),
                "segment_bytes": options.segment,
                "compression": options.compression,
                "reserve_bytes": options.reserve,
            }
    return specs
