"""Compares two results of `bench/run.py`: which figures moved further than both spreads."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

SHOWN = ("cpu_us", "cpu_ns_per_byte", "rate", "p99_us", "peak_mb", "first_message_ms")
FLOOR = "forwarder"


def main() -> int:
    """Prints one row per figure that both results have."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python bench/compare.py bench/results/before.json bench/results/after.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    arguments = parser.parse_args()
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (arguments.before, arguments.after))
    console = Console(highlight=False)
    for result in (before, after):
        console.print(f"{result['date']}  {result['commit']}  {result['machine']}  load {result['load_before']}")
    if before["machine"] != after["machine"]:
        console.print("[yellow]Two machines: only the ratios to the forwarder can be compared.[/yellow]")
    table = Table(box=None, header_style="dim")
    for title in ("scenario", "contestant", "figure", "before", "after", "change", "over forwarder", ""):
        table.add_column(title, justify="left" if title in {"scenario", "contestant", "figure", ""} else "right")
    for row in rows(before["scenarios"], after["scenarios"]):
        table.add_row(*row)
    console.print(table)
    return 0


def rows(before: dict[str, Any], after: dict[str, Any]) -> list[list[str]]:  # Any: JSON of a result
    """The rows, in the order of the later result."""
    found = []
    for scenario, entry in after.items():
        old_ones = before.get(scenario, {}).get("contestants", {})
        floors = [ones.get(FLOOR, {}).get("figures", {}) for ones in (old_ones, entry["contestants"])]
        for name, contestant in entry["contestants"].items():
            old_figures = old_ones.get(name, {}).get("figures", {})
            for figure in SHOWN:
                old, new = old_figures.get(figure), contestant["figures"].get(figure)
                if old and new and old["median"]:
                    ratios = [_over(spread, floor.get(figure)) for spread, floor in zip((old, new), floors, strict=True)]
                    found.append([scenario, name, figure, *_row(old, new), " -> ".join(filter(None, ratios)), _verdict(old, new)])
    return found


def _row(old: dict[str, float], new: dict[str, float]) -> list[str]:
    return [f"{old['median']:.4g}", f"{new['median']:.4g}", f"{(new['median'] / old['median'] - 1) * 100:+.0f} %"]


def _over(spread: dict[str, float], floor: dict[str, float] | None) -> str:
    return f"{spread['median'] / floor['median']:.2f}x" if floor and floor["median"] else ""


def _verdict(old: dict[str, float], new: dict[str, float]) -> str:
    is_apart = new["least"] > old["greatest"] or new["greatest"] < old["least"]
    return "moved" if is_apart else ""


if __name__ == "__main__":
    sys.exit(main())
