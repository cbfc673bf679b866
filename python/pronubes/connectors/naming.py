"""How a source of tags names them: for the source itself, and for whoever checks it before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronubes.errors import NotConnected
from pronubes.tables.reader import TableProblem, read_table
from pronubes.tags.names_table import Verdict, judge
from pronubes.tags.naming import Naming, Rule
from pronubes.tags.patterns import NameTemplate, PatternProblem, TagPattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pronubes.connectors.base import ConnectorContext
    from pronubes.connectors.options import TagSourceOptions
    from pronubes.tags.names_table import NamesTable
    from pronubes.tags.naming import Named, SourceTag

__all__ = ["name_tags", "naming_of", "read_names", "rule_templates"]


def name_tags(options: TagSourceOptions, context: ConnectorContext, tags: Iterable[SourceTag]) -> Mapping[str, Named]:
    """Name the tags of a source when it opens; as the configuration was checked, so that a table changed since changes nothing.

    Raises:
        NotConnected: The table cannot be used, or a tag gets no name.
    """
    try:
        naming = context.naming or naming_of(options, context.name, read_names(options, context.base_dir))
        return {tag.name: naming.name(tag) for tag in tags}
    except (TableProblem, PatternProblem) as error:
        raise NotConnected(str(error)) from error


def naming_of(options: TagSourceOptions, source: str, table: NamesTable | None) -> Naming:
    """Make the naming of a source.

    Raises:
        PatternProblem: A template is wrong.
    """
    known = ("source", "tag", *options.tag_values)
    rules = []
    for rule, template in zip(options.names.rules if options.names is not None else (), rule_templates(options), strict=True):
        rules.append(Rule(TagPattern.parse(rule.tag), template, rule.contract))
    return Naming(source, NameTemplate.parse(options.topic, known), table, tuple(rules))


def rule_templates(options: TagSourceOptions) -> Iterable[NameTemplate]:
    """Read the templates of the rules, one by one.

    Raises:
        PatternProblem: The next one is wrong.
    """
    for rule in options.names.rules if options.names is not None else ():
        yield NameTemplate.parse(rule.topic, (*TagPattern.parse(rule.tag).names, "source", "tag", *options.tag_values))


def read_names(options: TagSourceOptions, base_dir: Path) -> NamesTable | None:
    """Read the table of names; None when there is none.

    Raises:
        TableProblem: It cannot be used.
    """
    if options.names is None or options.names.table is None:
        return None
    table = judge(read_table(base_dir / options.names.table, options.names.table, options.names.sheet))
    wrong = next((entry for entry in table.entries if entry.verdict is not Verdict.TIDIED), None)
    if wrong is not None:
        raise TableProblem(f"{options.names.table}:{wrong.line}: {wrong.message}", line=wrong.line)
    return table
