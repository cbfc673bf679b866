"""What a configuration asks of disk and broker: classes of delivery, sizes, how long an acknowledgement waits for the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronubes.connectors.mqtt_options import MqttOptions

if TYPE_CHECKING:
    from pathlib import Path

    from pronubes.config.load import Loaded
    from pronubes.config.model import Configuration
    from pronubes.connectors.options import ConnectorOptions

__all__ = ["Needs", "mqtt_ends", "needs_of"]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a configuration needs.

    Attributes:
        data_dir: Where it keeps its files.
        classes: The classes of delivery that are in use, by source.
        kept_bytes: What is kept on the disk at most, by name: `log`, `spill`, `quarantine`.
        memory_bytes: What may lie in memory, by name.
        connections: How many connections and files it has open.
        sync_gap_s: How long the log gathers before it syncs.
        reserves: How much of the file system each log leaves free; None: what it chooses by itself.
    """

    data_dir: Path
    classes: dict[str, frozenset[str]]
    kept_bytes: dict[str, int]
    memory_bytes: dict[str, int]
    connections: int
    sync_gap_s: float = 0.02
    reserves: tuple[int | None, ...] = ()

    def uses(self, delivery: str) -> bool:
        """Tell whether some source's messages go by a class."""
        return any(delivery in classes for classes in self.classes.values())


def needs_of(loaded: Loaded) -> Needs:
    """Work out what a configuration needs."""
    configuration = loaded.configuration
    classes = _classes(configuration)
    used = frozenset().union(*classes.values())
    kept = {"quarantine": configuration.quarantine.size}
    reserves: list[int | None] = []
    for name, delivery, options in (("log", "durable", configuration.log), ("spill", "spill", configuration.spill)):
        if delivery in used:
            kept[name] = options.size
            reserves.append(options.reserve)
    memory = {"queues of sinks": sum(sink.options.queue.size for sink in configuration.sinks.values())}
    memory["table of topics"] = configuration.limits.topic_table_bytes
    if configuration.catalog is not None:
        memory["catalogue"] = configuration.catalog.memory
    return Needs(
        data_dir=loaded.data_dir,
        classes=classes,
        kept_bytes=kept,
        memory_bytes=memory,
        connections=len(configuration.sources) + len(configuration.sinks),
        sync_gap_s=configuration.log.sync_gap,
        reserves=tuple(reserves),
    )


def mqtt_ends(configuration: Configuration) -> list[tuple[str, str, MqttOptions]]:
    """List all MQTT sources and sinks: `source` or `sink`, name, options."""
    ends: list[tuple[str, str, ConnectorOptions]] = [("source", name, source.options) for name, source in configuration.sources.items()]
    ends += [("sink", name, sink.options) for name, sink in configuration.sinks.items()]
    return [(side, name, options) for side, name, options in ends if isinstance(options, MqttOptions)]


def _classes(configuration: Configuration) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, source in configuration.sources.items():
        own = str(source.options.default_delivery())
        routes = [route for route in configuration.routes.values() if route.from_ is None or name in route.from_]
        found[name] = frozenset(str(route.delivery or own) for route in routes)
    return found
