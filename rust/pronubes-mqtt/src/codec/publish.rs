//! PUBLISH (MQTT 5 §3.3): the fast path, without copies on the way in and with one reservation on the way out.

use super::cursor::Cursor;
use super::properties::{Place, Properties, PropertyId};
use super::{PacketType, text, varint};
use crate::error::ProtocolError;
use crate::protocol::{QoS, Sender, Version};

const RETAIN: u8 = 0b0001;
const QOS_SHIFT: u8 = 1;
/// The DUP bit of the first byte.
pub(crate) const DUP: u8 = 0b1000;

/// One PUBLISH, borrowed from the bytes it came in or from the caller's parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublishPacket<'a> {
    /// The topic; empty only where a topic alias stands in for it.
    pub topic: &'a [u8],
    /// The payload, any bytes.
    pub payload: &'a [u8],
    /// Always empty in 3.1.1.
    pub properties: Properties<'a>,
    /// 0 at QoS 0, never 0 otherwise.
    pub packet_id: u16,
    /// Quality of service.
    pub qos: QoS,
    /// RETAIN flag.
    pub retain: bool,
    /// DUP flag: sent before, perhaps.
    pub dup: bool,
}

impl<'a> PublishPacket<'a> {
    /// Decodes what almost every PUBLISH is: QoS 0 or 1, an ASCII topic, no properties. Nothing for all else, be it right or wrong:
    /// [`Self::decode`] then judges it.
    #[inline(always)]
    pub(crate) fn decode_plain(first: u8, body: &'a [u8], version: Version) -> Option<Self> {
        let (length, rest) = body.split_first_chunk::<2>()?;
        let (topic, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (qos, packet_id, rest) = match first & (0b11 << QOS_SHIFT | DUP) {
            0 => (QoS::AtMostOnce, 0, rest),
            0b010 | 0b1010 => {
                let (id, rest) = rest.split_first_chunk::<2>()?;
                (QoS::AtLeastOnce, u16::from_be_bytes(*id), rest)
            }
            _ => return None,
        };
        let payload = match (version, rest) {
            (Version::V311, payload) | (Version::V5, [0, payload @ ..]) => payload,
            _ => return None,
        };
        let is_plain = text::is_plain(topic) && (packet_id != 0 || qos == QoS::AtMostOnce);
        let (retain, dup, properties) = (first & RETAIN != 0, first & DUP != 0, Properties::default());
        is_plain.then_some(Self { topic, payload, properties, packet_id, qos, retain, dup })
    }

    /// Decodes the body of a frame whose type is PUBLISH.
    ///
    /// # Errors
    /// The first rule that is broken: flags, topic, packet id, properties.
    #[inline]
    pub fn decode(first: u8, body: &'a [u8], version: Version, sender: Sender) -> Result<Self, ProtocolError> {
        let qos = QoS::from_bits(first >> QOS_SHIFT & 0b11).ok_or(ProtocolError::InvalidQos)?;
        let dup = first & DUP != 0;
        let mut cursor = Cursor::new(body);
        let topic = cursor.binary()?;
        let packet_id = match qos {
            QoS::AtMostOnce if dup => return Err(ProtocolError::DupWithoutQos),
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce | QoS::ExactlyOnce => cursor.packet_id()?,
        };
        let properties = match version {
            Version::V311 => Properties::default(),
            Version::V5 => {
                Properties::read(&mut cursor, if sender == Sender::Server { Place::Delivery } else { Place::Publish })?
            }
        };
        if !topic.is_empty() || !properties.has(PropertyId::TopicAlias) {
            text::check_topic(topic)?;
        }
        Ok(Self { topic, payload: cursor.rest(), properties, packet_id, qos, retain: first & RETAIN != 0, dup })
    }

    /// The remaining length, or nothing when a part is longer than the wire can say.
    #[inline]
    pub(crate) fn body_size(&self, version: Version) -> Option<u32> {
        let identifier = if self.qos == QoS::AtMostOnce { 0 } else { 2 };
        let properties = if version == Version::V5 { self.properties.size() } else { 0 };
        let size = 2 + self.topic.len() + identifier + properties + self.payload.len();
        (self.topic.len() <= usize::from(u16::MAX) && size <= varint::MAXIMUM as usize).then_some(size as u32)
    }

    /// The size of the whole packet when encoded, or nothing when the wire cannot say it.
    #[inline]
    pub fn size(&self, version: Version) -> Option<usize> {
        self.body_size(version).map(|body| 1 + varint::len(body) + body as usize)
    }

    /// Appends the packet. Returns its size, or nothing (and appends nothing) when the wire cannot say it. The topic is not
    /// checked: a session does that, and a test's broker may want to send a wrong one. Properties are left out in 3.1.1.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Option<usize> {
        let body = self.body_size(version)?;
        self.write(body, version, out);
        Some(1 + varint::len(body) + body as usize)
    }

    /// Appends the packet, whose [`Self::body_size`] the caller has asked for.
    #[inline(always)]
    pub(crate) fn write(&self, body: u32, version: Version, out: &mut Vec<u8>) {
        out.reserve(1 + varint::len(body) + body as usize);
        let flags = u8::from(self.dup) << 3 | (self.qos as u8) << QOS_SHIFT | u8::from(self.retain);
        let first = PacketType::Publish.first_byte() | flags;
        let [topic_high, topic_low] = (self.topic.len() as u16).to_be_bytes();
        match body {
            // Written out for the common sizes: a header of known size is a plain store.
            0..=0x7F => out.extend_from_slice(&[first, body as u8, topic_high, topic_low]),
            0x80..=0x3FFF => {
                out.extend_from_slice(&[first, body as u8 | 0x80, (body >> 7) as u8, topic_high, topic_low])
            }
            _ => {
                out.push(first);
                varint::encode(body, out);
                out.extend_from_slice(&[topic_high, topic_low]);
            }
        }
        out.extend_from_slice(self.topic);
        if self.qos != QoS::AtMostOnce {
            out.extend_from_slice(&self.packet_id.to_be_bytes());
        }
        if version == Version::V5 {
            self.properties.write(out);
        }
        out.extend_from_slice(self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every place of a body, under every first byte: what the fast path takes, the slow one reads the same.
    #[test]
    fn the_fast_path_reads_what_the_slow_one_reads() {
        let body = b"\0\x12acme/line/7/temp/1\x01\x02\0{\"value\":1}";
        let mut taken = 0;
        for (version, first) in
            [Version::V311, Version::V5].into_iter().flat_map(|version| (0x30..0x40).map(move |first| (version, first)))
        {
            for at in 0..body.len() {
                for byte in 0..=255_u8 {
                    let mut body = body.to_vec();
                    body[at] = byte;
                    let slow = PublishPacket::decode(first, &body, version, Sender::Server);
                    if let Some(fast) = PublishPacket::decode_plain(first, &body, version) {
                        assert_eq!(Ok(fast), slow, "{version:?} {first:#x}, byte {byte} at {at}");
                        taken += 1;
                    }
                }
            }
            for cut in 0..body.len() {
                let slow = PublishPacket::decode(first, &body[..cut], version, Sender::Server);
                let fast = PublishPacket::decode_plain(first, &body[..cut], version);
                assert!(fast.is_none_or(|fast| Ok(fast) == slow), "{version:?} {first:#x}, cut at {cut}");
            }
        }
        assert!(taken > 10_000, "the fast path is taken: {taken}");
    }
}
