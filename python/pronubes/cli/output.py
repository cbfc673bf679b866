"""What all commands print in the same way: findings with an excerpt of the file, errors, JSON.

Colours only where a terminal reads along and `NO_COLOR` is not set. Results go to standard output, what is wrong to standard error; with `--json`
everything that a program needs goes to standard output as one JSON document.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

import orjson

from pronubes.diagnostics import Diagnostic, Severity
from pronubes.errors import ConfigurationError

__all__ = [
    "DEFAULT_CONFIG",
    "add_config_argument",
    "add_json_argument",
    "diagnostic_as_json",
    "print_diagnostics",
    "print_error",
    "print_json",
    "printable",
]

DEFAULT_CONFIG = "pronubes.yaml"
_COLORS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "note": "\x1b[1;36m", "dim": "\x1b[2m", "bold": "\x1b[1m"}
_RESET = "\x1b[0m"
_WIDEST_LINE = 160
_SECRET_LINE = re.compile(r"((?:password|secret|token|passphrase)\s*:\s*)(?!\s*[\"']?\$\{)\S.*", re.IGNORECASE)
_URL_USER = re.compile(r"(://)[^/\s@]*@")


def add_config_argument(parser: argparse.ArgumentParser, *, is_positional: bool = False) -> None:
    """Add the argument that names the configuration file; it ends up as `arguments.config`."""
    default = os.environ.get("PRONUBES_CONFIG", DEFAULT_CONFIG)
    text = f"The configuration file (default: $PRONUBES_CONFIG, else {DEFAULT_CONFIG})."
    if is_positional:
        parser.add_argument("config", nargs="?", default=default, metavar="FILE", help=text)
    else:
        parser.add_argument("-c", "--config", default=default, metavar="FILE", help=text)


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--json`; it ends up as `arguments.json`."""
    parser.add_argument("--json", action="store_true", help="Print JSON, for programs.")


def print_json(document: Any) -> None:  # Any: a JSON document
    """Print a JSON document."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n")
    sys.stdout.flush()


def print_error(error: Exception) -> None:
    """Print an error for people: the findings of a configuration, or the sentence of another."""
    if isinstance(error, ConfigurationError):
        print_diagnostics(error.diagnostics, stream=sys.stderr)
    else:
        sys.stderr.write(f"{_paint('error', 'error', sys.stderr)}: {error}\n")


def diagnostic_as_json(diagnostic: Diagnostic) -> dict[str, Any]:  # Any: a JSON document
    """Turn a finding into what `--json` prints."""
    position = diagnostic.position
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": diagnostic.file,
        "line": position.line if position else None,
        "column": position.column if position else None,
        "length": position.length if position else None,
        "path": diagnostic.path or None,
        "machine": diagnostic.origin,
        "found": diagnostic.found,
        "expected": diagnostic.expected,
        "hint": diagnostic.hint,
    }


def print_diagnostics(diagnostics: Sequence[Diagnostic], *, stream: TextIO | None = None) -> None:
    """Print findings, each with the line it stands on and a mark under the place."""
    stream = stream or sys.stdout
    files = {diagnostic.file: _lines(diagnostic.file) for diagnostic in diagnostics}
    for diagnostic in diagnostics:
        stream.write("\n".join(_render(diagnostic, files[diagnostic.file], stream)) + "\n\n")
    counts = [(sum(one.severity is severity for one in diagnostics), severity) for severity in Severity]
    summary = ", ".join(f"{count} {severity}{'s' if count != 1 else ''}" for count, severity in counts if count)
    if summary:
        stream.write(f"{_paint('bold', summary, stream)}\n")


def _render(diagnostic: Diagnostic, lines: Sequence[str], stream: TextIO) -> Iterable[str]:
    label = _paint(diagnostic.severity, diagnostic.severity, stream)
    yield f"{label}: {_paint('bold', diagnostic.message, stream)}"
    position = diagnostic.position
    if position is None:
        yield f"  --> {diagnostic.file}" + (f" at {diagnostic.path}" if diagnostic.path else "")
    else:
        where = f" ({diagnostic.path})" if diagnostic.path else ""
        yield f"  --> {diagnostic.file}:{position.line}:{position.column}{_paint('dim', where, stream)}"
        if position.line <= len(lines):
            yield from _excerpt(diagnostic, lines[position.line - 1], stream)
    details = (("for", diagnostic.origin), ("found", diagnostic.found if diagnostic.origin else None))
    for name, text in (*details, ("expected", diagnostic.expected), ("hint", diagnostic.hint)):
        if text:
            yield f"   = {name}: {printable(text)}"


def _excerpt(diagnostic: Diagnostic, line: str, stream: TextIO) -> Iterable[str]:
    position = diagnostic.position
    if position is None:
        return
    begin, number = position.column - 1, str(position.line)
    if diagnostic.is_secret:
        line = line[:begin] + "*" * position.length  # where the key is meant, its value stands behind it
    line = _URL_USER.sub(r"\1***@", _SECRET_LINE.sub(r"\1***", line))
    cut = max(begin - _WIDEST_LINE // 2, 0)
    shown = printable(line[cut : cut + _WIDEST_LINE])
    padding = "".join(" " * _width(character) for character in shown[: begin - cut])
    marks = "^" * max(sum(_width(character) for character in shown[begin - cut : begin - cut + position.length]), 1)
    gutter = " " * len(number)
    yield f" {gutter} |"
    yield f" {number} | {shown}"
    yield f" {gutter} | {padding}{_paint(diagnostic.severity, marks, stream)}"


def printable(text: str) -> str:
    """Replace what would move the cursor or hide: a file's control characters must not reach the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" if character != "\t" else " " for character in text)


def _width(character: str) -> int:
    from unicodedata import combining, east_asian_width

    return 0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return []


def _paint(style: str, text: str, stream: TextIO) -> str:
    if not text or os.environ.get("NO_COLOR") or not stream.isatty():
        return text
    return f"{_COLORS[style]}{text}{_RESET}"
