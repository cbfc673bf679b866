//! How much one expression may do for one message. A publisher can send a list of any length that the limits of the
//! payload allow; what a route then costs must not grow without bound.

use super::scope::Scope;
use crate::reason::Reason;

/// Most elements of a list that a macro loops over, or that a function makes.
pub const MAX_ELEMENTS: usize = 10_000;
/// Most macros inside of each other: the body of one, not what it loops over.
pub const MAX_MACROS: usize = crate::payload::MAX_LOCALS;
/// Most steps of the macros of an expression for one message. A step is a part of the expression that is evaluated for
/// an element, or 64 bytes that are searched, compared or copied meanwhile.
pub const MAX_STEPS: u32 = 1_000_000;

/// Most bytes of a list or an object that an expression gives, each element and its comma counted.
pub const MAX_WRITTEN: usize = 8 << 20;

/// How many bytes count as one step.
const BYTES_PER_STEP: usize = 64;

impl Scope<'_> {
    /// Counts the bytes that a function is about to look at. Who loops asks [`Scope::check_bounds`] for each element.
    #[inline]
    pub(super) fn spend_bytes(&mut self, bytes: usize) {
        self.text.spend(u32::try_from(bytes / BYTES_PER_STEP).unwrap_or(u32::MAX));
    }

    /// Whether more text and lists may be made for this message.
    ///
    /// # Errors
    /// There is too much already.
    pub(super) fn check_room(&self) -> Result<(), Reason> {
        if self.text.is_full() { Err(Reason::ExpressionLimit) } else { Ok(()) }
    }

    /// Counts steps of a macro; others only count, because only an expression with macros begins to count anew.
    ///
    /// # Errors
    /// There are more than one message may take, or it has made more text or lists than it may.
    #[inline]
    pub(super) fn check_bounds(&mut self, steps: u32) -> Result<(), Reason> {
        let is_within = self.text.spend(steps) <= MAX_STEPS && !self.text.is_full();
        if is_within { Ok(()) } else { Err(Reason::ExpressionLimit) }
    }
}
