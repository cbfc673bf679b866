"""How large a configuration may be.

100,000 routes of four steps need 36 MB, 3.3 million separators and 5 million values. Beyond these bounds a file is no
configuration but an accident or an attack, and is refused before it costs more time or memory. (Aliases, the other way to make a small
file large, are refused at all.)
"""

from __future__ import annotations

__all__ = ["MAX_BYTES", "MAX_DENSE_SEPARATORS", "MAX_DEPTH", "MAX_SEPARATORS", "MAX_VALUES", "MIN_SPACING", "has_too_many_separators"]

MAX_BYTES = 64 * 2**20
"""The size of the file."""

MAX_DEPTH = 32
"""How deep mappings and sequences may nest."""

MAX_VALUES = 8_000_000
"""How many keys, values, mappings and sequences there may be."""

MAX_SEPARATORS = 6_000_000
"""How many lines, commas, brackets and list dashes there may be: counted before anything is read, because reading is what costs."""

MAX_DENSE_SEPARATORS = 1_000_000
"""How many of them there may be when they stand closer than `MIN_SPACING`."""

MIN_SPACING = 6
"""Characters per separator; configurations have 10 and more, bombs 1 to 4."""


def has_too_many_separators(text: str) -> bool:
    """Tell whether a text has more lines, commas, brackets and list dashes than a configuration may have."""
    count = sum(text.count(separator) for separator in ("\n", ",", "[", "{", "- "))
    return count > MAX_SEPARATORS or (count > MAX_DENSE_SEPARATORS and len(text) < MIN_SPACING * count)
