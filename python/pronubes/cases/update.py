"""`--update`: what came becomes what is expected, in the files of cases, for a person to review.

Only the keys that say what is expected are written anew, and only in cases that failed; everything else in the file, comments included, stays.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cases import golden
from pronubes.cases.counts import renewed
from pronubes.cases.matchers import escaped, parsed
from pronubes.cases.moments import seconds_text
from pronubes.cases.read import read_cases_text
from pronubes.cases.suite import VerdictKind
from pronubes.config.scalars import ScalarProblem, resolve
from pronubes.errors import ConfigurationError

if TYPE_CHECKING:
    from pronubes.cases.bench import Output
    from pronubes.cases.happening import Happening
    from pronubes.cases.model import Counts
    from pronubes.cases.suite import Verdict
    from pronubes.config.located import Node

__all__ = ["Updated", "update"]

_KEYS = ("expect", "quarantine", "rejected", "unrouted", "nothing")
_COUNTED = ("counts", *_KEYS)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")


@dataclass(slots=True)
class Updated:
    """What was written.

    Attributes:
        lines: What to tell.
        is_complete: Whether all cases that failed are written.
    """

    lines: list[str] = field(default_factory=list)
    is_complete: bool = True


class _Unwritable(Exception):
    """A case cannot be written; the sentence says why."""


def update(verdicts: Sequence[Verdict]) -> Updated:
    """Write what came in every case that failed."""
    updated = Updated()
    by_file: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.kind is VerdictKind.BROKEN:
            updated.is_complete = False
        if verdict.kind is not VerdictKind.FAILED or verdict.happening is None:
            continue
        if verdict.named.case.golden is not None:
            _write_golden(verdict, verdict.happening, updated)
        else:
            by_file.setdefault(verdict.named.file, []).append(verdict)
    for file, own in by_file.items():
        _write_file(Path(file), own, updated)
    if not updated.lines:
        updated.lines.append("Nothing to write.")
    return updated


def _write_golden(verdict: Verdict, happening: Happening, updated: Updated) -> None:
    path = golden.path_of(verdict.named)
    lines = golden.lines(happening)
    try:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        updated.is_complete = False
        updated.lines.append(f"`{path}` cannot be written: {(error.strerror or str(error)).lower()}.")
        return
    updated.lines.append(f"Wrote {len(lines):,} lines into `{path}`. Review them before you keep them.")


def _write_file(path: Path, verdicts: Sequence[Verdict], updated: Updated) -> None:
    text = path.read_text(encoding="utf-8-sig")
    lines = text.splitlines()
    written = 0
    for verdict in sorted(verdicts, key=lambda one: one.named.index, reverse=True):
        try:
            _rewrite(lines, verdict)
            written += 1
        except _Unwritable as problem:
            updated.is_complete = False
            updated.lines.append(f"{path}:{verdict.named.line}: {problem}")
    if not written:
        return
    new = "\n".join(lines) + "\n"
    try:
        read_cases_text(new, verdicts[0].named.places.variables, file=str(path), base_dir=verdicts[0].named.base_dir)
        path.write_text(new, encoding="utf-8")
    except ConfigurationError as error:
        updated.is_complete = False
        updated.lines.append(f"`{path}` stays as it is: what came cannot be written as a case. {error}")
        return
    except OSError as error:
        updated.is_complete = False
        updated.lines.append(f"`{path}` cannot be written: {(error.strerror or str(error)).lower()}.")
        return
    updated.lines.append(f"Wrote {written} {'case' if written == 1 else 'cases'} into `{path}`. Review the diff before you keep it.")


def _rewrite(lines: list[str], verdict: Verdict) -> None:
    """Replace what a case expects, in the lines of its file."""
    named, happening = verdict.named, verdict.happening
    document = named.places.document
    node = document.find(("cases", named.index))[0] if document is not None else None
    if node is None or happening is None:
        raise _Unwritable("The case is not found in its file.")
    if node.is_flow:
        raise _Unwritable("A case in braces cannot be written anew: write its keys line by line.")
    counts = named.case.counts
    keys = _KEYS if counts is None else _COUNTED
    removed: list[tuple[int, int]] = []
    column, last = None, node.start[0]
    for key, value in node.entries:
        if key is None:
            continue
        column = key.start[1]
        end = _last_line(value)
        if key.text not in keys:
            last = max(last, end)
        elif key.start[0] == node.start[0]:
            raise _Unwritable(f"`{key.text}` stands behind the `- ` of the case: put `name` first.")
        else:
            removed.append((key.start[0], end))
    block = [f"{' ' * (column or 4)}{line}" for line in (_block(happening) if counts is None else _counted(counts, happening))]
    place = min((begin for begin, _ in removed), default=last + 1)
    for begin, end in sorted(removed, reverse=True):
        del lines[begin : end + 1]
    lines[place:place] = block


def _last_line(node: Node) -> int:
    """Return the last line that a value stands on, counted from 0."""
    if node.kind == "scalar" or node.is_flow or not node.entries:
        return node.end[0] - 1 if node.end[1] == 0 and node.end[0] > node.start[0] else node.end[0]
    return max(_last_line(value) for _, value in node.entries)


def _block(happening: Happening) -> Iterator[str]:
    if happening.is_silent:
        yield "nothing: true"
        return
    if happening.outputs:
        yield "expect:"
        has_times = any(output.at_ns != happening.start_ns for output in happening.outputs)
        has_sinks = len(happening.compiled.loaded.configuration.sinks) > 1
        for output in happening.outputs:
            yield from _output(output, happening.start_ns if has_times else None, has_sinks=has_sinks)
    for key, entries in (("quarantine", _faults(happening)), ("rejected", _thrown(happening))):
        if entries:
            yield f"{key}:"
            yield from (f"  - {_flow(entry)}" for entry in entries)
    if happening.unrouted:
        yield f"unrouted: {_flow([happening.arrivals[cause].topic for cause in happening.unrouted])}"


def _counted(counts: Counts, happening: Happening) -> Iterator[str]:
    yield "counts:"
    for section, values in renewed(counts, happening).items():
        yield f"  {section}: {_flow(values)}"


def _output(output: Output, start_ns: int | None, *, has_sinks: bool) -> Iterator[str]:
    by_retain: dict[bool, list[str]] = {}
    for sink, (_, retain) in output.sinks.items():
        by_retain.setdefault(retain, []).append(sink)
    for retain, sinks in by_retain.items():
        yield f"  - topic: {_scalar(output.topic)}"
        if start_ns is not None:
            yield f"    at: {seconds_text(output.at_ns - start_ns)}"
        if has_sinks:
            yield f"    sink: {_scalar(sinks[0]) if len(sinks) == 1 else _flow(sinks)}"
        yield f"    {_payload(output.payload)}"
        if retain:
            yield "    retain: true"


def _payload(payload: bytes) -> str:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return f"base64: {base64.b64encode(payload).decode()}"
    try:
        return f"payload: {_flow(escaped(parsed(text)))}"
    except (ValueError, RecursionError):
        return f"text: {_quoted(text)}"


def _faults(happening: Happening) -> list[dict[str, Any]]:  # Any: scalars
    found = []
    for fault in happening.quarantined:
        step = None if fault.step is None else fault.step + 1
        found.append({"reason": fault.reason, "route": fault.route, "step": step, "topic": fault.topic})
    return [{key: value for key, value in entry.items() if value is not None} for entry in found]


def _thrown(happening: Happening) -> list[dict[str, Any]]:  # Any: scalars
    return [{"reason": one.reason, "route": one.route, "topic": one.topic} for one in happening.rejected]


def _flow(value: Any) -> str:  # Any: a JSON value
    """Write a value on one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value) if isinstance(value, str) else json.dumps(value)


def _scalar(text: str) -> str:
    """Write a text, bare where YAML reads it back as the same text."""
    if _PLAIN.fullmatch(text):
        try:
            if resolve(text) == text:
                return text
        except ScalarProblem:
            pass
    return _quoted(text)


def _quoted(text: str) -> str:
    """Write a text in double quotes. What is not to be shown is escaped in the way of YAML, and `${` of ours."""
    quoted = json.dumps(text.replace("${", "$${"), ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08X}" for one in quoted)
