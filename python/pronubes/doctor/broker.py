"""The brokers: whether they answer, what they allow, and what their windows and the way to them make of the rate.

A broker that has handed out `W` messages waits for an acknowledgement. When that takes `L` seconds, no more than `W / L` messages a second can come,
however quick everything else is.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronubes.amounts import size
from pronubes.connectors.mqtt_options import MqttSinkOptions, MqttSourceOptions
from pronubes.doctor import probe
from pronubes.doctor.finding import Finding, Level, Values, duration
from pronubes.doctor.needs import mqtt_ends
from pronubes.errors import NotConnected, SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pronubes.config.load import Loaded
    from pronubes.connectors.mqtt_options import MqttOptions
    from pronubes.doctor.disk import Syncs
    from pronubes.doctor.needs import Needs

__all__ = ["Asked", "judge", "look_at_brokers"]

AT_A_TIME = 8
"""So many are asked at a time when there are many; of a few each is asked alone, so that its times are its own."""
FEW_BROKERS = 6
FEW_PER_S = 10_000
"""A cap below this is worth a warning."""
MANY_RETAINED = 1000
"""What mosquitto queues for a session when nothing else is configured; more retained messages than that are dropped on subscribing."""
BROKERS_OWN = 20
"""What mosquitto hands out unacknowledged to a client of MQTT 3.1.1 when nothing else is configured."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A source or sink and what its broker said.

    Attributes:
        side: `source` or `sink`.
        name: Its name.
        options: How it connects.
        answer: What the broker said; None: nothing.
        error: Why it said nothing.
        window: How many messages the broker hands out unacknowledged, where that was measured.
    """

    side: str
    name: str
    options: MqttOptions
    answer: probe.Answer | None = None
    error: str | None = None
    window: int | None = None


def look_at_brokers(loaded: Loaded, needs: Needs, syncs: Syncs | None, *, is_probing: bool) -> list[Finding]:
    """Ask the broker of every MQTT source and sink, some at a time.

    Args:
        loaded: The configuration.
        needs: What it needs.
        syncs: How long the disk takes.
        is_probing: Whether messages may be published to a private topic, to measure the window of sources.
    """
    configuration = loaded.configuration
    brokers = mqtt_ends(configuration)
    with ThreadPoolExecutor(min(AT_A_TIME, 1 + len(brokers) // FEW_BROKERS)) as threads:
        asked = list(threads.map(lambda end: _ask(loaded, *end, is_probing=is_probing), brokers))
    return [finding for one in asked for finding in judge(one, needs, syncs, payload_bytes=configuration.limits.payload_bytes)]


def _ask(loaded: Loaded, side: str, name: str, options: MqttOptions, *, is_probing: bool) -> Asked:
    filters = dict.fromkeys(options.topics, options.qos) if isinstance(options, MqttSourceOptions) else {}
    try:
        answer = probe.ask(options, base_dir=loaded.base_dir, filters=filters)
        wants_window = is_probing and isinstance(options, MqttSourceOptions) and options.qos
        window = probe.measure_window(options, base_dir=loaded.base_dir) if wants_window else None
    except (NotConnected, SecretUnavailable) as error:
        return Asked(side, name, options, error=str(error))
    return Asked(side, name, options, answer, window=window)


def judge(asked: Asked, needs: Needs, syncs: Syncs | None, *, payload_bytes: int) -> Iterator[Finding]:
    """Say what a broker's answer means for a source or sink."""
    where = f"{asked.side} {asked.name}"
    options, answer = asked.options, asked.answer
    if answer is None:
        meaning = "The node tries for ever; meanwhile this source or sink has nothing."
        action = "Start the broker, or correct `url`, the credentials or the certificates."
        yield Finding("broker", where, Level.BAD, asked.error or "no answer", meaning, action)
        return
    version = answer.told.get("version", "it does not tell its name")
    trip_s = answer.round_trip_s or 0.0
    figure = f"{options.scheme}://{options.host}:{options.port} ({version}), answers in {duration(trip_s)}"
    yield Finding("broker", where, Level.OK, figure, "The broker takes this node.", None, {"round_trip_s": trip_s, "version": version})
    yield from _limits(where, asked, answer.limits, payload_bytes)
    if isinstance(options, MqttSourceOptions):
        yield from _granted(where, options, answer.granted, needs.classes.get(asked.name, frozenset()))
        if options.qos:
            yield _source_rate(where, asked, options, needs, syncs, trip_s)
    elif isinstance(options, MqttSinkOptions) and options.qos:
        yield _sink_rate(where, options, answer.limits, trip_s)
    yield from _told(where, answer.told)
    if isinstance(options, MqttSourceOptions) and options.qos and options.retained != "never":
        yield from _retained(where, answer.told)


