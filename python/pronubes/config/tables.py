"""The tables of a configuration: read and checked before anything runs, with every column that a step names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from pronubes.config.findings import Finding, Path
from pronubes.diagnostics import Diagnostic, Position
from pronubes.tables.lookup import LookupFile, Signature, column_number, document, read_lookup, signature
from pronubes.tables.reader import Table, TableProblem

if TYPE_CHECKING:
    from pronubes.config.model import Configuration
    from pronubes.config.table_options import TableOptions
    from pronubes.transforms import Lookup

__all__ = ["CheckedTables", "LoadedTable", "add_to_router", "load_tables", "read_again"]


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """A table as it was read.

    Attributes:
        source: Where it is.
        columns: The columns that steps use.
        document: Its rows, as the engine takes them.
        signature: In which state its file was.
    """

    source: LookupFile
    columns: tuple[str, ...]
    document: bytes = field(repr=False)
    signature: Signature = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What tells its rows from others."""
        return sha256(self.document).digest()


@dataclass(slots=True)
class CheckedTables:
    """The tables of a configuration, and what is wrong with them.

    Attributes:
        tables: By name.
        findings: What is wrong in the configuration.
        diagnostics: What is wrong in the files.
    """

    tables: dict[str, LoadedTable] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def load_tables(configuration: Configuration, base_dir: File, folder: str) -> CheckedTables:
    """Read and check all tables.

    Args:
        configuration: The checked configuration.
        base_dir: The folder that relative paths count from.
        folder: The same as findings name it.
    """
    checked = CheckedTables()
    if not configuration.tables:
        return checked
    steps = _steps(configuration)
    for name, options in configuration.tables.items():
        file = os.path.join(folder, options.path)  # noqa: PTH118  as the user wrote it
        source = LookupFile(base_dir / options.path, file, options.key, options.types, options.sheet, options.table, options.query)
        seen = signature(source)
        try:
            table = read_lookup(source)
        except TableProblem as problem:
            checked.diagnostics.append(_diagnostic(file, problem))
            continue
        wrong = [*_wrong_options(name, options, table), *_wrong_steps(steps.get(name, []), name, table)]
        checked.findings += wrong
        if not wrong:
            columns = tuple(dict.fromkeys(column for _, step in steps.get(name, []) for column in step.into.values()))
            try:
                checked.tables[name] = LoadedTable(source, columns, document(source, table, columns), seen)
            except TableProblem as problem:
                checked.diagnostics.append(_diagnostic(file, problem))
    return checked


def read_again(table: LoadedTable) -> LoadedTable:
    """Read a table as it is now.

    Raises:
        TableProblem: It cannot be read, or something in it is wrong.
    """
    seen = signature(table.source)
    return LoadedTable(table.source, table.columns, document(table.source, read_lookup(table.source), table.columns), seen)


def add_to_router(spec: dict[str, Any], tables: Mapping[str, LoadedTable]) -> None:  # Any: JSON
    """Give the router's specification the tables and their columns."""
    if tables:
        spec["tables"] = [{"name": name, "columns": table.columns} for name, table in tables.items()]


def _steps(configuration: Configuration) -> dict[str, list[tuple[Path, Lookup]]]:
    """List the steps that look up each table, with their places."""
    found: dict[str, list[tuple[Path, Lookup]]] = {}
    for name, route in configuration.routes.items():
        for index, step in enumerate(route.steps):
            if step.lookup is not None:
                found.setdefault(step.lookup.table, []).append((("routes", name, "steps", index, "lookup"), step.lookup))
    return found


def _wrong_options(name: str, options: TableOptions, table: Table) -> Iterator[Finding]:
    yield from _no_column(table, options.key, ("tables", name, "key"))
    for column in options.types:
        yield from _no_column(table, column, ("tables", name, "types", column), at_key=True)


def _wrong_steps(steps: list[tuple[Path, Lookup]], name: str, table: Table) -> Iterator[Finding]:
    for path, step in steps:
        for field_, column in step.into.items():
            yield from _no_column(table, column, (*path, "into", field_), of=f" `{name}`")


def _no_column(table: Table, column: str, path: Path, *, of: str = "", at_key: bool = False) -> Iterator[Finding]:
    try:
        column_number(table, column)
    except TableProblem as problem:
        message = str(problem).replace("The table", f"The table{of}", 1)
        yield Finding(code="no_column", path=path, message=message, expected=problem.expected, hint=problem.hint, at_key=at_key)


def _diagnostic(file: str, problem: TableProblem) -> Diagnostic:
    position = Position(problem.line, 1) if problem.line is not None else None
    return Diagnostic(
        code="table",
        message=str(problem),
        file=file,
        position=position,
        found=problem.found,
        expected=problem.expected,
        hint=problem.hint,
    )
