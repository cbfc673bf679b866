"""What people and programs read of a run: dots, what differs field by field, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from pronubes.cases.reason import command, why
from pronubes.cases.suite import VerdictKind

if TYPE_CHECKING:
    from pronubes.cases.judge import Difference
    from pronubes.cases.suite import Verdict

__all__ = ["Printer", "document", "failure_lines"]

_MARKS = {VerdictKind.PASSED: ".", VerdictKind.FAILED: "F", VerdictKind.SKIPPED: "s", VerdictKind.BROKEN: "E"}
_COLORS = {VerdictKind.PASSED: "32", VerdictKind.FAILED: "1;31", VerdictKind.SKIPPED: "33", VerdictKind.BROKEN: "1;31"}
_WIDTH = 100
_MOST_COMMANDS = 3


class Printer:
    """Prints a run for people.

    Args:
        stream: Where to.
        config: The configuration, as the user named it.
        is_verbose: Whether every case gets a line.
    """

    def __init__(self, stream: TextIO, *, config: str, is_verbose: bool) -> None:
        self._stream = stream
        self._config = config
        self._is_verbose = is_verbose
        self._has_colors = stream.isatty() and not os.environ.get("NO_COLOR")
        self._column = 0

    def tick(self, verdict: Verdict) -> None:
        """Show that a case has run."""
        if self._is_verbose:
            named = verdict.named
            self._stream.write(f"{self._paint(verdict.kind, verdict.kind)}  {named.file}:{named.line}  {_printable(named.name)}\n")
            return
        self._stream.write(self._paint(verdict.kind, _MARKS[verdict.kind]))
        self._column += 1
        if self._column % _WIDTH == 0:
            self._stream.write("\n")
        self._stream.flush()

    def end(self, verdicts: Sequence[Verdict]) -> None:
        """Show what failed, and the sum."""
        if not self._is_verbose and self._column % _WIDTH:
            self._stream.write("\n")
        for verdict in verdicts:
            if verdict.kind in (VerdictKind.FAILED, VerdictKind.BROKEN):
                named = verdict.named
                title = f"{named.file}:{named.line}  {_printable(named.name)}"
                self._stream.write(f"\n{self._paint(verdict.kind, verdict.kind.upper())}  {title}\n")
                for line in failure_lines(verdict, config=self._config):
                    self._stream.write(f"  {_printable(line)}\n")
        for verdict in verdicts:
            if verdict.kind is VerdictKind.SKIPPED:
                self._stream.write(f"skipped  {verdict.named.file}:{verdict.named.line}  {_printable(f'{verdict.named.name}: {verdict.problem}')}\n")
        self._stream.write(f"{_sum(verdicts)}\n")
        self._stream.flush()

    def _paint(self, kind: VerdictKind, text: str) -> str:
        return f"\x1b[{_COLORS[kind]}m{text}\x1b[0m" if self._has_colors else text


def _sum(verdicts: Sequence[Verdict]) -> str:
    counts = [(sum(verdict.kind is kind for verdict in verdicts), kind) for kind in VerdictKind]
    seconds = sum(verdict.seconds for verdict in verdicts)
    total = f"{len(verdicts):,} {'case' if len(verdicts) == 1 else 'cases'}"
    return f"{total}: {', '.join(f'{count:,} {kind}' for count, kind in counts if count)} in {seconds:.2f} s"


def failure_lines(verdict: Verdict, *, config: str) -> Iterator[str]:
    """Say line by line why a case did not pass."""
    if verdict.problem:
        yield from verdict.problem.splitlines()
    commands: dict[str, None] = {}
    for difference in verdict.differences:
        yield from _difference(difference, verdict)
        if verdict.happening is not None and not verdict.named.overrides:
            told = command(difference, verdict.happening, config)
            if told is not None:
                commands[told] = None
    for told in list(commands)[:_MOST_COMMANDS]:
        yield f"more: {told}"


def _difference(difference: Difference, verdict: Verdict) -> Iterator[str]:
    first, *rest = difference.sentence.splitlines()
    yield f"{first}  (line {difference.line})"
    yield from (f"  {line}" for line in rest)
    if difference.topic is not None and difference.kind != "unrouted":
        to = f" -> {', '.join(difference.sinks)}" if difference.sinks else ""
        by = f"  by route {difference.route}" if difference.route else ""
        by += f", step {difference.step}" if difference.step is not None else ""
        yield f"  {difference.topic}{to}{by}"
    if verdict.happening is not None and difference.cause is not None and difference.kind in ("unexpected", "different"):
        arrival = verdict.happening.arrivals[difference.cause]
        if arrival.topic != difference.topic:
            yield f"    made of {arrival.topic}"
    if difference.fields:
        width = max(len(one.path or "payload") for one in difference.fields)
        for one in difference.fields:
            expected = f"expected {one.expected}" if one.expected is not None else "not expected"
            found = f"found {one.found}" if one.found is not None else "not there"
            yield f"    {one.path or 'payload':<{width}}  {expected}, {found}"
    elif difference.payload is not None:
        yield f"    {difference.payload}"
    if verdict.happening is not None:
        yield from (f"    {line}" for line in why(difference, verdict.happening))


def document(verdicts: Sequence[Verdict], *, config: str) -> dict[str, Any]:  # Any: a JSON document
    """Write a run as JSON."""
    counts = {kind.value: sum(verdict.kind is kind for verdict in verdicts) for kind in VerdictKind}
    is_good = not counts[VerdictKind.FAILED] and not counts[VerdictKind.BROKEN]
    return {"config": config, "ok": is_good, **counts, "cases": [_case(verdict, config) for verdict in verdicts]}


def _case(verdict: Verdict, config: str) -> dict[str, Any]:  # Any: a JSON document
    named, happening = verdict.named, verdict.happening
    found = []
    for difference in verdict.differences:
        entry = asdict(difference)
        entry["why"] = why(difference, happening) if happening is not None else []
        entry["explain"] = command(difference, happening, config) if happening is not None and not named.overrides else None
        found.append(entry)
    return {
        "name": named.name,
        "file": named.file,
        "line": named.line,
        "verdict": verdict.kind,
        "problem": verdict.problem or None,
        "seconds": round(verdict.seconds, 6),
        "differences": found,
    }


def _printable(text: str) -> str:
    """Replace what would move the cursor: payloads and topics come from outside."""
    return "".join(character if character.isprintable() else "\ufffd" if character != "\t" else " " for character in text)
