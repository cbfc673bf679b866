"""The byte forwarder with a timer: the floor of what gathering for 2 ms can cost.

Its source's socket is watched by nobody; every 2 ms a timer of uvloop reads what came and writes it to the sink. With `--sleep` there is
no event loop at all: sleep, receive, send. It parses nothing and acknowledges nothing: for QoS 0.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import time

import uvloop
from forwarder import CHUNK, CONNACK, SUBACK, Side, connect_packet, subscribe_packet

PERIOD_S = 0.002


class Gathering(Side):
    """A source that is read by the timer after its handshake."""

    descriptor = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.descriptor = transport.get_extra_info("socket").fileno()

    def buffer_updated(self, nbytes: int) -> None:
        super().buffer_updated(nbytes)
        if self.other is not None and not self.handshake_left and self.transport is not None:
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(PERIOD_S, self.read)

    def read(self) -> None:
        if self.transport is None or self.transport.is_closing() or self.other is None or self.other.transport is None:
            return
        asyncio.get_running_loop().call_later(PERIOD_S, self.read)
        try:
            size = os.readv(self.descriptor, [self.view])
        except BlockingIOError:
            return
        if size == 0:
            self.transport.close()
        else:
            self.other.transport.write(bytes(self.view[:size]))


async def gather(port: int, qos: int) -> None:
    """Connects both sides, the sink first, and forwards until one closes."""
    loop = asyncio.get_running_loop()
    sink = Side([connect_packet(b"floor-sink")], CONNACK)
    source = Gathering([connect_packet(b"floor-source"), subscribe_packet(b"raw/#", qos)], CONNACK + SUBACK)
    source.other = sink
    await loop.create_connection(lambda: sink, "127.0.0.1", port)
    await loop.create_connection(lambda: source, "127.0.0.1", port)
    await asyncio.wait([sink.closed, source.closed], return_when=asyncio.FIRST_COMPLETED)


def sleeping(port: int, qos: int) -> None:
    """Without an event loop: sleep, receive, send."""
    sink = socket.create_connection(("127.0.0.1", port))
    sink.sendall(connect_packet(b"floor-sink"))
    sink.recv(CONNACK)
    source = socket.create_connection(("127.0.0.1", port))
    source.sendall(connect_packet(b"floor-source"))
    source.recv(CONNACK)
    source.sendall(subscribe_packet(b"raw/#", qos))
    left = SUBACK
    while left:
        left -= len(source.recv(left))
    buffer = memoryview(bytearray(CHUNK))
    while True:
        time.sleep(PERIOD_S)
        try:
            size = source.recv_into(buffer, CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue
        if not size:
            return
        sink.sendall(buffer[:size])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--qos", type=int, default=0)
    parser.add_argument("--sleep", action="store_true")
    arguments = parser.parse_args()
    if arguments.sleep:
        sleeping(arguments.port, arguments.qos)
    else:
        uvloop.run(gather(arguments.port, arguments.qos))
