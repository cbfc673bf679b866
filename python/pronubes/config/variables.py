"""`${NAME}`: variables in texts; `${env:NAME}` and `${file:PATH}`: references to secrets.

A text that is nothing but one variable takes the variable's own type; `$${` stands for `${`. A reference must be the whole text: it becomes
a `Secret`, which only fields that hold secrets accept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pronubes.connectors.values import Secret

__all__ = ["MARK", "Piece", "VariableProblem", "pieces", "reference_or_none", "replacement", "substitute"]

Value = str | int | float | bool
MARK = re.compile(r"\$\$\{|\$\{(?P<name>[^}]*)\}|\$\{")
"""What is replaced in a text; its group `name` stands between the braces."""
_REFERENCES = ("env:", "file:")


class VariableProblem(ValueError):
    """A `${...}` that cannot be replaced.

    Attributes:
        name: What stands between the braces.
        offset: The character at which it starts.
        length: How long it is.
    """

    def __init__(self, message: str, match: re.Match[str]) -> None:
        self.name = match["name"] or ""
        self.offset = match.start()
        self.length = match.end() - match.start()
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text after replacing: `text` stands where the characters from `start` to `end` were written."""

    text: str
    start: int
    end: int


def substitute(text: str, variables: Mapping[str, Value]) -> Value | Secret:
    """Replace the variables of a text.

    Raises:
        VariableProblem: A variable is not known, or a reference is only a part of the text.
    """
    whole = MARK.fullmatch(text)
    if whole is not None and whole["name"]:
        if whole["name"].startswith(_REFERENCES):
            return Secret(text)
        if whole["name"] in variables:
            return variables[whole["name"]]
    return "".join(piece.text for piece in pieces(text, variables))


def pieces(text: str, variables: Mapping[str, Value]) -> Iterator[Piece]:
    """Take a text apart into what stays and what is replaced.

    Raises:
        VariableProblem: As for `substitute`.
    """
    end = 0
    for match in MARK.finditer(text):
        if match.start() > end:
            yield Piece(text[end : match.start()], end, match.start())
        yield Piece(replacement(match, variables), match.start(), match.end())
        end = match.end()
    if end < len(text):
        yield Piece(text[end:], end, len(text))


def reference_or_none(text: str) -> Secret | None:
    """Return the reference that a text is, if it is nothing else."""
    whole = MARK.fullmatch(text)
    return Secret(text) if whole is not None and (whole["name"] or "").startswith(_REFERENCES) else None


def replacement(match: re.Match[str], variables: Mapping[str, Value]) -> str:
    """Return what one match of `MARK` becomes.

    Raises:
        VariableProblem: As for `substitute`.
    """
    if match[0] == "$${":
        return "${"
    name = match["name"]
    if name is None:
        raise VariableProblem("A `${` has no `}`.", match)
    if name.startswith(_REFERENCES):
        raise VariableProblem("A reference to a secret must be the whole text.", match)
    if name not in variables:
        raise VariableProblem(f"There is no variable `{name}`.", match)
    value = variables[name]
    return str(value).lower() if isinstance(value, bool) else str(value)
