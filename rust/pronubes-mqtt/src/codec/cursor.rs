//! Reading the fields of one packet body. Every read checks what is left; nothing is copied.

use super::{text, varint};
use crate::error::ProtocolError;

/// What is left of a packet body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], ProtocolError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ProtocolError::TruncatedPacket)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(ProtocolError::TruncatedPacket)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, ProtocolError> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn short(&mut self) -> Result<u16, ProtocolError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn long(&mut self) -> Result<u32, ProtocolError> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u32, ProtocolError> {
        let (value, size) = varint::decode(self.rest)?.ok_or(ProtocolError::TruncatedPacket)?;
        self.take(size)?;
        Ok(value)
    }

    /// A packet identifier, which is never 0.
    #[inline]
    pub(crate) fn packet_id(&mut self) -> Result<u16, ProtocolError> {
        match self.short()? {
            0 => Err(ProtocolError::PacketIdZero),
            packet_id => Ok(packet_id),
        }
    }

    /// Two bytes of length, then that many bytes.
    #[inline]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], ProtocolError> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    pub(crate) fn text(&mut self) -> Result<&'a [u8], ProtocolError> {
        let bytes = self.binary()?;
        text::check_text(bytes)?;
        Ok(bytes)
    }

    pub(crate) fn finish(self) -> Result<(), ProtocolError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ProtocolError::TrailingBytes) }
    }
}

/// Appends two bytes of length and the bytes. Callers keep fields within 65,535 bytes; what is beyond is cut off rather than
/// corrupting the frame.
pub(crate) fn put_binary(bytes: &[u8], out: &mut Vec<u8>) {
    let length = bytes.len().min(usize::from(u16::MAX));
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(&bytes[..length]);
}
