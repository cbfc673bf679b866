"""The naming of a source: by its table first, then by its rules in order, then by its template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pronubes.suggest import did_you_mean
from pronubes.tags.names_table import NamesTable
from pronubes.tags.patterns import NameTemplate, PatternProblem, TagPattern

__all__ = ["Named", "Naming", "Rule", "SourceTag", "TagProblem", "Trouble", "meant", "strays", "troubles"]

_MOST_CANDIDATES = 500


@dataclass(frozen=True, slots=True)
class SourceTag:
    """A tag that a source has.

    Attributes:
        name: What the device calls it.
        values: What templates may put in besides `{source}` and `{tag}`: the poll group, the unit identifier.
        unit: The unit that the source knows of.
        line: Where it stands in the tag list, from 1; None when it stands nowhere.
    """

    name: str
    values: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class TagProblem:
    """One mistake in a tag list.

    Attributes:
        row: The line of the file, from 1.
        column: The column's name; empty when the row is meant.
        found: What stands there.
        expected: What should.
        hint: What to do.
    """

    row: int
    column: str
    found: str
    expected: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: tags of a pattern get the name of a template.

    Attributes:
        pattern: Which tags.
        template: Their name.
        contract: `name@version`; None for none.
    """

    pattern: TagPattern
    template: NameTemplate
    contract: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A tag's name.

    Attributes:
        topic: The name.
        contract: `name@version`; None for none.
        unit: The unit; None for none.
        description: What it is, as the table says.
        origin: What gave the name: `row 12`, `names.rules[0]`, `topic`.
    """

    topic: str
    contract: str | None
    unit: str | None
    description: str
    origin: str


@dataclass(frozen=True, slots=True)
class Naming:
    """How the tags of one source are named. Two are equal when they give the same names.

    Attributes:
        source: The name of the source.
        template: The source's `topic`.
        table: The table; None when there is none.
        rules: The rules, in order.
    """

    source: str
    template: NameTemplate
    table: NamesTable | None = None
    rules: tuple[Rule, ...] = ()

    def name(self, tag: SourceTag) -> Named:
        """Name a tag.

        Raises:
            PatternProblem: What its captures or values make is no topic.
        """
        row = self.table.by_tag.get(tag.name) if self.table is not None else None
        if row is not None:
            return Named(row.topic, row.contract, row.unit or tag.unit, row.description, f"row {row.line}")
        values = {"source": self.source, "tag": tag.name, **tag.values}
        for number, rule in enumerate(self.rules):
            captures = rule.pattern.match(tag.name)
            if captures is not None:
                return Named(rule.template.render(values | captures), rule.contract, tag.unit, "", f"names.rules[{number}]")
        return Named(self.template.render(values), None, tag.unit, "", "topic")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a tag's name.

    Attributes:
        tag: The tag.
        message: What is wrong, as a sentence.
        found: The name, or what stands there.
        expected: What may stand there.
        hint: What to do.
        row: The row of the table that is meant, if any.
        rule: The rule that is meant, if any.
    """

    tag: SourceTag
    message: str
    found: str
    expected: str | None = None
    hint: str | None = None
    row: int | None = None
    rule: int | None = None


def troubles(naming: Naming, tags: Iterable[SourceTag]) -> Iterator[Trouble]:
    """Name all tags and yield what is wrong: values that break a level, two tags with one name."""
    taken: dict[str, tuple[SourceTag, str]] = {}
    for tag in tags:
        try:
            named = naming.name(tag)
        except PatternProblem as problem:
            hint = problem.hint or "Give the tag a row in the table of names."
            yield Trouble(tag, f"The tag `{tag.name}` gets no name: {_continued(str(problem))}", tag.name, problem.expected, hint)
            continue
        other = taken.setdefault(named.topic, (tag, named.origin))
        if other[0] is not tag:
            places = [f"`{one.name}` ({_place(one, origin)})" for one, origin in (other, (tag, named.origin))]
            message = f"Two tags get one name: {places[0]} and {places[1]}."
            row = int(named.origin.removeprefix("row ")) if named.origin.startswith("row ") else None
            yield Trouble(tag, message, named.topic, "a name for each tag", "Give one of them another name in the table.", row)


def strays(table: NamesTable, tags: Sequence[SourceTag]) -> Iterator[tuple[int, str]]:
    """Yield rows of the table whose tag the source does not have: the line and the tag."""
    known = {tag.name for tag in tags}
    for row in table.rows:
        if row.tag not in known:
            yield row.line, row.tag


def meant(stray: str, table: NamesTable, tags: Sequence[SourceTag]) -> str | None:
    """Say which tag of the source without a row was perhaps meant. Looks at few that are alike: there may be a hundred thousand."""
    alike = (tag.name for tag in tags if abs(len(tag.name) - len(stray)) <= 2 and (tag.name[:2] == stray[:2] or tag.name[-2:] == stray[-2:]))
    free = (name for name in alike if name not in table.by_tag)
    return did_you_mean(stray, islice(free, _MOST_CANDIDATES))


def _place(tag: SourceTag, origin: str) -> str:
    place = f"{origin} of the table" if origin.startswith("row ") else f"`{origin}`"
    return place if tag.line is None else f"{place}, line {tag.line} of the tag list"


def _continued(sentence: str) -> str:
    return sentence if sentence.startswith("`") else sentence[:1].lower() + sentence[1:]
