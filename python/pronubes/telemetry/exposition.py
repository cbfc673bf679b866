"""Writing a status as Prometheus reads it: text format 0.0.4.

The library is imported with the first page, so that a node without metrics pays nothing for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pronubes.telemetry import reading
from pronubes.telemetry.metrics import GROUPS, MAX_SERIES, OTHER, PREFIX, SINGLE, Group, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client.core import Metric as Family

__all__ = ["CONTENT_TYPE", "Exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CHOICE_S = 600.0
"""How long those with series of their own keep them at least: series that come and go cost a time series database more than those that stay."""
RESERVED = 160
"""Series for what the node has once, for reasons and for the process."""

Entry = dict[str, Any]  # Any: a JSON document


class Exposition:
    """Writes pages. It remembers who has series of their own, and what the others have counted so far."""

    def __init__(self) -> None:
        self._choices = {group.part: _Choice(group) for group in GROUPS}

    def write(self, status: Mapping[str, Any], *, now_s: float) -> bytes:  # Any: a JSON document
        """Write one page. About 20 us per series and 5 us per route; may run on any thread, one at a time.

        Args:
            status: What the node says of itself.
            now_s: A clock that is never set, in seconds.
        """
        from prometheus_client.exposition import generate_latest

        families = [*self._families(status, now_s)]
        return generate_latest(_Collected(families))

    def _families(self, status: Mapping[str, Any], now_s: float) -> Iterator[Family]:  # Any: a JSON document
        from prometheus_client import ProcessCollector

        for metric in SINGLE:
            yield _single(metric, status)
        parts = {group.part: _entries(group, status) for group in GROUPS}
        shown = _allot({group.part: (len(parts[group.part]), group.width) for group in GROUPS})
        for group in GROUPS:
            yield from self._choices[group.part].families(parts[group.part], shown[group.part], now_s)
        yield from ProcessCollector(registry=None).collect()


class _Collected:
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _family(metric: Metric, labels: Sequence[str]) -> Family:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(f"{PREFIX}{metric.name}", metric.text, labels=labels)


def _single(metric: Metric, status: Mapping[str, Any]) -> Family:  # Any: a JSON document
    family = _family(metric, [metric.label] if metric.label else [])
    found = metric.read(status)
    for label, value in found.items() if metric.label else [(None, found)]:
        if value is not None:
            family.add_metric([] if label is None else [label], value)  # type: ignore[attr-defined]  # of counters and gauges, not of their base
    return family


def _entries(group: Group, status: Mapping[str, Any]) -> Sequence[Entry]:  # Any: a JSON document
    """List a part of the status: each source and sink with what is known of its connection, each sink with its backlog."""
    entries: Sequence[Entry] = status.get(group.part, ())
    if group.part == "routes":
        return entries
    links = {link["name"]: _link(link) for link in status.get("connections", ()) if f"{link['role']}s" == group.part}
    waits = reading.backlogs(status) if group.part == "sinks" else {}
    return [entry | {"link": links.get(entry["name"]), "waits": waits.get(entry["name"])} for entry in entries]


def _link(link: Mapping[str, Any]) -> dict[str, int]:  # Any: a JSON document
    is_up = link["state"] == "connected"
    return {"is_up": int(is_up), "losses": max(link["connections"] - is_up, 0)}


def _allot(parts: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """Share the series out: small parts get all they need, the others share what is left.

    Args:
        parts: How many entries there are, and how many series each has.
    """
    left, shown = MAX_SERIES - RESERVED, {}
    by_need = sorted(parts.items(), key=lambda part: part[1][0] * part[1][1])
    for number, (part, (count, width)) in enumerate(by_need):
        fair = left // (len(by_need) - number)
        shown[part] = count if count * width <= fair else fair // width - 1  # one is `(other)`
        left -= min(count, shown[part] + 1) * width
    return shown


class _Choice:
    """Who of a group has series of their own, and what all others count together."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._shown: frozenset[str] = frozenset()
        self._known: frozenset[str] = frozenset()
        self._chosen_s = -CHOICE_S
        self._most = 0
        self._before: dict[str, dict[tuple[str, str | None], float]] = {}
        self._others: dict[tuple[str, str | None], float] = {}

    def families(self, entries: Sequence[Entry], most: int, now_s: float) -> Iterator[Family]:
        """Make the families of a group."""
        self._choose(entries, most, now_s)
        hidden = [entry for entry in entries if entry["name"] not in self._shown]
        if len(self._shown) < len(entries) or self._others:
            self._count_others(entries)
        for metric in self._group.metrics:
            labels = [self._group.label, metric.label] if metric.label else [self._group.label]
            family = _family(metric, labels)
            for entry in entries:
                if entry["name"] in self._shown:
                    _add(family, entry["name"], _values(metric, entry))
            if hidden:
                _add(family, OTHER, self._summed(metric, hidden))
            yield family

    def _choose(self, entries: Sequence[Entry], most: int, now_s: float) -> None:
        known = frozenset(entry["name"] for entry in entries)
        if known == self._known and most == self._most and now_s - self._chosen_s < CHOICE_S:
            return
        busiest = entries if len(entries) <= most else sorted(entries, key=lambda entry: -entry[self._group.busy])[:most]
        self._shown = frozenset(entry["name"] for entry in busiest)
        self._known, self._most, self._chosen_s = known, most, now_s

    def _count_others(self, entries: Sequence[Entry]) -> None:
        """Add what the others have counted since the last page: who gets series of its own takes nothing out of the sum."""
        counters = [metric for metric in self._group.metrics if metric.kind == "counter"]
        now = {}
        for entry in entries:
            name = entry["name"]
            now[name] = values = {(metric.name, label): value for metric in counters for label, value in _values(metric, entry).items()}
            if name in self._shown:
                continue
            before = self._before.get(name, {})
            for key, value in values.items():
                self._others[key] = self._others.get(key, 0.0) + max(value - before.get(key, 0.0), 0.0)
        self._before = now

    def _summed(self, metric: Metric, hidden: Sequence[Entry]) -> dict[str | None, float]:
        if metric.kind == "counter":
            return {label: value for (name, label), value in self._others.items() if name == metric.name}
        values = [value for entry in hidden for value in _values(metric, entry).values()]
        return {None: sum(values) if metric.is_summed else max(values)} if values else {}


def _values(metric: Metric, entry: Entry) -> dict[str | None, float]:
    found = metric.read(entry)
    if metric.label:
        return dict(found)
    return {} if found is None else {None: found}


def _add(family: Family, name: str, values: Mapping[str | None, float]) -> None:
    for label, value in values.items():
        family.add_metric([name] if label is None else [name, label], value)  # type: ignore[attr-defined]  # of counters and gauges, not of their base
