"""What happened, held against what a case expects. Nothing is passed over: what is not expected is a difference, too."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pronubes.cases import counts, golden
from pronubes.cases.align import align, assign
from pronubes.cases.difference import Difference, Kind
from pronubes.cases.matchers import FieldDifference, differences, parsed, text_of
from pronubes.cases.moments import seconds_text, to_ns, written

if TYPE_CHECKING:
    from pronubes.cases.bench import Output, Quarantined, Rejected
    from pronubes.cases.happening import Happening
    from pronubes.cases.model import Expected, QuarantinedAs, RejectedAs
    from pronubes.cases.read import NamedCase

__all__ = ["Difference", "judge", "shown_payload"]

_LONGEST_PAYLOAD = 400


def judge(named: NamedCase, happening: Happening) -> list[Difference]:
    """Compare.

    Args:
        named: The case.
        happening: What became of its messages.
    """
    case = named.case
    if case.golden is not None:
        return [Difference(kind="golden", sentence=one, line=named.line_of("expect")) for one in golden.compare(named, happening)]
    if case.counts is not None:
        found = [*counts.compare(named, happening)]
        found += _quarantine(named, happening) if case.quarantine else ()
        found += _rejected(named, happening) if case.rejected else ()
        found += _unrouted(named, happening) if case.counts.unrouted is None else ()
        return found
    found = [*_outputs(named, happening), *_quarantine(named, happening), *_rejected(named, happening), *_unrouted(named, happening)]
    expects = case.expect or case.quarantine or case.rejected or case.unrouted is not None or case.nothing
    if not expects and not found:
        sentence = "The case says nothing of what it expects, and nothing happened: write `nothing: true`, if that is right."
        found.append(Difference(kind="empty", sentence=sentence, line=named.line))
    return found


def _outputs(named: NamedCase, happening: Happening) -> Iterator[Difference]:
    expected = named.case.expect
    outputs = _units(expected, happening.outputs)
    start_ns = happening.start_ns
    compare = assign if named.case.any_order else align
    pairs = compare(
        expected,
        outputs,
        fits=lambda one, output: not _misfits(one, output, start_ns, is_quick=True),
        is_kin=lambda one, output: one.topic == output.topic,
    )
    missing = [i for i, j in pairs if i is not None and j is None]
    surplus = [j for i, j in pairs if i is None and j is not None]
    for left, right in _moved(expected, outputs, missing, surplus, start_ns):
        missing.remove(left)
        surplus.remove(right)
        sentence = "It leaves at another place in the order."
        yield replace(_about(outputs[right], "order", sentence), line=named.line_of("expect", left))
    for i, j in pairs:
        if i is not None and j is not None:
            misfits = _misfits(expected[i], outputs[j], start_ns)
            if misfits:
                sentence = "A message is not as expected."
                yield replace(_about(outputs[j], "different", sentence), line=named.line_of("expect", i), fields=tuple(misfits))
        elif i in missing and i is not None:
            yield _missing(named, i)
        elif j in surplus and j is not None:
            yield replace(_about(outputs[j], "unexpected", "A message leaves that is not expected."), line=named.line)


def _missing(named: NamedCase, index: int) -> Difference:
    one = named.case.expect[index]
    payload = next((text_of(getattr(one, name)) for name in ("payload", "contains", "text", "base64") if name in one.model_fields_set), None)
    sinks = tuple(one.sink or ())
    line = named.line_of("expect", index)
    sentence = "An expected message does not leave."
    return Difference(kind="missing", sentence=sentence, line=line, topic=one.topic, payload=payload, sinks=sinks, route=one.route)


def _moved(
    expected: Sequence[Expected], outputs: Sequence[Output], missing: Sequence[int], surplus: Sequence[int], start_ns: int
) -> list[tuple[int, int]]:
    """Find what is both missing and too much: it stands at another place."""
    found: list[tuple[int, int]] = []
    taken: set[int] = set()
    for i in missing:
        j = next((j for j in surplus if j not in taken and not _misfits(expected[i], outputs[j], start_ns, is_quick=True)), None)
        if j is not None:
            taken.add(j)
            found.append((i, j))
    return found


def _about(output: Output, kind: Kind, sentence: str) -> Difference:
    return Difference(
        kind=kind,
        sentence=sentence,
        line=0,
        topic=output.topic,
        payload=shown_payload(output.payload),
        sinks=tuple(output.sinks),
        route=output.route,
        cause=output.cause,
    )


def _units(expected: Sequence[Expected], outputs: Sequence[Output]) -> list[Output]:
    """Split outputs where entries name sinks: an entry stands for the sinks that it names, and no others."""
    groups: dict[str | None, list[frozenset[str]]] = {}
    for one in expected:
        if one.sink is not None:
            groups.setdefault(one.topic, []).append(frozenset(one.sink))
    return [unit for output in outputs for unit in _split(output, groups.get(output.topic, ()))]


def _split(output: Output, groups: Sequence[frozenset[str]]) -> Iterator[Output]:
    rest = dict(output.sinks)
    by_size = sorted(dict.fromkeys(groups), key=len, reverse=True)
    whole = [group for group in by_size if group <= rest.keys()]
    for group in sorted(_disjoint(whole), key=groups.index):
        yield replace(output, sinks={sink: rest.pop(sink) for sink in list(rest) if sink in group})
    if rest:
        yield replace(output, sinks=rest)


def _disjoint(groups: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    kept: list[frozenset[str]] = []
    for group in groups:
        if all(group.isdisjoint(other) for other in kept):
            kept.append(group)
    return kept


def _misfits(one: Expected, output: Output, start_ns: int, *, is_quick: bool = False) -> list[FieldDifference]:
    """List what is not as an entry says; with `is_quick` the first only."""
    found: list[FieldDifference] = []
    for misfit in _aspects(one, output, start_ns):
        found.append(misfit)
        if is_quick:
            break
    return found


def _aspects(one: Expected, output: Output, start_ns: int) -> Iterator[FieldDifference]:
    if one.topic != output.topic:
        yield FieldDifference("(topic)", one.topic, output.topic)
    if one.sink is not None and set(one.sink) != output.sinks.keys():
        yield FieldDifference("(sink)", ", ".join(one.sink), ", ".join(output.sinks))
    if one.route is not None and one.route != output.route:
        yield FieldDifference("(route)", one.route, output.route)
    for sink, (qos, retain) in output.sinks.items():
        where = f" at {sink}" if len(output.sinks) > 1 else ""
        if one.retain is not None and one.retain is not retain:
            yield FieldDifference(f"(retain{where})", str(one.retain).lower(), str(retain).lower())
        if one.qos is not None and one.qos != qos:
            yield FieldDifference(f"(qos{where})", str(one.qos), str(qos))
    if one.at is not None and to_ns(one.at) != output.at_ns - start_ns:
        yield FieldDifference("(at)", seconds_text(to_ns(one.at)), seconds_text(output.at_ns - start_ns))
    if one.source_time is not None and one.source_time.at(start_ns) != output.source_ns:
        found = written(output.source_ns) if output.source_ns is not None else None
        yield FieldDifference("(source_time)", written(one.source_time.at(start_ns)), found)
    yield from _payload_aspects(one, output.payload)


def _payload_aspects(one: Expected, payload: bytes) -> Iterator[FieldDifference]:
    given = one.model_fields_set
    if one.text is not None and one.text.encode() != payload:
        yield FieldDifference("", text_of(one.text), text_of(shown_payload(payload)))
    elif one.base64 is not None and base64.b64decode(one.base64) != payload:
        yield FieldDifference("", one.base64, base64.b64encode(payload).decode())
    elif "payload" in given or "contains" in given:
        is_part = "contains" in given
        try:
            found = _parsed(payload)
        except ValueError:
            yield FieldDifference("", text_of(one.contains if is_part else one.payload), f"no JSON: {shown_payload(payload)}")
            return
        yield from differences(one.contains if is_part else one.payload, found, is_part=is_part)


@lru_cache(maxsize=4096)
def _parsed(payload: bytes) -> Any:  # Any: a JSON value
    return parsed(payload)


def _quarantine(named: NamedCase, happening: Happening) -> Iterator[Difference]:
    expected, found = named.case.quarantine, happening.quarantined

    def is_kin(one: QuarantinedAs, fault: Quarantined) -> bool:
        return one.topic in (None, fault.topic) and one.route in (None, fault.route)

    for i, j in (assign if named.case.any_order else align)(
        expected, found, fits=lambda one, fault: not _faults(one, fault, happening), is_kin=is_kin
    ):
        if i is not None and j is not None:
            misfits = _faults(expected[i], found[j], happening)
            if misfits:
                line = named.line_of("quarantine", i)
                yield replace(_about_fault(found[j], "different", "A message is quarantined in another way."), line=line, fields=tuple(misfits))
        elif i is not None:
            one = expected[i]
            sentence = f"No message is quarantined with the reason `{one.reason}`."
            yield Difference(kind="missing", sentence=sentence, line=named.line_of("quarantine", i), topic=one.topic, route=one.route)
        elif j is not None:
            fault = found[j]
            sentence = f"A message is quarantined: {fault.reason}" + (f", {fault.detail}" if fault.detail else "")
            yield replace(_about_fault(fault, "unexpected", f"{sentence.rstrip('.')}."), line=named.line)


def _faults(one: QuarantinedAs, fault: Quarantined, happening: Happening) -> list[FieldDifference]:
    found = []
    if one.reason != fault.reason:
        found.append(FieldDifference("(reason)", one.reason, fault.reason))
    if one.route is not None and one.route != fault.route:
        found.append(FieldDifference("(route)", one.route, fault.route))
    if one.topic is not None and one.topic != fault.topic:
        found.append(FieldDifference("(topic)", one.topic, fault.topic))
    if one.detail is not None and one.detail not in fault.detail:
        found.append(FieldDifference("(detail)", f"a text with `{one.detail}`", fault.detail))
    if one.step is not None and one.step not in _names_of_step(fault, happening):
        number = None if fault.step is None else " ".join(map(str, _names_of_step(fault, happening)))
        found.append(FieldDifference("(step)", str(one.step), number))
    return found


def _names_of_step(fault: Quarantined, happening: Happening) -> tuple[int | str, ...]:
    """Return the number of the step, from 1, and its verb."""
    if fault.step is None or fault.route is None:
        return ()
    written_steps = happening.compiled.loaded.values.get("routes", {}).get(fault.route, {}).get("steps", [])
    verbs = [key for key in written_steps[fault.step] if key not in ("where", "from_scalar")] if fault.step < len(written_steps) else []
    return (fault.step + 1, *verbs)


def _about_fault(fault: Quarantined, kind: Kind, sentence: str) -> Difference:
    step = None if fault.step is None else fault.step + 1
    payload = shown_payload(fault.payload)
    return Difference(kind=kind, sentence=sentence, line=0, topic=fault.topic, payload=payload, route=fault.route, step=step, cause=fault.cause)


def _rejected(named: NamedCase, happening: Happening) -> Iterator[Difference]:
    expected, found = named.case.rejected, happening.rejected

    def fits(one: RejectedAs, other: Rejected) -> bool:
        return one.reason == other.reason and one.route in (None, other.route) and one.topic in (None, other.topic)

    for i, j in (assign if named.case.any_order else align)(expected, found, fits=fits, is_kin=lambda one, other: False):  # noqa: ARG005
        if i is not None and j is None:
            sentence = f"No message is thrown away with the reason `{expected[i].reason}`."
            yield Difference(kind="missing", sentence=sentence, line=named.line_of("rejected", i), topic=expected[i].topic, route=expected[i].route)
        elif j is not None and i is None:
            other = found[j]
            sentence = f"A contract throws a message away: {other.reason}."
            yield Difference(kind="unexpected", sentence=sentence, line=named.line, topic=other.topic, route=other.route, cause=other.cause)


def _unrouted(named: NamedCase, happening: Happening) -> Iterator[Difference]:
    case, causes = named.case, happening.unrouted
    if case.unrouted is None and case.nothing:
        return
    topics = [happening.arrivals[cause].topic for cause in causes]
    expected = case.unrouted if case.unrouted is not None else []
    line = named.line_of("unrouted")
    if isinstance(expected, int):
        if expected != len(topics):
            sentence = f"{len(topics)} messages are unrouted, expected {expected}."
            yield Difference(kind="unrouted", sentence=sentence, line=line, topic=topics[0] if topics else None, cause=next(iter(causes), None))
        return
    compare = assign if case.any_order else align
    for i, j in compare(expected, topics, fits=str.__eq__, is_kin=lambda one, other: False):  # noqa: ARG005
        if j is None and i is not None:
            yield Difference(kind="missing", sentence="A message is not unrouted.", line=named.line_of("unrouted", i), topic=expected[i])
        elif i is None and j is not None:
            yield Difference(kind="unrouted", sentence="No route takes a message.", line=line, topic=topics[j], cause=causes[j])


def shown_payload(payload: bytes) -> str:
    """Write a payload for people: as text where it is one, and not without end."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        text = "base64:" + base64.b64encode(payload[: _LONGEST_PAYLOAD + 1]).decode()
    return text if len(text) <= _LONGEST_PAYLOAD else text[:_LONGEST_PAYLOAD] + "…"
