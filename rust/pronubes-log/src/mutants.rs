//! Faults that can be put into this crate, so that tests show that they find them. Behind the cargo feature `mutants`, which nothing
//! but tests turns on; without it [`is`] is a constant and leaves no trace in the program.

/// A fault of this crate that tests have to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Records count as durable when they are written, and are synced a step later.
    AckBeforeSync,
    /// A new segment's name is not made durable.
    NoDirSync,
    /// Segments are removed before the positions behind them are saved.
    UnlinkBeforeCursor,
    /// Check sums are not looked at.
    NoChecksum,
    /// The size of the log is counted down as segments are removed, also those of an earlier count: it wraps below zero.
    WrappingCounter,
}

#[cfg(feature = "mutants")]
thread_local! {
    static CURRENT: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Puts a fault into all logs of this thread; it is for [`crate::Runner::Inline`], as other threads have none.
#[cfg(feature = "mutants")]
pub fn set(mutant: Option<Mutant>) {
    CURRENT.set(mutant);
}

/// Whether this fault is in.
#[cfg(feature = "mutants")]
pub(crate) fn is(mutant: Mutant) -> bool {
    CURRENT.get() == Some(mutant)
}

/// Whether this fault is in: never.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(crate) const fn is(_mutant: Mutant) -> bool {
    false
}
