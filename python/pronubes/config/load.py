"""From a file to a checked configuration: read, put variables in, validate, resolve names; all findings at once."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pronubes.config.contracts import InUse, resolve
from pronubes.config.contradictions import contradictions
from pronubes.config.conversions import conversion_findings
from pronubes.config.files import read_text
from pronubes.config.findings import Finding, findings
from pronubes.config.model import Configuration
from pronubes.config.places import Places, nothings
from pronubes.config.reader import Irregular, read_values
from pronubes.config.references import unresolved
from pronubes.config.schemas import CheckedSchemas, load_schemas
from pronubes.config.tables import CheckedTables, LoadedTable, load_tables
from pronubes.config.tag_names import named_contracts, resolve_names
from pronubes.config.templates.expand import expand, outside_of_templates
from pronubes.config.variables import Value, VariableProblem, substitute
from pronubes.diagnostics import Diagnostic
from pronubes.errors import ConfigurationError

__all__ = ["Loaded", "in_order", "load", "load_text", "load_values", "variable_finding", "without_garbage_collection"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that is right as far as its own file tells.

    Attributes:
        configuration: The checked model.
        values: What was written, variables put in.
        base_dir: The folder that relative paths count from.
        places: Where everything stands, for further findings.
        contracts: The contracts that routes name.
        tables: The tables that steps look up, as they were read.
        schemas: The descriptor sets that codecs name, as base64, by file.
    """

    configuration: Configuration
    values: dict[str, Any] = field(repr=False)
    base_dir: Path
    places: Places = field(repr=False)
    contracts: InUse = field(default_factory=InUse, repr=False)
    tables: Mapping[str, LoadedTable] = field(default_factory=dict, repr=False)
    schemas: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def data_dir(self) -> Path:
        """The folder for what the node keeps."""
        return self.base_dir / self.configuration.data_dir


def load(path: str | Path, *, variables: Mapping[str, Value] | None = None) -> Loaded:
    """Read a configuration file.

    Args:
        path: The file.
        variables: Values that count in place of those under `vars`.

    Raises:
        ConfigurationError: The file cannot be read or has errors; all of them.
    """
    text = read_text(path, hint="Name the file with `--config`, or let `pronubes init` write one.")
    return load_text(text, file=str(path), base_dir=Path(path).resolve().parent, variables=variables)


def load_text(text: str, *, file: str = "<text>", base_dir: Path | None = None, variables: Mapping[str, Value] | None = None) -> Loaded:
    """Read a configuration from a text.

    Args:
        text: The YAML.
        file: What findings call it.
        base_dir: The folder that relative paths count from; the current one when left out.
        variables: As for `load`.

    Raises:
        ConfigurationError: The text has errors; all of them.
    """
    with without_garbage_collection():
        try:
            values, pending = read_values(text)
            problems: list[Finding] = []
        except Irregular:
            return _load_irregular(text, file, base_dir or Path.cwd(), variables)
        _override(values, variables)
        places = Places(file, text, _variables(values))
        problems += _put_in(outside_of_templates(values, pending), places.variables)
        if problems:
            return _load_irregular(text, file, base_dir or Path.cwd(), variables)
        return _check(values, places, base_dir or Path.cwd(), [])


def load_values(values: Mapping[str, Any], *, file: str = "<values>", base_dir: Path | None = None) -> Loaded:
    """Check a configuration that was made in Python: the same keys, as dicts and lists.

    Args:
        values: The configuration; it is not changed.
        file: What findings call it.
        base_dir: The folder that relative paths count from; the current one when left out.

    Raises:
        ConfigurationError: The values have errors; all of them.
    """
    variables = _variables(values)
    problems: list[Finding] = []
    copied = _copy_outside_of_templates(values, variables, problems)
    return _check(copied, Places(file, None, variables), base_dir or Path.cwd(), problems)


def _load_irregular(text: str, file: str, base_dir: Path, variables: Mapping[str, Value] | None) -> Loaded:
    """Read a text that is odd, to say what is wrong; or to find that it is only unusual."""
    places = Places(file, text, {})
    document = places.document
    if document is None or document.root is None:
        raise ConfigurationError(document.problems if document else [])
    values = document.root.plain_value()
    _override(values, variables)
    places.variables = _variables(values)
    problems: list[Finding] = list(nothings(document.root, ()))
    copied = _copy_outside_of_templates(values, places.variables, problems)
    return _check(copied, places, base_dir, problems, document.problems)


