"""What a broker may send to hurt a client, as bytes (C5 of the catalogue; nanomq#2268, #2270, CVE-2026-21888, paho.mqtt.golang#754).

    for name, data in hostile_packets(5).items():
        broker.send(data)                           # to all clients of a `StubBroker`

Each breaks MQTT: a client ends the connection with a reason, keeps its memory small and comes again.
"""

from __future__ import annotations

from pronubes.testing import mqtt_packets as packets

__all__ = ["announce", "hostile_packets"]


def hostile_packets(version: int) -> dict[str, bytes]:
    """Give a packet, or a few, for each way of breaking the protocol on a connection that is up.

    Args:
        version: 4 for MQTT 3.1.1, 5 for MQTT 5.
    """
    one = packets.publish("raw/t0", b"{}", version=version, packet_id=60_000)
    return {
        "an acknowledgement of what was never sent": packets.puback(54_321, version=version) * 3 + b"\xf0\x00",
        "packet id 0": packets.publish("raw/t0", b"{}", version=version, packet_id=65_535).replace(b"\xff\xff", b"\x00\x00", 1),
        "a flood of CONNACK": packets.connack(version) * 1000,
        "a wildcard in PUBLISH": packets.publish("raw/#", b"{}", version=version),
        "a length of five bytes": b"\x30\xff\xff\xff\xff\x7f",
        "QoS 3": bytes((one[0] | 0x06,)) + one[1:],
        "a topic that is not UTF-8": b"\x30" + packets.varint(5 + (version == 5)) + b"\x00\x02\xff\xfe" + bytes(version == 5) + b"x",
        "a topic longer than its packet": b"\x30\x04\xff\xffab",
        "a SUBSCRIBE to a client": b"\x82\x05\x00\x01\x00\x00\x00",
        "a reserved packet": b"\xf0\x00" if version < 5 else b"\x00\x00",
        "a SUBACK nobody asked for": packets.suback(54_321, b"\x01", version=version) + b"\xf0\x00",
    }


def announce(size: int) -> bytes:
    """Begin a PUBLISH of so many bytes and leave the rest to the imagination, or to one byte per second (F3)."""
    return b"\x30" + packets.varint(size)
