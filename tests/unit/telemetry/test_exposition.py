"""Metrics: bounded, from names of the configuration only, and counters that never fall."""

from __future__ import annotations

import copy
import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from pronubes._core import reasons
from pronubes.telemetry.exposition import CHOICE_S, Exposition
from pronubes.telemetry.metrics import GROUPS, LABELS, MAX_SERIES, OTHER, SINGLE
from pronubes.telemetry.problems import CODES

RECORDED = json.loads((Path(__file__).parents[1] / "cli" / "status_with_logs.json").read_text())

DROPS = ("drop_oldest", "drop_newest", "replaced", "connection_lost", "memory_full")

Sample = tuple[str, frozenset[tuple[str, str]]]


def samples(page: bytes) -> dict[Sample, float]:
    families = list(text_string_to_metric_families(page.decode()))
    found = [(sample.name, frozenset(sample.labels.items()), sample.value) for family in families for sample in family.samples]
    assert len({(name, labels) for name, labels, _ in found}) == len(found)
    return {(name, labels): value for name, labels, value in found if not name.startswith("process_")}


def sample(name: str, **labels: str) -> Sample:
    return f"pronubes_{name}", frozenset(labels.items())


def plant(*, routes: int, sources: int, sinks: int) -> dict[str, Any]:  # Any: a JSON document
    """A status of a large node, in which everything that a series may have is there."""
    status: dict[str, Any] = copy.deepcopy(RECORDED)
    (source,), (route,), (_, sink) = status["sources"], status["routes"], status["sinks"]
    status["sources"] = [source | {"name": f"source{number}", "received": number} for number in range(sources)]
    every = {code: 1 for code, _, _ in reasons()}
    status["routes"] = [route | {"name": f"route{number}", "matched": number, "reasons": every} for number in range(routes)]
    drops = dict.fromkeys(DROPS, 1)
    status["sinks"] = [sink | {"name": f"sink{number}", "emitted": number, "drops": drops} for number in range(sinks)]
    (link,) = status["connections"]
    ends = [("source", sources), ("sink", sinks)]
    status["connections"] = [link | {"role": role, "name": f"{role}{number}"} for role, count in ends for number in range(count)]
    status["logs"]["spill"] = status["logs"]["durable"]
    counts = {"batches": 1, "messages": 9, "failed": 1, "passed_by": 1, "breaker": "closed", "opened": 0, "stuck": 0}
    status["hooks"] = [counts | {"name": "plant:oee"}]
    status["tables"] = [{"name": "assets", "rows": 2, "hits": 5, "misses": 1, "read_age_s": 3.0, "error": None}]
    return status


@pytest.mark.parametrize(
    ("routes", "sources", "sinks"), [(10_000, 3, 3), (10_000, 1000, 200), (0, 1000, 0), (1, 5, 500), (300, 20, 20), (125, 50, 33)]
)
def test_there_are_never_more_series_than_allowed_and_they_are_used(routes: int, sources: int, sinks: int) -> None:
    status = plant(routes=routes, sources=sources, sinks=sinks)
    lines = [line for line in Exposition().write(status, now_s=0.0).decode().splitlines() if not line.startswith("#")]
    wanted = sum(len(status[group.part]) * group.width for group in GROUPS)
    assert min(wanted, MAX_SERIES * 0.8) <= len(lines) <= MAX_SERIES


def test_no_entry_has_more_series_than_its_group_says() -> None:
    page = samples(Exposition().write(plant(routes=1, sources=1, sinks=1), now_s=0.0))
    counts = {group.label: sum(group.label in dict(labels) for _, labels in page) for group in GROUPS}
    assert counts == {group.label: group.width for group in GROUPS}


def test_label_values_come_from_the_configuration_and_the_program_only() -> None:
    status = plant(routes=200, sources=100, sinks=50)
    for connection in status["connections"]:
        connection |= {"client_id": "SECRET", "error": "SECRET"}
    status["health"]["problems"] = [{"code": "log_full", "text": "SECRET"}]
    page = Exposition().write(status, now_s=0.0)
    allowed = {entry["name"] for group in GROUPS for entry in status[group.part]} | {code for code, _, _ in reasons()} | set(CODES)
    allowed |= {"durable", "spill", "full", "old", OTHER, *DROPS}
    labels = {pair for _, labels in samples(page) for pair in labels}
    assert {name for name, _ in labels} <= set(LABELS)
    assert {value for _, value in labels} <= allowed
    assert b"SECRET" not in page


