"""Records as the engine hands them out to the quarantine's store, for tests."""

from __future__ import annotations

NOW_NS = 1_800_000_000 * 10**9
MIB = 2**20


def row(number, *, route="r", reason="missing_field", payload=None, time_ns=None, topic=None, sink=None, source="plant"):
    payload = b'{"n":%d}' % number if payload is None else payload
    time_ns = NOW_NS + number if time_ns is None else time_ns
    return (time_ns, None, source, route, 1, reason, "`value`", f"raw/{number}" if topic is None else topic, payload, sink, 1, False)


class Clock:
    def __init__(self):
        self.ns = NOW_NS

    def __call__(self):
        return self.ns
