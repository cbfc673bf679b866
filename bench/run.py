"""Measures pronubes and its peers: every peer runs the same scenario in the same run, and nothing is timed before it is right."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import machine, table
from harness.measure import GENERATOR, Bench, Outcome
from harness.peers import PEERS
from harness.results import Entry, judge
from harness.scenario import Contestant, Job, Scenario, load_all
from rich.console import Console

RESULTS = Path(__file__).resolve().parent / "results"
QUICK_ROUNDS = 1
QUICK_SETS = 5
EXAMPLES = """examples:
  python bench/run.py                              every scenario, three rounds each (minutes)
  python bench/run.py --quick                      one short round of the main scenarios (about a minute)
  python bench/run.py --only w1_qos0 --only even_5k
  python bench/run.py --only w1_qos0 --peers pronubes,forwarder --rounds 5
  python bench/run.py --list
  python bench/run.py --quick --json > result.json"""


def main() -> int:
    """Runs what the command line asks for; 1 when anything came back wrong, 2 when nothing could be run."""
    arguments = _arguments()
    scenarios = load_all()
    if arguments.list:
        for scenario in scenarios.values():
            print(f"{scenario.name:18} {scenario.measures}")
        return 0
    unknown = [name for name in arguments.only if name not in scenarios]
    if unknown:
        print(f"There is no scenario `{unknown[0]}`; `--list` shows all.", file=sys.stderr)
        return 2
    if not GENERATOR.exists():
        print("The load generator is not built: `cargo build --release -p pronubes-loadgen`, or use `make bench`.", file=sys.stderr)
        return 2
    chosen = [scenario for scenario in scenarios.values() if _is_wanted(scenario, arguments)]
    console = Console(stderr=arguments.json, highlight=False, width=None if sys.stdout.isatty() else 160)
    facts = machine.describe()
    console.print(f"{facts['date']}  commit {facts['commit']}\n{facts['machine']}  Python {facts['python']}  load {facts['load_before']}")
    document: dict[str, Any] = {**facts, "quick": arguments.quick, "scenarios": {}}  # Any: JSON
    is_right = True
    with tempfile.TemporaryDirectory(prefix="pronubes-bench-") as folder:
        bench = Bench(Path(folder))
        for scenario in chosen:
            entries = _run(bench, scenario, arguments, console)
            verdicts = judge(scenario, entries)
            table.show(console, scenario, entries)
            table.show_verdicts(console, verdicts)
            document["scenarios"][scenario.name] = _document(entries, [dataclasses.asdict(verdict) for verdict in verdicts])
            is_right &= not any(entry.problems for entry in entries.values())
    path = RESULTS / f"{facts['date'].replace(':', '')}-{facts['commit']}.json"
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    console.print(f"\nWritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    if arguments.json:
        print(json.dumps(document))
    return 0 if is_right else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round of the main scenarios: about a minute, wide spread")
    parser.add_argument("--only", action="append", default=[], metavar="SCENARIO", help="run this scenario; may stand several times")
    parser.add_argument("--peers", default="", help="only these peers, with commas between them")
    parser.add_argument("--rounds", type=int, help="interleaved repeats of every scenario")
    parser.add_argument("--json", action="store_true", help="the result as JSON on standard output, tables on standard error")
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    return parser.parse_args()


def _is_wanted(scenario: Scenario, arguments: argparse.Namespace) -> bool:
    if arguments.only:
        return scenario.name in arguments.only
    return scenario.in_quick or not arguments.quick


def _run(bench: Bench, scenario: Scenario, arguments: argparse.Namespace, console: Console) -> dict[str, Entry]:
    """Runs all contestants in turn, round after round, every second round backwards."""
    rounds = arguments.rounds or (min(scenario.rounds, QUICK_ROUNDS) if arguments.quick else scenario.rounds)
    job = _shortened(scenario.job) if arguments.quick else scenario.job
    contestants = _present(scenario, arguments, console)
    entries = {contestant.name: Entry() for contestant in contestants}
    with console.status("") as status:
        for number in range(rounds):
            for contestant in contestants if number % 2 == 0 else contestants[::-1]:
                status.update(f"{scenario.name}: {contestant.name}, round {number + 1} of {rounds}")
                if not entries[contestant.name].problems:
                    entries[contestant.name].outcomes.append(_measure(bench, contestant, scenario, job))
    return entries


def _measure(bench: Bench, contestant: Contestant, scenario: Scenario, job: Job) -> Outcome:
    try:
        return bench.run(contestant, scenario.workload, job)
    except RuntimeError as problem:
        return Outcome({}, [str(problem)], {})


def _present(scenario: Scenario, arguments: argparse.Namespace, console: Console) -> list[Contestant]:
    wanted = [name for name in arguments.peers.split(",") if name]
    missing = {}
    present = []
    for contestant in scenario.contestants:
        if wanted and contestant.peer not in wanted:
            continue
        reason = PEERS[contestant.peer].missing()
        if reason is None:
            present.append(contestant)
        else:
            missing[contestant.peer] = reason
    if missing:
        console.print(f"[dim]{scenario.name}: without {', '.join(f'{peer} ({reason})' for peer, reason in missing.items())}[/dim]")
    sets = [contestant for contestant in present if contestant.name.startswith("set ")]
    dropped = sets[QUICK_SETS:] if arguments.quick else []
    return [contestant for contestant in present if contestant not in dropped]


def _shortened(job: Job) -> Job:
    return job.model_copy(update={"warmup_s": min(job.warmup_s, 0.4), "measure_s": min(job.measure_s, 1.0)})


def _document(entries: dict[str, Entry], verdicts: list[dict[str, Any]]) -> dict[str, Any]:  # Any: JSON
    contestants = {
        name: {
            "figures": {figure: dataclasses.asdict(spread) for figure, spread in entry.figures.items()},
            "problems": entry.problems,
            "reports": [outcome.report for outcome in entry.outcomes],
        }
        for name, entry in entries.items()
    }
    return {"contestants": contestants, "goals": verdicts}


if __name__ == "__main__":
    sys.exit(main())
