"""What `pronubes status` and `pronubes top` draw, from a recorded status with logs and from one that reports less."""

from __future__ import annotations

import copy
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pronubes.cli.overview import Rates, draw
from pronubes.cli.status import is_healthy

ORPHANS = "kept for sinks that are not configured any more"
RECORDED = json.loads((Path(__file__).parent / "status_with_logs.json").read_text())
PARTS = {"sources", "routes", "sinks", "logs", "connections", ORPHANS}


@pytest.fixture
def status() -> dict[str, Any]:  # Any: a JSON document
    return copy.deepcopy(RECORDED)


def text(status: dict[str, Any], before: dict[str, Any] | None = None, seconds: float = 0.0) -> str:  # Any: JSON documents
    console = Console(width=240, record=True, file=StringIO())
    console.print(draw(status, Rates(status, before, seconds)))
    return console.export_text()


def tables(status: dict[str, Any], before: dict[str, Any] | None = None, seconds: float = 0.0) -> dict[str, dict[str, dict[str, str]]]:
    """Read the tables back: part, row, column."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    lines = iter(text(status, before, seconds).splitlines())
    for line in lines:
        part = line.strip().partition(":")[0]
        if part in PARTS:
            head = next(lines)
            titles = [title for title in head.split("  ") if title.strip()]
            rows = found.setdefault(part, {})
        elif part and found and rows is not None and not line.startswith("quarantine"):
            cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
            if len(cells) == len(titles):
                rows[cells[0]] = dict(zip((title.strip() for title in titles), cells, strict=True))
    return found


def test_backlogs_drops_and_losses_stand_in_their_columns(status: dict[str, Any]) -> None:
    shown = tables(status)
    sink, log, link = shown["sinks"]["historian"], shown["logs"]["durable"], shown["connections"]["shopfloor"]
    assert {name: sink[name] for name in ("state", "backlog", "bytes", "oldest", "queue")} == {
        "state": "full", "backlog": "9,250", "bytes": "3.0 MiB", "oldest": "10 min", "queue": "2.0 KiB",
    }  # fmt: skip
    assert (sink["dropped"], shown["sinks"]["uns"]["dropped"], shown["sinks"]["uns"]["state"]) == ("drop_oldest 50", "0", "live")
    assert [log[name] for name in ("state", "size", "p50", "p99", "max", "fsyncs")] == ["ok", "64.0 MiB", "1.2 ms", "9 ms", "31 ms", "75"]
    assert [log[name] for name in ("at most", "oldest", "failed", "written", "lost")] == ["1.0 GiB", "10 min", "1", "205.1 KiB", "0"]
    assert shown[ORPHANS] == {"old": {"name": "old", "log": "durable", "records at most": "77", "bytes at most": "2.0 KiB", "oldest": "10 min"}}
    assert (link["lost"], shown["sources"]["shopfloor"]["oldest"]) == ("2", "15 ms")


def test_every_term_of_a_routes_ledger_is_shown_and_they_add_up(status: dict[str, Any]) -> None:
    row = tables(status)["routes"]["all"]
    terms = {name: int(row[name].replace(",", "")) for name in ("matched", "passed", "filtered", "absorbed", "in_hooks", "quarantined", "rejected")}
    assert terms == {name: RECORDED["routes"][0][name] for name in terms}
    assert terms.pop("matched") == sum(terms.values())


def test_rates_are_since_the_start_or_of_the_last_interval(status: dict[str, Any]) -> None:
    before = copy.deepcopy(status)
    status["sources"][0]["received"] += 800
    assert tables(before)["sources"]["shopfloor"]["per s"] == "15"
    assert tables(status, before, 2.0)["sources"]["shopfloor"]["per s"] == "400"


def test_a_ledger_that_does_not_balance_is_named(status: dict[str, Any]) -> None:
    status["sinks"][1]["delivered"] -= 3
    status["balanced"] = False
    shown = text(status)
    assert "DO NOT BALANCE" in shown
    assert "\u2717 sinks historian: +3" in shown
    assert [line.rstrip()[-1] for line in shown.splitlines() if " = " in line] == ["\u2713", "\u2713", "\u2717", "\u2713"]
    assert not is_healthy(status)


def test_problems_are_shown_in_full(status: dict[str, Any]) -> None:
    status["health"]["problems"] = [{"code": "log_full", "text": "The log `durable` is full."}]
    assert "UNHEALTHY: 1 problem" in text(status)
    assert "log_full: The log `durable` is full." in text(status)
    assert (is_healthy(status), is_healthy(RECORDED)) == (False, True)


def test_what_a_node_does_not_report_is_a_dash(status: dict[str, Any]) -> None:
    for name in ("logs", "health", "uptime_s"):
        del status[name]
    for sink in status["sinks"]:
        del sink["backlog"]
    del status["sinks"][1]["drops"], status["sources"][0]["oldest_unsettled_age_ns"], status["quarantine"]["records"]
    shown = tables(status)
    assert "logs" not in shown
    assert (shown["sources"]["shopfloor"]["per s"], shown["sources"]["shopfloor"]["oldest"]) == ("-", "-")
    assert (shown["sinks"]["historian"]["backlog"], shown["sinks"]["historian"]["dropped"]) == ("250", "dropped 50")
    assert "health: -" in text(status)


def test_the_quarantine_says_how_full_it_is_and_what_is_gone(status: dict[str, Any]) -> None:
    assert "ok  30 (2.00%) of what came in; keeps 30, 5.9 KiB; waiting 0, evicted 0, dropped for its size 0, dropped for their age 4" in text(status)
    assert "ALARM: route all quarantines 25.0% of its last 1,200 messages" in text(status)
    assert "taken back" not in text(status)
    status["rollback"] = {"time_ns": 1, "route": "all", "share": 0.5, "messages": 9, "path": "edge.yaml"}
    assert "the reload of edge.yaml was taken back: route all quarantined 50.0%" in text(status)
    status["quarantine"] = {"received": 30, "written": 30, "evicted": 0, "buffered": 0}
    assert "keeps -, -; waiting 0, evicted 0, dropped for its size -" in text(status)


def test_only_the_busiest_of_many_routes_are_shown(status: dict[str, Any]) -> None:
    route = status["routes"][0]
    status["routes"] = [route | {"name": f"r{number}", "matched": number, "passed": number, "filtered": 0, "quarantined": 0} for number in range(300)]
    shown = tables(status)["routes"]
    assert (len(shown), "r299" in shown, "r0" in shown) == (20, True, False)
    assert "the busiest 20 of 300" in text(status)
