"""Measures what an outage costs: a node with QoS 1 on both sides and `delivery: durable`, and a sink that goes away and comes back.

It plays both brokers itself (`pronubes.testing`), on a core of its own, and prints problems and figures as one line of JSON. Phases: live, the
sink away, the sink back while messages go on, reloads under load, kill -9 with a backlog. An oracle owns the account: what is lost, invented or
out of order is a problem.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from pronubes.testing import Oracle, StubBroker
from pronubes.testing.mqtt_packets import Publish, user_properties

ROUTER_CORE, OWN_CORE = 0, 1
SOURCE = "outage-plant"
KEYS = 1000


class Outage:
    """One node, its two brokers and the account."""

    def __init__(self, folder: Path, *, rate: float) -> None:
        self.folder, self.rate = folder, rate
        self.plant, self.uns = StubBroker(), StubBroker()
        self.oracle = Oracle(keys=KEYS, is_durable=True)
        self.plant.acknowledged = self.oracle.acknowledged
        self.uns.published = self._published
        self.issued_s: list[float] = []
        self.since_s = 0.0
        """Messages that were published later count for the delay."""
        self.delays_s: list[float] = []
        self.node: subprocess.Popen[bytes] | None = None

    def _published(self, message: Publish) -> None:
        is_replayed = bool(message.properties) and "pronubes-replayed" in user_properties(message.properties)
        self.oracle.delivered(message.payload, is_replayed=is_replayed)
        issued_s = self.issued_s[self.oracle.number(message.payload)]
        if issued_s >= self.since_s:
            self.delays_s.append(time.monotonic() - issued_s)

    def configure(self, *, more_routes: int = 0) -> None:
        """Write the configuration; `more_routes` change with reloads."""
        extra = {f"extra{number}": {"filter": f"extra/{number}/#", "to": "uns"} for number in range(more_routes)}
        document = {
            "version": 1,
            "name": "outage",
            "sources": {"plant": {"type": "mqtt", "url": self.plant.url, "topics": ["raw/#"], "qos": 1, "receive_maximum": 20_000}},
            "sinks": {"uns": {"type": "mqtt", "url": self.uns.url, "qos": 1, "max_inflight": 20_000, "backoff_max": "200ms"}},
            "routes": {"all": {"filter": "raw/{tag}", "topic": "acme/{tag}", "to": "uns", "delivery": "durable"}, **extra},
            "log": {"size": "16GiB", "reserve": "64MiB"},
        }
        (self.folder / "pronubes.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def start(self) -> None:
        """Start the node on its core."""
        log = (self.folder / "node.log").open("ab")
        command = [str(Path(sys.executable).with_name("pronubes")), "run", "pronubes.yaml"]
        self.node = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        with contextlib.suppress(OSError):
            os.sched_setaffinity(self.node.pid, {ROUTER_CORE})

    def resident_mib(self) -> float:
        """Return what the node has in memory."""
        assert self.node is not None
        pages = int(Path(f"/proc/{self.node.pid}/statm").read_text(encoding="utf-8").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def load(self, stop: asyncio.Event) -> None:
        """Publish at the rate until told to stop; a broker that falls behind publishes less."""
        began, given = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - began) * self.rate) - given
            given += due
            if self.plant.backlog(SOURCE) < self.rate:
                self.issued_s.extend([time.monotonic()] * due)
                self.plant.publish(self.oracle.issue(due))
            await asyncio.sleep(0.002)

    async def complete(self, within_s: float) -> None:
        """Wait until everything that was published has come out."""
        await until(lambda: self.oracle.is_complete() and self.plant.backlog(SOURCE) == 0, within_s)


async def until(condition: Callable[[], bool], within_s: float, *, every_s: float = 0.01) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for is counted by callbacks, or by another process
            await asyncio.sleep(every_s)


async def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Run all phases."""
    run = Outage(folder, rate=arguments.rate)
    await run.plant.start()
    await run.uns.start()
    run.configure()
    run.start()
    await run.plant.subscribed(SOURCE)
    stop = asyncio.Event()
    load = asyncio.create_task(run.load(stop))
    try:
        figures = await _outage(run, arguments)
        figures |= await _reloads(run, arguments)
        stop.set()
        await load
        await run.complete(60)
        figures |= await _kill(run)
        run.oracle.check()
    finally:
        load.cancel()
        if run.node is not None:
            run.node.kill()
            run.node.wait()
        await run.plant.stop()
        await run.uns.stop()
    return figures


