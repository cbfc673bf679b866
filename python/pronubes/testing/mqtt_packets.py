"""The packets of MQTT 3.1.1 and 5 as far as a broker for tests needs them: written in one go, read from chunks.

It is small on purpose and shares nothing with the client under test, so that both cannot be wrong in the same way.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = [
    "Connect",
    "Publish",
    "connack",
    "puback",
    "publish",
    "read_connect",
    "read_publish",
    "read_subscribe",
    "read_unsubscribe",
    "split",
    "suback",
    "unsuback",
    "user_properties",
    "varint",
]

# How long the values of properties are that have a fixed length, by identifier (MQTT 5, 2.2.2.2).
_ONE, _TWO, _FOUR = (0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), (0x13, 0x21, 0x22, 0x23), (0x02, 0x11, 0x18, 0x27)
_FIXED = {kind: size for size, kinds in ((1, _ONE), (2, _TWO), (4, _FOUR)) for kind in kinds}
_USER_PROPERTY = 0x26


class Connect(NamedTuple):
    """What a client asks for when it comes."""

    client_id: str
    version: int
    is_clean: bool
    keep_alive_s: int
    receive_maximum: int
    username: str | None
    password: bytes | None


class Publish(NamedTuple):
    """A message that came in."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    packet_id: int
    properties: bytes


def varint(number: int) -> bytes:
    """Write a length."""
    out = bytearray()
    while True:
        number, low = number >> 7, number & 127
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def split(buffer: bytearray, limit: int = 268_435_455) -> list[tuple[int, bytes]]:
    """Take the whole packets off a buffer: first byte and body of each. Raises `ValueError` for a length that is none or too large."""
    packets: list[tuple[int, bytes]] = []
    at, end = 0, len(buffer)
    while at + 2 <= end:
        size, place = buffer[at + 1], at + 2
        if size >= 128:  # most packets are short
            head = bytes(buffer[at + 1 : at + 5])
            length = next((count for count, byte in enumerate(head, 1) if byte < 128), None)
            if length is None:
                if len(head) == 4:
                    raise ValueError("A length of more than four bytes.")
                break
            size, place = _read_varint(head, 0)[0], at + 1 + length
        if size > limit:
            raise ValueError(f"A packet of {size} bytes.")
        if place + size > end:
            break
        packets.append((buffer[at], bytes(buffer[place : place + size])))
        at = place + size
    del buffer[:at]
    return packets


def connack(version: int, *, session_present: bool = False, code: int = 0, receive_maximum: int = 65_535) -> bytes:
    """Answer CONNECT."""
    if version < 5:
        return bytes((0x20, 2, session_present, code))
    properties = b"" if receive_maximum == 65_535 or code else struct.pack(">BH", 0x21, receive_maximum)
    return bytes((0x20, 3 + len(properties), session_present, code, len(properties))) + properties


def publish(topic: str, payload: bytes, *, version: int = 4, packet_id: int | None = None, retain: bool = False, dup: bool = False) -> bytes:
    """Write a message, at QoS 1 when it has a packet id."""
    name = topic.encode()
    head = struct.pack(">H", len(name)) + name
    if packet_id is not None:
        head += struct.pack(">H", packet_id)
    body = head + (b"\x00" if version == 5 else b"") + payload
    return bytes((0x30 | dup << 3 | (packet_id is not None) << 1 | retain,)) + varint(len(body)) + body


def puback(packet_id: int, *, version: int = 4, reason: int = 0) -> bytes:
    """Acknowledge a message. MQTT 3.1.1 knows no reasons."""
    if version < 5 or not reason:
        return struct.pack(">BBH", 0x40, 2, packet_id)
    return struct.pack(">BBHBB", 0x40, 4, packet_id, reason, 0)


def suback(packet_id: int, codes: bytes, *, version: int) -> bytes:
    """Answer SUBSCRIBE."""
    return _answer(0x90, packet_id, codes, version)


def unsuback(packet_id: int, count: int, *, version: int) -> bytes:
    """Answer UNSUBSCRIBE."""
    return _answer(0xB0, packet_id, bytes(count) if version == 5 else b"", version)


