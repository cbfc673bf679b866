"""The table of names: a row for each tag, judged cell by cell, with a report that says what was fixed and what was refused.

    tag,topic,contract,unit,description
    oven1_temp,acme/cologne/oven1/temperature,measurement@1,Cel,chamber

`tag` and `topic` are needed. A cell is *tidied* where nothing can be lost (white space around it, `measurement@1` for `measurement@1,0`) and
*escaped* where a topic has characters that topics cannot have; a configuration takes tidied cells and refuses to escape, which is the work of
`pronubes tags import`. Every text stays a text: `=cmd` is a tag like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from pronubes.suggest import did_you_mean
from pronubes.tags.levels import LEVEL_WORDS, escaped, is_topic

if TYPE_CHECKING:
    from pronubes.tables.reader import Table

__all__ = ["COLUMNS", "Entry", "NameRow", "NamesTable", "Verdict", "judge"]

COLUMNS = ("tag", "topic", "contract", "unit", "description")
NEEDED = ("tag", "topic")

UnitCheck = Callable[[str], "tuple[str, str | None] | None"]
"""Says of a unit why it is none, with a hint; None when it is right."""

_CONTRACT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}@[1-9][0-9]{0,8}")
_ODD_CONTRACT = re.compile(r"([A-Za-z_][A-Za-z0-9_-]{0,63})\s*@\s*[vV]?([1-9][0-9]{0,8})(?:[.,]0+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n?")


class Verdict(StrEnum):
    """What became of a cell or row."""

    TIDIED = "tidied"
    """Written otherwise; nothing is lost."""
    ESCAPED = "escaped"
    """Illegal characters were replaced by what can be undone."""
    REFUSED = "refused"
    """The row is left out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the report.

    Attributes:
        verdict: What became of it.
        line: The row, as the file counts: a line of CSV, a row of a sheet.
        column: The name of the column; empty when the row is meant.
        message: What is the matter, as a sentence.
        found: What stood there.
        expected: What may stand there.
        became: What stands there now, when it was fixed.
        hint: What to do.
    """

    verdict: Verdict
    line: int
    column: str
    message: str
    found: str = ""
    expected: str | None = None
    became: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class NameRow:
    """One tag of the table.

    Attributes:
        line: The row, as the file counts.
        tag: What the device calls it.
        topic: The name.
        contract: `name@version`; None for none.
        unit: The UCUM code; None for none.
        description: What it is.
    """

    line: int
    tag: str
    topic: str
    contract: str | None = None
    unit: str | None = None
    description: str = ""


@dataclass(frozen=True)
class NamesTable:
    """A judged table.

    Attributes:
        file: What findings call it.
        columns: The columns that it has, in its order.
        rows: What can be used.
        entries: What was fixed and refused.
        count: How many rows were judged.
    """

    file: str
    columns: tuple[str, ...]
    rows: tuple[NameRow, ...] = field(repr=False)
    entries: tuple[Entry, ...] = field(repr=False, compare=False)
    count: int = field(compare=False)

    @cached_property
    def by_tag(self) -> Mapping[str, NameRow]:
        """The rows by tag."""
        return {row.tag: row for row in self.rows}

    def numbers(self) -> dict[str, int]:
        """Count rows: accepted as they are, fixed, refused."""
        refused = self.count - len(self.rows)
        touched = {entry.line for entry in self.entries if entry.verdict is not Verdict.REFUSED}
        fixed = sum(row.line in touched for row in self.rows)
        return {"rows": self.count, "accepted": len(self.rows) - fixed, "fixed": fixed, "refused": refused}

    def cells(self) -> Iterator[list[str]]:
        """Write the rows as they go into a file."""
        for row in self.rows:
            yield [str(getattr(row, column) or "") for column in self.columns]


def judge(table: Table, *, ignored: Sequence[str] = (), check_unit: UnitCheck | None = None) -> NamesTable:
    """Judge a table.

    Args:
        table: The table.
        ignored: Columns that mean nothing here.
        check_unit: What judges units; None to take them as they are.
    """
    judging = _Judging(table, check_unit)
    judging.entries += _of_file(table)
    columns = judging.columns(ignored)
    if columns is None:
        return NamesTable(table.file, (), (), tuple(judging.entries), len(table.rows))
    rows = [row for line, cells in table.rows if (row := judging.row(columns, line, cells)) is not None]
    return NamesTable(table.file, tuple(name for name, _ in columns), tuple(rows), tuple(judging.entries), len(table.rows))


def _of_file(table: Table) -> Iterator[Entry]:
    if table.has_mark:
        yield Entry(Verdict.TIDIED, 1, "", "The byte order mark was removed.", "a byte order mark")
    if table.text is not None and table.separator != ",":
        yield Entry(Verdict.TIDIED, table.head, "", "Cells are separated by commas.", repr(table.separator), became="`,`")
    if table.text is not None and "\r" in table.text:
        yield Entry(Verdict.TIDIED, table.head, "", "Rows end with LF.", "CR")


_Fixed = tuple[str, Verdict | None, str]
"""A text, what was done to it and why."""


class _Refused(ValueError):
    def __init__(self, message: str, expected: str, hint: str | None = None) -> None:
        self.expected = expected
        self.hint = hint
        super().__init__(message)


class _Judging:
    def __init__(self, table: Table, check_unit: UnitCheck | None) -> None:
        self._table = table
        self._tags: dict[str, int] = {}
        self._topics: dict[str, int] = {}
        self._known: dict[tuple[str, str], _Fixed] = {}
        self._check_unit = check_unit
        self.entries: list[Entry] = []

    def columns(self, ignored: Sequence[str]) -> list[tuple[str, int]] | None:
        """Check the first row; None when the rows would make no sense."""
        columns: dict[str, int] = {}
        head = self._table.head
        for index, written in enumerate(self._table.columns):
            name = written.lower()
            if not name or written in ignored:
                continue
            if name in columns:
                self._refuse(head, name, f"The column `{name}` stands twice.", written, "each name once")
            elif name not in COLUMNS:
                hint = did_you_mean(name, COLUMNS) or f"Remove the column; `pronubes tags import --ignore {written}` does."
                self._refuse(head, name, f"There is no column `{written}` here.", written, ", ".join(f"`{one}`" for one in COLUMNS), hint)
            else:
                columns[name] = index
                if written != name:
                    self.entries.append(Entry(Verdict.TIDIED, head, name, "Columns are in lower case.", written, became=name))
        hint = "Separate the columns by commas, semicolons or tabs." if len(self._table.columns) == 1 else "The first row names the columns."
        for name in NEEDED:
            if name not in columns:
                self._refuse(head, name, f"There is no column `{name}`.", "", f"`{name}`", hint)
        return None if any(entry.verdict is Verdict.REFUSED for entry in self.entries) else list(columns.items())

    def row(self, columns: Sequence[tuple[str, int]], line: int, cells: Sequence[object]) -> NameRow | None:
        """Judge a row; None when it is refused."""
        count, values, is_refused = len(self.entries), {}, False
        if any(cell not in (None, "") for cell in cells[len(self._table.columns) :]):
            hint = "A comma in a cell? Quote the cell." if self._table.separator == "," else None
            self._refuse(line, "", f"The row has {len(cells)} cells.", "", f"{len(self._table.columns)} cells, as the first row has", hint)
            return None
        for name, index in columns:
            written = "" if index >= len(cells) or cells[index] is None else _text_of(cells[index])
            try:
                text, verdict, message = self._cell(name, written)
            except _Refused as refused:
                self._refuse(line, name, str(refused), written, refused.expected, refused.hint)
                is_refused = True
                continue
            if verdict is not None:
                self.entries.append(Entry(verdict, line, name, message, written, became=text))
            values[name] = text
        if is_refused or not self._is_new(line, values):
            self.entries[count:] = [entry for entry in self.entries[count:] if entry.verdict is Verdict.REFUSED]
            return None
        return NameRow(
            line, values["tag"], values["topic"], values.get("contract") or None, values.get("unit") or None, values.get("description", "")
        )

    def _is_new(self, line: int, values: Mapping[str, str]) -> bool:
        before = self._tags.setdefault(values["tag"], line)
        if before != line:
            self._refuse(line, "tag", f"Row {before} has this tag already.", values["tag"], "each tag once")
            return False
        before = self._topics.setdefault(values["topic"], line)
        if before != line:
            message = f"Row {before} has this name already: two tags cannot have one name."
            self._refuse(line, "topic", message, values["topic"], "each name once")
            return False
        return True

    def _cell(self, name: str, written: str) -> _Fixed:
        if name in ("contract", "unit"):  # the same few texts come again and again
            known = self._known.get((name, written))
            if known is None:
                known = self._known[name, written] = self._judged(name, written)
            return known
        return self._judged(name, written)

    def _judged(self, name: str, written: str) -> _Fixed:
        text = written.strip()
        fixed = (text, Verdict.TIDIED, "White space around it was removed.") if text != written else (text, None, "")
        if name == "tag":
            return _tag(fixed)
        if name == "topic":
            return _topic(fixed)
        if name == "contract":
            return _contract(fixed)
        return _description(fixed) if name == "description" else self._unit(fixed)

    def _unit(self, fixed: _Fixed) -> _Fixed:
        problem = self._check_unit(fixed[0]) if self._check_unit is not None and fixed[0] else None
        if problem is not None:
            raise _Refused(problem[0], "a UCUM code as in `Cel`, `bar` or `kW.h`", problem[1])
        return fixed

    def _refuse(self, line: int, column: str, message: str, found: str, expected: str, hint: str | None = None) -> None:
        self.entries.append(Entry(Verdict.REFUSED, line, column, message, found, expected, hint=hint))


def _tag(fixed: _Fixed) -> _Fixed:
    if not fixed[0]:
        raise _Refused("The tag is missing.", "what the device calls the value")
    if _CONTROL.search(fixed[0]) or fixed[0].startswith("#"):
        raise _Refused("This is not a tag.", "a text without control characters that does not begin with `#`")
    return fixed


def _topic(fixed: _Fixed) -> _Fixed:
    text = fixed[0]
    if not text:
        raise _Refused("The topic is missing.", "the name, as in `acme/cologne/oven1/temperature`")
    if is_topic(text):
        return fixed
    tidy = "/".join(level.strip() for level in text.split("/"))
    if tidy != text:
        if is_topic(tidy):
            return tidy, Verdict.TIDIED, "White space around levels was removed."
        text = tidy
    legal = escaped(text)
    if not is_topic(legal):
        hint = "Remove the `/` at its end or beginning, or the one that is too much." if "" in text.split("/") else None
        raise _Refused("This is not a topic.", LEVEL_WORDS, hint)
    return legal, Verdict.ESCAPED, "Characters that topics cannot have were escaped."


def _contract(fixed: _Fixed) -> _Fixed:
    text = fixed[0]
    if not text or _CONTRACT.fullmatch(text):
        return fixed
    odd = _ODD_CONTRACT.fullmatch(text)
    if odd is None:
        raise _Refused("This is not a contract.", "`name@version` as in `measurement@1`", "Write the version." if "@" not in text else None)
    return f"{odd[1]}@{odd[2]}", Verdict.TIDIED, "A version is a whole number."


def _description(fixed: _Fixed) -> _Fixed:
    text, verdict, message = fixed
    clean = _CONTROL.sub(" ", _LINE_END.sub("\n", text)).strip()
    return (clean, Verdict.TIDIED, "Control characters were replaced by spaces.") if clean != text else (text, verdict, message)


def _text_of(cell: object) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)
