//! Cells: the values that a route touches, one per path, small enough to copy.
//!
//! A payload is scanned once; each path that a condition, a step or a template names has a slot, and the scan fills that
//! slot's cell. Steps then read and write cells instead of a document tree, so that nothing is allocated per message.
//! What does not fit into a cell (texts that were made, lists) stands in the message's [`TextArena`](super::TextArena).

/// A range of bytes; of what, the owner of the span says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes of this span in `bytes`, or nothing where the span lies outside of them.
    #[inline]
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The text of this span in `text`, or nothing where the span does not lie on characters of it.
    #[inline]
    #[must_use]
    pub fn of_str(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Length in bytes.
    #[inline]
    #[must_use]
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it covers no byte.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// What kind of JSON value some bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number without fraction and exponent.
    Integer,
    /// A number with a fraction or an exponent.
    Decimal,
    /// A string without escapes.
    Text,
    /// A string with at least one escape.
    EscapedText,
    /// An object.
    Object,
    /// An array.
    Array,
}

/// A value as it stands in the payload, quotes and brackets included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw {
    /// First byte in the payload.
    pub start: u32,
    /// One past the last byte in the payload.
    pub end: u32,
    /// What kind of value it is.
    pub kind: Kind,
}

impl Raw {
    /// Where it stands.
    #[inline]
    #[must_use]
    pub const fn span(self) -> Span {
        Span { start: self.start, end: self.end }
    }
}

/// The slot of a path in a route's [`Cell`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub u16);

/// A constant of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LiteralId(pub u32);

/// The present value of one path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// The payload has no such field.
    Missing,
    /// The key stands more than once: touching it is the reason `duplicate_key`.
    Duplicate,
    /// As written in the payload.
    Raw(Raw),
    /// `null`
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above [`i64::MAX`], and no other.
    UInt(u64),
    /// A finite number.
    Double(f64),
    /// Decoded text in the message's [`TextArena`](super::TextArena).
    Text(Span),
    /// A part of the message's topic.
    Topic(Span),
    /// A constant of the plan.
    Literal(LiteralId),
    /// An object or array that a step built; only the general path has these.
    Composite,
    /// A list that an expression made: its elements in the message's [`TextArena`](super::TextArena).
    List(Span),
    /// An object that an expression made: keys and values by turns in the message's [`TextArena`](super::TextArena).
    Map(Span),
    /// A point in time: seconds since 1970 UTC and nanoseconds of the second. Only inside of expressions.
    Time(i64, u32),
    /// A span of time in nanoseconds. Only inside of expressions.
    Duration(i64),
}
