"""Instructions per operation, counted by callgrind: the numbers that decide, since they hardly change from run to run.

Each program (a Rust example `*_cost.rs`) runs twice with different numbers of rounds; the difference of the counts over the difference
of the rounds leaves set-up out. `bench/micro/*.yaml` lists the programs.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from harness import machine
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
DEFINITIONS = Path(__file__).resolve().parent / "micro"
COUNT = re.compile(r"refs:\s+([\d,]+)|Collected\s*:\s*(\d+)")
EXAMPLES = """examples:
  python bench/micro.py                      every program
  python bench/micro.py --only match         those whose name contains `match`
  python bench/micro.py --json > before.json
  python bench/micro.py --against before.json"""


@dataclass(frozen=True, slots=True)
class Program:
    """An example of a crate with its arguments; `{rounds}` stands where the number of rounds goes."""

    name: str
    package: str
    example: str
    arguments: str
    low: int
    high: int
    measures: str


@dataclass(frozen=True, slots=True)
class Count:
    """What one program costs."""

    name: str
    instructions: float
    measures: str


def main() -> int:
    """Counts what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="programs whose name contains this")
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
    parser.add_argument("--against", type=Path, help="an earlier result (--json) to compare with")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("`valgrind` is not on PATH; on Debian: apt-get install valgrind", file=sys.stderr)
        return 2
    programs = [program for program in load() if arguments.only in program.name]
    console = Console(stderr=True, highlight=False)
    counts = []
    with console.status("") as status:
        for target in sorted({(program.package, program.example) for program in programs}):
            status.update(f"building {target[1]}")
            subprocess.run(["cargo", "build", "--quiet", "--release", "-p", target[0], "--example", target[1]], cwd=ROOT, check=True)
        for program in programs:
            status.update(f"counting {program.name}")
            counts.append(Count(program.name, measure(program), program.measures))
    if arguments.json:
        print(json.dumps({**machine.describe(), "instructions": [asdict(count) for count in counts]}, indent=1))
    else:
        show(counts, earlier(arguments.against))
    return 0


def load() -> list[Program]:
    """Reads the lists of programs."""
    return [Program(**entry) for path in sorted(DEFINITIONS.glob("*.yaml")) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]


def measure(program: Program) -> float:
    """Instructions per round, as the quotient of two runs' difference."""
    low, high = (run(program, rounds) for rounds in (program.low, program.high))
    return (high - low) / (program.high - program.low)


def run(program: Program, rounds: int) -> int:
    """Instructions of one whole run.

    Raises:
        RuntimeError: The program failed, or callgrind said no count.
    """
    binary = ROOT / "target" / "release" / "examples" / program.example
    words = program.arguments.format(rounds=rounds).split()
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(binary), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    found = COUNT.search(done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"{program.name}: {done.stderr.strip()[-500:]}")
    return int((found[1] or found[2]).replace(",", ""))


def earlier(path: Path | None) -> dict[str, float]:
    """Counts of an earlier result, by name."""
    if path is None:
        return {}
    return {entry["name"]: entry["instructions"] for entry in json.loads(path.read_text(encoding="utf-8"))["instructions"]}


def show(counts: list[Count], before: dict[str, float]) -> None:
    """Prints the table."""
    table = Table(box=None, header_style="dim")
    for title in ("", "instructions", "before" if before else "", "what"):
        table.add_column(title, justify="left" if title in {"", "what"} else "right")
    for count in counts:
        old = before.get(count.name)
        change = f"{old:,.0f} ({(count.instructions / old - 1) * 100:+.1f} %)" if old else ""
        table.add_row(count.name, f"{count.instructions:,.0f}", change, count.measures)
    Console(highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
