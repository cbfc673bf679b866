"""The traps of YAML that configurations of routes fall into, and how to get out.

`where: !has(payload.x)` is a tag, `filter: #` a comment, `filter: {area}/x` a mapping with rubbish behind it, and a comma ends a value
inside `{...}`. YAML's own words for these help nobody, so each is recognised by its line and answered with the line to write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Advice", "advise", "comma_hint", "comment_hint", "quoted"]

_KEY_VALUE = re.compile(r"(?P<before>\s*(?:- +)*)(?P<key>[^\s:#'\"{\[][^:#]*?)\s*:\s+(?P<value>\S.*?)\s*$")
_ENTRY = re.compile(r"\s*- +(?P<value>\S.*?)\s*$")
_CLOSED_QUOTE = re.compile(r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*')\s*(?P<rest>[^\s#].*)")
_LONGEST_LINE = 2000
_FLOW_HINT = "Inside `{...}` and `[...]`, quote every text that holds one of `{ } [ ] ,`, a `: ` or a ` #`."


@dataclass(frozen=True, slots=True)
class Advice:
    """What a YAML error really is.

    Attributes:
        message: What is wrong, as a sentence.
        hint: What to write.
    """

    message: str
    hint: str


def quoted(text: str) -> str:
    """Write a text as a quoted YAML scalar."""
    if "'" not in text or '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def advise(line: str, problem: str) -> Advice:
    """Explain a YAML error by the line it stands on.

    Args:
        line: The line.
        problem: What the YAML parser says.
    """
    line = line[:_LONGEST_LINE]
    if line.lstrip(" ").startswith("\t"):
        return Advice("A tab cannot indent YAML.", "Indent with spaces.")
    found = _KEY_VALUE.match(line)
    entry = found or _ENTRY.match(line)
    if entry is not None:
        advice = _by_value(found["key"] + ": " if found else "- ", entry["value"])
        if advice is not None:
            return advice
    sentence = problem[:1].upper() + problem[1:].rstrip(".")
    return Advice(f"This is not YAML: {sentence[:1].lower()}{sentence[1:]}.", _general_hint(problem))


def _by_value(label: str, value: str) -> Advice | None:
    first = value[0]
    write = f"Quote the whole value: `{label}{quoted(value)}`"
    if first == "!":
        return Advice("A plain value cannot start with `!`: YAML takes it for a tag.", write)
    if first in "%@`&*":
        return Advice(f"A plain value cannot start with `{first}`.", write)
    if first in "\"'" and _CLOSED_QUOTE.fullmatch(value):
        return Advice("Something follows the closing quote.", write)
    if first == "{" and _closes_early(value):
        return Advice("A plain value cannot start with `{`: YAML takes it for a mapping.", write)
    if first in "{[" and _has_bare_specials(value):
        return Advice("A value inside of `{...}` or `[...]` is not what it seems.", _FLOW_HINT)
    if first not in "{[\"'" and ": " in value:
        return Advice("A plain value cannot hold `: `.", write)
    return None


def _closes_early(value: str) -> bool:
    """Tell a mapping that ends before the value does: `{area}/x`."""
    depth = 0
    for position, character in enumerate(value):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return bool(value[position + 1 :].split(" #", maxsplit=1)[0].strip())
    return False


def _has_bare_specials(value: str) -> bool:
    bare = re.sub(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'", "", value)
    return re.search(r"\S\{|[^\s:,\[{]\s*\[|\s#|,\s*#|\[#|\}[^\s,\]}]", bare) is not None


def _general_hint(problem: str) -> str:
    if any(words in problem for words in ("did not find expected key", "block end", "mapping values")):
        return "Look at the indentation: keys of one mapping start in the same column."
    if "expected ',' or" in problem or "expected node content" in problem:
        return f"A bracket is not closed. {_FLOW_HINT}"
    if "end of stream" in problem:
        return "A quote is not closed."
    if "escape" in problem:
        return "Inside double quotes a backslash starts an escape. Use single quotes, where it is only a backslash."
    return "Quote the value if it holds special characters."


def comment_hint(line: str, column: int, label: str) -> str | None:
    """Tell a value that is missing because `#` made a comment of it.

    Args:
        line: The line.
        column: Where the missing value starts, from 0.
        label: The key with its colon, for the line to write.
    """
    rest = line[column:].strip()
    if not rest.startswith("#"):
        return None
    text = rest.split(" ", 1)[0]
    return f"`#` after a space starts a comment. Quote it: `{label}{quoted(text)}`"


def comma_hint(key: str, previous: str) -> str | None:
    """Tell a key without a value that is the rest of an expression after a comma inside `{...}`.

    Args:
        key: The key.
        previous: The text of the value before it.
    """
    if previous.count("(") <= previous.count(")") and key.count(")") <= key.count("("):
        return None
    return f"A comma ends a value inside `{{...}}`. Quote the expression: `{quoted(previous + ', ' + key)}`"
