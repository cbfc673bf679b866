"""A broker for tests: MQTT 3.1.1 and 5, QoS 0 and 1, persistent sessions, retained messages, a window; and every bad manner on command.

    async with StubBroker() as broker:
        node.configure(... broker.url ...)
        await broker.subscribed("edge-plant")
        broker.publish(oracle.issue(1000))          # what it delivers to those who have subscribed
        broker.acknowledged                         # a hook: called with the payload of each message that a client acknowledged
        broker.received                             # what clients have published

It remembers sessions until `forget`, sends again with DUP what was not acknowledged, keeps to the client's Receive Maximum, and checks what
only a broker can see: acknowledgements in order, none unasked. What clients publish goes to subscribers and into `received`.
`Manners` says how it behaves; `testing.hostile` has what breaks the protocol.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pronubes.testing import mqtt_packets as packets
from pronubes.testing.broker_connection import Connection, matches

if TYPE_CHECKING:
    import ssl
    from types import TracebackType
    from typing import Self

__all__ = ["BrokerSession", "Manners", "Point", "StubBroker"]

Point = Literal[
    "before CONNACK",
    "after CONNACK",
    "before SUBACK",
    "after SUBACK",
    "PUBLISH received",
    "PUBACK sent",
    "PUBLISH sent",
    "PUBACK received",
]
"""Where in the protocol a broker can lose a session and its connection."""


@dataclass
class Manners:
    """How a broker behaves; change it at any time."""

    refuses_with: int | None = None
    """Answer CONNECT with this code and close."""
    is_silent: bool = False
    """Answer nothing at all: no CONNACK, no PUBACK, no PINGRESP."""
    is_acknowledging: bool = True
    """Send PUBACKs; what came meanwhile is acknowledged by `StubBroker.catch_up`."""
    is_reading: bool = True
    """Read from sockets; see `StubBroker.set_reading`."""
    puback_reason: Callable[[str, bytes], int] | None = None
    """Choose the reason code of a PUBACK by topic and payload (MQTT 5); 128 and above refuse."""
    overruns_window: bool = False
    """Send more than the client's Receive Maximum."""
    forgets_at: Point | None = None
    """At the next time this point is reached: forget the session, cut the connection. Once."""
    receive_maximum: int = 65_535
    """How many QoS 1 messages a client may have unacknowledged (MQTT 5)."""


@dataclass(eq=False)
class BrokerSession:
    """What the broker remembers of one client."""

    client_id: str
    filters: dict[str, int] = field(default_factory=dict)
    waiting: collections.deque[tuple[str, bytes, int, bool]] = field(default_factory=collections.deque)
    """Topic, payload, quality of service, retain."""
    in_flight: dict[int, tuple[str, bytes, bool]] = field(default_factory=dict)
    is_persistent: bool = True
    connection: Connection | None = None
    next_id: int = 0

    def take_id(self) -> int:
        """Give a packet id that is free."""
        while True:
            self.next_id = self.next_id % 65_535 + 1
            if self.next_id not in self.in_flight:
                return self.next_id


