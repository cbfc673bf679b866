"""What is kept of messages that could not go on, and what is done when there are many."""

from __future__ import annotations

from pydantic import Field

from pronubes.connectors.options import StrictModel
from pronubes.connectors.values import ByteSize, Duration

__all__ = ["Breaker", "Quarantine", "RollbackOn"]


class Breaker(StrictModel):
    """When a route raises an alarm because too many of its messages are quarantined. The route goes on."""

    share: float = Field(default=0.5, gt=0, le=1)
    """The share of its messages, from above 0 to 1."""
    of: int = Field(default=100, ge=1)
    """Of at least so many messages."""
    within: Duration = Field(default=60.0, ge=1, le=86_400)
    """In this time."""


class Quarantine(StrictModel):
    """The store of messages that could not be handled, with reasons: `quarantine.db` in `data_dir`."""

    size: ByteSize = Field(default=2**30, ge=2**20)
    """How large it may become. Then the oldest messages go that no source waited for, counted; if there are none, sources of bad messages are not
    acknowledged until there is room."""
    age: Duration = Field(default=7 * 86400.0, ge=60)
    """How long messages are kept."""
    breaker: Breaker = Field(default_factory=Breaker)
    """When a route raises an alarm. A route may say its own under `quarantine_breaker`."""


class RollbackOn(StrictModel):
    """When a reload is taken back: the node returns by itself to the configuration that it ran before."""

    quarantine_share: float = Field(gt=0, le=1)
    """When this share of a route's messages, from above 0 to 1, is quarantined since the reload, and was not before it."""
    of: int = Field(default=100, ge=1)
    """Of at least so many messages."""
    within: Duration = Field(default=60.0, ge=1, le=86_400)
    """How long after the reload this is watched."""
