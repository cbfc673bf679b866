//! The broker's half of MQTT 3.1.1 and 5.0, as far as a benchmark needs it.
//!
//! Kept apart from `pronubes-mqtt` on purpose: the instrument must not share a fault with what it measures.

/// Protocol version of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V3,
    V5,
}

/// What a client sends to a broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    Connect { version: Version, receive_maximum: u16 },
    Subscribe { packet_id: u16, granted: Vec<u8> },
    Publish { topic: &'a [u8], payload: &'a [u8], qos: u8, packet_id: u16 },
    Puback { packet_id: u16 },
    Ping,
    Disconnect,
    Other,
}

/// The bytes are not MQTT; the text says which packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// First byte, body, length with header.
type Frame<'a> = (u8, &'a [u8], usize);

/// The first whole packet; `None` when bytes are missing.
pub(crate) fn frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, Malformed> {
    let mut length = 0usize;
    for index in 1..5 {
        let Some(&byte) = bytes.get(index) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * (index - 1));
        if byte & 0x80 == 0 {
            let end = index + 1 + length;
            return Ok(bytes.get(index + 1..end).map(|body| (bytes[0], body, end)));
        }
    }
    Err(Malformed("a remaining length of more than four bytes"))
}

/// Reads the body of a packet.
pub(crate) fn packet(first: u8, body: &[u8], version: Version) -> Result<Packet<'_>, Malformed> {
    let mut reader = Reader { bytes: body };
    let read = match first >> 4 {
        3 => publish(first, &mut reader, version),
        4 => reader.u16().map(|packet_id| Packet::Puback { packet_id }),
        1 => connect(&mut reader),
        8 => subscribe(&mut reader, version),
        12 => Some(Packet::Ping),
        14 => Some(Packet::Disconnect),
        _ => Some(Packet::Other),
    };
    read.ok_or(Malformed(match first >> 4 {
        1 => "CONNECT",
        3 => "PUBLISH",
        4 => "PUBACK",
        _ => "SUBSCRIBE",
    }))
}

fn publish<'a>(first: u8, reader: &mut Reader<'a>, version: Version) -> Option<Packet<'a>> {
    let qos = first >> 1 & 3;
    let topic = reader.text()?;
    let packet_id = if qos > 0 { reader.u16()? } else { 0 };
    if version == Version::V5 {
        reader.properties()?;
    }
    Some(Packet::Publish { topic, payload: reader.bytes, qos, packet_id })
}

fn connect<'a>(reader: &mut Reader<'a>) -> Option<Packet<'a>> {
    reader.text().filter(|name| *name == b"MQTT")?;
    let version = match reader.u8()? {
        4 => Version::V3,
        5 => Version::V5,
        _ => return None,
    };
    reader.u8()?; // flags: whatever the client wants of its session, this is its first
    reader.u16()?; // keep-alive
    let mut receive_maximum = u16::MAX;
    if version == Version::V5 {
        let mut properties = Reader { bytes: reader.properties()? };
        while let Some(id) = properties.u8() {
            if id == 0x21 {
                receive_maximum = properties.u16()?;
            } else {
                properties.skip_property(id)?;
            }
        }
    }
    Some(Packet::Connect { version, receive_maximum })
}

fn subscribe<'a>(reader: &mut Reader<'a>, version: Version) -> Option<Packet<'a>> {
    let packet_id = reader.u16()?;
    if version == Version::V5 {
        reader.properties()?;
    }
    let mut granted = Vec::new();
    while !reader.bytes.is_empty() {
        reader.text()?;
        granted.push((reader.u8()? & 3).min(1));
    }
    Some(Packet::Subscribe { packet_id, granted })
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.bytes.split_at_checked(count)?;
        self.bytes = tail;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    fn properties(&mut self) -> Option<&'a [u8]> {
        let mut length = 0usize;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return self.take(length);
            }
        }
        None
    }

    /// Properties that a CONNECT may carry (MQTT 5 §3.1.2.11).
    fn skip_property(&mut self, id: u8) -> Option<()> {
        match id {
            0x17 | 0x19 => self.take(1),
            0x22 => self.take(2),
            0x11 | 0x27 => self.take(4),
            0x15 | 0x16 => self.text(),
            0x26 => self.text().and_then(|_| self.text()),
            _ => None,
        }
        .map(|_| ())
    }
}

