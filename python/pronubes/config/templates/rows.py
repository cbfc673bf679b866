"""From an instance to its machines: every cell read by its parameter's type, every mistake named with row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pronubes.config.findings import Finding
from pronubes.config.templates.blueprint import Row, texts_of
from pronubes.config.templates.model import Instance, Parameter, Template
from pronubes.config.templates.parameters import Value, ValueProblem, as_text, read
from pronubes.connectors.values import Secret
from pronubes.diagnostics import Diagnostic, Position
from pronubes.suggest import did_you_mean
from pronubes.tables.reader import Table, TableProblem, read_table
from pronubes.tables.writing import Writing

__all__ = ["Machines", "read_machines"]

_Column = tuple[
    str, int, Parameter, dict[str, Any]
]  # the parameter's name, where it stands, what it asks, what texts mean (Any: values and problems)
_MOST_PROBLEMS = 100
_LONGEST_EXCERPT = 80


@dataclass(eq=False)
class Machines:
    """The machines of one instance, and what is wrong with them.

    Attributes:
        index: The position of the instance.
        instance: The instance.
        template: Its template.
        rows: The machines.
        table: The table they stand in, if any.
        findings: What is wrong in the configuration.
        diagnostics: What is wrong in the table.
    """

    index: int
    instance: Instance
    template: Template
    rows: list[Row] = field(default_factory=list, repr=False)
    table: Table | None = None
    findings: list[Finding] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def origin(self, row: Row, name: str) -> str:
        """Say where the value of a parameter comes from."""
        if name in row.defaults:
            return f"default of `{self.instance.template}`"
        if name in self.instance.values:
            return f"instances[{self.index}].values"
        return self.place(row) if self.table is None else f"{self.place(row)}, column `{name}`"

    def place(self, row: Row) -> str:
        """Say where a machine stands."""
        return f"{self.table.file}:{row.number}" if self.table is not None else f"instances[{self.index}].rows[{row.number}]"


def read_machines(index: int, instance: Instance, template: Template, variables: Mapping[str, Value], base_dir: Path, folder: Path) -> Machines:
    """Read the machines of an instance.

    Args:
        index: The position of the instance.
        instance: The instance.
        template: Its template.
        variables: The variables of the configuration; no row may say one.
        base_dir: The folder that relative paths count from.
        folder: The same as findings name it.
    """
    machines = Machines(index, instance, template)
    reader = _Reader(machines, template.parameters, variables)
    reader.read_common()
    if instance.table is None:
        reader.read_written(instance.rows or [])
        return machines
    try:
        machines.table = read_table(base_dir / instance.table, str(folder / instance.table), instance.sheet)
    except TableProblem as problem:
        machines.diagnostics.append(_unreadable(str(folder / instance.table), problem))
        return machines
    reader.read_table(machines.table)
    machines.table.forget()
    return machines


def _unreadable(file: str, problem: TableProblem) -> Diagnostic:
    position = Position(problem.line, 1) if problem.line is not None else None
    return Diagnostic(
        code="table", message=str(problem), file=file, position=position, found=problem.found, expected=problem.expected, hint=problem.hint
    )


class _Reader:
    def __init__(self, machines: Machines, parameters: Mapping[str, Parameter], variables: Mapping[str, Value]) -> None:
        self._machines = machines
        self._parameters = parameters
        self._variables = variables
        self._common: dict[str, Value | Secret] = {}
        self._left_out = 0

    def read_common(self) -> None:
        """Read what is the same for all machines."""
        written = self._machines.instance.values
        self._common = self._typed(written, ("instances", self._machines.index, "values"))

    def read_written(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Read rows of the configuration."""
        for number, written in enumerate(rows):
            path = ("instances", self._machines.index, "rows", number)
            count = len(self._machines.findings)
            values = self._common | self._typed(written, path)
            for name in written:
                if name in self._common:
                    self._find("twice", (*path, name), f"`{name}` stands under `values` already.", hint="Say it in one of the two.", at_key=True)
            row, missing = self._completed(number, values)
            for name in missing:
                if name not in written and name not in self._machines.instance.values:
                    self._find("missing_value", path, f"`{name}` is missing.", expected=_meaning(name, self._parameters[name]))
            if len(self._machines.findings) == count:
                self._machines.rows.append(row)

    def _typed(self, written: Mapping[str, Any], path: tuple[str | int, ...]) -> dict[str, Value | Secret]:
        values: dict[str, Value | Secret] = {}
        for name, value in written.items():
            parameter = self._parameters.get(name)
            if parameter is None:
                message, hint = self._unknown(name, "key")
                self._find("unknown_parameter", (*path, name), message, expected=self._known(), hint=hint, at_key=True)
                continue
            try:
                values[name] = _value(parameter, value, Writing.YAML)
            except ValueProblem as problem:
                self._find("parameter", (*path, name), f"`{name}` has a value that it does not take.", expected=problem.expected, hint=problem.hint)
        return values

    def read_table(self, table: Table) -> None:
        """Read the rows of a table."""
        columns = self._columns(table)
        if columns is None:
            return
        places = dict(columns)
        columns_read: list[_Column] = [(name, column, self._parameters[name], {}) for name, column in columns]
        for line, cells in table.rows:
            count = self._count
            values, wrong = self._row(table, columns_read, line, cells)
            row, missing = self._completed(line, values)
            for name in missing:
                if name not in wrong:
                    self._refuse((line, places.get(name)), f"`{name}` is missing.", _meaning(name, self._parameters[name]))
            if self._count == count:
                self._machines.rows.append(row)
        if self._left_out:
            message = f"{self._left_out:,} more values of the table are wrong."
            self._machines.diagnostics.append(Diagnostic(code="parameter", message=message, file=table.file))

    def _row(self, table: Table, columns: Sequence[_Column], line: int, cells: Sequence[object]) -> tuple[dict[str, Value | Secret], set[str]]:
        """Read the cells of a row; name those that are wrong."""
        values, wrong = dict(self._common), set()
        for name, column, parameter, known in columns:
            written = cells[column] if column < len(cells) else None
            value = _cell(parameter, written, table.writing, known)
            if isinstance(value, ValueProblem):
                wrong.add(name)
                self._refuse((line, column), f"`{name}` has a value that it does not take.", value.expected, value.hint, written)
            elif value is not None:
                values[name] = value
        if len(cells) > len(table.columns):
            self._check_rest(table, line, cells)
        return values, wrong

    def _completed(self, number: int, values: dict[str, Value | Secret]) -> tuple[Row, list[str]]:
        """Add the defaults; name what is missing."""
        missing: list[str] = []
        defaults: list[str] = []
        if len(values) < len(self._parameters):
            for name, parameter in self._parameters.items():
                if name in values:
                    continue
                if parameter.has_default:
                    values[name] = _value(parameter, parameter.default, Writing.YAML)
                    defaults.append(name)
                else:
                    missing.append(name)
        return Row(number, values, texts_of(values), tuple(defaults)), missing

    def _columns(self, table: Table) -> list[tuple[str, int]] | None:
        """Check the first row; None when the rows would make no sense."""
        count = len(self._machines.diagnostics)
        columns: dict[str, int] = {}
        ignored = set(self._machines.instance.ignore)
        for column, name in enumerate(table.columns):
            if name in columns:
                self._refuse((table.head, column), f"The column `{name}` stands twice.", "each name once")
            elif name in self._common:
                self._refuse((table.head, column), f"`{name}` stands under `values` already.", hint="Say it in one of the two.")
            elif name in self._parameters:
                columns[name] = column
            elif not name:
                self._check_nameless(table, column)
            elif name not in ignored:
                message, hint = self._unknown(name, "column")
                self._refuse((table.head, column), message, self._known(), hint or f"Write `ignore: [{name}]` if it means nothing here.")
        for name, parameter in self._parameters.items():
            if name not in columns and name not in self._common and not parameter.has_default:
                self._refuse((table.head, None), f"There is no column `{name}`.", _meaning(name, parameter), _separator_hint(table))
        return list(columns.items()) if len(self._machines.diagnostics) == count else None

    def _check_nameless(self, table: Table, column: int) -> None:
        """Let spreadsheets write empty columns; a value without a name is a mistake."""
        line = next((line for line, cells in table.rows if column < len(cells) and cells[column] not in (None, "")), None)
        if line is not None:
            self._refuse((line, column), "This column has no name.", "the name of a parameter in the first row")

    def _check_rest(self, table: Table, line: int, cells: Sequence[object]) -> None:
        column = next((column for column in range(len(table.columns), len(cells)) if cells[column] not in (None, "")), None)
        if column is not None:
            hint = "Quote a cell in which a comma stands." if table.separator == "," else None
            self._refuse((line, column), "The row has more cells than the table has columns.", f"{len(table.columns)} cells", hint)

    def _unknown(self, name: str, what: str) -> tuple[str, str | None]:
        if name in self._variables:
            message = f"`{name}` is a variable of the configuration: a machine cannot change it."
            return message, f"Remove it, or give the {what} the name of a parameter."
        template = self._machines.instance.template
        return f"The template `{template}` has no parameter `{name}`.", did_you_mean(name, list(self._parameters))

    def _known(self) -> str:
        return ", ".join(f"`{name}`" for name in self._parameters) or "nothing: the template has no parameters"

    def _find(self, code: str, path: tuple[str | int, ...], message: str, **facts: Any) -> None:  # Any: the facts of a finding
        self._machines.findings.append(Finding(code=code, path=path, message=message, **facts))

    @property
    def _count(self) -> int:
        return len(self._machines.diagnostics) + self._left_out

    def _refuse(
        self, place: tuple[int, int | None], message: str, expected: str | None = None, hint: str | None = None, written: object = None
    ) -> None:
        """Note what is wrong at a line and column of the table."""
        table = self._machines.table
        if table is None or len(self._machines.diagnostics) >= _MOST_PROBLEMS:
            self._left_out += 1
            return
        line, column = place
        name = table.columns[column] if column is not None and column < len(table.columns) else ""
        parameter = self._parameters.get(name) if line != table.head else None
        is_secret = parameter is not None and parameter.type == "secret"
        found = _excerpt(written) if written is not None else name if line == table.head else ""
        self._machines.diagnostics.append(
            Diagnostic(
                code="parameter",
                message=message,
                file=table.file,
                position=table.position(line, column),
                path=f"row {line}, column {name}" if name and line != table.head else f"row {line}",
                found=None if is_secret else found or None,
                expected=expected,
                hint=hint,
                is_secret=is_secret,
            )
        )


