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
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from harness import machine, workloads
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
DEFINITIONS = Path(__file__).resolve().parent / "micro"
COUNT = re.compile(r"refs:\s+([\d,]+)|Collected\s*:\s*(\d+)")
WORKLOAD = "{spec} {messages} {rounds}"
EXAMPLES = """examples:
  python bench/micro.py                      every program
  python bench/micro.py --only match         those whose name contains `match`
  python bench/micro.py --json > before.json
  python bench/micro.py --against before.json"""


@dataclass(frozen=True, slots=True)
class Program:
    """An example of a crate with its arguments.

    `{rounds}` stands where the number of rounds goes, `{spec}` and `{messages}` where the files of the workload go. With a workload a round
    is one pass over it, and the count is per message.
    """

    name: str
    package: str
    example: str
    arguments: str
    low: int
    high: int
    measures: str
    workload: dict[str, Any] | None = None  # Any: arguments of a workload's function


@dataclass(frozen=True, slots=True)
class Count:
    """What one program costs; bytes are topics and payloads in and out, of one operation."""

    name: str
    instructions: float
    size: float
    measures: str


def main() -> int:
    """Counts what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="programs whose name contains this")
    parser.add_argument("--sets", type=int, default=5, help="generated route sets to count (5; the benchmark has 50)")
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
    parser.add_argument("--against", type=Path, help="an earlier result (--json) to compare with")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("`valgrind` is not on PATH; on Debian: apt-get install valgrind", file=sys.stderr)
        return 2
    programs = [program for program in [*load(), *generated(arguments.sets)] if arguments.only in program.name]
    console = Console(stderr=True, highlight=False)
    counts = []
    with console.status("") as status:
        for target in sorted({(program.package, program.example) for program in programs}):
            status.update(f"building {target[1]}")
            subprocess.run(["cargo", "build", "--quiet", "--release", "-p", target[0], "--example", target[1]], cwd=ROOT, check=True)
        for program in programs:
            status.update(f"counting {program.name}")
            counts.append(measure(program))
    if arguments.json:
        print(json.dumps({**machine.describe(), "instructions": [asdict(count) for count in counts]}, indent=1))
    else:
        show(counts, earlier(arguments.against))
    return 0


def load() -> list[Program]:
    """Reads the lists of programs."""
    return [Program(**entry) for path in sorted(DEFINITIONS.glob("*.yaml")) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]


def generated(sets: int) -> list[Program]:
    """The generated route sets, to be compared with W1 by instructions per byte."""
    return [
        Program(
            name=f"route_set_{seed}",
            package="pronubes-core",
            example="workload_cost",
            arguments=WORKLOAD,
            low=1,
            high=3,
            measures="generated routes",
            workload={"kind": "routeset", "seed": seed, "slots": 500},
        )
        for seed in range(1, sets + 1)
    ]


def measure(program: Program) -> Count:
    """Instructions per operation, as the quotient of two runs' difference."""
    with tempfile.TemporaryDirectory(prefix="pronubes-micro-") as name:
        folder = Path(name)
        files, messages, size = {}, 1, 0.0
        if program.workload is not None:
            built = workloads.build(folder, **program.workload)
            spec = folder / "spec.json"
            spec.write_text(json.dumps(built.spec()), encoding="utf-8")
            files = {"spec": str(spec), "messages": str(built.messages)}
            messages, size = extent(built.messages)
        low, high = (run(program, {**files, "rounds": str(rounds)}) for rounds in (program.low, program.high))
    return Count(program.name, (high - low) / (program.high - program.low) / messages, size, program.measures)


def extent(path: Path) -> tuple[int, float]:
    """How many messages a workload has, and bytes in and expected out of one."""
    slots = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    taken = sum(len(slot["topic"]) + len(slot["payload"].encode()) for slot in slots)
    outputs = [output for slot in slots for output in slot["outputs"]]
    given = sum(len(output["topic"]) + len(json.dumps(output["payload"], ensure_ascii=False).encode()) for output in outputs)
    return len(slots), (taken + given) / len(slots)


def run(program: Program, words: dict[str, str]) -> int:
    """Instructions of one whole run.

    Raises:
        RuntimeError: The program failed, or callgrind said no count.
    """
    binary = ROOT / "target" / "release" / "examples" / program.example
    arguments = program.arguments.format(**words).split()
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(binary), *arguments]
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
    for title in ("", "instructions", "per byte", "before" if before else "", "what"):
        table.add_column(title, justify="left" if title in {"", "what"} else "right")
    for count in counts:
        old = before.get(count.name)
        change = f"{old:,.0f} ({(count.instructions / old - 1) * 100:+.1f} %)" if old else ""
        per_byte = f"{count.instructions / count.size:.1f}" if count.size else ""
        table.add_row(count.name, f"{count.instructions:,.0f}", per_byte, change, count.measures)
    Console(highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
