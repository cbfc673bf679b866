//! Bytes from outside, read one after the other: what is not there is `truncated`.

use crate::Reason;
use crate::payload::limits::Fault;

/// A payload and how far it is read.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    /// The next byte.
    pub(super) at: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    #[cold]
    fn truncated(&self) -> Fault {
        Fault::new(Reason::Truncated, self.bytes.len())
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// The next byte; it stays the next.
    pub(super) fn peek(&self) -> Result<u8, Fault> {
        self.bytes.get(self.at).copied().ok_or_else(|| self.truncated())
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let array = rest.first_chunk().ok_or_else(|| self.truncated())?;
        self.at += N;
        Ok(*array)
    }

    /// As many bytes as somebody outside says there are.
    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let end = self.at.saturating_add(length);
        let taken = self.bytes.get(self.at..end).ok_or_else(|| self.truncated())?;
        self.at = end;
        Ok(taken)
    }

    /// A count of members that take `least` bytes in all, which must be there.
    pub(super) fn members(&self, members: u64, least: u64) -> Result<u32, Fault> {
        let is_there = usize::try_from(least).is_ok_and(|least| least <= self.left());
        match u32::try_from(members) {
            Ok(members) if is_there => Ok(members),
            _ => Err(self.truncated()),
        }
    }

    /// Behind the value nothing may follow.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        if self.left() == 0 { Ok(()) } else { Err(Fault::new(Reason::TrailingBytes, self.at)) }
    }
}
