"""A case and the configuration that it is for: names that must be there, and the messages that come in, with their times."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pronubes import _core
from pronubes.cases.bench import Arrival
from pronubes.cases.moments import DEFAULT_START_NS, to_ns
from pronubes.config.findings import Finding
from pronubes.config.sources import source_for
from pronubes.errors import ConfigurationError, UnreadableRecording
from pronubes.recording import Recorded, read_recording
from pronubes.suggest import did_you_mean

if TYPE_CHECKING:
    from pronubes.cases.model import Given
    from pronubes.cases.read import NamedCase
    from pronubes.config.load import Loaded

__all__ = ["Pause", "Script", "payload_of", "refuse_strangers", "script"]

_PathIn = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Time passes.

    Attributes:
        until_ns: Until when, in nanoseconds since 1970 (UTC).
    """

    until_ns: int


@dataclass(frozen=True, slots=True)
class Script:
    """What happens in a case.

    Attributes:
        start_ns: When it begins, in nanoseconds since 1970 (UTC).
        steps: Messages and pauses, in order.
    """

    start_ns: int
    steps: Iterable[Arrival | Pause]


def refuse_strangers(named: NamedCase, loaded: Loaded) -> None:
    """Look whether the configuration has what a case names: sources, sinks, routes, steps; and whether time goes on.

    Raises:
        ConfigurationError: It has not; all findings.
    """
    found = [*_strangers(named, loaded), *_backwards(named)]
    if found:
        at = ("cases", named.index)
        placed = (Finding(**{**_facts(one), "path": (*at, *one.path)}) for one in found)
        raise ConfigurationError([named.places.diagnostic(one) for one in placed])


def _facts(finding: Finding) -> dict[str, Any]:  # Any: the fields of a finding
    return {name: getattr(finding, name) for name in finding.__slots__}


def _strangers(named: NamedCase, loaded: Loaded) -> Iterator[Finding]:
    case, configuration = named.case, loaded.configuration
    for index, given in enumerate(case.given):
        if given.source is not None and given.source not in configuration.sources:
            yield _stranger("source", given.source, configuration.sources, ("given", index, "source"))
        elif given.topic is not None and not configuration.sources:
            yield Finding(code="no_source", path=("given", index, "topic"), message="The configuration has no source: nothing can come in.")
    routes: list[tuple[str | None, _PathIn]] = []
    for index, expected in enumerate(case.expect):
        routes.append((expected.route, ("expect", index, "route")))
        for number, sink in enumerate(expected.sink or ()):
            if sink not in configuration.sinks:
                yield _stranger("sink", sink, configuration.sinks, ("expect", index, "sink", number))
    faulty = [(key, index, one) for key in ("quarantine", "rejected") for index, one in enumerate(getattr(case, key))]
    reasons: list[tuple[str, _PathIn]] = [(one.reason, (key, index, "reason")) for key, index, one in faulty]
    routes += [(one.route, (key, index, "route")) for key, index, one in faulty]
    if case.counts is not None:
        counts = case.counts
        routes += [(name, ("counts", "routes", name)) for name in counts.routes]
        reasons += [(name, ("counts", key, name)) for key in ("quarantine", "rejected") for name in getattr(counts, key)]
        strange = [name for name in counts.sinks if name not in configuration.sinks]
        yield from (_stranger("sink", name, configuration.sinks, ("counts", "sinks", name)) for name in strange)
    yield from _unknown_reasons(reasons)
    for route, path in routes:
        if route is not None and route not in configuration.routes:
            yield _stranger("route", route, configuration.routes, path)


def _unknown_reasons(named: Iterable[tuple[str, _PathIn]]) -> Iterator[Finding]:
    known = [code for code, _, _ in _core.reasons()]
    for reason, path in named:
        if reason not in known:
            hint = did_you_mean(reason, known) or "docs/reasons.md lists them."
            yield Finding(code="unknown_reason", path=path, message=f"There is no reason `{reason}`.", hint=hint, found=reason)


def _stranger(kind: str, name: str, known: Mapping[str, object], path: _PathIn) -> Finding:
    shown = [f"`{one}`" for one in list(known)[:20]]
    expected = ", ".join(shown) + (f" and {len(known) - 20} more" if len(known) > 20 else "") or f"a {kind} of the configuration; there is none"
    hint = did_you_mean(name, known)
    return Finding(code=f"unknown_{kind}", path=path, message=f"The configuration has no {kind} `{name}`.", expected=expected, hint=hint, found=name)


def _backwards(named: NamedCase) -> Iterator[Finding]:
    now_ns = 0
    for index, given in enumerate(named.case.given):
        if given.recording is not None:
            if given.at is None:
                continue
        elif given.advance is not None:
            now_ns += to_ns(given.advance)
        if given.at is not None:
            if to_ns(given.at) < now_ns:
                message = f"This is before what came before it, at {now_ns / 1e9:g}s."
                hint = "Time never goes back. A message that is late has an earlier `source_time`."
                yield Finding(code="time_goes_back", path=("given", index, "at"), message=message, hint=hint)
            now_ns = max(now_ns, to_ns(given.at))


def script(named: NamedCase, loaded: Loaded) -> Script:
    """Work out what happens in a case.

    Raises:
        ConfigurationError: A recording cannot be read.
    """
    start_ns = named.start_ns
    if start_ns is None:
        first = named.case.given[0]
        start_ns = _first_ns(named, first.recording) if first.recording is not None else None
    start_ns = DEFAULT_START_NS if start_ns is None else start_ns
    return Script(start_ns, _steps(named, loaded, start_ns))


def _steps(named: NamedCase, loaded: Loaded, start_ns: int) -> Iterator[Arrival | Pause]:
    now_ns = start_ns
    for index, given in enumerate(named.case.given):
        if given.at is not None:
            now_ns = max(now_ns, start_ns + to_ns(given.at))
        if given.advance is not None:
            now_ns += to_ns(given.advance)
            yield Pause(now_ns)
        elif given.recording is not None:
            begin_ns, first_ns = now_ns, None
            for recorded in _recorded(named, index, given.recording):
                if recorded.time_ns:
                    first_ns = recorded.time_ns if first_ns is None else first_ns
                    now_ns = max(now_ns, begin_ns + recorded.time_ns - first_ns)
                source = given.source or recorded.source or source_for(loaded, recorded.topic)
                if source not in loaded.configuration.sources:
                    source = source_for(loaded, recorded.topic)
                yield Arrival(source, recorded.topic, recorded.payload, now_ns, recorded.qos, recorded.retain, recorded.source_ns)
        elif given.topic is not None:
            source_ns = given.source_time.at(start_ns) if given.source_time is not None else None
            source = given.source or source_for(loaded, given.topic)
            yield Arrival(source, given.topic, payload_of(given), now_ns, given.qos, given.retain, source_ns)


def _first_ns(named: NamedCase, recording: str) -> int | None:
    return next((recorded.time_ns for recorded in _recorded(named, 0, recording) if recorded.time_ns), None)


def _recorded(named: NamedCase, index: int, recording: str) -> Iterator[Recorded]:
    try:
        yield from read_recording(named.base_dir / recording)
    except UnreadableRecording as error:
        finding = Finding(code="unreadable", path=("cases", named.index, "given", index, "recording"), message=str(error))
        raise ConfigurationError([named.places.diagnostic(finding)]) from error


def payload_of(given: Given) -> bytes:
    """Return the bytes of a given payload."""
    if given.text is not None:
        return given.text.encode()
    if given.base64 is not None:
        return base64.b64decode(given.base64)
    return json.dumps(given.payload, ensure_ascii=False, separators=(",", ":")).encode()
