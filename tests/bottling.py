"""A bottling line as an engine would show it: for tests of the live page, and for looking at it.

python tests/bottling.py [PORT]        # serves the page with made-up values until Ctrl-C
"""

import asyncio
import base64
import math
import random
import sys
import time
from pathlib import Path

from pronubes.connectors.base import ConnectorContext
from pronubes.connectors.live.options import LiveOptions
from pronubes.connectors.live.sink import LiveSink
from pronubes.testing.views import FakeEngineView

SITE = "acme/cologne/bottling"
TAGS = {
    "filler": [
        ("bowl/temperature", "Cel", 4.0, 0.4),
        ("bowl/pressure", "bar", 2.8, 0.1),
        ("bowl/level", "%", 62, 6),
        ("speed", "1/min", 480, 20),
        ("product/flow", "L/min", 412, 15),
        ("co2/pressure", "bar", 5.2, 0.15),
    ],
    "capper": [("torque", "N.m", 1.9, 0.25), ("speed", "1/min", 480, 18), ("hopper/level", "%", 55, 20)],
    "labeler": [("glue/temperature", "Cel", 158, 3), ("speed", "1/min", 478, 20), ("registration/offset", "mm", 0.1, 0.3)],
    "washer": [("caustic/temperature", "Cel", 78, 2), ("caustic/conductivity", "mS/cm", 72, 4), ("rinse/flow", "m3/h", 11.5, 0.8)],
    "palletizer": [("speed", "1/min", 8, 1), ("vacuum", "kPa", -62, 4)],
}
ROUTES = [
    ("filler_values", 0.46, 0.02),
    ("machine_states", 0.12, 0.0),
    ("counters", 0.22, 0.0),
    ("glue_temperatures", 0.09, 0.35),
    ("energy", 0.11, 0.01),
]
FAULTS = [
    ("missing_field", "A field that the route needs is not there.", "Guard it with `has(payload.x)` or fix the publisher.", 1,
     "field `value`", b'{"val": 61.2, "ts": 1763838000123}', "counters"),
    ("invalid_json", "The payload is not JSON (RFC 8259).", "The detail names the byte; fix the publisher or route the topic without steps.", None,
     "byte 14: expected `,` or `}`", b'{"value": 20.5 "quality": "GOOD"}', "filler_values"),
    ("wrong_type", "A value has another type than the expression or step needs.", "Use `cast`, or narrow the route with `where`.", 0,
     "field `value` is text, a number is needed", b'{"value": "ERR-07", "unit": "Cel"}', "glue_temperatures"),
    ("invalid_utf8", "The payload is not UTF-8.", "Look at the original bytes; the device may send another encoding or a binary format.", None,
     "byte 9", b'{"name": "K\xfchler"}', "energy"),
]  # fmt: skip


LEDGER = ("matched", "forked", "passed", "filtered", "absorbed", "in_hooks", "quarantined", "rejected")


