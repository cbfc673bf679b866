"""What a plain YAML scalar means: the core schema of YAML 1.2, and nothing more.

YAML 1.1, which PyYAML implements, turns `NO` and `on` into booleans, `1:30` into 90 and `0777` into 511. Here they are what a reader
takes them for: texts and the number 777.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["FIRST_CHARACTERS", "Scalar", "ScalarProblem", "resolve"]

Scalar = str | int | float | bool | None

FIRST_CHARACTERS = frozenset("0123456789+-.nNtTfF~")
"""A plain scalar that is not empty and starts with none of these is text."""

_WORDS: Mapping[str, Scalar] = {"": None, "~": None} | {
    form: value for word, value in (("null", None), ("true", True), ("false", False)) for form in (word, word.capitalize(), word.upper())
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MOST_DIGITS = 64


class ScalarProblem(ValueError):
    """A number that cannot be kept as it is written."""


@lru_cache(maxsize=4096)
def resolve(text: str) -> Scalar:
    """Return what a plain scalar means. The same few numbers and words come thousands of times in a large file.

    Raises:
        ScalarProblem: It is a number beyond 64 bits or beyond what a double can hold, or it is infinite or no number at all.
    """
    if text in _WORDS:
        return _WORDS[text]
    if not text or text[0] not in "0123456789+-.":
        return text
    for pattern, base in ((_INTEGER, 10), (_HEXADECIMAL, 16), (_OCTAL, 8)):
        if pattern.fullmatch(text):
            return _integer(text, base)
    if _DECIMAL.fullmatch(text):
        return _double(text)
    if _NOT_FINITE.fullmatch(text):
        raise ScalarProblem("A number must be finite.")
    return text


def _integer(text: str, base: int) -> int:
    if len(text) > _MOST_DIGITS:
        raise ScalarProblem("The number is beyond 64 bits.")
    number = int(text, base) if base == 10 else int(text[2:], base)
    if not -(2**63) <= number < 2**64:
        raise ScalarProblem("The number is beyond 64 bits.")
    return number


def _double(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ScalarProblem("The number is beyond what a 64-bit floating-point number can hold.")
    return number