def _check(values: dict[str, Any], places: Places, base_dir: Path, problems: list[Finding], before: list[Diagnostic] | None = None) -> Loaded:
    expansion = expand(values, places.variables, base_dir, places.file)
    values, places.origins = expansion.values, expansion.origins
    problems += expansion.findings
    configuration = None
    try:
        configuration = Configuration.model_validate(values, context={} if expansion.origins.machines else None)
    except ValidationError as error:
        known = {finding.path for finding in problems}
        problems += places.origins.condensed((finding for finding in findings(error, values) if finding.path not in known), values)
    in_use, elsewhere, tables, schemas = InUse(), expansion.diagnostics, CheckedTables(), CheckedSchemas()
    if configuration is not None and expansion.is_complete:
        folder = os.path.dirname(places.file)  # noqa: PTH120  as the user wrote it
        names, tables = resolve_names(configuration, base_dir, folder), load_tables(configuration, base_dir, folder)
        schemas = load_schemas(configuration, base_dir)
        by_names = named_contracts(configuration, names, base_dir)
        in_use, of_contracts, in_contracts = resolve(configuration, places, base_dir, by_names)
        problems += places.origins.condensed(
            chain(unresolved(configuration), contradictions(configuration), of_contracts, conversion_findings(configuration, in_use)), values
        )
        problems += places.origins.condensed([*names.findings, *tables.findings, *schemas.findings], values)
        elsewhere = [*elsewhere, *in_contracts, *names.diagnostics, *tables.diagnostics]
        configuration = names.put_in(configuration)
    if problems or before or configuration is None or elsewhere:
        known_places = [diagnostic.position for diagnostic in before or ()]
        following = [places.diagnostic(finding) for finding in problems if places.position_of_value(finding.path) not in known_places]
        raise ConfigurationError([*in_order([*(before or ()), *following]), *elsewhere])
    return Loaded(configuration, values, base_dir, places, in_use, tables.tables, schemas.sets)


def in_order(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Sort findings by their place in the file."""
    return sorted(diagnostics, key=lambda one: (one.position.line, one.position.column) if one.position else (0, 0))


def _variables(values: Mapping[str, Any]) -> dict[str, Value]:
    variables = values.get("vars")
    if not isinstance(variables, Mapping):
        return {}
    return {str(name): value for name, value in variables.items() if isinstance(value, str | int | float)}


def _override(values: dict[str, Any], variables: Mapping[str, Value] | None) -> None:
    written = values.get("vars", {})
    if variables and isinstance(written, dict):
        values["vars"] = {**written, **variables}


def _put_in(pending: Iterable[tuple[Any, Any]], variables: Mapping[str, Value]) -> list[Finding]:
    for container, key in pending:
        try:
            container[key] = substitute(container[key], variables)
        except VariableProblem as problem:
            return [Finding(code="variable", path=(), message=str(problem))]
    return []


def _copy_outside_of_templates(values: Mapping[str, Any], variables: Mapping[str, Value], problems: list[Finding]) -> dict[str, Any]:
    copied: dict[str, Any] = _copy({key: value for key, value in values.items() if key != "templates"}, (), variables, problems)
    templates = values.get("templates")
    if isinstance(templates, Mapping):
        copied["templates"] = {name: _copy_template(template, ("templates", name), variables, problems) for name, template in templates.items()}
    elif "templates" in values:
        copied["templates"] = templates
    return copied


def _copy_template(template: Any, path: tuple[str, ...], variables: Mapping[str, Value], problems: list[Finding]) -> Any:
    if not isinstance(template, Mapping) or "parameters" not in template:
        return template
    return {**template, "parameters": _copy(template["parameters"], (*path, "parameters"), variables, problems)}


def _copy(value: Any, path: tuple[str | int, ...], variables: Mapping[str, Value], problems: list[Finding]) -> Any:
    """Copy values, variables put in, and note what cannot be put in."""
    if isinstance(value, Mapping):
        return {str(key): _copy(item, (*path, str(key)), variables, problems) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item, (*path, index), variables, problems) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    try:
        return substitute(value, variables)
    except VariableProblem as problem:
        problems.append(variable_finding(problem, path, variables))
        return value


def variable_finding(problem: VariableProblem, path: tuple[str | int, ...], variables: Mapping[str, Value]) -> Finding:
    """Say which variable cannot be put in, and which there are."""
    from pronubes.suggest import did_you_mean

    expected = ", ".join(f"`{name}`" for name in variables) or "a name under `vars`; there is none yet"
    if problem.name.startswith(("env:", "file:")):
        expected = "`${env:NAME}` or `${file:PATH}` alone"
    hint = did_you_mean(problem.name, variables) or "Write `$${` where `${` itself is meant."
    return Finding(code="variable", path=path, message=str(problem), expected=expected, hint=hint, offset=problem.offset, length=problem.length)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Hold the collector back while hundreds of thousands of values come to be, none of them garbage: it would take as long as the reading.

    Whoever goes on with what was read holds it back around the whole: a collection between two steps looks at every value again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
