"""Delivery classes: which one counts for a route and a source, and what contradicts its promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pronubes.config.model import Delivery, Route, Source

__all__ = ["delivery_of"]


def delivery_of(route: Route, source: Source) -> Delivery:
    """Say which class counts for the messages of a source on a route."""
    return route.delivery or source.options.default_delivery()
