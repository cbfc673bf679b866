"""What the running node tells people: log events now, metrics from the engine's ledgers."""

from pronubes.telemetry.events import Event, emit

__all__ = ["Event", "emit"]
