"""Where everything that templates made comes from: back to the line of the template and the row of the machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pronubes.config.findings import Finding, Path
from pronubes.config.templates.blueprint import Row, expression_names, is_expression
from pronubes.config.templates.model import Template
from pronubes.config.templates.parameters import Value
from pronubes.config.variables import VariableProblem, pieces
from pronubes.connectors.values import Secret

if TYPE_CHECKING:
    from pronubes.config.templates.rows import Machines

__all__ = ["KINDS", "Located", "Made", "Origin", "Origins", "ParameterOrigin"]

KINDS = ("sources", "sinks", "routes")
_MOST_ALIKE = 20


@dataclass(frozen=True, slots=True)
class ParameterOrigin:
    """The value of a parameter and where it comes from."""

    name: str
    value: Value
    origin: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a source, sink or route comes from.

    Attributes:
        template: The template.
        place: The row of the machine.
        parameters: Every parameter with its value.
    """

    template: str
    place: str
    parameters: tuple[ParameterOrigin, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A source, sink or route that a template made for a machine.

    Attributes:
        template: The template.
        key: Its name in the template.
        machines: The instance.
        row: The machine.
        in_expressions: The parameters that its expressions name.
    """

    template: str
    key: str
    machines: Machines = field(repr=False)
    row: Row
    in_expressions: tuple[str, ...]

    @property
    def place(self) -> str:
        """The row of the machine, for people."""
        return self.machines.place(self.row)


@dataclass(frozen=True, slots=True)
class Located:
    """Where a value stands that a template made.

    Attributes:
        path: The way to it in the file.
        origin: The machine it was made for.
        variables: What its `${...}` were replaced by.
    """

    path: Path
    origin: str
    variables: Mapping[str, Value]


@dataclass(eq=False)
class Origins:
    """What templates made, by kind and name.

    Attributes:
        made: Sources, sinks and routes.
        machines: The instances, in order.
        templates: The templates by name.
        unused: The parameters that their templates do not use, as (template, parameter).
    """

    made: dict[str, dict[str, Made]] = field(default_factory=lambda: {kind: {} for kind in KINDS}, repr=False)
    machines: list[Machines] = field(default_factory=list, repr=False)
    templates: Mapping[str, Template] = field(default_factory=dict, repr=False)
    unused: list[tuple[str, str]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many machines there are, over all instances."""
        return sum(len(machines.rows) for machines in self.machines)

    def of(self, kind: str, name: str) -> Origin | None:
        """Return where a source, sink or route comes from; None when it is written out."""
        made = self.made[kind].get(name)
        if made is None:
            return None
        parameters = tuple(
            ParameterOrigin(name, value.reference if isinstance(value, Secret) else value, made.machines.origin(made.row, name))
            for name in self.templates[made.template].parameters
            for value in (made.row.values[name],)
        )
        return Origin(made.template, made.place, parameters)

    def routes_by_template(self) -> dict[str, list[str]]:
        """Return the routes that each template made."""
        found: dict[str, list[str]] = {}
        for name, made in self.made["routes"].items():
            found.setdefault(made.template, []).append(name)
        return found

    def constants(self, route: str) -> dict[str, Any]:  # Any: a part of the specification
        """Return the parameters that the expressions of a route name, as `vars` of its specification; nothing when there are none."""
        made = self.made["routes"].get(route)
        return {"vars": {name: made.row.values[name] for name in made.in_expressions}} if made is not None and made.in_expressions else {}

    def locate(self, path: Path, variables: Mapping[str, Value]) -> Located | None:
        """Find in its template what stands at a path of the expanded configuration.

        Args:
            path: The way to it.
            variables: The variables of the configuration.
        """
        made = self._made_at(path)
        if made is None:
            return None
        known = {**variables, **made.row.texts}
        template = self.templates[made.template]
        node = getattr(template, str(path[0]))[made.key]
        written: list[str | int] = [str(path[0]), made.key]
        for part in path[2:]:
            key = _key_as_written(node, part, known)
            node = _member(node, key)
            written.append(key)
        if is_expression(tuple(written)):
            known |= expression_names(template.parameters)
        return Located(("templates", made.template, *written), made.place, known)

    def condensed(self, findings: Iterable[Finding], values: Any = None) -> list[Finding]:  # Any: the expanded configuration
        """Say once what is wrong in the same way for many machines.

        Args:
            findings: What is wrong.
            values: The configuration; findings about values that differ are then kept apart.
        """
        kept: dict[Any, Finding] = {}
        counts: dict[Any, int] = {}
        alike: dict[Any, int] = {}
        for finding in findings:
            made = self._made_at(finding.path)
            if made is None:
                kept[len(kept)] = finding
                continue
            place = (made.template, finding.path[0], made.key, finding.path[2:], finding.code)
            found = finding.found if finding.found is not None or finding.at_key else _scalar_at(values, finding.path)
            key = (place, finding.message, found) if values is not None else place
            if key not in kept:
                alike[place] = alike.get(place, 0) + 1
                if alike[place] > _MOST_ALIKE:
                    key = next(one for one in kept if isinstance(one, tuple) and place in (one, one[0]))
            counts[key] = counts.get(key, 0) + 1
            kept.setdefault(key, finding if found is None or finding.found is not None else replace(finding, found=found))
        return [_counted(finding, counts.get(key, 1), self) for key, finding in kept.items()]

    def _made_at(self, path: Path) -> Made | None:
        if len(path) < 2 or path[0] not in self.made:
            return None
        return self.made[str(path[0])].get(str(path[1]))


def _counted(finding: Finding, count: int, origins: Origins) -> Finding:
    if count == 1:
        return finding
    made = origins.made[str(finding.path[0])][str(finding.path[1])]
    more = f"{count - 1:,} more {'machines' if count > 2 else 'machine'}"
    return replace(finding, origin=f"{made.place}, and {more}")


def _scalar_at(values: Any, path: Path) -> str | None:
    for part in path:
        values = _member(values, part)
    if isinstance(values, bool):
        return str(values).lower()
    return str(values) if isinstance(values, str | int | float) else None


def _key_as_written(node: Any, part: str | int, variables: Mapping[str, Value]) -> str | int:
    if not isinstance(node, dict) or part in node:
        return part
    return next((key for key in node if "${" in key and _put_in(key, variables) == part), part)


def _put_in(text: str, variables: Mapping[str, Value]) -> str:
    try:
        return "".join(piece.text for piece in pieces(text, variables))
    except VariableProblem:
        return text


def _member(node: Any, part: str | int) -> Any:
    try:
        return node[part]
    except (KeyError, IndexError, TypeError):
        return None
