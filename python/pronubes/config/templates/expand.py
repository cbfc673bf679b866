"""The one pass between reading a configuration and checking it: sources, sinks and routes of machines, put beside those that are written out.

What comes out is checked as if somebody had written it: the model sees every expanded entry, the engine every route. Nothing is taken on trust
because its template was right for another machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pronubes.config.findings import Finding
from pronubes.config.templates.blueprint import Blueprint, Build, Fault, Row
from pronubes.config.templates.model import Instance, Template
from pronubes.config.templates.origins import KINDS, Made, Origins
from pronubes.config.templates.parameters import Value
from pronubes.config.templates.rows import Machines, read_machines
from pronubes.connectors.options import StrictModel
from pronubes.diagnostics import Diagnostic
from pronubes.suggest import did_you_mean

__all__ = ["Expansion", "expand", "outside_of_templates"]

MAX_MADE = 200_000
"""How many sources, sinks and routes templates may make."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_MOST_PROBLEMS = 50
Values = dict[str, Any]  # Any: whatever the YAML holds


class _Declared(StrictModel):
    """The part of a configuration that is looked at here; all others are looked at afterwards."""

    templates: dict[str, Template] = {}
    instances: list[Instance] = []


@dataclass(eq=False)
class Expansion:
    """What templates and instances made.

    Attributes:
        values: The configuration with what was made.
        origins: Where it came from.
        findings: What is wrong in the configuration.
        diagnostics: What is wrong in tables.
        is_complete: Whether everything was made, so that names that lead nowhere are mistakes.
    """

    values: Values = field(repr=False)
    origins: Origins = field(default_factory=Origins)
    findings: list[Finding] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    is_complete: bool = True


def expand(values: Values, variables: Mapping[str, Value], base_dir: Path, file: str) -> Expansion:
    """Put what templates make for machines beside what is written out.

    Args:
        values: The configuration; it is not changed.
        variables: Its variables.
        base_dir: The folder that relative paths count from.
        file: What findings call the configuration.
    """
    if "templates" not in values and "instances" not in values:
        return Expansion(values)
    expansion = Expansion(values)
    try:
        declared = _Declared.model_validate({key: values[key] for key in ("templates", "instances") if key in values})
    except ValidationError:
        expansion.is_complete = False  # the check of the whole configuration says what is wrong
        return expansion
    _Expander(expansion, declared, variables).expand(base_dir, Path(file).parent)
    expansion.is_complete = not (expansion.findings or expansion.diagnostics)
    return expansion


@dataclass(frozen=True, slots=True)
class _Entry:
    """A source, sink or route of a template, ready to be built."""

    kind: str
    key: str
    name: Callable[[Row], str]
    body: Build
    in_expressions: tuple[str, ...]


