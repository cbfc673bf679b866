"""A bottling line as an engine would show it: for tests of the live page, and for looking at it.

    python tests/bottling.py [PORT]        # serves the page with made-up values until Ctrl-C
"""

import asyncio
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
        ("bowl/temperature", "Cel", 4.0, 0.4), ("bowl/pressure", "bar", 2.8, 0.1), ("bowl/level", "%", 62, 6), ("speed", "1/min", 480, 20),
        ("product/flow", "L/min", 412, 15), ("co2/pressure", "bar", 5.2, 0.15),
    ],
    "capper": [("torque", "N.m", 1.9, 0.25), ("speed", "1/min", 480, 18), ("hopper/level", "%", 55, 20)],
    "labeler": [("glue/temperature", "Cel", 158, 3), ("speed", "1/min", 478, 20), ("registration/offset", "mm", 0.1, 0.3)],
    "washer": [("caustic/temperature", "Cel", 78, 2), ("caustic/conductivity", "mS/cm", 72, 4), ("rinse/flow", "m3/h", 11.5, 0.8)],
    "palletizer": [("speed", "1/min", 8, 1), ("vacuum", "kPa", -62, 4)],
}
ROUTES = [
    ("filler_values", 0.46, 0.02), ("machine_states", 0.12, 0.0), ("counters", 0.22, 0.0), ("glue_temperatures", 0.09, 0.35), ("energy", 0.11, 0.01),
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


class Plant:
    """Feeds a view with a day at the line, in steps of a tenth of a second."""

    def __init__(self, view: FakeEngineView, *, seed: int = 7) -> None:
        self.view = view
        self.random = random.Random(seed)
        self.routes = {name: {"name": name, "matched": 0, "passed": 0, "filtered": 0, "absorbed": 0, "quarantined": 0} for name, _, _ in ROUTES}
        self.received = self.quarantined = self.step = 0

    def run(self, steps: int, *, end_ns: int | None = None) -> None:
        """Let `steps` tenths of a second pass, ending now."""
        end_ns = time.time_ns() if end_ns is None else end_ns
        for back in range(steps - 1, -1, -1):
            self._tick(end_ns - back * 100_000_000)
        self._write_status(end_ns)

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
        (name, _, filtered), = self.random.choices(ROUTES, [share for _, share, _ in ROUTES])
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
            record["payload_base64"] = __import__("base64").b64encode(payload).decode()
        self.view.quarantine(record)
        self.received += 1
        self.quarantined += 1
        self.routes[route]["matched"] += 1
        self.routes[route]["quarantined"] += 1

    def _write_status(self, at_ns: int) -> None:
        passed = sum(route["passed"] for route in self.routes.values())
        matched = self.received
        buffered = 40 + self.step % 23
        self.view.document = {
            "node": "bottling-cologne",
            "balanced": True,
            "now_ns": at_ns,
            "totals": {"received": self.received + 12, "matched": matched, "unrouted": 12, "rejected": 0, "dropped": 0, "delivered": passed * 2 - buffered,
                       "quarantined": self.quarantined, "buffered": buffered},
            "sources": [
                {"name": "shopfloor", "kind": "mqtt", "delivery": "through", "received": matched * 3 // 4, "matched": matched * 3 // 4 - 12, "unrouted": 12,
                 "rejected": 0, "dropped": 0, "unacked": 14, "paused": False},
                {"name": "boiler", "kind": "batch", "delivery": "volatile", "received": matched // 4 + 12, "matched": matched // 4 + 12, "unrouted": 0,
                 "rejected": 0, "dropped": 0, "unacked": 0, "paused": False},
            ],
            "routes": list(self.routes.values()),
            "sinks": [
                {"name": "uns", "kind": "mqtt", "emitted": passed, "delivered": passed, "dropped": 0, "quarantined": 0, "buffered": 0, "buffered_bytes": 0},
                {"name": "historian", "kind": "batch", "emitted": passed, "delivered": passed - buffered, "dropped": 0, "quarantined": 0,
                 "buffered": buffered, "buffered_bytes": buffered * 190, "queue_bytes": 16_777_216},
                {"name": "page", "kind": "latest", "emitted": passed, "delivered": passed, "dropped": 0, "quarantined": 0, "buffered": 0},
            ],
            "connections": [
                {"number": 0, "side": "source", "name": "shopfloor", "state": "connected", "inflight": 14},
                {"number": 1, "side": "sink", "name": "uns", "state": "connected", "inflight": 0},
            ],
        }  # fmt: skip


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
