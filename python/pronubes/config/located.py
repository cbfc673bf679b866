"""YAML to values with positions, and everything about a text that a configuration must not have.

The slow twin of `reader`: used when something is wrong, to say what and where. It goes on after most findings, so that all are shown at once;
only a text that is no YAML ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from pronubes.config.limits import MAX_DENSE_SEPARATORS, MAX_DEPTH, MAX_SEPARATORS, MAX_VALUES, has_too_many_separators
from pronubes.config.scalars import Scalar, ScalarProblem, resolve
from pronubes.config.traps import advise, quoted
from pronubes.diagnostics import Diagnostic, Position

__all__ = ["Document", "Node", "read_located"]

Part = str | int
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(slots=True, eq=False)
class Node:
    """A value with its place. Lines and columns count from 0 here.

    Attributes:
        kind: `scalar`, `mapping` or `sequence`.
        start: Line and column of its first character.
        end: Line and column behind its last.
        index: The character of the text it starts at.
        text: The text of a scalar.
        value: What a scalar means.
        style: How a scalar is written: empty (plain), a quote, `|` or `>`.
        is_flow: Whether a mapping or sequence is written with brackets.
        entries: The members: of a mapping with their keys, of a sequence without.
    """

    kind: str
    start: tuple[int, int]
    end: tuple[int, int]
    index: int = 0
    text: str = ""
    value: Scalar = None
    style: str = ""
    is_flow: bool = False
    entries: list[tuple[Node | None, Node]] = field(default_factory=list)

    def get(self, part: Part) -> tuple[Node | None, Node] | None:
        """Find a member by its key or index, with the node of its key."""
        if self.kind == "mapping":
            return next((entry for entry in self.entries if entry[0] is not None and entry[0].text == part), None)
        if self.kind == "sequence" and isinstance(part, int) and part < len(self.entries):
            return self.entries[part]
        return None

    def plain_value(self) -> Any:  # Any: whatever the YAML holds
        """Return the value without positions; of equal keys the first counts."""
        if self.kind == "mapping":
            values: dict[str, Any] = {}
            for key, node in self.entries:
                values.setdefault(key.text if key else "", node.plain_value())
            return values
        return [node.plain_value() for _, node in self.entries] if self.kind == "sequence" else self.value


@dataclass(slots=True, eq=False)
class Document:
    """A text and what was read from it.

    Attributes:
        file: The name of the file, as the user gave it.
        text: The text.
        root: The outermost mapping; None when there is none.
        problems: What the text has that it must not have.
    """

    file: str
    text: str
    root: Node | None = None
    problems: list[Diagnostic] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def line(self, number: int) -> str:
        """Return a line, counted from 0; empty beyond the end."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def position(self, node: Node) -> Position:
        """Return where a node stands: all of it when it is on one line, else its first line."""
        line, column = node.start
        end = node.end[1] if node.end[0] == line else len(self.line(line).rstrip())
        return Position(line + 1, column + 1, max(end - column, 1))

    def find(self, path: Sequence[Part]) -> tuple[Node | None, Node | None, int]:
        """Follow a path as far as it goes.

        Returns:
            The node, the node of its key, and how many parts of the path lead there.
        """
        node, key = self.root, None
        for depth, part in enumerate(path):
            if part == 0 and node is not None and node.kind != "sequence":
                continue  # a single value may stand where a list is meant
            entry = node.get(part) if node is not None else None
            if entry is None:
                return node, key, depth
            key, node = entry
        return node, key, len(path)


def read_located(text: str, file: str) -> Document:
    """Read a text and collect what is wrong with it as YAML."""
    if has_too_many_separators(text):
        message = (
            f"The configuration has more than {MAX_SEPARATORS:,} lines, commas and brackets, "
            f"or more than {MAX_DENSE_SEPARATORS:,} with next to nothing between them."
        )
        return Document(file, text, problems=[Diagnostic(code="too_large", message=message, file=file)])
    document = Document(file, text, lines=_LINE_BREAK.split(text))
    _LocatedBuilder(document).build()
    return document


class _Stop(Exception):
    """There is no point in reading on."""


