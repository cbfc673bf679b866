"""One client's connection to a `StubBroker`."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from pronubes.testing import mqtt_packets as packets

if TYPE_CHECKING:
    from pronubes.testing.broker import BrokerSession, StubBroker

__all__ = ["Connection", "matches"]


class Connection(asyncio.Protocol):
    """One client's connection: reads packets from chunks, answers in one write per chunk."""

    def __init__(self, broker: StubBroker) -> None:
        self.broker = broker
        self.session: BrokerSession | None = None
        self.version = 4
        self.window = 65_535
        self.is_ready = False
        self.is_writable = True
        self._buffer = bytearray()
        self._owed: list[bytes] = []
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a client in."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_server gives nothing else
        self._transport = transport
        transport.set_write_buffer_limits(high=1 << 20)
        self.broker.connections.add(self)
        self.apply_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """Keep the session, if it is one to keep."""
        self.broker.connections.discard(self)
        self.is_ready = False
        if self.session is not None and self.session.connection is self:
            self.session.connection = None
            if not self.session.is_persistent:
                self.broker.sessions.pop(self.session.client_id, None)
                self.broker.matching.clear()

    def pause_writing(self) -> None:
        """Let the backlog wait."""
        self.is_writable = False

    def resume_writing(self) -> None:
        """Go on with the backlog."""
        self.is_writable = True
        if self.session is not None:
            self.broker.pump(self.session)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        """End without a word (RST where something is left unsent)."""
        self.is_ready = False
        if self._transport is not None:
            self._transport.abort()

    def apply_reading(self) -> None:
        """Read, or let the socket fill up."""
        if self._transport is None or self._transport.is_closing():
            return
        if self.broker.manners.is_reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def acknowledge_owed(self) -> None:
        """Send the PUBACKs that were held back."""
        self.write(b"".join(self._owed))
        self._owed.clear()

    def data_received(self, data: bytes) -> None:
        """Take the packets of a chunk."""
        self._buffer += data
        try:
            for first, body in packets.split(self._buffer):
                if self._transport is None or self._transport.is_closing():
                    return
                self._take(first, body)
        except (ValueError, IndexError) as error:
            self.broker.complaints.append(f"A packet that cannot be read: {error}")
            self.abort()
            return
        if self._out:
            self.write(b"".join(self._out))
            self._out.clear()
            if self.broker.manners.forgets_at == "PUBACK sent":
                asyncio.get_running_loop().call_later(0.01, self.broker.loses_at, "PUBACK sent", self)
        if self.session is not None:
            self.broker.pump(self.session)

    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == 3:
            self._on_publish(packets.read_publish(first, body, self.version))
        elif kind == 4:
            self._on_puback(body[0] << 8 | body[1])
        elif self.broker.manners.is_silent:
            return
        elif kind == 1:
            self._on_connect(packets.read_connect(body))
        elif kind == 8:
            self._on_subscribe(body)
        elif kind == 10:
            self._on_unsubscribe(body)
        elif kind == 12:
            self._out.append(b"\xd0\x00")
        elif kind == 14 and self._transport is not None:
            self._transport.close()

    def _on_connect(self, connect: packets.Connect) -> None:
        broker, manners = self.broker, self.broker.manners
        broker.connects += 1
        self.version = connect.version
        session = broker.sessions.get(connect.client_id)
        self.session = session
        if broker.loses_at("before CONNACK", self):
            return
        if manners.refuses_with is not None:
            self.write(packets.connack(self.version, code=manners.refuses_with))
            if self._transport is not None:
                self._transport.close()
            return
        if session is not None and session.connection is not None:
            session.connection.abort()  # the older connection of that name goes
        is_present = session is not None and bool(session.filters or session.in_flight) and not connect.is_clean
        if session is None or connect.is_clean:
            session = broker.new_session(connect.client_id, is_persistent=not connect.is_clean)
        self.session, session.connection = session, self
        self.window = connect.receive_maximum
        self.write(packets.connack(self.version, session_present=is_present, receive_maximum=manners.receive_maximum))
        if broker.loses_at("after CONNACK", self):
            return
        self.is_ready = True
        again = [
            packets.publish(topic, payload, version=self.version, packet_id=number, retain=retain, dup=True)
            for number, (topic, payload, retain) in session.in_flight.items()
        ]
        self.write(b"".join(again))

    def _on_subscribe(self, body: bytes) -> None:
        packet_id, filters = packets.read_subscribe(body, self.version)
        if self.session is None or self.broker.loses_at("before SUBACK", self):
            return
        self.session.filters.update((text, min(qos, 1)) for text, qos in filters)
        self.broker.matching.clear()
        self.write(packets.suback(packet_id, bytes(min(qos, 1) for _, qos in filters), version=self.version))
        if self.broker.loses_at("after SUBACK", self):
            return
        for topic, payload in self.broker.retained.items():
            granted = [min(qos, 1) for text, qos in filters if matches(text, topic)]
            if granted:
                self.session.waiting.append((topic, payload, max(granted), True))
        self._claim(self.session, [text for text, _ in filters])
        self.broker.news.set()

    def _claim(self, session: BrokerSession, filters: list[str]) -> None:
        unclaimed = self.broker.unclaimed
        for _ in range(len(unclaimed)):
            topic, payload, qos = unclaimed.popleft()
            if any(matches(text, topic) for text in filters):
                session.waiting.append((topic, payload, qos, False))
            else:
                unclaimed.append((topic, payload, qos))

    def _on_unsubscribe(self, body: bytes) -> None:
        packet_id, filters = packets.read_unsubscribe(body, self.version)
        if self.session is not None:
            for text in filters:
                self.session.filters.pop(text, None)
        self.broker.matching.clear()
        self._out.append(packets.unsuback(packet_id, len(filters), version=self.version))

    def _on_publish(self, message: packets.Publish) -> None:
        broker, manners = self.broker, self.broker.manners
        if broker.loses_at("PUBLISH received", self):
            return
        reason = manners.puback_reason(message.topic, message.payload) if manners.puback_reason is not None else 0
        if reason < 128:
            broker.published(message)
            if subscribers := broker.subscribers(message.topic):
                for session, granted in subscribers:
                    session.waiting.append((message.topic, message.payload, min(message.qos, granted), False))
                    if session is not self.session:
                        broker.pump(session)
            if message.retain:
                broker.retained[message.topic] = message.payload
        if message.qos:
            answer = packets.puback(message.packet_id, version=self.version, reason=reason)
            is_owed = manners.is_silent or not manners.is_acknowledging
            (self._owed if is_owed else self._out).append(answer)

    def _on_puback(self, packet_id: int) -> None:
        session = self.session
        if session is None:
            return
        taken = session.in_flight.pop(packet_id, None)
        if taken is None:
            self.broker.complaints.append(f"PUBACK of {packet_id}, which is not in flight.")
            return
        self.broker.acknowledged(taken[1])
        self.broker.loses_at("PUBACK received", self)


def matches(text: str, topic: str) -> bool:
    """Whether a filter covers a topic: MQTT 4.7, level by level."""
    if topic.startswith("$") and text[:1] in ("+", "#"):
        return False
    for wanted, found in itertools.zip_longest(text.split("/"), topic.split("/")):
        if wanted == "#":
            return True
        if wanted is None or found is None or (wanted not in ("+", found)):
            return False
    return True
