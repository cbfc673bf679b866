"""The three ledgers as `pronubes top` draws them."""

from io import StringIO
from typing import Any

from rich.console import Console

from pronubes.cli.top import draw

ROUTE = {"name": "temperatures", "matched": 1_507, "passed": 1_000, "filtered": 300, "absorbed": 4, "quarantined": 200, "rejected": 3}


def lines(status: dict[str, Any], before: dict[str, Any] | None = None, seconds: float = 0.0) -> list[list[str]]:  # Any: JSON documents
    console = Console(width=120, record=True, file=StringIO())
    console.print(draw(status, before, seconds))
    return [line.split() for line in console.export_text().splitlines()]


def test_every_term_of_a_routes_ledger_is_shown_and_they_add_up() -> None:
    shown = lines({"node": "n", "sources": [], "routes": [ROUTE], "sinks": []})
    heads = next(line for line in shown if "matched" in line and "rejected" in line and "passed" in line)
    numbers = next(line for line in shown if line[:1] == ["temperatures"])
    terms = dict(zip(heads[3:], (int(text.replace(",", "")) for text in numbers[2:]), strict=True))
    assert (heads[:3], numbers[1]) == (["name", "per", "s"], "-")
    assert terms == {key: ROUTE[key] for key in ("matched", "passed", "filtered", "absorbed", "quarantined", "rejected")}
    assert terms.pop("matched") == sum(terms.values())
