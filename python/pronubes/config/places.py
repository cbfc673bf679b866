"""Where the values of a configuration stand, worked out only when there is something to say about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pronubes.config.findings import Finding, text_of_path
from pronubes.config.located import Document, Node, read_located
from pronubes.config.offsets import index_in_file, line_and_column, span_as_written
from pronubes.config.templates.origins import Located, Origins
from pronubes.config.traps import comma_hint, comment_hint
from pronubes.config.variables import Value
from pronubes.diagnostics import Diagnostic, Position, Severity

__all__ = ["Places", "nothings"]

_LONGEST_EXCERPT = 80


@dataclass(eq=False)
class Places:
    """A text and the ways into it.

    Attributes:
        file: What findings call the file.
        text: The text; None when the configuration was made in Python.
        variables: What `${...}` were replaced by.
        origins: What templates made, and for which machines.
    """

    file: str
    text: str | None = field(repr=False)
    variables: Mapping[str, Value] = field(repr=False)
    origins: Origins = field(default_factory=Origins, repr=False)

    @cached_property
    def document(self) -> Document | None:
        """The text with positions; reading it takes a moment, so only findings ask for it."""
        return read_located(self.text, self.file) if self.text is not None else None

    def diagnostic(self, finding: Finding, *, severity: Severity = Severity.ERROR) -> Diagnostic:
        """Give a finding its place: of what a template made, the place in the template."""
        located = self._located(finding.path)
        node, key = self._nodes(located.path)
        position, found, hint = None, finding.found, finding.hint
        if self.document is not None and node is not None:
            position = self._position(finding, node, key)
            found = found or self._found(finding, node, key)
            hint = hint or self._trap(node, key, finding)
        return Diagnostic(
            code=finding.code,
            message=finding.message,
            file=self.file,
            position=position,
            path=text_of_path(finding.path),
            found=None if finding.is_secret else found or None,
            expected=finding.expected,
            hint=hint,
            severity=severity,
            is_secret=finding.is_secret,
            origin=finding.origin or located.origin or None,
        )

    def _located(self, path: tuple[str | int, ...]) -> Located:
        return self.origins.locate(path, self.variables) or Located(path, "", self.variables)

    def position_of_value(self, path: tuple[str | int, ...]) -> Position | None:
        """Return where the value at a path stands, not its key; None when it stands nowhere."""
        path = self._located(path).path
        node, _, depth = self.document.find(path) if self.document is not None else (None, None, 0)
        return self.document.position(node) if self.document is not None and node is not None and depth == len(path) else None

    def _nodes(self, path: tuple[str | int, ...]) -> tuple[Node | None, Node | None]:
        if self.document is None:
            return None, None
        node, key, depth = self.document.find(path)
        if depth < len(path) and node is self.document.root:
            return None, None
        return node, key

    def _position(self, finding: Finding, node: Node, key: Node | None) -> Position:
        document = self.document
        if document is None:
            return Position(1, 1)
        text = key if finding.at_key and key is not None else node
        if finding.offset is not None and text.kind == "scalar":
            return self._within(document, text, finding.offset, finding.length or 1)
        is_block = node.kind != "scalar" and not node.is_flow
        is_nothing = node.kind == "scalar" and not node.text and not node.style
        if key is not None and (finding.at_key or is_block or is_nothing):
            return document.position(key)
        return document.position(node)

    def _within(self, document: Document, node: Node, offset: int, length: int) -> Position:
        begin = index_in_file(document, node, offset)
        end = index_in_file(document, node, min(offset + length, len(node.text)))
        line, column = line_and_column(document, begin)
        width = len(document.line(line - 1)) - column + 1
        return Position(line, column, max(min(end - begin, width), 1))

    def span_in_text(self, path: tuple[str | int, ...], text: str, offset: int, length: int) -> tuple[int, int]:
        """Turn a span of bytes of a text after its variables were put in into the characters as they are written.

        Args:
            path: The way to the text.
            text: The text after its variables were put in.
            offset: The first byte in UTF-8.
            length: How many bytes.

        Returns:
            The first character and how many.
        """
        encoded = text.encode()
        begin = len(encoded[:offset].decode(errors="ignore"))
        size = max(len(encoded[offset : offset + length].decode(errors="ignore")), 1)
        located = self._located(path)
        node = self.document.find(located.path)[0] if self.document is not None else None
        if node is None or node.kind != "scalar" or "${" not in node.text:
            return begin, size
        return span_as_written(node.text, located.variables, begin, size)

    def _found(self, finding: Finding, node: Node, key: Node | None) -> str:
        if finding.at_key:
            return key.text if key is not None and finding.code != "missing_key" else ""
        if node.kind != "scalar":
            return f"a {'list' if node.kind == 'sequence' else 'mapping'}"
        if node.value is None and not node.style:
            return "nothing"
        return node.text if len(node.text) <= _LONGEST_EXCERPT else node.text[:_LONGEST_EXCERPT] + "…"

    def _trap(self, node: Node, key: Node | None, finding: Finding) -> str | None:
        document = self.document
        if document is None or node.kind != "scalar" or node.text or node.style:
            return None
        label = f"{key.text}: " if key is not None else "- "
        hint = comment_hint(document.line(node.start[0]), node.start[1], label)
        if hint is not None or key is None:
            return hint
        parent = document.find(self._located(finding.path).path[:-1])[0]
        previous = _before(parent, key) if parent is not None and parent.is_flow else None
        return comma_hint(key.text, previous.text) if previous is not None else None


def _before(parent: Node, key: Node) -> Node | None:
    """Find the value in front of a key."""
    position = next((index for index, (other, _) in enumerate(parent.entries) if other is key), 0)
    return parent.entries[position - 1][1] if position else None


def nothings(node: Node, path: tuple[str | int, ...]) -> Iterator[Finding]:
    """List keys and entries without a value. A written `null` is one."""
    if node.kind == "scalar":
        if not node.text and not node.style:
            what = f"`{path[-1]}`" if path and isinstance(path[-1], str) else "This entry"
            yield Finding(code="no_value", path=path, message=f"{what} has no value.")
        return
    for index, (key, value) in enumerate(node.entries):
        yield from nothings(value, (*path, key.text if key is not None else index))
