"""The names of tags, checked before anything runs: tables read, rules tried on every tag, collisions named with both rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File

from pronubes.config.findings import Finding, Path
from pronubes.config.model import FROM_NAMES, Configuration
from pronubes.connectors.naming import naming_of
from pronubes.connectors.options import NamesOptions, TagSourceOptions
from pronubes.diagnostics import Diagnostic, Position, Severity
from pronubes.tables.reader import Table, TableProblem, read_table
from pronubes.tags.names_table import Entry, NamesTable, Verdict, judge
from pronubes.tags.naming import Naming, SourceTag, TagProblem, Trouble, meant, strays, troubles
from pronubes.tags.patterns import NameTemplate, PatternProblem, TagPattern

__all__ = ["CheckedNames", "NamedContracts", "check_unit", "named_contracts", "resolve_names", "stray_names", "tag_list_problems", "unreadable"]

NamedContracts = Mapping[str, Mapping[str, Sequence[str]]]
"""By source, the contracts that its names have: contract, then topics."""

_MOST = 50
"""How many findings of one kind are shown; the rest is counted."""


@dataclass(slots=True)
class CheckedNames:
    """The namings of a configuration, and what is wrong with them.

    Attributes:
        namings: By source; only of sources that say `names`.
        findings: What is wrong in the configuration.
        diagnostics: What is wrong in the tables.
    """

    namings: dict[str, Naming] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def put_in(self, configuration: Configuration) -> Configuration:
        """Give the sources their namings, so that a reload sees which have changed."""
        if not self.namings:
            return configuration
        from dataclasses import replace

        sources = {name: replace(source, naming=self.namings.get(name)) for name, source in configuration.sources.items()}
        return configuration.model_copy(update={"sources": sources})


def resolve_names(configuration: Configuration, base_dir: File, folder: str) -> CheckedNames:
    """Read and check the names of all sources of tags.

    Args:
        configuration: The checked configuration.
        base_dir: The folder that relative paths count from.
        folder: The same as findings name it.
    """
    checked = CheckedNames()
    for name, source in configuration.sources.items():
        options = source.options
        if isinstance(options, TagSourceOptions):
            wrong = list(_templates(name, options))
            checked.findings += wrong
            if options.names is not None and not wrong:
                _check_source(checked, name, options, options.names, _Folder(base_dir, folder))
    return checked


def named_contracts(configuration: Configuration, checked: CheckedNames, base_dir: File) -> NamedContracts:
    """Collect the contracts that names have, of sources from which a route with `contract: from_names` takes. Says of routes that find none."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, route in configuration.routes.items():
        if route.contract != FROM_NAMES:
            continue
        sources = [source for source in route.from_ or configuration.sources if source in checked.namings]
        for source in sources:
            if source not in found:
                found[source] = _contracts_of(checked.namings[source], configuration.sources[source].options, base_dir)
        if not any(found[source] for source in sources) and not checked.findings and not checked.diagnostics:
            message = "No name of the sources of this route has a contract."
            hint = "Give rows or rules under `names` of the source a `contract`."
            checked.findings.append(Finding(code="no_named_contract", path=("routes", name, "contract"), message=message, hint=hint))
    return found


def _contracts_of(naming: Naming, options: object, base_dir: File) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag in options.tag_list(base_dir) if isinstance(options, TagSourceOptions) else ():
        try:
            named = naming.name(tag)
        except PatternProblem:
            continue  # it is said already
        if named.contract is not None:
            found.setdefault(named.contract, []).append(named.topic)
    return found


def _templates(name: str, options: TagSourceOptions) -> Iterator[Finding]:
    known = ("source", "tag", *options.tag_values)
    texts: list[tuple[Path, str, tuple[str, ...]]] = [(("topic",), options.topic, known)]
    for number, rule in enumerate(options.names.rules if options.names is not None else ()):
        texts.append((("names", "rules", number, "topic"), rule.topic, (*TagPattern.parse(rule.tag).names, *known)))
    for path, text, names in texts:
        try:
            NameTemplate.parse(text, names)
        except PatternProblem as problem:
            yield Finding(code="topic_template", path=("sources", name, *path), message=str(problem), expected=problem.expected, hint=problem.hint)


@dataclass(frozen=True, slots=True)
class _Folder:
    """The folder that relative paths count from, and how findings name it."""

    path: File
    shown: str


def _check_source(checked: CheckedNames, name: str, options: TagSourceOptions, written: NamesOptions, folder: _Folder) -> None:
    count = len(checked.diagnostics)
    table, read = None, None
    if written.table is not None:
        read, table = _table(checked, written, folder)
    if len(checked.diagnostics) > count:
        return
    naming = naming_of(options, name, table)
    try:
        tags = options.tag_list(folder.path)
    except (OSError, ValueError) as error:
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        checked.findings.append(Finding(code="tag_list", path=("sources", name, "tags"), message=f"The tag list cannot be used: {why}."))
        return
    checked.namings[name] = naming
    found = troubles(naming, tags)
    for number, trouble in enumerate(found):
        if number == _MOST:
            more = 1 + sum(1 for _ in found)
            message = f"{more:,} more tags of `{name}` get no name of their own."
            checked.findings.append(Finding(code="tag_name", path=("sources", name, "names"), message=message, at_key=True))
            break
        _note(checked, name, read, trouble)


