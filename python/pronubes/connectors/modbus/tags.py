"""The tag list of a Modbus device: one CSV row per tag, every mistake named with its row and column.

    tag,table,address,type,order,scale,offset,unit,group,device
    filler_temp,holding,100,int16,,0.1,,Cel,fast,1
    bottles_total,holding,110,uint32,CDAB,,,{bottles},fast,1
    motor_on,coil,4,bool,,,,,slow,1

Only `tag`, `table`, `address` and `type` are needed. The first row names the columns, in any order; `;` works as separator as well.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

from pronubes.tags.naming import TagProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Order", "Table", "Tag", "TagProblem", "Type", "load_tags"]

Table = Literal["holding", "input", "coil", "discrete"]
Type = Literal["bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
Order = Literal["ABCD", "CDAB", "BADC", "DCBA"]

WORDS: dict[str, int] = {"bool": 1, "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2, "int64": 4, "uint64": 4, "float64": 4}
COLUMNS = ("tag", "table", "address", "type", "order", "bit", "scale", "offset", "unit", "group", "device", "invalid")
NEEDED = ("tag", "table", "address", "type")
FILE_BYTES = 64 * 1024 * 1024
_TAG = re.compile(r"[^/+#\x00\s$][^/+#\x00]*")
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


@dataclass(frozen=True, slots=True)
class Tag:
    """One value of a device.

    Attributes:
        name: What the topic template calls `{tag}`.
        table: Which of the four tables (V1.1b3 §4.3).
        address: The first register or bit, counted from 0.
        type: What the registers hold.
        order: How the bytes of the value stand in the registers; ABCD is the standard's big-endian (§4.2).
        bit: The bit of a register that a `bool` is in, from 0; None in bit tables.
        scale: The factor between the raw number and the value; None: the raw number is the value.
        offset: What is added after scaling.
        unit: UCUM code; None where there is none.
        group: The poll group.
        device: The unit identifier (1 to 247).
        invalid: The raw number by which the device says that it has no value.
        line: The line of the tag list, from 1; None for a tag of another origin.
    """

    name: str
    table: Table
    address: int
    type: Type
    order: Order = "ABCD"
    bit: int | None = None
    scale: float | None = None
    offset: float = 0.0
    unit: str | None = None
    group: str = "default"
    device: int = 1
    invalid: int | None = None
    line: int | None = None

    @property
    def words(self) -> int:
        """How many registers (or bits, in a bit table) it takes."""
        return WORDS[self.type]


class _Refused(ValueError):
    def __init__(self, expected: str, hint: str | None = None) -> None:
        self.expected = expected
        self.hint = hint
        super().__init__(expected)


def load_tags(path: Path, *, address_base: int = 0) -> tuple[list[Tag], list[TagProblem]]:
    """Read a tag list; all mistakes at once.

    Args:
        path: The CSV file: UTF-8, with or without a byte order mark.
        address_base: What the file's first address is called: 0 or 1.

    Raises:
        OSError: The file cannot be read.
    """
    if path.stat().st_size > FILE_BYTES:
        return [], [TagProblem(1, "", f"a file of {path.stat().st_size} bytes", f"at most {FILE_BYTES} bytes")]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [TagProblem(1, "", f"a byte that is no UTF-8 at {error.start}", "UTF-8", "Save the file as `CSV UTF-8`.")]
    head = text.partition("\n")[0]
    rows = csv.reader(text.splitlines(), delimiter=";" if head.count(";") > head.count(",") else ",")
    header = [name.strip().lower() for name in next(rows, [])]
    problems = list(_header_problems(header))
    if problems:
        return [], problems
    tags: list[Tag] = []
    lines: dict[str, int] = {}
    for row in rows:
        if any(cell.strip() for cell in row) and not row[0].lstrip().startswith("#"):
            tag = _read_row(rows.line_num, header, row, address_base, problems)
            if tag is not None and lines.setdefault(tag.name, rows.line_num) != rows.line_num:
                problems.append(TagProblem(rows.line_num, "tag", tag.name, f"another name: line {lines[tag.name]} has it already"))
            elif tag is not None:
                tags.append(tag)
    if not tags and not problems:
        problems.append(TagProblem(1, "", "no tag", "at least one row below the names of the columns"))
    return tags, problems


def _header_problems(header: Sequence[str]) -> Iterator[TagProblem]:
    import difflib

    for name in header:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            yield TagProblem(
                1, name, name or "a column without a name", f"one of {', '.join(COLUMNS)}", f"Did you mean `{near[0]}`?" if near else None
            )
    for name in NEEDED:
        if name not in header:
            yield TagProblem(1, name, "no such column", f"the columns {', '.join(NEEDED)}", "The first row names the columns.")


def _read_row(line: int, header: Sequence[str], row: Sequence[str], address_base: int, problems: list[TagProblem]) -> Tag | None:
    if len(row) > len(header):
        hint = "A decimal comma? Write numbers with a point." if any(_DECIMAL_COMMA.fullmatch(f"{a},{b}") for a, b in pairwise(row)) else None
        problems.append(TagProblem(line, "", f"{len(row)} cells", f"{len(header)} cells, as the first row has", hint))
        return None
    cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
    values: dict[str, object] = {}
    count = len(problems)
    for column in COLUMNS:
        text = cells.get(column, "")
        if not text and column not in NEEDED:
            continue
        try:
            values["name" if column == "tag" else column] = _READ[column](text)
        except _Refused as refused:
            problems.append(TagProblem(line, column, text or "nothing", refused.expected, refused.hint))
    if len(problems) > count:
        return None
    tag = Tag(**{**values, "address": int(str(values["address"])) - address_base, "line": line})  # type: ignore[arg-type]  # each was read by its column's reader
    problems.extend(_tag_problems(line, tag, address_base))
    return tag if len(problems) == count else None


def _tag_problems(line: int, tag: Tag, address_base: int) -> Iterator[TagProblem]:
    is_bit_table = tag.table in {"coil", "discrete"}
    if tag.address < 0 or tag.address + tag.words > 65_536:
        yield TagProblem(line, "address", str(tag.address + address_base), f"{address_base} to {65_535 + address_base}, with room for {tag.type}")
    if is_bit_table and tag.type != "bool":
        yield TagProblem(line, "type", tag.type, f"bool, since a {tag.table} is one bit")
    if tag.type == "bool" and not is_bit_table and tag.bit is None:
        yield TagProblem(line, "bit", "nothing", "0 to 15: which bit of the register")
    if tag.type == "bool" and tag.scale is not None:
        yield TagProblem(line, "scale", str(tag.scale), "nothing for a bool")


def _name(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise _Refused("a name without `/`, `+`, `#`, not beginning with `$`", "It becomes one level of a topic (MQTT 5 §4.7).")
    return text


def _integer(low: int, high: int, text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise _Refused(f"a whole number from {low} to {high}")
    return number


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        hint = f"Write `{text.replace(',', '.')}`." if _DECIMAL_COMMA.fullmatch(text) else None
        raise _Refused("a number with a decimal point", hint)
    return number


def _one_of(choices: tuple[str, ...], text: str) -> str:
    import difflib

    for choice in choices:
        if choice.lower() == text.lower():
            return choice
    near = difflib.get_close_matches(text.lower(), choices, n=1)
    raise _Refused(f"one of {', '.join(choices)}", f"Did you mean `{near[0]}`?" if near else None)


_READ: dict[str, Callable[[str], object]] = {
    "tag": _name,
    "table": lambda text: _one_of(get_args(Table), text),
    "address": lambda text: _integer(0, 65_536, text),
    "type": lambda text: _one_of(get_args(Type), text),
    "order": lambda text: _one_of(get_args(Order), text),
    "bit": lambda text: _integer(0, 15, text),
    "scale": _number,
    "offset": _number,
    "unit": str,
    "group": _name,
    "device": lambda text: _integer(0, 247, text),
    "invalid": lambda text: _integer(-(2**63), 2**64 - 1, text),
}
