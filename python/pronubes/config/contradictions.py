"""Promises that a configuration makes and breaks: a message is to reach every sink, and a sink may drop it."""

from __future__ import annotations

from collections.abc import Iterator

from pronubes.config.delivery import delivery_of
from pronubes.config.findings import Finding
from pronubes.config.model import Configuration, Route

__all__ = ["contradictions"]

_AT_LEAST_ONCE = ("durable", "through")


def contradictions(configuration: Configuration) -> Iterator[Finding]:
    """List targets that may drop what their route promises to deliver at least once."""
    policies = {name: sink.options.queue.policy for name, sink in configuration.sinks.items() if sink.options.queue.policy != "block"}
    if not policies:
        return
    for name, route in configuration.routes.items():
        promise = _promise(configuration, route)
        for index, target in enumerate(route.to if promise else ()):
            if promise is not None and target.sink in policies:
                yield _broken(name, index, target.sink, policies[target.sink], promise)


def _promise(configuration: Configuration, route: Route) -> tuple[str, str] | None:
    """Name the first source to which a route promises delivery, and the class."""
    for name in route.from_ or configuration.sources:
        source = configuration.sources.get(name)
        chosen = delivery_of(route, source) if source is not None else None
        if chosen in _AT_LEAST_ONCE:
            return name, str(chosen)
    return None


def _broken(route: str, index: int, sink: str, policy: str, promise: tuple[str, str]) -> Finding:
    source, chosen = promise
    return Finding(
        code="drop_policy",
        path=("routes", route, "to", index),
        message=f"This route is `{chosen}` for `{source}`: every message is to reach `{sink}`, whose `policy: {policy}` may drop it.",
        expected=f"a sink with `policy: block`, or a route with `delivery: volatile` to `{sink}`",
        hint=f"Give `{sink}` a route of its own with `delivery: volatile`, and leave the other sinks on this one.",
    )