def _answer(kind: int, packet_id: int, codes: bytes, version: int) -> bytes:
    body = struct.pack(">H", packet_id) + (b"\x00" if version == 5 else b"") + codes
    return bytes((kind,)) + varint(len(body)) + body


def read_publish(first: int, body: bytes, version: int) -> Publish:
    """Read a message."""
    end = 2 + (body[0] << 8 | body[1])
    topic = body[2:end].decode()
    qos, packet_id = first >> 1 & 3, 0
    if qos:
        packet_id = body[end] << 8 | body[end + 1]
        end += 2
    properties = b""
    if version == 5:
        size, end = _read_varint(body, end)
        properties = body[end : end + size]
        end += size
    return Publish(topic, body[end:], qos, bool(first & 1), bool(first & 8), packet_id, properties)


def read_connect(body: bytes) -> Connect:
    """Read CONNECT."""
    protocol, at = _read_text(body, 0)
    if protocol != "MQTT":
        raise ValueError(f"The protocol `{protocol}`.")
    version, flags, keep_alive_s = body[at], body[at + 1], body[at + 2] << 8 | body[at + 3]
    at += 4
    receive_maximum = 65_535
    if version == 5:
        size, at = _read_varint(body, at)
        receive_maximum = _fixed_property(body[at : at + size], 0x21) or 65_535
        at += size
    client_id, at = _read_text(body, at)
    if flags & 4:
        if version == 5:
            size, at = _read_varint(body, at)
            at += size
        _, at = _read_bytes(body, at)
        _, at = _read_bytes(body, at)
    username = password = None
    if flags & 128:
        username, at = _read_text(body, at)
    if flags & 64:
        password, at = _read_bytes(body, at)
    return Connect(client_id, version, bool(flags & 2), keep_alive_s, receive_maximum, username, password)


def read_subscribe(body: bytes, version: int) -> tuple[int, list[tuple[str, int]]]:
    """Read SUBSCRIBE: packet id, and filters with the quality of service asked for."""
    packet_id, at = body[0] << 8 | body[1], _behind_properties(body, version)
    filters: list[tuple[str, int]] = []
    while at < len(body):
        text, at = _read_text(body, at)
        filters.append((text, body[at] & 3))
        at += 1
    return packet_id, filters


def read_unsubscribe(body: bytes, version: int) -> tuple[int, list[str]]:
    """Read UNSUBSCRIBE: packet id and filters."""
    packet_id, at = body[0] << 8 | body[1], _behind_properties(body, version)
    filters: list[str] = []
    while at < len(body):
        text, at = _read_text(body, at)
        filters.append(text)
    return packet_id, filters


def user_properties(properties: bytes) -> dict[str, str]:
    """Read the user properties among a packet's properties."""
    found: dict[str, str] = {}
    at = 0
    while at < len(properties):
        kind = properties[at]
        at += 1
        if kind == _USER_PROPERTY:
            key, at = _read_text(properties, at)
            found[key], at = _read_text(properties, at)
        else:
            at = _skip_property(properties, kind, at)
    return found


def _fixed_property(properties: bytes, wanted: int) -> int | None:
    at = 0
    while at < len(properties):
        kind = properties[at]
        at += 1
        if kind == wanted:
            return int.from_bytes(properties[at : at + _FIXED[kind]], "big")
        at = _skip_property(properties, kind, at)
    return None


def _skip_property(properties: bytes, kind: int, at: int) -> int:
    if kind in _FIXED:
        return at + _FIXED[kind]
    if kind == 0x0B:
        return _read_varint(properties, at)[1]
    at = _read_bytes(properties, at)[1]
    return _read_bytes(properties, at)[1] if kind == _USER_PROPERTY else at


def _behind_properties(body: bytes, version: int) -> int:
    if version < 5:
        return 2
    size, at = _read_varint(body, 2)
    return at + size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    size, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        size |= (byte & 127) << shift
        if byte < 128:
            return size, at
        shift += 7


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + (data[at] << 8 | data[at + 1])
    return data[at + 2 : end], end


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    raw, end = _read_bytes(data, at)
    return raw.decode(), end
