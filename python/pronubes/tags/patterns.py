"""Patterns that take tags apart, and templates that put names together.

    {machine}_{signal}    takes  oven1_temp_set  as  machine = oven1, signal = temp_set

1. The whole tag must match.
2. A capture takes one character or more, up to where the literal behind it comes for the first time: the first captures are the shortest. The last
   one takes what is left.
3. Between two captures stands a literal, so that there is one answer.

Matching walks along the tag once and never goes back: where the first place of a literal leads nowhere, no later one does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pronubes.suggest import did_you_mean
from pronubes.tags.levels import LEVEL_WORDS, MOST_BYTES, is_topic

__all__ = ["NameTemplate", "PatternProblem", "TagPattern"]

_PART = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE = re.compile(r"[^/+#\x00]+")


class PatternProblem(ValueError):
    """A pattern, a template or a name made by it that cannot be.

    Attributes:
        expected: What may stand there.
        hint: What to do.
    """

    def __init__(self, message: str, expected: str | None = None, hint: str | None = None) -> None:
        self.expected = expected
        self.hint = hint
        super().__init__(message)


def _parts(text: str, what: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take a text apart: n + 1 literals around n names."""
    pieces = _PART.split(text)
    literals, names = tuple(pieces[::2]), tuple(pieces[1::2])
    if any("{" in literal or "}" in literal for literal in literals):
        raise PatternProblem(f"A brace in the {what} has no partner.", "`{name}`")
    wrong = next((name for name in names if not _NAME.fullmatch(name)), None)
    if wrong is not None:
        raise PatternProblem(f"`{{{wrong}}}` is no name in braces.", "letters, digits and `_`, as in `{machine}`")
    return literals, names


@dataclass(frozen=True, slots=True)
class TagPattern:
    """A pattern of tags.

    Attributes:
        literals: What stands around the captures; one more than there are captures.
        names: The captures.
    """

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> TagPattern:
        """Read a pattern.

        Raises:
            PatternProblem: It is none.
        """
        literals, names = _parts(text, "pattern")
        if not text:
            raise PatternProblem("The pattern is empty.", "a tag, or a pattern as in `{machine}_{signal}`")
        if not all(literals[1:-1]):
            raise PatternProblem("Two captures stand side by side.", "a literal between them, as in `{machine}_{signal}`")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise PatternProblem(f"`{{{twice}}}` stands twice.", "each name once")
        return cls(literals, names)

    def match(self, tag: str) -> dict[str, str] | None:
        """Take a tag apart; None when it does not match."""
        first, last = self.literals[0], self.literals[-1]
        if not self.names:
            return {} if tag == first else None
        end = len(tag) - len(last)
        if not tag.startswith(first) or not tag.endswith(last):
            return None
        captures: dict[str, str] = {}
        begin = len(first)
        for name, literal in zip(self.names[:-1], self.literals[1:-1], strict=True):
            found = tag.find(literal, begin + 1, end)
            if found < 0:
                return None
            captures[name] = tag[begin:found]
            begin = found + len(literal)
        if begin >= end:
            return None
        captures[self.names[-1]] = tag[begin:end]
        return captures


@dataclass(frozen=True, slots=True)
class NameTemplate:
    """A template of names.

    Attributes:
        text: As it was written.
        literals: What stands around the names; one more than there are names.
        names: What is put in.
    """

    text: str
    literals: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, known: Iterable[str]) -> NameTemplate:
        """Read a template.

        Args:
            text: The template.
            known: What may be put in.

        Raises:
            PatternProblem: It is none, or names what is not known.
        """
        literals, names = _parts(text, "template")
        known = list(known)
        for name in names:
            if name not in known:
                raise PatternProblem(f"There is nothing called `{name}`.", ", ".join(f"`{{{one}}}`" for one in known), did_you_mean(name, known))
        if not is_topic(_PART.sub("x", text)):
            raise PatternProblem("This is not a topic.", LEVEL_WORDS)
        return cls(text, literals, names)

    def render(self, values: Mapping[str, str]) -> str:
        """Put values in.

        Raises:
            PatternProblem: A value would add a level or is none, or the name is too long.
        """
        for name in self.names:
            if not _VALUE.fullmatch(values[name]):
                message = f"`{values[name]}` for `{{{name}}}` cannot be a part of a level."
                raise PatternProblem(message, "a text without `/`, `+`, `#` and NUL, not empty")
        topic = self.literals[0] + "".join([values[name] + literal for name, literal in zip(self.names, self.literals[1:], strict=True)])
        if topic.startswith("$") or (len(topic) > MOST_BYTES // 4 and len(topic.encode()) > MOST_BYTES):
            raise PatternProblem(f"`{topic[:80]}` cannot be a name.", f"a topic of {MOST_BYTES:,} bytes at most that does not begin with `$`")
        return topic