def _value(parameter: Parameter, written: object, writing: Writing) -> Value | Secret:
    if isinstance(written, Secret):
        if parameter.type == "secret":
            return written
        raise ValueProblem("a value, not a reference to a secret", "Declare the parameter with `type: secret`.")
    value = read(parameter, written, writing)
    return Secret(str(value)) if parameter.type == "secret" else value


def _cell(parameter: Parameter, written: object, writing: Writing, known: dict[str, Any]) -> Value | Secret | ValueProblem | None:
    """Read a cell; None when it is empty. Most texts of a column come again and again, so what they mean is remembered."""
    if written is None or (isinstance(written, str) and not written.strip()):
        return None
    if not isinstance(written, str):
        return _tried(parameter, written, writing)
    found: Value | Secret | ValueProblem | None = known.get(written)
    if found is None:
        found = known[written] = _tried(parameter, written, writing)
    return found


def _tried(parameter: Parameter, written: object, writing: Writing) -> Value | Secret | ValueProblem:
    try:
        return _value(parameter, written, writing)
    except ValueProblem as problem:
        return problem


def _meaning(name: str, parameter: Parameter) -> str:
    return f"`{name}`, a {parameter.type}" + (f": {parameter.description.rstrip('.')}" if parameter.description else "")


def _separator_hint(table: Table) -> str | None:
    if len(table.columns) == 1 and table.text is not None:
        return "Separate the columns by commas, semicolons or tabs."
    return "The first row names the parameters."


def _excerpt(written: object) -> str:
    text = as_text(written) if isinstance(written, str | bool | int | float) else str(written)
    return text if len(text) <= _LONGEST_EXCERPT else text[:_LONGEST_EXCERPT] + "…"