def _limits(where: str, asked: Asked, limits: Mapping[str, int], payload_bytes: int) -> Iterator[Finding]:
    options = asked.options
    qos, retains = int(getattr(options, "qos", 0)), bool(getattr(options, "retain", False))
    if limits.get("MaximumQoS", 2) < qos:
        meaning = "Messages may be lost on the way, whatever `delivery` says."
        yield Finding("broker", where, Level.BAD, f"it allows QoS {limits['MaximumQoS']} at most", meaning, "Use a broker with QoS 1.", dict(limits))
    if retains and not limits.get("RetainAvailable", 1):
        yield Finding("broker", where, Level.BAD, "it keeps no retained messages", "`retain` is refused.", "Leave `retain` out.", dict(limits))
    packet = limits.get("MaximumPacketSize")
    if packet is not None and packet < payload_bytes:
        meaning = "Larger messages go to the quarantine." if asked.side == "sink" else "Larger messages never arrive."
        figure = f"packets of {size(packet)} at most; `limits.payload_bytes` is {size(payload_bytes)}"
        yield Finding("broker", where, Level.WARN, figure, meaning, "Raise the broker's limit, or lower `limits.payload_bytes`.", dict(limits))
    keep_alive = limits.get("ServerKeepAlive")
    if keep_alive is not None and keep_alive != round(options.keep_alive):
        figure = f"it wants a sign of life every {keep_alive} s instead of {options.keep_alive:g} s"
        yield Finding("broker", where, Level.OK, figure, "The node does as it is told.", None, dict(limits))


def _granted(where: str, options: MqttSourceOptions, granted: Mapping[str, int | None], classes: frozenset[str]) -> Iterator[Finding]:
    refused = [topic for topic, qos in granted.items() if qos is None]
    lower = [topic for topic, qos in granted.items() if qos is not None and qos < options.qos]
    if refused:
        figure = f"it refuses {len(refused)} of {len(granted)} filters: {', '.join(f'`{topic}`' for topic in refused[:3])}"
        yield Finding(
            "broker", where, Level.BAD, figure, "Nothing arrives for them.", "Give its user the right to read them.", {"refused": len(refused)}
        )
    if lower:
        is_promised = classes & {"durable", "through"}
        figure = f"it grants QoS 0 for {len(lower)} of {len(granted)} filters"
        meaning = "Messages may be lost before they reach the node" + (
            f": `{next(iter(is_promised))}` cannot promise anything." if is_promised else "."
        )
        yield Finding(
            "broker", where, Level.BAD if is_promised else Level.WARN, figure, meaning, "Let the broker grant QoS 1.", {"lower": len(lower)}
        )


def _source_rate(where: str, asked: Asked, options: MqttSourceOptions, needs: Needs, syncs: Syncs | None, trip_s: float) -> Finding:
    is_durable = "durable" in needs.classes.get(asked.name, frozenset())
    latency_s = trip_s + (needs.sync_gap_s + (syncs.p50_s if syncs is not None else 0.0) if is_durable else 0.0)
    why = f"{duration(needs.sync_gap_s)} gap, fsync, way" if is_durable else "the way; slow sinks come on top"
    if asked.window is not None:
        window, how = asked.window, "measured"
    elif options.protocol == 5:
        window, how = options.receive_maximum, "`receive_maximum`; the broker may have less, --probe-broker measures it"
    else:
        window, how = BROKERS_OWN, "the usual one of mosquitto with 3.1.1; --probe-broker measures it"
    cap = window / latency_s if latency_s else float("inf")
    figure = f"window of {window:,} ({how}); acknowledged after {duration(latency_s)} ({why})"
    values: Values = {"window": window, "latency_s": latency_s, "cap_per_s": cap, "is_measured": asked.window is not None}
    meaning = f"At most {cap:,.0f} messages a second come through this connection."
    if cap < FEW_PER_S:
        action = "Raise `max_inflight_messages` of the broker (mosquitto) or `receive_maximum`, or shorten `log.sync_gap`."
        return Finding("broker", where, Level.WARN, figure, meaning, action, values)
    return Finding("broker", where, Level.OK, figure, meaning, None, values)


def _sink_rate(where: str, options: MqttSinkOptions, limits: Mapping[str, int], trip_s: float) -> Finding:
    allowed = limits.get("ReceiveMaximum", 65_535)
    window = min(options.max_inflight, allowed)
    who = "the broker's Receive Maximum" if allowed < options.max_inflight else "`max_inflight`"
    cap = window / trip_s if trip_s else float("inf")
    figure = f"{window:,} in flight ({who}), confirmed after {duration(trip_s)} at the least"
    meaning = f"At most {cap:,.0f} messages a second leave through this connection at QoS 1."
    values: Values = {"window": window, "latency_s": trip_s, "cap_per_s": cap}
    if cap < FEW_PER_S:
        return Finding("broker", where, Level.WARN, figure, meaning, "Raise `max_inflight_messages` of the broker (mosquitto).", values)
    return Finding("broker", where, Level.OK, figure, meaning, None, values)


def _told(where: str, told: Mapping[str, str]) -> Iterator[Finding]:
    dropped = told.get("publish/messages/dropped", "")
    if dropped.isdecimal() and int(dropped):
        meaning = "Since its start, for some client: it acknowledges a message to its publisher and drops it when a session's queue is full."
        action = "Raise `max_queued_messages` of the broker, and let every subscriber keep up."
        values: Values = {"dropped": int(dropped)}
        yield Finding("broker", where, Level.WARN, f"the broker has dropped {int(dropped):,} messages", meaning, action, values)


def _retained(where: str, told: Mapping[str, str]) -> Iterator[Finding]:
    count = told.get("retained messages/count", "")
    if count.isdecimal() and int(count) > MANY_RETAINED:
        meaning = "A broker sends them all at once on subscribing and drops what exceeds the queue of a session, without a word (mosquitto: 1,000)."
        action = "Set `max_queued_messages` of the broker above that number, or subscribe to narrower filters in several sources."
        values: Values = {"retained": int(count)}
        yield Finding("broker", where, Level.WARN, f"the broker keeps {int(count):,} retained messages", meaning, action, values)
