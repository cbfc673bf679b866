"""What is wrong in a configuration, and where: the value that loading, compiling and linting all produce."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Diagnostic", "Position", "Severity"]


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file. Lines and columns count from 1; columns count characters.

    Attributes:
        line: The line.
        column: The first column.
        length: How many characters of this line the finding covers; at least 1.
    """

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: A stable snake_case code of the kind of finding.
        message: What is wrong, as a sentence.
        file: The file, as the user named it.
        position: Where in the file, or None when the finding is about the file as a whole.
        path: The place in the configuration, such as `routes.temperatures.steps[2].scale`.
        found: What stands there.
        expected: What may stand there.
        hint: What the person can do.
        severity: Error or warning.
        is_secret: Whether what stands there must not be shown.
        origin: The machine for which a template made it: a row of a table.
    """

    code: str
    message: str
    file: str
    position: Position | None = None
    path: str = ""
    found: str | None = None
    expected: str | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR
    is_secret: bool = False
    origin: str | None = None

    def __str__(self) -> str:
        """Return `file:line:column: severity: message` with what was found, what was expected and the hint."""
        place = self.file if self.position is None else f"{self.file}:{self.position.line}:{self.position.column}"
        parts = [f"{place}: {self.severity}: {self.message}"]
        parts += [f"  {name}: {text}" for name, text in self._details()]
        return "\n".join(parts)

    def _details(self) -> list[tuple[str, str]]:
        details = (("at", self.path), ("for", self.origin), ("found", self.found), ("expected", self.expected), ("hint", self.hint))
        return [(name, text) for name, text in details if text]
