"""A byte forwarder on uvloop: the floor of what any router on asyncio can cost.

It shakes hands on both connections with canned bytes and then hands every chunk on as it came, in both directions, so that
acknowledgements pass too. It parses nothing.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import cast

import uvloop

CHUNK = 256 * 1024
CONNACK = 4
SUBACK = 5


def connect_packet(client_id: bytes) -> bytes:
    """CONNECT of MQTT 3.1.1, clean session, no keep-alive."""
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(client_id).to_bytes(2) + client_id
    return bytes([0x10, len(body)]) + body


def subscribe_packet(topic_filter: bytes, qos: int) -> bytes:
    """SUBSCRIBE with packet id 1."""
    body = b"\x00\x01" + len(topic_filter).to_bytes(2) + topic_filter + bytes([qos])
    return bytes([0x82, len(body)]) + body


class Side(asyncio.BufferedProtocol):
    """One connection; what it reads after the handshake goes to the other."""

    def __init__(self, hello: list[bytes], answers: int) -> None:
        self.hello = hello
        self.handshake_left = answers
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.view = memoryview(bytearray(CHUNK))
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        for packet in self.hello:
            self.transport.write(packet)

    def get_buffer(self, _sizehint: int) -> memoryview:
        return self.view

    def buffer_updated(self, nbytes: int) -> None:
        used = 0
        if self.handshake_left:
            used = min(self.handshake_left, nbytes)
            self.handshake_left -= used
        if used < nbytes and self.other is not None and self.other.transport is not None:
            self.other.transport.write(bytes(self.view[used:nbytes]))

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


async def forward(port: int, qos: int) -> None:
    """Connects both sides, the sink first, and forwards until one closes."""
    loop = asyncio.get_running_loop()
    sink = Side([connect_packet(b"floor-sink")], CONNACK)
    source = Side([connect_packet(b"floor-source"), subscribe_packet(b"raw/#", qos)], CONNACK + SUBACK)
    sink.other, source.other = source, sink
    await loop.create_connection(lambda: sink, "127.0.0.1", port)
    await loop.create_connection(lambda: source, "127.0.0.1", port)
    await asyncio.wait([sink.closed, source.closed], return_when=asyncio.FIRST_COMPLETED)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--qos", type=int, default=0)
    arguments = parser.parse_args()
    uvloop.run(forward(arguments.port, arguments.qos))