async def _outage(run: Outage, arguments: argparse.Namespace) -> dict[str, float]:
    await asyncio.sleep(2)
    before = run.oracle.delivered_unique
    await asyncio.sleep(2)
    live_rate = (run.oracle.delivered_unique - before) / 2
    resident = run.resident_mib()
    await run.uns.stop()
    issued = run.oracle.issued
    away = time.monotonic()
    grown = 0.0
    while time.monotonic() - away < arguments.away_s:
        await asyncio.sleep(0.25)
        grown = max(grown, run.resident_mib() - resident)
    outage_rate = (run.oracle.issued - issued) / arguments.away_s
    delivered, owed = run.oracle.delivered_unique, run.oracle.issued - run.oracle.delivered_unique
    run.delays_s.clear()
    await run.uns.start()
    back = run.since_s = time.monotonic()
    async with asyncio.timeout(120):
        while run.oracle.delivered_unique < run.oracle.issued - run.rate / 4:
            await asyncio.sleep(0.02)
            grown = max(grown, run.resident_mib() - resident)
    took = time.monotonic() - back
    delays = sorted(run.delays_s)
    drained = (run.oracle.delivered_unique - delivered) / took
    return {
        "live_rate": live_rate,
        "outage_rate": outage_rate,
        "backlog": float(owed),
        "drain_over_live": drained / live_rate,
        "live_p99_ms": delays[len(delays) * 99 // 100] * 1000 if delays else 0.0,
        "grown_mib": grown,
    }


async def _reloads(run: Outage, arguments: argparse.Namespace) -> dict[str, float]:
    assert run.node is not None
    log = run.folder / "node.log"
    pauses: list[float] = []
    for number in range(arguments.reloads):
        run.configure(more_routes=number % 3)
        run.node.send_signal(signal.SIGHUP)
        await until(lambda: log.read_bytes().count(b'"pause_ms"') > len(pauses), 20)
        pauses.append(number)
    pauses = sorted(json.loads(line)["pause_ms"] for line in log.read_text(encoding="utf-8").splitlines() if '"pause_ms"' in line)
    return {"reload_p99_ms": pauses[max(0, len(pauses) * 99 // 100 - 1)], "reloads": float(len(pauses))}


async def _kill(run: Outage) -> dict[str, float]:
    assert run.node is not None
    await run.uns.stop()
    stop = asyncio.Event()
    load = asyncio.create_task(run.load(stop))
    await asyncio.sleep(3)
    run.node.kill()
    run.node.wait()
    stop.set()
    await load
    await run.uns.start()
    delivered = run.oracle.delivered_unique
    began = time.monotonic()
    run.start()
    await until(lambda: run.oracle.delivered_unique > delivered, 30, every_s=0.001)
    back_ms = (time.monotonic() - began) * 1000
    await run.complete(60)
    return {"back_ms": back_ms}


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50_000)
    parser.add_argument("--away-s", type=float, default=10)
    parser.add_argument("--reloads", type=int, default=100)
    arguments = parser.parse_args()
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {OWN_CORE})
    problems, figures = [], {}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        try:
            figures = asyncio.run(measure(arguments, Path(folder)))
        except (AssertionError, TimeoutError) as error:
            tail = (Path(folder) / "node.log").read_text(encoding="utf-8", errors="replace")[-600:]
            problems.append(f"{type(error).__name__}: {error}; the node's last words: {tail}")
    print(json.dumps({"problems": problems, "figures": figures}))


if __name__ == "__main__":
    main()