/// CONNACK: accepted, no session.
pub(crate) fn write_connack(version: Version, out: &mut Vec<u8>) {
    match version {
        Version::V3 => out.extend_from_slice(&[0x20, 2, 0, 0]),
        Version::V5 => out.extend_from_slice(&[0x20, 3, 0, 0, 0]),
    }
}

/// SUBACK with what was granted to each filter.
pub(crate) fn write_suback(version: Version, packet_id: u16, granted: &[u8], out: &mut Vec<u8>) {
    let properties: &[u8] = if version == Version::V5 { &[0] } else { &[] };
    out.push(0x90);
    write_length(2 + properties.len() + granted.len(), out);
    out.extend_from_slice(&packet_id.to_be_bytes());
    out.extend_from_slice(properties);
    out.extend_from_slice(granted);
}

/// PUBACK: success, the short form that both versions know.
pub(crate) fn write_puback(packet_id: u16, out: &mut Vec<u8>) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[0x40, 2, high, low]);
}

/// PINGRESP.
pub(crate) fn write_pong(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xd0, 0]);
}

/// A PUBLISH whose packet id is 0 for now; answers where the payload begins, and the packet id two bytes (and the properties) before.
pub(crate) fn write_publish(
    version: Version,
    qos: u8,
    topic: &[u8],
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Option<usize> {
    let topic_length = u16::try_from(topic.len()).ok()?;
    let id_length = if qos > 0 { 2 } else { 0 };
    let properties: &[u8] = if version == Version::V5 { &[0] } else { &[] };
    out.push(0x30 | qos << 1);
    write_length(2 + topic.len() + id_length + properties.len() + payload.len(), out);
    out.extend_from_slice(&topic_length.to_be_bytes());
    out.extend_from_slice(topic);
    out.extend_from_slice(&[0, 0][..id_length]);
    out.extend_from_slice(properties);
    let payload_at = out.len();
    out.extend_from_slice(payload);
    Some(payload_at)
}

fn write_length(mut length: usize, out: &mut Vec<u8>) {
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_is_read_as_it_was_written() {
        for (version, qos, size) in
            [(Version::V3, 0, 5), (Version::V3, 1, 200), (Version::V5, 1, 20_000), (Version::V5, 0, 0)]
        {
            let payload = vec![b'x'; size];
            let mut bytes = Vec::new();
            let payload_at = write_publish(version, qos, b"a/b", &payload, &mut bytes).unwrap();
            let (first, body, length) = frame(&bytes).unwrap().unwrap();
            assert_eq!((length, bytes.len() - payload_at), (bytes.len(), size));
            let read = packet(first, body, version).unwrap();
            assert_eq!(read, Packet::Publish { topic: b"a/b", payload: &payload, qos, packet_id: 0 });
            assert_eq!(frame(&bytes[..bytes.len() - 1]), Ok(None));
        }
    }

    #[test]
    fn connect_tells_version_and_receive_maximum() {
        let v3 = b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a";
        let v5 = b"\x00\x04MQTT\x05\x02\x00\x3c\x0a\x11\x00\x00\x00\x0a\x21\x00\x14\x17\x01\x00\x01a";
        assert_eq!(
            packet(0x10, v3, Version::V3),
            Ok(Packet::Connect { version: Version::V3, receive_maximum: 65_535 })
        );
        assert_eq!(packet(0x10, v5, Version::V3), Ok(Packet::Connect { version: Version::V5, receive_maximum: 20 }));
        assert_eq!(packet(0x10, b"\x00\x04MQIs\x04", Version::V3), Err(Malformed("CONNECT")));
    }

    #[test]
    fn subscribe_is_granted_at_most_qos_1() {
        let body = b"\x00\x07\x00\x01#\x02\x00\x01+\x00";
        let read = packet(0x82, body, Version::V3);
        assert_eq!(read, Ok(Packet::Subscribe { packet_id: 7, granted: vec![1, 0] }));
        let mut answer = Vec::new();
        write_suback(Version::V5, 7, &[1, 0], &mut answer);
        assert_eq!(answer, [0x90, 5, 0, 7, 0, 1, 0]);
    }

    #[test]
    fn a_length_of_five_bytes_is_refused() {
        assert!(frame(&[0x30, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
    }
}
