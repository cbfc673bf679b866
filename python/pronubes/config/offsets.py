"""From a character of a text to the place in the file where it is written.

A YAML scalar is written in five ways: plain, in two kinds of quotes, and as a `|` or `>` block; all but the first change characters, all but
`|` fold lines. This walks the file and the text side by side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pronubes.config.located import Document, Node
from pronubes.config.variables import Value, VariableProblem, pieces

__all__ = ["index_in_file", "line_and_column", "span_as_written"]

_FOLD = re.compile(r"[ \t]*(?:\r\n|[\n\r\x85\u2028\u2029])[ \t]*(?:(?:\r\n|[\n\r\x85\u2028\u2029])[ \t]*)*")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_ESCAPE_LENGTH = {"x": 4, "u": 6, "U": 10}


def span_as_written(text: str, variables: Mapping[str, Value], offset: int, length: int) -> tuple[int, int]:
    """Find a part of a text as it was before its variables were replaced.

    Args:
        text: The text with `${...}`.
        variables: What they were replaced by.
        offset: The first character of the part after replacing.
        length: How many characters.

    Returns:
        The first character in `text` and how many; a part that came out of a variable gives its `${...}`.
    """
    begin, _ = _as_written(text, variables, offset)
    _, end = _as_written(text, variables, offset + max(length, 1) - 1)
    return begin, max(end - begin, 1)


def _as_written(text: str, variables: Mapping[str, Value], offset: int) -> tuple[int, int]:
    """Find where one character of the text after replacing begins and ends in what was written."""
    length = 0
    try:
        for piece in pieces(text, variables):
            if offset < length + len(piece.text):
                is_literal = piece.end - piece.start == len(piece.text)
                at = piece.start + offset - length
                return (at, at + 1) if is_literal else (piece.start, piece.end)
            length += len(piece.text)
    except VariableProblem:
        return min(offset, len(text)), len(text)
    return len(text), len(text)


def index_in_file(document: Document, node: Node, offset: int) -> int:
    """Find the character of the file that a character of a scalar is written at.

    Args:
        document: The file.
        node: The scalar.
        offset: The character of its text; the length of the text means behind its last.
    """
    if node.style in "|>" and node.style:
        return _in_block(document.text, node, offset)
    return _in_flow(document.text, node, offset)


def line_and_column(document: Document, index: int) -> tuple[int, int]:
    """Turn a character of the file into its line and column, both from 1."""
    line, start = 1, 0
    for match in _BREAK.finditer(document.text, 0, index):
        line, start = line + 1, match.end()
    return line, index - start + 1


def _in_flow(source: str, node: Node, offset: int) -> int:
    quote = node.style
    at, done = node.index + len(quote), 0
    while done < offset and at < len(source):
        fold = _FOLD.match(source, at)
        if fold is not None:
            breaks = len(_BREAK.findall(fold[0]))
            done += max(breaks - 1, 1)
            at = fold.end() if done <= offset else at
            continue
        if quote == '"' and source[at] == "\\":
            length = _escape(source, at)
            done += 0 if source[at + 1 : at + 2] in ("\n", "\r") else 1
            at += length
            continue
        at += 2 if quote == "'" and source.startswith("''", at) else 1
        done += 1
    is_continued = quote == '"' and source[at : at + 1] == "\\" and source[at + 1 : at + 2] in ("\n", "\r")
    return at + _escape(source, at) if is_continued else at


def _escape(source: str, at: int) -> int:
    continued = _FOLD.match(source, at + 1)
    if continued is not None:
        return continued.end() - at
    return _ESCAPE_LENGTH.get(source[at + 1 : at + 2], 2)


def _in_block(source: str, node: Node, offset: int) -> int:
    header = _BREAK.search(source, node.index)
    at = header.end() if header is not None else len(source)
    indent = _indent(source, at)
    at, done = _skip(source, at, indent), 0
    while done < offset and at < len(source):
        end = _BREAK.match(source, at)
        if end is None:
            at, done = at + 1, done + 1
            continue
        following = _skip(source, end.end(), indent)
        is_dropped = node.text[done : done + 1] != "\n" and (_BREAK.match(source, following) is not None or node.text[done : done + 1] != " ")
        extra = node.style == ">" and node.text[done : done + 1] == "\n" and _starts_paragraph(source, at, indent)
        at, done = following, done + (0 if is_dropped or extra else 1)
    return at


def _starts_paragraph(source: str, at: int, indent: int) -> bool:
    """Tell a line break of a folded block that is dropped because an empty line follows."""
    following = _BREAK.match(source, at)
    if following is None:
        return False
    begins_text = at > 0 and source[at - 1] not in "\n\r"
    return begins_text and _BREAK.match(source, _skip(source, following.end(), indent)) is not None


def _indent(source: str, at: int) -> int:
    while (blank := re.compile(r"[ ]*(?:\r\n|[\n\r])").match(source, at)) is not None:
        at = blank.end()
    match = re.compile(r" *").match(source, at)
    return len(match[0]) if match else 0


def _skip(source: str, at: int, indent: int) -> int:
    end = at
    while end < len(source) and end - at < indent and source[end] == " ":
        end += 1
    return end
