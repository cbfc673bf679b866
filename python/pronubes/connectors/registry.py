"""Which sources and sinks exist: what the installed packages offer under the entry points `pronubes.sources` and `pronubes.sinks`.

Nothing is read before the first question. The entry points of pronubes itself are looked up first and alone, because reading
the metadata of every installed package takes longer than the rest of a start.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, entry_points
from typing import Any, Literal

from pronubes.connectors.options import SinkConnector, SourceConnector
from pronubes.errors import UnknownConnector

__all__ = ["Kind", "connector", "names", "sink", "source"]

Kind = Literal["source", "sink"]
_GROUPS: dict[Kind, str] = {"source": "pronubes.sources", "sink": "pronubes.sinks"}


def source(name: str) -> SourceConnector[Any]:
    """Return the source connector of this name.

    Raises:
        UnknownConnector: No installed package offers it.
    """
    found = connector("source", name)
    if not isinstance(found, SourceConnector):
        raise TypeError(f"The entry point `{name}` of `{_GROUPS['source']}` leads to no SourceConnector.")
    return found


def sink(name: str) -> SinkConnector[Any]:
    """Return the sink connector of this name.

    Raises:
        UnknownConnector: No installed package offers it.
    """
    found = connector("sink", name)
    if not isinstance(found, SinkConnector):
        raise TypeError(f"The entry point `{name}` of `{_GROUPS['sink']}` leads to no SinkConnector.")
    return found


def names(kind: Kind) -> list[str]:
    """List the names of all installed connectors of a kind, sorted."""
    return sorted(_built_in(kind) | _installed(kind))


@cache
def connector(kind: Kind, name: str) -> object:
    """Load what an entry point leads to, once.

    Raises:
        UnknownConnector: No installed package offers it.
    """
    entry = _built_in(kind).get(name) or _installed(kind).get(name)
    if entry is None:
        raise UnknownConnector(kind, name, names(kind))
    return entry.load()


@cache
def _built_in(kind: Kind) -> dict[str, EntryPoint]:
    try:
        own = Distribution.from_name("pronubes").entry_points
    except PackageNotFoundError:
        return {}
    return {entry.name: entry for entry in own if entry.group == _GROUPS[kind]}


@cache
def _installed(kind: Kind) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=_GROUPS[kind])}
