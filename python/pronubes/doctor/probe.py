"""Asking a broker: what it allows, how long it takes, what it tells of itself; with leave, how many messages it hands out unacknowledged.

The client is paho, which knows nothing of our own session: what it finds is what any client finds. It connects under a name of its own, so that it
throws nobody out.
"""

from __future__ import annotations

import contextlib
import queue
import ssl
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pronubes.errors import NotConnected

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pronubes.connectors.mqtt_options import MqttOptions

__all__ = ["Answer", "ask", "measure_window"]

SYS = "$SYS/broker/"
ASKED = ("version", "publish/messages/dropped", "retained messages/count", "clients/connected", "store/messages/bytes")
"""What mosquitto and those like it tell of themselves."""
TOPIC = "pronubes/doctor/"
"""Where probing messages go: a private name below it each time."""
WAIT_S = 1.0
QUIET_S = 0.5
ROUND_TRIPS = 5
MAX_FILTERS = 100
MAX_WINDOW = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a broker said.

    Attributes:
        limits: What CONNACK allows (MQTT 5), by the names of the standard; without those that it left out.
        granted: The quality of service that each filter was granted; None: it was refused.
        round_trip_s: How long an answer takes, the median of a few.
        told: What stands below `$SYS/broker/`.
    """

    limits: Mapping[str, int]
    granted: Mapping[str, int | None] = field(default_factory=dict)
    round_trip_s: float | None = None
    told: Mapping[str, str] = field(default_factory=dict)


def ask(options: MqttOptions, *, base_dir: Path, filters: Mapping[str, int]) -> Answer:
    """Connect, read what the broker allows, subscribe and leave. Takes a second or two; blocks: call it on a thread.

    Args:
        options: How to connect.
        base_dir: The folder against which certificates and secrets count.
        filters: The subscriptions to try, with the quality of service to ask for. Nothing that is retained is sent for them with MQTT 5.

    Raises:
        NotConnected: It cannot be reached, or it refused.
        SecretUnavailable: A secret cannot be read.
    """
    with _Client(options, base_dir) as client:
        limits = client.connect()
        trips = sorted(client.subscribe(f"{SYS}{ASKED[0]}", 0)[1] for _ in range(ROUND_TRIPS))
        for name in ASKED[1:]:
            client.subscribe(f"{SYS}{name}", 0)
        told = client.collect(WAIT_S, until=len(ASKED))
        granted = {}
        for topic_filter, qos in list(filters.items())[:MAX_FILTERS]:
            granted[topic_filter] = client.subscribe(topic_filter, qos, has_retained=False)[0]
            client.unsubscribe(topic_filter)
        return Answer(limits, granted, trips[len(trips) // 2], told)


def measure_window(options: MqttOptions, *, base_dir: Path) -> int:
    """Measure how many messages of QoS 1 the broker hands out before it waits for an acknowledgement, at most `MAX_WINDOW`.

    It publishes some more than this node takes to a private topic and acknowledges none until nothing comes any more. Blocks: call it on a thread.

    Raises:
        NotConnected: It cannot be reached, it refused, or nothing came.
    """
    wanted = min(options.receive_maximum + 50, MAX_WINDOW)
    topic = f"{TOPIC}{uuid.uuid4()}"
    with _Client(options, base_dir, is_holding=True) as receiver, _Client(options, base_dir) as sender:
        receiver.connect()
        sender.connect()
        granted, _ = receiver.subscribe(topic, 1)
        if granted != 1:
            raise NotConnected(f"The broker does not grant QoS 1 on `{topic}`.")
        sender.publish(topic, wanted)
        found = receiver.count_held(QUIET_S)
        if not found:
            raise NotConnected(f"Nothing that was published to `{topic}` came back.")
        receiver.release()
        return found


class _Client:
    """A connection of paho with waits that end."""

    def __init__(self, options: MqttOptions, base_dir: Path, *, is_holding: bool = False) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self._options = options
        self._is_5 = options.version == "5"
        name = f"pronubes-doctor-{uuid.uuid4().hex[:6]}"
        protocol = paho.MQTTv5 if self._is_5 else paho.MQTTv311
        self._paho = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=protocol, manual_ack=is_holding, clean_session=None if self._is_5 else True
        )
        if options.username is not None:
            password = options.password.resolve(base_dir=base_dir) if options.password is not None else None
            self._paho.username_pw_set(options.username.resolve(base_dir=base_dir), password)
        context = options.ssl_context(base_dir=base_dir)
        if context is not None:
            self._paho.tls_set_context(context)
        self._answers: queue.Queue[tuple[str, Any]] = queue.Queue(16)
        self._held: list[tuple[int, int]] = []
        self._told: dict[str, str] = {}
        self._paho.on_connect = lambda _client, _data, _flags, reason, properties: self._answers.put(("connect", (reason, properties)))
        self._paho.on_subscribe = lambda _client, _data, _mid, reasons, _properties: self._answers.put(("subscribe", reasons))
        self._paho.on_unsubscribe = lambda *_: self._answers.put(("unsubscribe", None))
        self._paho.on_message = self._on_message

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # it was a guest: nothing depends on how it leaves
            self._paho.disconnect()
        self._paho.loop_stop()

    def connect(self) -> dict[str, int]:
        """Connect; return what the broker allows."""
        import paho.mqtt.client as paho
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        options: dict[str, Any] = {}  # Any: paho's arguments
        if self._is_5:
            options = {"clean_start": True, "properties": Properties(PacketTypes.CONNECT)}  # type: ignore[no-untyped-call]  # paho's
            options["properties"].ReceiveMaximum = self._options.receive_maximum
        try:
            self._paho.connect_timeout = self._options.connect_timeout
            self._paho.connect(self._options.host, self._options.port, keepalive=30, **options)
        except ssl.SSLError as error:
            raise NotConnected(f"The TLS of the broker was not accepted: {error}.") from error
        except (OSError, paho.WebsocketConnectionError) as error:
            raise NotConnected(f"The broker cannot be reached: {error}.") from error
        self._paho.loop_start()
        reason, properties = self._wait("connect")
        if reason.is_failure:
            raise NotConnected(f"The broker refused the connection: {reason}.")
        return {name: value for name, value in vars(properties).items() if isinstance(value, int) and name in _LIMITS} if properties else {}

    def subscribe(self, topic_filter: str, qos: int, *, has_retained: bool = True) -> tuple[int | None, float]:
        """Subscribe; return what was granted, and how long the answer took."""
        from paho.mqtt.subscribeoptions import SubscribeOptions

        began_s = time.perf_counter()
        if self._is_5:
            retained = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if has_retained else SubscribeOptions.RETAIN_DO_NOT_SEND
            self._paho.subscribe(topic_filter, options=SubscribeOptions(qos=qos, retainHandling=retained))
        else:
            self._paho.subscribe(topic_filter, qos)
        (reason, *_) = self._wait("subscribe")
        return (None if reason.is_failure else int(reason.value)), time.perf_counter() - began_s

    def unsubscribe(self, topic_filter: str) -> None:
        """Unsubscribe."""
        self._paho.unsubscribe(topic_filter)
        self._wait("unsubscribe")

    def publish(self, topic: str, count: int) -> None:
        """Publish at QoS 1, twenty at a time: every broker takes so many."""
        for begin in range(0, count, 20):
            for sent in [self._paho.publish(topic, b"probe", qos=1) for _ in range(min(20, count - begin))]:
                sent.wait_for_publish(self._options.connect_timeout)

    def collect(self, within_s: float, *, until: int) -> dict[str, str]:
        """Wait for what the broker tells of itself."""
        end_s = time.monotonic() + within_s
        while len(self._told) < until and time.monotonic() < end_s:
            time.sleep(0.02)
        return dict(self._told)

    def count_held(self, quiet_s: float) -> int:
        """Count what came and was not acknowledged, once nothing has come for a while."""
        before = -1
        while before != len(self._held):
            before = len(self._held)
            time.sleep(quiet_s)
        return before

    def release(self) -> None:
        """Acknowledge what is held."""
        for number, qos in self._held:
            self._paho.ack(number, qos)

    def _on_message(self, _client: object, _data: object, message: Any) -> None:  # Any: paho's message
        if message.topic.startswith(SYS):
            self._told[message.topic.removeprefix(SYS)] = message.payload.decode(errors="replace")
        elif message.topic.startswith(TOPIC):
            self._held.append((message.mid, message.qos))

    def _wait(self, kind: str) -> Any:  # Any: what paho gives its callbacks
        end_s = time.monotonic() + self._options.connect_timeout
        while True:
            try:
                found, answer = self._answers.get(timeout=max(end_s - time.monotonic(), 0.001))
            except queue.Empty:
                raise NotConnected(f"The broker gave no answer within {self._options.connect_timeout:g} s ({kind}).") from None
            if found == kind:
                return answer


_LIMITS = (
    "ReceiveMaximum",
    "MaximumPacketSize",
    "MaximumQoS",
    "RetainAvailable",
    "ServerKeepAlive",
    "SessionExpiryInterval",
    "TopicAliasMaximum",
    "SharedSubscriptionAvailable",
    "WildcardSubscriptionAvailable",
)
