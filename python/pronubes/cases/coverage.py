"""What of the routes the cases have run: filters that were hit, conditions that were true and false, steps, targets.

Routes that one template makes for many machines count as one: what is tested for one machine is tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pronubes.cases.happening import Happening
    from pronubes.config.load import Loaded
    from pronubes.config.model import Route

__all__ = ["Coverage", "Part", "RouteParts"]

Counts = Mapping[str, Any]  # Any: a JSON document


@dataclass(slots=True)
class Part:
    """Something of a route that a case can run.

    Attributes:
        name: What it is, such as `where true`, `step 2`, `to uns`.
        sentence: What is said where nothing ran it.
        path: Where it stands, below the route.
        count: How often it was run.
    """

    name: str
    sentence: str
    path: tuple[str | int, ...]
    count: int = 0


@dataclass(slots=True)
class RouteParts:
    """A route, or a template's route for all its machines.

    Attributes:
        label: Its name; for a template's, with the template before it.
        route: A route's name, for its place in the file.
        parts: Its parts.
    """

    label: str
    route: str
    parts: list[Part]

    def missed(self) -> list[Part]:
        """List what nothing ran; only the filter where the route was never come to."""
        first = self.parts[0]
        return [first] if not first.count else [part for part in self.parts if not part.count]


@dataclass(eq=False)
class Coverage:
    """What the cases of a configuration have run.

    Attributes:
        loaded: The configuration.
        routes: Its routes by label, in order.
    """

    loaded: Loaded = field(repr=False)
    routes: dict[str, RouteParts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """List what there is to run."""
        for name, route in self.loaded.configuration.routes.items():
            label = self._label(name)
            if label not in self.routes:
                self.routes[label] = RouteParts(label, name, list(_parts(route)))

    def _label(self, name: str) -> str:
        made = self.loaded.places.origins.made["routes"].get(name)
        return name if made is None else f"{made.template}: {made.key}"

    def add(self, happening: Happening) -> None:
        """Add what a case has run."""
        loaded = happening.compiled.loaded
        made = loaded.places.origins.made["routes"]
        for name, counts in zip(loaded.configuration.routes, happening.coverage, strict=False):
            origin = made.get(name)
            known = self.routes.get(name if origin is None else f"{origin.template}: {origin.key}")
            if known is not None and counts["matched"]:
                for part in known.parts:
                    part.count += _count(part, counts)

    @property
    def total(self) -> int:
        """How many parts there are."""
        return sum(len(route.parts) for route in self.routes.values())

    @property
    def covered(self) -> int:
        """How many of them were run."""
        return sum(part.count > 0 for route in self.routes.values() for part in route.parts)

    @property
    def percent(self) -> float:
        """The share that was run, in percent; 100 where there is nothing to run. Never rounded up to 100."""
        return 100.0 * self.covered / self.total if self.total else 100.0

    def lines(self, config: str) -> Iterator[str]:
        """Say what was never run, line by line."""
        missed = [(self._line(route.route, part), route.label, part.sentence) for route in self.routes.values() for part in route.missed()]
        width = max((len(label) for _, label, _ in missed), default=0)
        for line, label, sentence in missed:
            yield f"{config}:{line}  {label:<{width}}  {sentence}"
        percent = int(self.percent * 10) / 10
        yield f"coverage: {percent:g} %, {self.covered:,} of {self.total:,} filters, conditions, steps and targets"

    def document(self) -> dict[str, Any]:  # Any: a JSON document
        """Write it as JSON."""
        routes = [
            {
                "route": route.label,
                "line": self._line(route.route, route.parts[0]),
                "parts": [{"part": part.name, "line": self._line(route.route, part), "count": part.count} for part in route.parts],
                "missed": [part.sentence for part in route.missed()],
            }
            for route in self.routes.values()
        ]
        return {"percent": int(self.percent * 100) / 100, "covered": self.covered, "total": self.total, "routes": routes}

    def _line(self, route: str, part: Part) -> int:
        places = self.loaded.places
        for path in (part.path, ()):
            position = places.position_of_value(("routes", route, *path))
            if position is not None:
                return position.line
        return 1


def _parts(route: Route) -> Iterator[Part]:
    yield Part("filter", "its filter is never hit" if route.filter is not None else "it never takes a message", ("filter",))
    if route.where is not None:
        yield Part("where true", "its condition is never true", ("where",))
        yield Part("where false", "its condition is never false", ("where",))
    for index, step in enumerate(route.steps):
        verb = next((name for name in step.model_fields_set if name not in ("where", "from_scalar")), "step")
        name, path = f"step {index + 1}", ("steps", index)
        if step.where is None:
            yield Part(f"{name} ran", f"{name}, {verb}, never runs", path)
        else:
            yield Part(f"{name} ran", f"{name}, {verb}, never runs: its `where` is never true", path)
            yield Part(f"{name} skipped", f"{name}, {verb}, is never left out: its `where` is never false", path)
    for index, target in enumerate(route.to):
        yield Part(f"to {index + 1}", f"nothing ever leaves for {target.sink}", ("to", index))


def _count(part: Part, counts: Counts) -> int:
    kind, _, rest = part.name.partition(" ")
    if kind == "filter":
        return int(counts["matched"])
    if kind == "where":
        return int(counts["held" if rest == "true" else "not_held"])
    number, _, what = rest.partition(" ")
    of = counts["steps" if kind == "step" else "targets"]
    index = int(number) - 1
    if index >= len(of):
        return 0
    return int(of[index]["ran" if what == "ran" else "skipped"]) if kind == "step" else int(of[index])
