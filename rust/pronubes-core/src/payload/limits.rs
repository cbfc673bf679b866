//! What a payload may be at most, and what is wrong with one.

use crate::Reason;

/// How large a JSON payload may be. What lies beyond is refused with a reason, never cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the payload.
    pub payload_bytes: u32,
    /// Objects and arrays inside one another; a scalar has depth 0.
    pub depth: u32,
    /// Members of one object or array.
    pub keys: u32,
    /// Bytes of one string or key, as written.
    pub text_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { payload_bytes: 1 << 20, depth: 64, keys: 10_000, text_bytes: 256 << 10 }
    }
}

/// What is wrong with a payload, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub reason: Reason,
    /// The byte of the payload at which it shows.
    pub offset: u32,
}

impl Fault {
    #[inline]
    pub(super) fn new(reason: Reason, offset: usize) -> Self {
        Self { reason, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} (at byte {})", self.reason.text(), self.offset)
    }
}

impl std::error::Error for Fault {}
