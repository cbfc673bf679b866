"""Golden files: all that becomes of a case's messages, a line of JSON each, to compare the next time with.

A line is that of a recording, so a golden file can be replayed. `sinks` and `route` say where it went; what did not leave has a `fate`:
`quarantined`, `rejected` or `unrouted`.
"""

from __future__ import annotations

import base64
import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cases.matchers import parsed

if TYPE_CHECKING:
    from pronubes.cases.happening import Happening
    from pronubes.cases.read import NamedCase

__all__ = ["compare", "lines", "path_of"]

_MOST_SHOWN = 20
_MOST_LINES = 2_000
"""Of longer files, what differs is compared line by line."""


def path_of(named: NamedCase) -> Path:
    """Return the golden file of a case."""
    return Path(named.file).parent / (named.case.golden or "")


def lines(happening: Happening) -> list[str]:
    """Write all that became of the messages, in order."""
    found: list[tuple[int, int, str]] = []
    facts: dict[str, Any]  # Any: JSON values
    for output in happening.outputs:
        facts = {"route": output.route, "sinks": list(output.sinks)}
        if any(retain for _, retain in output.sinks.values()):
            facts["retain"] = [sink for sink, (_, retain) in output.sinks.items() if retain]
        found.append((output.at_ns, 0, _line(output.topic, output.payload, output.at_ns, facts)))
    for fault in happening.quarantined:
        step = None if fault.step is None else fault.step + 1
        facts = {"fate": "quarantined", "reason": fault.reason, "route": fault.route, "step": step}
        found.append((fault.at_ns, 1, _line(fault.topic, fault.payload, fault.at_ns, facts)))
    for rejected in happening.rejected:
        facts = {"fate": "rejected", "reason": rejected.reason, "route": rejected.route}
        found.append((rejected.at_ns, 2, _line(rejected.topic, rejected.payload, rejected.at_ns, facts)))
    for cause in happening.unrouted:
        arrival = happening.arrivals[cause]
        found.append((arrival.at_ns, 3, _line(arrival.topic, arrival.payload, arrival.at_ns, {"fate": "unrouted"})))
    return [line for _, _, line in sorted(found, key=lambda one: one[:2])]


def _line(topic: str, payload: bytes, time_ns: int, facts: dict[str, Any]) -> str:  # Any: JSON values
    """Write a line as `Batch.ndjson` does, with the payload as it stands."""
    name, value = "payload_base64", f'"{base64.b64encode(payload).decode()}"'
    try:
        text = payload.decode()
        name, value = "payload_text", json.dumps(text, ensure_ascii=False)
        if "\n" not in text and "\r" not in text:
            parsed(text)
            name, value = "payload", text
    except ValueError:
        pass
    rest = json.dumps({key: value for key, value in facts.items() if value is not None}, ensure_ascii=False)[1:-1]
    return f'{{"topic": {json.dumps(topic, ensure_ascii=False)}, "{name}": {value}, "time_ns": {time_ns}, {rest}}}'


def compare(named: NamedCase, happening: Happening) -> Iterator[str]:
    """Say where the golden file and what happened differ, in lines of a diff."""
    path = path_of(named)
    found = lines(happening)
    try:
        expected = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        yield f"The golden file `{path}` is not there. `pronubes test --update` writes it; read it before you keep it."
        return
    if expected == found:
        return
    changes = list(_changes(expected, found))
    yield f"The golden file `{path}` has {len(expected):,} lines, and {len(found):,} came:\n" + "\n".join(changes[:_MOST_SHOWN])
    if len(changes) > _MOST_SHOWN:
        yield f"... and {len(changes) - _MOST_SHOWN:,} more lines. `pronubes test --update` writes what came, for your diff."


def _changes(expected: Sequence[str], found: Sequence[str]) -> Iterator[str]:
    begin = 0
    while begin < min(len(expected), len(found)) and expected[begin] == found[begin]:
        begin += 1
    end = 0
    while end < min(len(expected), len(found)) - begin and expected[-1 - end] == found[-1 - end]:
        end += 1
    left, right = expected[begin : len(expected) - end], found[begin : len(found) - end]
    if len(left) <= _MOST_LINES and len(right) <= _MOST_LINES:
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            if tag != "equal":
                yield from (f"- {begin + number + 1}: {left[number]}" for number in range(i1, i2))
                yield from (f"+ {begin + number + 1}: {right[number]}" for number in range(j1, j2))
        return
    for number in range(max(len(left), len(right))):
        old, new = (part[number] if number < len(part) else None for part in (left, right))
        if old != new:
            yield from (f"{sign} {begin + number + 1}: {line}" for sign, line in (("-", old), ("+", new)) if line is not None)