class _LocatedBuilder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0
        self._open_flows: list[Node] = []

    def build(self) -> None:
        try:
            events = self._events()
            first = next((event for event in events if not isinstance(event, yaml.StreamStartEvent | DocumentStartEvent)), None)
            if not isinstance(first, MappingStartEvent):
                self._refuse_root(first)
                return
            self._document.root = self._mapping(first, events, 1)
            for event in events:
                if isinstance(event, DocumentStartEvent):
                    self._problem(
                        "second_document", "A configuration is one YAML document.", event, hint="Remove what follows this line, or the `---`."
                    )
                    return
        except _Stop:
            return
        except yaml.MarkedYAMLError as error:
            self._no_yaml(error)
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            self._no_text(error)

    def _events(self) -> Iterator[Any]:  # Any: PyYAML's events are not typed
        loader = yaml.CSafeLoader(self._document.text)
        while not isinstance(event := loader.get_event(), StreamEndEvent | None):
            yield event

    def _refuse_root(self, first: Any) -> None:
        if first is None:
            self._document.problems.append(_empty(self._document.file))
            return
        self._problem(
            "not_a_mapping", "A configuration is a mapping of keys.", first, expected="`version: 1` and further keys, each at the start of a line"
        )

    def _value(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        self._count += 1
        if self._count > MAX_VALUES:
            self._problem("too_large", f"The configuration has more than {MAX_VALUES:,} values.", event)
            raise _Stop
        self._check_decoration(event)
        if isinstance(event, MappingStartEvent | SequenceStartEvent) and depth >= MAX_DEPTH:
            self._problem("too_deep", f"The configuration is nested deeper than {MAX_DEPTH} levels.", event)
            raise _Stop
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, events, depth + 1)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, events, depth + 1)
        return self._scalar(event)

    def _mapping(self, start: Any, events: Iterator[Any], depth: int) -> Node:
        node = self._opened(_node("mapping", start))
        seen: dict[str, Node] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                self._closed(node, event)
                break
            key = self._value(event, events, depth)
            if key.kind != "scalar":
                self._problem("key_not_text", "A key must be a text.", event, expected="a name, such as `filter:`")
            elif key.text in seen:
                first = seen[key.text].start[0] + 1
                self._at(key, "duplicate_key", f"The key `{key.text}` stands twice.", hint=f"It stands in line {first} already; keep one of the two.")
            else:
                seen[key.text] = key
            node.entries.append((key, self._value(next(events), events, depth)))
        return node

    def _sequence(self, start: Any, events: Iterator[Any], depth: int) -> Node:
        node = self._opened(_node("sequence", start))
        for event in events:
            if isinstance(event, SequenceEndEvent):
                self._closed(node, event)
                break
            node.entries.append((None, self._value(event, events, depth)))
        return node

    def _opened(self, node: Node) -> Node:
        if node.is_flow:
            self._open_flows.append(node)
        return node

    def _closed(self, node: Node, event: Any) -> None:
        node.end = _end(event)
        if node.is_flow:
            self._open_flows.pop()

    def _scalar(self, event: Any) -> Node:
        node = _node("scalar", event)
        if not isinstance(event, ScalarEvent):
            return node
        node.text = node.value = event.value
        node.style = event.style or ""
        if not node.style and event.tag is None:
            try:
                node.value = resolve(event.value)
            except ScalarProblem as problem:
                self._at(node, "number_out_of_range", str(problem), hint="Quote it if it is meant as a text.")
        return node

    def _check_decoration(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            rest = self._rest(event)
            hint = f"Quote it if it is meant as a text: `{quoted(rest)}`." if rest.startswith("*/") else "Write the value out again."
            self._problem("alias", "Aliases are not used in configurations.", event, found=rest, hint=hint)
        elif event.anchor is not None:
            self._problem("anchor", "Anchors are not used in configurations.", event, found=f"&{event.anchor}", hint="Remove it, or quote the value.")
        elif event.tag is not None:
            rest = self._rest(event)
            self._problem(
                "tag",
                "A plain value cannot start with `!`: YAML takes it for a tag.",
                event,
                found=rest,
                hint=f"Quote the whole value: `{quoted(rest)}`",
            )

    def _rest(self, event: Any) -> str:
        line, column = _start(event)
        return self._document.line(line)[column:].strip()

    def _no_yaml(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        if self._open_flows and self._open_flows[0].start[0] != line:
            line, column = self._open_flows[0].start
        elif error.context_mark is not None and "quoted" in (error.context or "") and error.context_mark.line != line:
            line, column = error.context_mark.line, error.context_mark.column
        advice = advise(self._document.line(line), error.problem or "it cannot be read")
        self._document.problems.append(
            Diagnostic(code="no_yaml", message=advice.message, file=self._document.file, position=Position(line + 1, column + 1), hint=advice.hint)
        )

    def _no_text(self, error: Exception) -> None:
        offset = getattr(error, "position", getattr(error, "start", 0))
        before = self._document.text[: offset if isinstance(offset, int) else 0]
        position = Position(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        character = f"U+{ord(self._document.text[offset]):04X}" if offset < len(self._document.text) else None
        self._document.problems.append(
            Diagnostic(
                code="no_text",
                message="YAML does not allow this character.",
                file=self._document.file,
                position=position,
                found=character,
                hint="Remove it.",
            )
        )

    def _problem(self, code: str, message: str, event: Any, **facts: str) -> None:
        self._at(_node("scalar", event), code, message, **facts)

    def _at(self, node: Node, code: str, message: str, **facts: Any) -> None:
        position = self._document.position(node)
        self._document.problems.append(Diagnostic(code=code, message=message, file=self._document.file, position=position, **facts))


def _empty(file: str) -> Diagnostic:
    hint = "Begin with `version: 1`, or let `pronubes init` write one."
    return Diagnostic(code="empty", message="The configuration is empty.", file=file, hint=hint)


def _node(kind: str, event: Any) -> Node:
    is_flow = bool(getattr(event, "flow_style", False))
    return Node(kind, _start(event), _end(event), index=event.start_mark.index, is_flow=is_flow)


def _start(event: Any) -> tuple[int, int]:
    return event.start_mark.line, event.start_mark.column


def _end(event: Any) -> tuple[int, int]:
    return event.end_mark.line, event.end_mark.column
