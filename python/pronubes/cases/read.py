"""From a file of cases to checked cases: as strict as the configuration, and everything that is wrong at once, with its line.

`${NAME}` is a variable of the configuration, or what the case has in its place; so a file is read for one configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pronubes.cases.model import Case, CaseFile
from pronubes.config.files import read_text
from pronubes.config.findings import Finding, findings
from pronubes.config.load import in_order, variable_finding
from pronubes.config.places import Places, nothings
from pronubes.config.reader import Irregular, read_values
from pronubes.config.variables import Value, VariableProblem, substitute
from pronubes.connectors.values import Secret
from pronubes.errors import ConfigurationError
from pronubes.suggest import did_you_mean

if TYPE_CHECKING:
    from pronubes.diagnostics import Diagnostic

__all__ = ["NamedCase", "ReadFile", "configuration_of", "read_cases", "read_cases_text"]

Variables = Mapping[str, Value]
PathIn = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class NamedCase:
    """A case and where it stands.

    Attributes:
        case: The case.
        file: Its file, as the user named it.
        base_dir: The folder that its paths count from.
        index: Its place among the cases of the file.
        line: The line at which it begins.
        variables: What `${...}` were replaced by.
        overrides: The variables that have other values than in the configuration.
        start_ns: When it begins, where the case or the file says.
        places: Where everything stands.
    """

    case: Case
    file: str
    base_dir: Path
    index: int
    line: int
    variables: Variables = field(repr=False)
    overrides: Variables
    start_ns: int | None
    places: Places = field(repr=False)

    @property
    def name(self) -> str:
        """The case's name."""
        return self.case.name

    def line_of(self, *path: str | int) -> int:
        """Return the line of a value in the case; that of the case where it stands nowhere."""
        position = self.places.position_of_value(("cases", self.index, *path))
        return position.line if position else self.line


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file of cases that is right."""

    config: str | None
    cases: tuple[NamedCase, ...]


def configuration_of(path: str | Path) -> Path | None:
    """Return the configuration that a file of cases names, if it names one; a file with errors names none."""
    try:
        values, _ = read_values(read_text(path))
    except (ConfigurationError, Irregular):
        return None
    name = values.get("config")
    return (Path(path).resolve().parent / name).resolve() if isinstance(name, str) and name else None


def read_cases(path: str | Path, variables: Variables) -> ReadFile:
    """Read a file of cases.

    Args:
        path: The file.
        variables: The variables of the configuration.

    Raises:
        ConfigurationError: It cannot be read or has errors; all of them.
    """
    return read_cases_text(read_text(path), variables, file=str(path), base_dir=Path(path).resolve().parent)


def read_cases_text(text: str, variables: Variables, *, file: str = "<text>", base_dir: Path | None = None) -> ReadFile:
    """Read cases from a text.

    Raises:
        ConfigurationError: It has errors; all of them.
    """
    places = Places(file, text, variables)
    problems: list[Finding] = []
    before: list[Diagnostic] = []
    try:
        values, _ = read_values(text)
    except Irregular:
        document = places.document
        if document is None or document.root is None:
            raise ConfigurationError(document.problems if document else []) from None
        before = document.problems
        values = document.root.plain_value()
        problems += nothings(document.root, ())
    filled = _filled(values, variables, problems)
    checked = None
    try:
        checked = CaseFile.model_validate(filled.values)
    except ValidationError as error:
        known = {finding.path for finding in problems}
        problems += [finding for finding in findings(error, filled.values, CaseFile) if finding.path not in known]
    if checked is not None:
        problems += _twice(checked)
    if problems or before or checked is None:
        stood = [diagnostic.position for diagnostic in before]
        following = [places.diagnostic(one) for one in problems if places.position_of_value(one.path) not in stood]
        raise ConfigurationError(in_order([*before, *following]))
    return ReadFile(checked.config, tuple(_named(checked, filled, file, base_dir or Path.cwd(), places)))


def _named(checked: CaseFile, filled: _Filled, file: str, base_dir: Path, places: Places) -> Iterator[NamedCase]:
    for index, case in enumerate(checked.cases):
        position = places.position_of_value(("cases", index))
        yield NamedCase(
            case,
            file,
            base_dir,
            index,
            position.line if position else 1,
            filled.variables[index],
            filled.overrides[index],
            case.start if case.start is not None else checked.start,
            places,
        )


@dataclass(slots=True)
class _Filled:
    """What is written, with variables put in."""

    values: dict[str, Any]
    variables: list[Variables]
    overrides: list[Variables]


def _filled(values: dict[str, Any], variables: Variables, problems: list[Finding]) -> _Filled:
    """Put variables in: those of the configuration, of the file, of the case; the nearest counts."""
    of_file = _overrides(values, (), variables, problems)
    common = {**variables, **of_file}
    filled = _Filled({key: _put_in(value, (key,), common, problems) for key, value in values.items() if key != "cases"}, [], [])
    cases = values.get("cases")
    if not isinstance(cases, list):
        if "cases" in values:
            filled.values["cases"] = cases
        return filled
    filled.values["cases"] = copied = []
    for index, case in enumerate(cases):
        path: PathIn = ("cases", index)
        own = _overrides(case, path, variables, problems) if isinstance(case, dict) else {}
        filled.variables.append({**common, **own})
        filled.overrides.append({**of_file, **own})
        copied.append(_put_in(case, path, filled.variables[-1], problems))
    return filled


def _overrides(values: Mapping[str, Any], path: PathIn, variables: Variables, problems: list[Finding]) -> dict[str, Value]:
    """Read `vars`: only what the configuration has can have another value."""
    written = values.get("vars")
    if not isinstance(written, dict):
        return {}
    for name, value in written.items():
        at = (*path, "vars", name)
        if name not in variables:
            known = ", ".join(f"`{one}`" for one in variables) or "a name under `vars` of the configuration; there is none"
            hint = did_you_mean(name, variables)
            problems.append(
                Finding(
                    code="unknown_variable", path=at, message=f"The configuration has no variable `{name}`.", expected=known, hint=hint, at_key=True
                )
            )
        elif not isinstance(value, str | int | float):
            problems.append(Finding(code="refused", path=at, message="A variable is a text, a number, or true or false."))
    return {name: value for name, value in written.items() if isinstance(value, str | int | float)}


def _put_in(value: Any, path: PathIn, variables: Variables, problems: list[Finding]) -> Any:
    """Copy values, variables put in."""
    if isinstance(value, dict):
        return {key: _put_in(item, (*path, key), variables, problems) for key, item in value.items()}
    if isinstance(value, list):
        return [_put_in(item, (*path, index), variables, problems) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    try:
        filled = substitute(value, variables)
    except VariableProblem as problem:
        problems.append(variable_finding(problem, path, variables))
        return value
    if isinstance(filled, Secret):
        hint = "Tests run without secrets: the configuration's references are not read."
        problems.append(Finding(code="reference_not_here", path=path, message="A case has no references to secrets.", hint=hint))
        return value
    return filled


def _twice(checked: CaseFile) -> Iterator[Finding]:
    names: set[str] = set()
    for index, case in enumerate(checked.cases):
        if case.name in names:
            yield Finding(code="twice", path=("cases", index, "name"), message="Another case of this file has the same name.")
        names.add(case.name)