def test_values_are_those_of_the_status() -> None:
    page = samples(Exposition().write(RECORDED, now_s=0.0))
    expected = {
        sample("source_received_total", source="shopfloor"): 1500,
        sample("source_connection_losses_total", source="shopfloor"): 2,
        sample("source_connected", source="shopfloor"): 1,
        sample("source_oldest_unacknowledged_seconds", source="shopfloor"): 0.015,
        sample("sink_backlog_seconds", sink="historian"): 600,
        sample("sink_backlog_messages", sink="historian"): 9250,
        sample("sink_dropped_total", sink="historian", reason="drop_oldest"): 50,
        sample("quarantined_by_reason_total", reason="missing_field"): 30,
        sample("log_sync_p99_seconds", log="durable"): 0.009,
        sample("log_ok", log="durable"): 1,
        sample("log_max_bytes", log="durable"): 2**30,
        sample("quarantine_ok"): 1,
        sample("quarantine_alarms"): 1,
        sample("rolled_back"): 0,
        sample("quarantine_dropped_total", reason="old"): 4,
        sample("healthy"): 1,
        sample("problems", reason="log_full"): 0,
    }
    assert {key: page.get(key) for key in expected} == expected
    assert sample("sink_connected", sink="historian") not in page


def test_the_counters_of_the_others_rise_only_and_lose_nothing_when_the_busiest_change() -> None:
    exposition, status = Exposition(), plant(routes=2000, sources=1, sinks=1)
    for route in status["routes"]:
        route["matched"] = 0
    own, others = [], []
    total = 0
    for round_number in range(6):
        rises = [5 if number % 2 == round_number % 2 else 1000 for number in range(2000)]
        for route, rise in zip(status["routes"], rises, strict=True):
            route["matched"] += rise
        page = samples(exposition.write(status, now_s=round_number * CHOICE_S))
        shown = {dict(labels)["route"] for name, labels in page if name == "pronubes_route_matched_total"} - {OTHER}
        own.append(sum(rise for route, rise in zip(status["routes"], rises, strict=True) if route["name"] in shown))
        others.append(page[sample("route_matched_total", route=OTHER)])
        total += sum(rises)
    assert all(before < after for before, after in itertools.pairwise(others))
    assert len(shown) < 2000
    assert others[-1] + sum(own) == total


def test_who_has_series_of_its_own_keeps_them_for_a_while() -> None:
    exposition, status = Exposition(), plant(routes=2000, sources=1, sinks=1)
    exposition.write(status, now_s=0.0)
    status["routes"][0]["matched"] = 10**9
    soon = samples(exposition.write(status, now_s=CHOICE_S - 1))
    later = samples(exposition.write(status, now_s=CHOICE_S))
    key = sample("route_matched_total", route="route0")
    assert (key in soon, later.get(key)) == (False, 10**9)


def test_a_node_that_reports_less_has_fewer_series() -> None:
    status = copy.deepcopy(RECORDED)
    del status["logs"], status["sources"][0]["oldest_unsettled_age_ns"], status["sinks"][0]["backlog"], status["quarantine"]["bytes"]
    page = samples(Exposition().write(status, now_s=0.0))
    assert not [name for name, _ in page if name.startswith("pronubes_log_")]
    assert sample("source_oldest_unacknowledged_seconds", source="shopfloor") not in page


def test_the_example_rules_ask_for_metrics_that_there_are() -> None:
    text = (Path(__file__).parents[3] / "docs" / "how-to" / "pronubes-rules.yml").read_text()
    rules = yaml.safe_load(text)["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"pronubes_\w+", rule["expr"])}
    families = text_string_to_metric_families(Exposition().write(plant(routes=1, sources=1, sinks=1), now_s=0.0).decode())
    assert len(asked) > 8
    assert asked <= {one.name for family in families for one in family.samples}


def test_names_are_unique_and_say_their_unit() -> None:
    names = [metric.name for metric in (*SINGLE, *(metric for group in GROUPS for metric in group.metrics))]
    assert len(set(names)) == len(names)
    assert [name for name in names if name.endswith(("_ms", "_ns", "_total"))] == []


def test_a_page_of_a_thousand_routes_is_written_quickly() -> None:
    exposition, status = Exposition(), plant(routes=1000, sources=20, sinks=5)
    exposition.write(status, now_s=0.0)
    took: list[float] = []
    for number in range(5):
        began_s = time.thread_time()
        exposition.write(status, now_s=float(number))
        took.append(time.thread_time() - began_s)
    assert min(took) < 0.05, took