class StubBroker:
    """See the module.

    Args:
        port: Where to listen; 0 for a free port. A broker that is stopped and started again keeps it.
        tls: How it proves itself, for `mqtts`; change `tls` and start it again for another certificate.
    """

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port, self.tls = port, tls
        self.manners = Manners()
        self.sessions: dict[str, BrokerSession] = {}
        self.retained: dict[str, bytes] = {}
        self.received: list[packets.Publish] = []
        self.acknowledged: Callable[[bytes], None] = lambda _payload: None
        self.published: Callable[[packets.Publish], None] = self.received.append
        """Called for each message of a client that is to be acknowledged or is QoS 0; by default collected in `received`."""
        self.connects = 0
        self.complaints: list[str] = []
        """Rules that a client broke."""
        self.connections: set[Connection] = set()
        self.unclaimed: collections.deque[tuple[str, bytes, int]] = collections.deque()
        """What was published at QoS 1 while nobody wanted it; the next who subscribes gets it, as if the publisher had tried again."""
        self.matching: dict[str, list[tuple[BrokerSession, int]]] = {}
        self.news = asyncio.Event()
        """Set at each subscription."""
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'mqtts' if self.tls is not None else 'mqtt'}://127.0.0.1:{self.port}"

    async def start(self) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.get_running_loop().create_server(lambda: Connection(self), "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Stop listening and end all connections; sessions are remembered."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        await self.stop()

    def publish(self, messages: Iterable[tuple[str, bytes]], *, qos: int = 1, retain: bool = False) -> None:
        """Hand messages to the sessions that have subscribed, each at most at the quality of service it asked for.

        At QoS 1 what nobody wants now goes to the next who subscribes to it.
        """
        touched: set[BrokerSession] = set()
        for topic, payload in messages:
            if retain:
                self.retained[topic] = payload
            subscribers = self.subscribers(topic)
            if not subscribers and qos:
                self.unclaimed.append((topic, payload, qos))
            for session, granted in subscribers:
                session.waiting.append((topic, payload, min(qos, granted), False))
                touched.add(session)
        for session in touched:
            self.pump(session)

    def pump(self, session: BrokerSession) -> None:
        """Send what a session waits for, as far as the window and the socket allow; all in one write."""
        connection = session.connection
        if connection is None or not connection.is_ready or self.manners.is_silent:
            return
        out: list[bytes] = []
        window = 65_535 if self.manners.overruns_window else connection.window
        while session.waiting and len(session.in_flight) < window and connection.is_writable and len(out) < 4096:
            topic, payload, qos, retain = session.waiting.popleft()
            packet_id = session.take_id() if qos else None
            if packet_id is not None:
                session.in_flight[packet_id] = (topic, payload, retain)
            out.append(packets.publish(topic, payload, version=connection.version, packet_id=packet_id, retain=retain))
        if out:
            connection.write(b"".join(out))
            if not self.loses_at("PUBLISH sent", connection) and session.waiting and connection.is_writable and len(session.in_flight) < window:
                asyncio.get_running_loop().call_soon(self.pump, session)

    def backlog(self, client_id: str) -> int:
        """How many messages a client has not acknowledged or not even got."""
        session = self.sessions.get(client_id)
        return len(session.waiting) + len(session.in_flight) if session is not None else 0

    def in_flight(self, client_id: str) -> int:
        """How many messages a client has got and not acknowledged."""
        session = self.sessions.get(client_id)
        return len(session.in_flight) if session is not None else 0

    def is_subscribed(self, client_id: str) -> bool:
        """Whether a client is connected and has subscribed."""
        session = self.sessions.get(client_id)
        return session is not None and session.connection is not None and bool(session.filters)

    async def subscribed(self, client_id: str, *, within_s: float = 15.0) -> None:
        """Wait until a client has subscribed."""
        async with asyncio.timeout(within_s):
            while not self.is_subscribed(client_id):
                self.news.clear()
                await self.news.wait()

    def cut(self) -> int:
        """End all connections without a word (RST); return how many there were."""
        connections = list(self.connections)
        for connection in connections:
            connection.abort()
        return len(connections)

    def forget(self, client_id: str | None = None) -> None:
        """Forget a session, or all: what it waited for is put to the next one of that name, as a publisher would send it again."""
        for name in [client_id] if client_id is not None else list(self.sessions):
            if (session := self.sessions.pop(name, None)) is not None:
                kept = [(topic, payload, 1, retain) for topic, payload, retain in session.in_flight.values()]
                heir = BrokerSession(name, waiting=collections.deque([*kept, *session.waiting]))
                self.sessions[name] = heir
                if session.connection is not None:
                    session.connection.abort()
        self.matching.clear()

    def new_session(self, client_id: str, *, is_persistent: bool) -> BrokerSession:
        """Begin a session, in place of one of that name."""
        session = BrokerSession(client_id, is_persistent=is_persistent)
        self.sessions[client_id] = session
        self.matching.clear()
        return session

    def set_reading(self, *, is_reading: bool) -> None:
        """Read from the sockets, or let them fill up."""
        self.manners.is_reading = is_reading
        for connection in self.connections:
            connection.apply_reading()

    def catch_up(self) -> None:
        """Acknowledge from now on, and all that came meanwhile."""
        self.manners.is_acknowledging = True
        for connection in self.connections:
            connection.acknowledge_owed()

    def send(self, data: bytes) -> None:
        """Send raw bytes to all clients."""
        for connection in self.connections:
            connection.write(data)

    def subscribers(self, topic: str) -> list[tuple[BrokerSession, int]]:
        """The sessions that want a topic, each with the quality of service granted; remembered until a subscription changes."""
        found = self.matching.get(topic)
        if found is None:
            found = []
            for session in self.sessions.values():
                granted = [qos for one, qos in session.filters.items() if matches(one, topic)]
                if granted:
                    found.append((session, max(granted)))
            if len(self.matching) > 100_000:
                self.matching.clear()
            self.matching[topic] = found
        return found

    def loses_at(self, point: Point, connection: Connection) -> bool:
        """Forget the session and cut the connection if that is what is due at this point; say whether it was."""
        if self.manners.forgets_at != point:
            return False
        self.manners.forgets_at = None
        if connection.session is not None:
            self.forget(connection.session.client_id)
        connection.abort()
        return True
