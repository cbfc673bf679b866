"""Who uses a contract: routes, their sinks, and the places of a route that name one of its fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pronubes.config.contracts import ROLES
from pronubes.config.findings import Path, text_of_path
from pronubes.config.load import Loaded

__all__ = ["Use", "uses"]

_LOOKED_AT = ("where", "steps", "topic", "to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A route that names a contract.

    Attributes:
        route: The route.
        role: `contract` (it promises) or `expect`.
        sinks: Where its messages go.
        fields: For each field that was asked for, the places of the route that name it.
    """

    route: str
    role: str
    sinks: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def uses(loaded: Loaded, id_: str, fields: Iterable[str]) -> list[Use]:
    """List the routes that name a version.

    Args:
        loaded: The configuration.
        id_: `name@version`.
        fields: The fields to look for in expressions and steps.
    """
    wanted = sorted({name for name in fields if name})
    found = []
    for name, route in loaded.configuration.routes.items():
        for role in ROLES:
            if getattr(route, role) == id_:
                raw = loaded.values["routes"][name]
                places = {path: tuple(_places(raw, name, path)) for path in wanted}
                sinks = tuple(dict.fromkeys(target.sink for target in route.to))
                found.append(Use(route=name, role=role, sinks=sinks, fields={path: named for path, named in places.items() if named}))
    return found


def _places(raw: Mapping[str, Any], route: str, path: str) -> Iterator[str]:  # Any: a route as it is written
    expression = re.compile(rf"\bpayload\.{re.escape(path)}(?![A-Za-z0-9_])")
    for key in _LOOKED_AT:
        if key in raw:
            for place in _naming(raw[key], (key,), path, expression):
                yield text_of_path(("routes", route, *place))


def _naming(value: Any, at: Path, path: str, expression: re.Pattern[str]) -> Iterator[Path]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == path and len(at) > 2:
                yield (*at, key)
            else:
                yield from _naming(item, (*at, str(key)), path, expression)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _naming(item, (*at, index), path, expression)
    elif isinstance(value, str) and (expression.search(value) or (value == path and at[0] == "steps")):
        yield at