def _table(checked: CheckedNames, written: NamesOptions, folder: _Folder) -> tuple[Table | None, NamesTable | None]:
    file = os.path.join(folder.shown, written.table or "")  # noqa: PTH118  as the user wrote it
    try:
        table = read_table(folder.path / (written.table or ""), file, written.sheet)
    except TableProblem as problem:
        checked.diagnostics.append(unreadable(file, problem))
        return None, None
    judged = judge(table, check_unit=check_unit)
    wrong = [entry for entry in judged.entries if entry.verdict is not Verdict.TIDIED]
    checked.diagnostics += [_of_entry(entry, table, file) for entry in wrong[:_MOST]]
    if len(wrong) > _MOST:
        message = f"{len(wrong) - _MOST:,} more cells of the table are wrong."
        hint = f"`pronubes tags check {file}` lists all of them."
        checked.diagnostics.append(Diagnostic(code="names_table", message=message, file=file, hint=hint))
    return table, judged


def unreadable(file: str, problem: TableProblem) -> Diagnostic:
    """Make a finding of a table that cannot be read at all."""
    position = Position(problem.line, 1) if problem.line is not None else None
    facts = {"found": problem.found, "expected": problem.expected, "hint": problem.hint}
    return Diagnostic(code="names_table", message=str(problem), file=file, position=position, **facts)  # type: ignore[arg-type]  # texts


def _of_entry(entry: Entry, table: Table, file: str) -> Diagnostic:
    hint = entry.hint
    if entry.verdict is Verdict.ESCAPED:
        hint = f"`pronubes tags import {file} -o {file} --force` writes `{entry.became}`, or choose another name."
    message = "This is not a topic." if entry.verdict is Verdict.ESCAPED else entry.message
    index = next((number for number, name in enumerate(table.columns) if name.lower() == entry.column), None)
    return Diagnostic(
        code="names_table",
        message=message,
        file=table.file,
        position=table.position(entry.line, index),
        path=f"row {entry.line}, column {entry.column}" if entry.column else f"row {entry.line}",
        found=entry.found[:80] or None,
        expected=entry.expected,
        hint=hint,
    )


def _note(checked: CheckedNames, name: str, table: Table | None, trouble: Trouble) -> None:
    if table is None or trouble.row is None:
        facts = {"message": trouble.message, "found": trouble.found, "expected": trouble.expected, "hint": trouble.hint}
        checked.findings.append(Finding(code="tag_name", path=("sources", name, "names"), at_key=True, **facts))  # type: ignore[arg-type]  # texts
        return
    position = table.position(trouble.row, next((number for number, one in enumerate(table.columns) if one.lower() == "topic"), None))
    checked.diagnostics.append(
        Diagnostic(
            code="tag_name",
            message=trouble.message,
            file=table.file,
            position=position,
            path=f"row {trouble.row}, column topic",
            found=trouble.found,
            expected=trouble.expected,
            hint=trouble.hint,
        )
    )


def stray_names(naming: Naming, tags: Sequence[SourceTag]) -> Iterator[tuple[str, str | None]]:
    """Yield a sentence and a hint for rows of the table whose tag the source does not have, and for units that the tag list says otherwise."""
    table = naming.table
    if table is None:
        return
    for number, (line, tag) in enumerate(found := strays(table, tags)):
        if number == _MOST:
            yield f"{1 + sum(1 for _ in found):,} more rows of `{table.file}` name tags that `{naming.source}` does not have.", None
            break
        yield f"Row {line} of `{table.file}` names the tag `{tag}`, which `{naming.source}` does not have.", meant(tag, table, tags)
    rows = [(table.by_tag.get(tag.name), tag.unit) for tag in tags if tag.unit is not None]
    others = [(row, unit) for row, unit in rows if row is not None and row.unit not in (None, unit)]
    for row, unit in others[:_MOST]:
        message = f"Row {row.line} of `{table.file}` gives `{row.tag}` the unit `{row.unit}`, the tag list `{unit}`: messages carry the table's."
        yield message, "Say the same in both; nothing is converted."


def tag_list_problems(configuration: Configuration, base_dir: File, folder: str) -> list[Diagnostic]:
    """Read the tag lists of all sources and say what is wrong in them; one that is not there yet is a warning.

    Loading does not do this: a source reads its list when it opens.
    """
    found = []
    folder = "" if folder == "." else folder
    for source in configuration.sources.values():
        problems = source.options.file_problems(base_dir) if isinstance(source.options, TagSourceOptions) else ()
        found += [_of_list(path, problem, base_dir, folder) for path, problem in problems[:_MOST]]
    return found


def _of_list(path: File, problem: TagProblem, base_dir: File, folder: str) -> Diagnostic:
    file = os.path.join(folder, path.relative_to(base_dir) if path.is_relative_to(base_dir) else path)  # noqa: PTH118  as the user wrote it
    if not path.exists():
        hint = "The source waits until it is there."
        return Diagnostic(code="tag_list", message="There is no such tag list.", file=file, hint=hint, severity=Severity.WARNING)
    return Diagnostic(
        code="tag_list",
        message="The tag list is wrong here." if problem.column else "The tag list cannot be used.",
        file=file,
        position=Position(problem.row, 1),
        path=f"row {problem.row}, column {problem.column}" if problem.column else f"row {problem.row}",
        found=problem.found,
        expected=problem.expected,
        hint=problem.hint,
    )


def check_unit(unit: str) -> tuple[str, str | None] | None:
    """Say why a unit is none, with a hint; None when it is right."""
    from pronubes.contracts.units import UnitProblem, check

    try:
        check(unit)
    except UnitProblem as problem:
        return str(problem), problem.hint
    return None