class Plant:
    """Feeds a view with a day at the line, in steps of a tenth of a second."""

    def __init__(self, view: FakeEngineView, *, seed: int = 7) -> None:
        self.view = view
        self.random = random.Random(seed)
        self.routes = {name: {"name": name, **dict.fromkeys(LEDGER, 0), "reasons": {}} for name, _, _ in ROUTES}
        self.received = self.quarantined = self.step = 0

    def run(self, steps: int, *, end_ns: int | None = None) -> None:
        """Let `steps` tenths of a second pass, ending now."""
        end_ns = time.time_ns() if end_ns is None else end_ns
        for back in range(steps - 1, -1, -1):
            self._tick(end_ns - back * 100_000_000)
        self._write_status()

    def _tick(self, at_ns: int) -> None:
        self.step += 1
        for line in ("line1", "line2", "line3"):
            for machine, tags in TAGS.items():
                base = f"{SITE}/{line}/{machine}"
                for number, (tag, unit, middle, swing) in enumerate(tags):
                    if (self.step + number) % 5 == 0:
                        self._measure(f"{base}/{tag}", unit, middle, swing, at_ns)
                if self.step % 10 == 0:
                    self._put(f"{base}/good_count", {"value": 48_000 + self.step // 10 * 8, "quality": "GOOD", "timestamp_ms": at_ns // 10**6}, at_ns)
                if self.step % 300 == 1:
                    state = "Held" if (line, machine) == ("line2", "labeler") else "Execute"
                    self._put(f"{base}/state", {"value": state, "quality": "GOOD", "timestamp_ms": at_ns // 10**6}, at_ns)
        if self.step % 20 == 0:
            for meter, middle in (("chiller", 184.0), ("compressor", 92.0), ("boiler", 310.0)):
                self._measure(f"acme/cologne/utilities/{meter}/power", "kW", middle, 9, at_ns)
        if self.step % 37 == 0:
            self._fault(at_ns)

    def _measure(self, topic: str, unit: str, middle: float, swing: float, at_ns: int) -> None:
        phase = sum(topic.encode()) % 97
        value = middle + swing * math.sin(self.step / 90 + phase) + self.random.gauss(0, swing / 12)
        payload = {"value": round(value, 2), "unit": unit, "quality": "GOOD", "timestamp_ms": at_ns // 10**6}
        if topic.endswith("line1/washer/rinse/flow"):
            payload |= {"value": None, "quality": "BAD"}
        elif topic.endswith("line1/capper/torque") and math.sin(self.step / 90 + phase) > 0.2:
            payload["quality"] = "UNCERTAIN"
        elif topic.endswith("line2/palletizer/vacuum") and self.step > 250:
            return
        self._put(topic, payload, at_ns)

    def _put(self, topic: str, payload: object, at_ns: int) -> None:
        self.view.put(topic, payload, time_ns=at_ns)
        self.received += 1
        ((name, _, filtered),) = self.random.choices(ROUTES, [share for _, share, _ in ROUTES])
        route = self.routes[name]
        route["matched"] += 1
        route["filtered" if self.random.random() < filtered else "passed"] += 1

    def _fault(self, at_ns: int) -> None:
        reason, text, action, step, detail, payload, route = FAULTS[self.quarantined % len(FAULTS)]
        topic = f"raw/line{1 + self.quarantined % 3}/plc{1 + self.quarantined % 4}/tag{self.random.randrange(400)}"
        record = {"time_ns": at_ns, "source": "shopfloor", "route": route, "step": step, "reason": reason, "detail": detail, "topic": topic,
                  "text": text, "action": action}  # fmt: skip
        try:
            record["payload"] = payload.decode()
        except UnicodeDecodeError:
            record["payload_base64"] = base64.b64encode(payload).decode()
        self.view.quarantine(record)
        self.received += 1
        self.quarantined += 1
        self.routes[route]["matched"] += 1
        self.routes[route]["quarantined"] += 1
        self.routes[route]["reasons"][reason] = self.routes[route]["reasons"].get(reason, 0) + 1

    def _write_status(self) -> None:
        """Write the ledgers as `Pipeline.status` does; they balance."""
        routes = list(self.routes.values())
        passed, filtered = (sum(route[key] for route in routes) for key in ("passed", "filtered"))
        boiler, buffered, unrouted = self.received // 4, 40 + self.step % 23, 12
        totals = {"delivered": 3 * passed - buffered, "filtered": filtered, "quarantined": self.quarantined, "unrouted": unrouted, "dropped": 0}
        self.view.document = {
            "balanced": True,
            "lost_holds": 0,
            "totals": {"received": self.received + unrouted, **totals, "buffered": buffered},
            "sources": [_source("shopfloor", self.received - boiler, unrouted, unsettled=14), _source("boiler", boiler, 0, unsettled=0)],
            "routes": routes,
            "sinks": [
                _sink("uns", "mqtt", passed, 0, 0),
                _sink("historian", "batch", passed, buffered, buffered * 190),
                _sink("page", "latest", passed, 0, 84 * 310),
            ],
            "connections": [
                _connection(0, "source", "shopfloor", received=self.received - boiler + unrouted, unacknowledged=14),
                _connection(1, "sink", "uns", published=passed, inflight=3),
            ],
            "quarantine": {"received": self.quarantined, "written": self.quarantined, "evicted": 0, "buffered": 0},
            "in_hooks": 0,
            "node": "bottling-cologne",
        }


def _source(name: str, matched: int, unrouted: int, *, unsettled: int) -> dict[str, object]:
    ledger = {"received": matched + unrouted, "matched": matched, "unrouted": unrouted, "rejected": 0, "dropped": 0}
    return {"name": name, **ledger, "unsettled": unsettled, "failed": 0, "is_paused": False}


def _sink(name: str, kind: str, emitted: int, buffered: int, queued_bytes: int) -> dict[str, object]:
    ledger = {"emitted": emitted, "delivered": emitted - buffered, "dropped": 0, "quarantined": 0, "buffered": buffered}
    return {"name": name, "kind": kind, **ledger, "queued_bytes": queued_bytes, "is_full": False, "is_retired": False}


def _connection(number: int, role: str, name: str, **counters: int) -> dict[str, object]:
    zero = {"received": 0, "published": 0, "sent_again": 0, "connections": 1, "inflight": 0, "unacknowledged": 0}
    return {"connection": number, "role": role, "name": name, "state": "connected", **zero, **counters}


def context(**changes: object) -> ConnectorContext:
    """A context for a page of its own."""
    facts = {"name": "page", "node": "bottling-cologne", "base_dir": Path(), "data_dir": Path()} | changes
    return ConnectorContext(**facts)  # type: ignore[arg-type]


async def main(port: int) -> None:
    """Serve a page with values that change."""
    view = FakeEngineView()
    plant = Plant(view)
    sink = LiveSink(LiveOptions(port=port), context())
    async with asyncio.TaskGroup() as group:
        group.create_task(sink.serve(view))
        await asyncio.sleep(0.2)
        for topic in [f"{SITE}/line1/filler/{tag}" for tag, _, _, _ in TAGS["filler"]]:
            view.watch(topic, points=3000)
        plant.run(1800)
        while True:
            await asyncio.sleep(0.1)
            plant.run(1)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8080))
