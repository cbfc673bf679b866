"""W1 by hand with aiomqtt and orjson on uvloop: what a Python engineer writes first.

TCP_NODELAY is on; without it QoS 1 waits for the other side's delayed acknowledgements, which would flatter us.
"""

from __future__ import annotations

import argparse
import socket

import aiomqtt
import uvloop
from w1 import transform

NODELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


async def route(port: int, qos: int) -> None:
    """Takes each message, transforms it, publishes it."""
    async with (
        aiomqtt.Client("127.0.0.1", port, identifier="aiomqtt-sink", socket_options=NODELAY) as sink,
        aiomqtt.Client("127.0.0.1", port, identifier="aiomqtt-source", socket_options=NODELAY) as source,
    ):
        await source.subscribe("raw/#", qos=qos)
        async for message in source.messages:
            assert isinstance(message.payload, bytes)
            topic, payload = transform(message.topic.value, message.payload)
            await sink.publish(topic, payload, qos=qos)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--qos", type=int, default=0)
    arguments = parser.parse_args()
    uvloop.run(route(arguments.port, arguments.qos))
