"""How the values of a table are written."""

from __future__ import annotations

from enum import Enum

__all__ = ["Writing"]


class Writing(Enum):
    """How a value was written."""

    YAML = "yaml"
    """It has a type."""
    CELL = "cell"
    """It has a type, but a spreadsheet takes `7` for a number where a name is meant."""
    TEXT = "text"
    """It is a text of a table with decimal points."""
    COMMA_TEXT = "comma_text"
    """It is a text of a table that is not separated by commas: programs that write these write decimal commas."""
