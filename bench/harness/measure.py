"""One run: a peer on one core, the load generator on the other."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from harness import workloads
from harness.disk import Disk
from harness.peers import PEERS, RELEASE, Task
from harness.scenario import Contestant, Job

__all__ = ["Bench", "Outcome"]

GENERATOR = RELEASE / "pronubes-loadgen"
ROUTER_CORE, GENERATOR_CORE = "0", "1"
# Stands in configurations that are only loaded.
UNUSED_PORT = 1883
# Seconds that a run may take beyond its phases: start, verifying slow peers, drain.
GRACE = 150.0


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What one run found: figures by name, or why there are none."""

    figures: dict[str, float]
    problems: list[str]
    report: dict[str, Any]  # Any: JSON of the load generator


class Bench:
    """Runs peers; owns the folder for workloads and configurations."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rates: dict[tuple[str, int], float] = {}

    def run(self, contestant: Contestant, workload: dict[str, Any], job: Job) -> Outcome:  # Any: arguments of a workload
        """Runs one peer once.

        A peer that fails gives an outcome with the reason; nothing about the measured phase is then in it.
        """
        built = workloads.build(self._folder, **(contestant.workload or workload))
        pace = self._pace(job, contestant, workload)
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            return self._run(contestant, built, job, pace, Path(name))

    def _pace(self, job: Job, contestant: Contestant, workload: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        """The pace of a job; half of a flood is found by flooding each of its peers once."""
        pace = job.pace
        if pace.kind != "half_of":
            return pace.model_dump(exclude_none=True, exclude={"peers"})
        for peer in pace.peers:
            if (peer, job.qos) not in self._rates and PEERS[peer].missing() is None:
                flood = job.model_copy(update={"pace": pace.model_copy(update={"kind": "flood"}), "measure_s": 1.0})
                found = self.run(Contestant(name=peer, peer=peer), workload, flood)
                if not found.problems:
                    self._rates[peer, job.qos] = found.figures["rate"]
        rates = [rate for (peer, qos), rate in self._rates.items() if peer in pace.peers and qos == job.qos]
        if not rates:
            raise RuntimeError(f"none of {', '.join(pace.peers)} came through a flood, so there is no half of it for {contestant.name}")
        return {"kind": "even", "rate": min(rates) / 2}

    def _run(self, contestant: Contestant, built: workloads.Workload, job: Job, pace: dict[str, Any], folder: Path) -> Outcome:  # Any: JSON
        peer = PEERS[contestant.peer]
        if contestant.route.get("delivery") == "durable" and (problem := Disk.of(folder).problem()):
            return Outcome({}, [problem], {})
        if peer.is_program:
            task = Task(built, UNUSED_PORT, job.qos, contestant.source, contestant.sink, folder, arguments=contestant.arguments)
            return _run_program(peer.command(task), folder)
        wish = {
            "workload": str(built.messages),
            "identity": peer.is_identity,
            "qos": job.qos,
            "pace": pace,
            "window": job.window,
            "max_in_flight": min(job.max_in_flight, peer.max_in_flight or job.max_in_flight),
            "warmup_s": job.warmup_s,
            "measure_s": job.measure_s,
            "ready_s": job.ready_s,
            "verify_rounds": job.verify_rounds,
        }
        path = folder / "job.json"
        path.write_text(json.dumps(wish), encoding="utf-8")
        limit = job.ready_s + job.warmup_s + job.measure_s + GRACE
        generator = subprocess.Popen(
            [*_pinned(GENERATOR_CORE), str(GENERATOR), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with (folder / "router.log").open("wb") as log, generator:
            try:
                port = json.loads(_first_line(generator))["port"]
                given = Task(built, port, job.qos, contestant.source, contestant.sink, folder, contestant.route, contestant.node)
                command = peer.command(given)
                disk = Disk.of(folder)
                started = time.time_ns()
                router = subprocess.Popen([*_pinned(ROUTER_CORE), *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
                try:
                    out, err = generator.communicate(f"{router.pid} {started}\n", timeout=limit)
                    written = disk.figures(router.pid)
                finally:
                    _end(router)
            except subprocess.TimeoutExpired:
                generator.kill()
                return Outcome({}, [f"took longer than {limit:.0f} s"], {})
            except ValueError:
                return Outcome({}, [(generator.stderr.read() if generator.stderr else "").strip()], {})
        if not out.strip():
            tail = (folder / "router.log").read_text(encoding="utf-8", errors="replace").strip()[-800:]
            return Outcome({}, [f"{err.strip()}; its last words: {tail}" if tail else err.strip()], {})
        report = json.loads(out)
        figures = _figures(report) if report["ok"] else {}
        if figures:
            figures |= written
        if figures and built.is_generated:
            figures["fast_path"] = _fast_path(built)
        return Outcome(figures, report["problems"], report)


def _fast_path(built: workloads.Workload) -> float:
    """1 when every stage of the routes runs without the general path, else 0."""
    from pronubes import _core

    stages = json.loads(_core.Router.from_spec(json.dumps(built.spec()).encode()).stats())["stages"]
    return float(stages["general"] == 0)


def _run_program(command: list[str], folder: Path) -> Outcome:
    try:
        done = subprocess.run([*_pinned(ROUTER_CORE), *command], capture_output=True, text=True, timeout=GRACE, check=False, cwd=folder)
    except subprocess.TimeoutExpired:
        return Outcome({}, [f"took longer than {GRACE:.0f} s"], {})
    if done.returncode:
        return Outcome({}, [done.stderr.strip()[-800:]], {})
    said = json.loads(done.stdout.splitlines()[-1])
    return Outcome({} if said["problems"] else said["figures"], said["problems"], said)


def _pinned(core: str) -> list[str]:
    has_two = (os.cpu_count() or 1) > 1 and shutil.which("taskset")
    return ["taskset", "-c", core] if has_two else []


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _end(router: subprocess.Popen[bytes]) -> None:
    router.terminate()
    try:
        router.wait(5)
    except subprocess.TimeoutExpired:
        router.kill()
        router.wait()


def _starved(measured: dict[str, float]) -> float:
    """Share of the time in which the router wanted its core and others had it: threads that wait for each other keep the core in use."""
    return max(0.0, min(measured["router_waiting"], 1.0 - measured["router_cores"]))


def _figures(report: dict[str, Any]) -> dict[str, float]:  # Any: JSON
    """The figures that tables and goals name, flat."""
    measured = report["measured"]
    wire = measured["bytes_to_router"] + measured["bytes_from_router"]
    return {
        "cpu_us": measured["cpu_us_per_message"],
        "cpu_ns_per_byte": measured["cpu_ns"] / wire if wire else 0.0,
        "cpu_us_per_input": measured["cpu_ns"] / 1000 / measured["inputs"] if measured["inputs"] else 0.0,
        "cpu_share": measured["router_cores"],
        "generator_share": measured["generator_busy"],
        "starved": max(_starved(measured), measured["generator_waiting"]),
        "rate": measured["rate"],
        "p50_us": measured["latency_us"]["p50"],
        "p99_us": measured["latency_us"]["p99"],
        "p999_us": measured["latency_us"]["p999"],
        "ack_p99_us": measured["ack_latency_us"]["p99"],
        "resident_mb": measured["resident_kib"] / 1024,
        "peak_mb": measured["peak_kib"] / 1024,
        "subscribed_ms": report["subscribed_ms"],
        "first_message_ms": report["first_message_ms"],
        "acked_ahead": report["acked_ahead"],
    }
