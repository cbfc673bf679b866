//! Headers of segments and frames: 64 bytes each, little-endian, with a check sum.

use crate::mutants::{Mutant, is};

use super::{Codec, FRAME_MAGIC, HEADER_BYTES, MAX_FRAME_BYTES, SEGMENT_MAGIC, VERSION};

/// What stands at the front of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The log that it belongs to.
    pub log: u64,
    /// The number of its first record.
    pub first: u64,
    /// The number behind the last record of the segment before it: what is missing there was lost.
    pub previous_end: u64,
    /// Records below this number were on the disk when it was begun.
    pub durable: u64,
    /// When it was begun, nanoseconds since 1970 UTC.
    pub created_ns: i64,
}

/// What stands at the front of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of the body as it lies there.
    pub stored: u32,
    /// Check sum (CRC32C) over everything behind it.
    pub crc: u32,
    /// How the body is written.
    pub codec: Codec,
    /// The log that it belongs to.
    pub log: u64,
    /// The number of its first record.
    pub first: u64,
    /// How many records it has.
    pub count: u32,
    /// Bytes of the body when it is not compressed.
    pub raw: u32,
    /// When its first record came in, nanoseconds since 1970 UTC; its records' times are told from here.
    pub time_ns: i64,
    /// Records below this number were on the disk when it was made.
    pub durable: u64,
}

fn word<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut word = [0; N];
    for (to, from) in word.iter_mut().zip(bytes.iter().skip(at)) {
        *to = *from;
    }
    word
}

impl SegmentHeader {
    /// The bytes of the header.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8] = VERSION;
        bytes[16..24].copy_from_slice(&self.log.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.previous_end.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.created_ns.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.durable.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header of these bytes, if they are one of this version.
    #[must_use]
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let is_ours = word::<8>(bytes, 0) == SEGMENT_MAGIC && bytes[8] == VERSION;
        let crc = u32::from_le_bytes(word(bytes, 12));
        let header = Self {
            log: u64::from_le_bytes(word(bytes, 16)),
            first: u64::from_le_bytes(word(bytes, 24)),
            previous_end: u64::from_le_bytes(word(bytes, 32)),
            created_ns: i64::from_le_bytes(word(bytes, 40)),
            durable: u64::from_le_bytes(word(bytes, 48)),
        };
        (is_ours && crc == crc32c::crc32c(&bytes[16..])).then_some(header)
    }
}

impl FrameHeader {
    /// The bytes of the header, with the check sum over them and `body`; [`Self::crc`] is not looked at.
    #[must_use]
    pub fn encode(&self, body: &[u8]) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&FRAME_MAGIC);
        bytes[4..8].copy_from_slice(&self.stored.to_le_bytes());
        bytes[12] = self.codec.byte();
        bytes[13] = VERSION;
        bytes[16..24].copy_from_slice(&self.log.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.count.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.raw.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.time_ns.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.durable.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[12..]), body);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header of these bytes, if they can be one: its check sum needs the body ([`Self::is_intact`]).
    #[must_use]
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let header = Self {
            stored: u32::from_le_bytes(word(bytes, 4)),
            crc: u32::from_le_bytes(word(bytes, 8)),
            codec: Codec::from_byte(bytes[12])?,
            log: u64::from_le_bytes(word(bytes, 16)),
            first: u64::from_le_bytes(word(bytes, 24)),
            count: u32::from_le_bytes(word(bytes, 32)),
            raw: u32::from_le_bytes(word(bytes, 36)),
            time_ns: i64::from_le_bytes(word(bytes, 40)),
            durable: u64::from_le_bytes(word(bytes, 48)),
        };
        let is_frame = word::<4>(bytes, 0) == FRAME_MAGIC && bytes[13] == VERSION;
        let fits = |length: u32| length as usize <= MAX_FRAME_BYTES;
        let is_sane = fits(header.stored) && fits(header.raw) && header.count > 0 && header.first > 0;
        let has_end = header.first.checked_add(u64::from(header.count)).is_some();
        (is_frame && is_sane && has_end).then_some(header)
    }

    /// Whether header and body are as they were written.
    #[must_use]
    pub fn is_intact(&self, header: &[u8; HEADER_BYTES], body: &[u8]) -> bool {
        is(Mutant::NoChecksum) || self.crc == crc32c::crc32c_append(crc32c::crc32c(&header[12..]), body)
    }

    /// The number behind the last record.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    /// Bytes of the frame on the disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_and_every_flipped_bit_is_seen() {
        let header = SegmentHeader { log: 7, first: 8, previous_end: 6, durable: 4, created_ns: -9 };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Some(header));
        for bit in (0..HEADER_BYTES * 8).filter(|bit| !(9..12).contains(&(bit / 8))) {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&flipped), None, "bit {bit}");
        }
        let body = b"some bytes";
        let mut header = FrameHeader {
            stored: body.len() as u32,
            crc: 0,
            codec: Codec::Zstd,
            log: 7,
            first: 8,
            count: 2,
            raw: 99,
            time_ns: 5,
            durable: 4,
        };
        let bytes = header.encode(body);
        header.crc = u32::from_le_bytes(word(&bytes, 8));
        assert_eq!(FrameHeader::decode(&bytes), Some(header));
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let is_seen = FrameHeader::decode(&flipped)
                .is_none_or(|header| !header.is_intact(&flipped, body) || header.stored as usize != body.len());
            assert!(is_seen, "bit {bit}");
        }
    }
}
