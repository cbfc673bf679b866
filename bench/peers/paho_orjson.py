"""W1 by hand with paho-mqtt and orjson: a callback that publishes. Nagle's algorithm is left as paho leaves it."""

from __future__ import annotations

import argparse
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from w1 import transform


def client(name: str, port: int) -> mqtt.Client:
    """A connected client without a limit on what it queues."""
    made = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
    made.max_inflight_messages_set(65_535)
    made.connect("127.0.0.1", port)
    return made


def main(port: int, qos: int) -> None:
    """Publishes from the callback of the source; the sink has paho's own thread."""
    sink = client("paho-sink", port)
    sink.loop_start()
    source = client("paho-source", port)

    def on_message(_client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:  # Any: paho's signature
        topic, payload = transform(message.topic, bytes(message.payload))
        sink.publish(topic, payload, qos=qos)

    source.on_message = on_message
    source.subscribe("raw/#", qos=qos)
    source.loop_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--qos", type=int, default=0)
    arguments = parser.parse_args()
    main(arguments.port, arguments.qos)