class _Expander:
    def __init__(self, expansion: Expansion, declared: _Declared, variables: Mapping[str, Value]) -> None:
        self._expansion = expansion
        self._templates = declared.templates
        self._instances = declared.instances
        self._variables = variables
        self._made: dict[str, Values] = {kind: {} for kind in KINDS}
        self._problems = 0

    def expand(self, base_dir: Path, folder: Path) -> None:
        """Make everything."""
        entries = {name: self._entries(name, template) for name, template in self._templates.items()}
        broken = {finding.path[1] for finding in self._expansion.findings}
        origins = self._expansion.origins
        origins.templates = self._templates
        total = 0
        for index, instance in enumerate(self._instances):
            template = self._templates.get(instance.template)
            if template is None:
                self._find_unknown(index, instance.template)
                continue
            machines = read_machines(index, instance, template, self._variables, base_dir, folder)
            self._expansion.findings += machines.findings
            self._expansion.diagnostics += machines.diagnostics
            origins.machines.append(machines)
            total += len(machines.rows) * len(entries[instance.template])
            if total > MAX_MADE:
                message = f"Templates make more than {MAX_MADE:,} sources, sinks and routes."
                self._find("too_large", ("instances", index), message, hint="Make several nodes of it.")
                break
            for entry in entries[instance.template] if instance.template not in broken else ():
                self._make(entry, machines)
        if self._problems > _MOST_PROBLEMS:
            self._find("duplicate_name", ("instances",), f"{self._problems - _MOST_PROBLEMS:,} more names are wrong.")
        self._merge()

    def _merge(self) -> None:
        values = dict(self._expansion.values)
        for kind, made in self._made.items():
            written = values.get(kind, {})
            if made and isinstance(written, dict):
                values[kind] = {**written, **made}
        self._expansion.values = values

    def _entries(self, name: str, template: Template) -> list[_Entry]:
        for parameter in template.parameters:
            if parameter in self._variables:
                path = ("templates", name, "parameters", parameter)
                message = f"`{parameter}` is a variable of `vars`: a parameter cannot take its place."
                self._find("shadowed_variable", path, message, hint="Give the parameter another name.", at_key=True)
        entries = []
        used: set[str] = set()
        for kind in KINDS:
            for key, body in getattr(template, kind).items():
                blueprint = Blueprint(key, (kind, key), template.parameters, self._variables)
                build_name, build = blueprint.name_builder(), blueprint.builder(body)
                self._find_faults(name, blueprint.faults)
                used |= blueprint.used
                entries.append(_Entry(kind, key, build_name, build, tuple(sorted(blueprint.in_expressions))))
        self._expansion.origins.unused += [(name, parameter) for parameter in template.parameters if parameter not in used]
        return entries

    def _find_faults(self, template: str, faults: list[Fault]) -> None:
        for fault in faults:
            offset, length = fault.span if fault.span is not None else (None, None)
            self._expansion.findings.append(
                Finding(
                    code="template",
                    path=("templates", template, *fault.path),
                    message=fault.message,
                    expected=fault.expected,
                    hint=fault.hint,
                    at_key=fault.at_key,
                    offset=offset,
                    length=length,
                )
            )

    def _make(self, entry: _Entry, machines: Machines) -> None:
        written = self._expansion.values.get(entry.kind)
        written = written if isinstance(written, dict) else {}
        made, origins = self._made[entry.kind], self._expansion.origins.made[entry.kind]
        template = machines.instance.template
        for row in machines.rows:
            name = entry.name(row)
            if name in made or name in written:
                self._find_twice(entry, machines, row, name, origins.get(name))
            elif _NAME.fullmatch(name) is None:
                self._find_no_name(entry, machines, row, name)
            else:
                made[name] = entry.body(row)
                origins[name] = Made(template, entry.key, machines, row, entry.in_expressions)

    def _find_twice(self, entry: _Entry, machines: Machines, row: Row, name: str, other: Made | None) -> None:
        what = entry.kind.removesuffix("s")
        first = f"{other.place} makes it already" if other is not None else f"it is written out under `{entry.kind}` already"
        message = f"The {what} `{name}` would be there twice: {first}."
        hint = "Put a parameter into the name that tells the machines apart, or remove one of the two."
        self._find_row(entry, machines, row, "duplicate_name", message, hint=hint)

    def _find_no_name(self, entry: _Entry, machines: Machines, row: Row, name: str) -> None:
        expected = "letters, digits, `_` and `-`, not starting with a digit or `-`; at most 64"
        self._find_row(entry, machines, row, "no_name", f"This is no name of a {entry.kind.removesuffix('s')}.", found=name, expected=expected)

    def _find_row(self, entry: _Entry, machines: Machines, row: Row, code: str, message: str, **facts: str | None) -> None:
        self._problems += 1
        if self._problems > _MOST_PROBLEMS:
            return
        path = ("templates", machines.instance.template, entry.kind, entry.key)
        self._expansion.findings.append(Finding(code=code, path=path, message=message, at_key=True, origin=machines.place(row), **facts))  # type: ignore[arg-type]  # texts all

    def _find_unknown(self, index: int, name: str) -> None:
        known = list(self._templates)
        expected = ", ".join(f"`{one}`" for one in known) or "a name under `templates`; there is none yet"
        path = ("instances", index, "template")
        self._find("unknown_template", path, f"There is no template `{name}`.", expected=expected, hint=did_you_mean(name, known))

    def _find(self, code: str, path: tuple[str | int, ...], message: str, **facts: Any) -> None:  # Any: the facts of a finding
        self._expansion.findings.append(Finding(code=code, path=path, message=message, **facts))


def outside_of_templates(values: Values, pending: list[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:  # Any: as in `reader`
    """Leave out what stands in templates, where `${...}` may be parameters. In their `parameters` it is a variable, as outside."""
    inside = set(_containers(values.get("templates"), 0))
    return (entry for entry in pending if id(entry[0]) not in inside)


def _containers(value: Any, depth: int) -> Iterator[int]:  # Any: whatever the YAML holds
    if isinstance(value, dict | list):
        yield id(value)
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if depth != 1 or key != "parameters":
                yield from _containers(inner, depth + 1)
