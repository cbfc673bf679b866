"""Messages counted in place of listed: for cases on recordings, where nobody wants to write each message down.

As everywhere in cases, nothing is passed over: what no count covers is a difference, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pronubes.cases.difference import Difference
from pronubes.cases.matchers import differences, text_of

if TYPE_CHECKING:
    from pronubes.cases.happening import Happening
    from pronubes.cases.model import Counts
    from pronubes.cases.read import NamedCase

__all__ = ["compare", "renewed"]

_MOST_TOPICS = 20
_SAID = {
    "routes": "Messages that leave route `{}`",
    "topics": "Messages that leave under `{}`",
    "sinks": "Messages that go to `{}`",
    "quarantine": "Messages quarantined with the reason `{}`",
    "rejected": "Messages thrown away with the reason `{}`",
}
_LEAVING = ("routes", "topics", "sinks")


def compare(named: NamedCase, happening: Happening) -> Iterator[Difference]:
    """Hold the counts of a case against what happened."""
    counts = named.case.counts
    if counts is None:
        return
    for section, said in _SAID.items():
        for name, expected in getattr(counts, section).items():
            found = _count(section, name, happening)
            if differences(expected, found):
                sentence = f"{said.format(name)}: {found:,}, expected {_expected(expected)}."
                yield Difference(kind="count", sentence=sentence, line=named.line_of("counts", section, name))
    if counts.unrouted is not None and differences(counts.unrouted, len(happening.unrouted)):
        sentence = f"Messages that no route takes: {len(happening.unrouted):,}, expected {_expected(counts.unrouted)}."
        yield Difference(kind="count", sentence=sentence, line=named.line_of("counts", "unrouted"))
    yield from _uncovered(named, counts, happening)


def _uncovered(named: NamedCase, counts: Counts, happening: Happening) -> Iterator[Difference]:
    line = named.line_of("counts")
    topics = _uncovered_topics(counts, happening)
    for topic, count in topics.most_common(_MOST_TOPICS):
        yield Difference(kind="count", sentence=f"{_SAID['topics'].format(topic)}: {count:,}, and no count covers them.", line=line)
    if len(topics) > _MOST_TOPICS:
        sentence = f"So do messages under {len(topics) - _MOST_TOPICS:,} more topics."
        yield Difference(kind="count", sentence=sentence, line=line)
    case = named.case
    for section, is_listed in (("quarantine", bool(case.quarantine)), ("rejected", bool(case.rejected))):
        for reason, count in _reasons(section, happening).items():
            if not is_listed and reason not in getattr(counts, section):
                sentence = f"{_SAID[section].format(reason)}: {count:,}, and no count covers them."
                yield Difference(kind="count", sentence=sentence, line=line)


def _uncovered_topics(counts: Counts, happening: Happening) -> Counter[str]:
    """Count what leaves and is in no count: by its route, a filter on its topic, or one of its sinks."""
    found: Counter[str] = Counter()
    by_topic: dict[str, bool] = {}
    for output in happening.outputs:
        if output.route in counts.routes or not counts.sinks.keys().isdisjoint(output.sinks):
            continue
        if output.topic not in by_topic:
            by_topic[output.topic] = any(_matches(one, output.topic) for one in counts.topics)
        if not by_topic[output.topic]:
            found[output.topic] += 1
    return found


def renewed(counts: Counts, happening: Happening) -> dict[str, Any]:  # Any: counts as they are written
    """Return the counts as they would be right: what fits stays as it is written, what no count covers gets one."""
    new: dict[str, Any] = {}  # Any: as above
    for section in _SAID:
        written: Mapping[str, Any] = getattr(counts, section)  # Any: as above
        kept = {}
        for name, expected in written.items():
            found = _count(section, name, happening)
            kept[name] = found if differences(expected, found) else expected
        new[section] = kept
    new["topics"] |= _uncovered_topics(counts, happening)
    for section in ("quarantine", "rejected"):
        new[section] = dict(_reasons(section, happening)) | {name: new[section][name] for name in new[section]}
    if counts.unrouted is not None or happening.unrouted:
        found = len(happening.unrouted)
        is_right = counts.unrouted is not None and not differences(counts.unrouted, found)
        new["unrouted"] = counts.unrouted if is_right else found
    return {key: value for key, value in new.items() if value or key == "unrouted"}


def _count(section: str, name: str, happening: Happening) -> int:
    if section == "routes":
        return sum(output.route == name for output in happening.outputs)
    if section == "topics":
        return sum(_matches(name, topic) * count for topic, count in Counter(output.topic for output in happening.outputs).items())
    if section == "sinks":
        return sum(name in output.sinks for output in happening.outputs)
    return _reasons(section, happening)[name]


def _reasons(section: str, happening: Happening) -> Counter[str]:
    return Counter(one.reason for one in (happening.quarantined if section == "quarantine" else happening.rejected))


def _matches(topic_filter: str, topic: str) -> bool:
    from pronubes import topic_matches

    return topic_filter == topic or topic_matches(topic_filter, topic)


def _expected(expected: Any) -> str:  # Any: a number or a matcher
    found = differences(expected, None)
    return found[0].expected or text_of(expected) if found else text_of(expected)
