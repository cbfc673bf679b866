//! Bytes to packets and back, for both directions: the session plays the client, tests and load generators play a broker.
//!
//! [`next_frame`] cuts one packet out of a byte stream and refuses what is too large before anything is buffered. PUBLISH has a
//! path of its own ([`publish`]); everything else goes through [`Packet`]. Decoded packets borrow from the bytes they came from.

mod connect;
mod cursor;
mod packets;
pub mod properties;
pub mod publish;
mod subscribe;
pub mod text;
pub mod varint;

pub use connect::{ConnAck, Connect, LastWill};
pub use packets::{Ack, Auth, Disconnect, Packet};
pub use properties::{Place, Properties, PropertyBuffer, PropertyId, Value};
pub use publish::PublishPacket;
pub use subscribe::{FilterOptions, Filters, SubAck, Subscribe, UnsubAck, Unsubscribe, put_filter};

use crate::error::ProtocolError;
use crate::protocol::{Sender, Version};

/// The packet type, the upper four bits of the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the standard, MQTT 5 §2.1.2")]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// The type in the first byte of a packet; 0 does not exist, 15 only in version 5.
    pub const fn of(first: u8) -> Option<Self> {
        Some(match first >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The first byte of this packet; PUBLISH adds its flags.
    pub const fn first_byte(self) -> u8 {
        let flags = match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        };
        (self as u8) << 4 | flags
    }

    /// Whether `sender` may send this type at all in `version`.
    const fn is_sent_by(self, sender: Sender, version: Version) -> bool {
        match self {
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::PingReq => matches!(sender, Sender::Client),
            Self::ConnAck | Self::SubAck | Self::UnsubAck | Self::PingResp => matches!(sender, Sender::Server),
            Self::Disconnect => matches!((sender, version), (Sender::Client, _) | (_, Version::V5)),
            Self::Auth => matches!(version, Version::V5),
            Self::Publish | Self::PubAck | Self::PubRec | Self::PubRel | Self::PubComp => true,
        }
    }
}

/// One packet, cut out of the stream but not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Type and flags.
    pub first: u8,
    /// What follows the fixed header.
    pub body: &'a [u8],
    /// Size of the whole packet.
    pub size: usize,
}

/// Cuts the next packet from `bytes`; `None` when it is not complete yet. `limit` is the largest packet allowed, header included.
///
/// # Errors
/// As early as the bytes show it: `unknown_packet_type`, `invalid_flags`, `malformed_length`, `packet_too_large`.
#[inline]
pub fn next_frame(bytes: &[u8], limit: u32) -> Result<Option<Frame<'_>>, ProtocolError> {
    Ok(split_frame(bytes, limit)?.map(|(frame, _)| frame))
}

/// Like [`next_frame`], with the bytes after it.
#[inline(always)]
pub(crate) fn split_frame(bytes: &[u8], limit: u32) -> Result<Option<(Frame<'_>, &[u8])>, ProtocolError> {
    let Some((header, size)) = frame_size(bytes, limit)? else { return Ok(None) };
    let Some((packet, rest)) = bytes.split_at_checked(size) else { return Ok(None) };
    Ok(packet.get(header..).map(|body| (Frame { first: packet[0], body, size }, rest)))
}

/// The sizes of header and whole packet, once the header is complete.
#[inline]
pub(crate) fn frame_size(bytes: &[u8], limit: u32) -> Result<Option<(usize, usize)>, ProtocolError> {
    let [first, rest @ ..] = bytes else { return Ok(None) };
    check_first_byte(*first)?;
    let Some((length, length_size)) = varint::decode(rest)? else { return Ok(None) };
    let size = 1 + length_size + length as usize;
    if size > limit as usize { Err(ProtocolError::PacketTooLarge) } else { Ok(Some((1 + length_size, size))) }
}

/// Type and flags (MQTT 5 §2.1.3).
#[inline]
fn check_first_byte(first: u8) -> Result<(), ProtocolError> {
    if first >> 4 == PacketType::Publish as u8 {
        return Ok(()); // its flags are judged with its body
    }
    let packet_type = PacketType::of(first).ok_or(ProtocolError::UnknownPacketType)?;
    if packet_type.first_byte() == first { Ok(()) } else { Err(ProtocolError::InvalidFlags) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_refused_as_soon_as_its_header_shows_it() {
        let good: [(&[u8], Option<usize>); 5] =
            [(&[], None), (&[0xD0], None), (&[0xD0, 0], Some(2)), (&[0x30, 0x80], None), (&[0x30, 3, 0, 1], None)];
        for (bytes, expected) in good {
            assert_eq!(next_frame(bytes, 1024).map(|frame| frame.map(|frame| frame.size)), Ok(expected), "{bytes:x?}");
        }
        let bad: [(&[u8], ProtocolError); 5] = [
            (&[0x00], ProtocolError::UnknownPacketType),
            (&[0x41], ProtocolError::InvalidFlags),
            (&[0x80], ProtocolError::InvalidFlags),
            (&[0x30, 0x80, 0x80, 0x80, 0x80], ProtocolError::MalformedLength),
            (&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], ProtocolError::PacketTooLarge),
        ];
        for (bytes, expected) in bad {
            assert_eq!(next_frame(bytes, 1024), Err(expected), "{bytes:x?}");
        }
    }

    #[test]
    fn the_limit_counts_the_header() {
        let packet = [0x30, 3, 0, 1, b'a'];
        assert!(matches!(next_frame(&packet, 5), Ok(Some(Frame { size: 5, .. }))));
        assert_eq!(next_frame(&packet, 4), Err(ProtocolError::PacketTooLarge));
    }
}
