"""Names that lead somewhere: sources and sinks that routes name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pronubes.config.findings import Finding
from pronubes.config.model import Configuration
from pronubes.suggest import did_you_mean

__all__ = ["unresolved"]


def unresolved(configuration: Configuration) -> Iterator[Finding]:
    """List the names in routes that lead nowhere."""
    sources, sinks = configuration.sources, configuration.sinks
    for name, route in configuration.routes.items():
        for index, source in enumerate(route.from_ or ()):
            if source not in sources:
                yield _nowhere("source", source, sources, ("routes", name, "from", index))
        for index, target in enumerate(route.to):
            if target.sink not in sinks:
                yield _nowhere("sink", target.sink, sinks, ("routes", name, "to", index, "sink"))


def _nowhere(kind: str, name: str, known: Iterable[str], path: tuple[str | int, ...]) -> Finding:
    names = list(known)
    expected = ", ".join(f"`{other}`" for other in names) or f"a name under `{kind}s`; there is none yet"
    return Finding(
        code=f"unknown_{kind}", path=path, message=f"There is no {kind} `{name}`.", expected=expected, hint=did_you_mean(name, names), found=name
    )
