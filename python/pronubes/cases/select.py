"""`-k`: which cases are meant, by words that their file or name holds, with `and`, `or`, `not` and brackets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pronubes.cases.read import NamedCase

__all__ = ["SelectionProblem", "holds", "selected"]

_TOKEN = re.compile(r"\s*(?:(?P<bracket>[()])|(?P<quoted>\"[^\"]*\"|'[^']*')|(?P<word>[^\s()\"']+))")
_MOST_DEPTH = 50


class SelectionProblem(ValueError):
    """The expression cannot be read; the sentence says why."""


def selected(cases: Iterable[NamedCase], expression: str | None) -> list[NamedCase]:
    """Choose cases.

    Raises:
        SelectionProblem: The expression cannot be read.
    """
    if expression is None:
        return list(cases)
    return [named for named in cases if holds(expression, f"{named.file}::{named.name}")]


def holds(expression: str, text: str) -> bool:
    """Tell whether an expression is true of a text.

    Raises:
        SelectionProblem: It cannot be read.
    """
    tokens = list(_tokens(expression))
    reader = _Reader(tokens, text.lower())
    found = reader.either(0)
    if reader.place < len(tokens):
        raise SelectionProblem(f"`{tokens[reader.place][1]}` cannot stand there in `{expression}`.")
    return found


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(expression.rstrip())
    while place < end:
        match = _TOKEN.match(expression, place)
        if match is None:
            raise SelectionProblem(f"A quote in `{expression}` is not closed.")
        place = match.end()
        if match["quoted"]:
            yield "text", match["quoted"][1:-1]
        elif match["bracket"] or match["word"] in ("and", "or", "not"):
            yield "operator", match["bracket"] or match["word"]
        else:
            yield "text", match["word"]


class _Reader:
    """Reads `or` of `and` of `not`. Words that stand side by side are one text."""

    def __init__(self, tokens: list[tuple[str, str]], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self.place = 0

    def either(self, depth: int) -> bool:
        found = self._both(depth)
        while self._next_is("or"):
            right = self._both(depth)
            found = found or right
        return found

    def _both(self, depth: int) -> bool:
        found = self._one(depth)
        while self._next_is("and"):
            right = self._one(depth)
            found = found and right
        return found

    def _one(self, depth: int) -> bool:
        if depth > _MOST_DEPTH:
            raise SelectionProblem("The expression is nested too deep.")
        if self._next_is("not"):
            return not self._one(depth + 1)
        if self._next_is("("):
            found = self.either(depth + 1)
            if not self._next_is(")"):
                raise SelectionProblem("A bracket is not closed.")
            return found
        words = []
        while self.place < len(self._tokens) and self._tokens[self.place][0] == "text":
            words.append(self._tokens[self.place][1])
            self.place += 1
        if not words:
            raise SelectionProblem('A word is missing: `-k "WORD and not OTHER"`.')
        return " ".join(words).lower() in self._text

    def _next_is(self, operator: str) -> bool:
        if self.place < len(self._tokens) and self._tokens[self.place] == ("operator", operator):
            self.place += 1
            return True
        return False
