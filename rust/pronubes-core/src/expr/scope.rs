//! What an expression sees of one message.

use crate::message::Meta;
use crate::payload::{Cell, Kind, Literals, SlotId, Span, TextArena};
use crate::reason::Reason;
use crate::tables::Tables;

/// What is the same for all expressions and steps that see one payload of a message.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The payload that the raw cells point into.
    pub payload: &'a [u8],
    /// The topic.
    pub topic: &'a str,
    /// The captures, in the order of the names that the compiler was given.
    pub captures: &'a [Span],
    /// `meta`.
    pub meta: &'a Meta,
    /// `meta.source`: the name of the source.
    pub source: &'a str,
    /// `key`: the member that an `explode` step takes apart, [`Cell::Missing`] elsewhere.
    pub key: Cell,
    /// The constants of the plan.
    pub literals: &'a Literals,
    /// The tables of the router.
    pub tables: &'a Tables,
}

impl<'a> Inputs<'a> {
    /// What an expression sees while the fields have these values.
    #[inline]
    pub fn scope<'s>(&'s self, cells: &'s [Cell], text: &'s mut TextArena) -> Scope<'s>
    where
        'a: 's,
    {
        Scope { inputs: self, cells, text }
    }
}

/// What an expression sees of one message, and where it puts the text it makes.
#[derive(Debug)]
pub struct Scope<'a> {
    /// All but the fields.
    pub inputs: &'a Inputs<'a>,
    /// The present values of the paths.
    pub cells: &'a [Cell],
    /// Text made while this message is handled.
    pub text: &'a mut TextArena,
}

impl<'a> Scope<'a> {
    /// The present value of a path.
    #[inline]
    #[must_use]
    pub fn cell(&self, slot: SlotId) -> Cell {
        self.cells.get(usize::from(slot.0)).copied().unwrap_or(Cell::Missing)
    }

    /// The bytes of a text cell; escapes must have been decoded (see [`super::value::settled`]).
    #[inline]
    pub(super) fn bytes(&self, cell: Cell) -> &[u8] {
        match cell {
            Cell::Raw(raw) if raw.kind == Kind::Text => {
                Span { start: raw.start + 1, end: raw.end.saturating_sub(1) }.of(self.inputs.payload)
            }
            Cell::Text(span) => self.text.get(span).as_bytes(),
            Cell::Topic(span) => span.of_str(self.inputs.topic).as_bytes(),
            Cell::Literal(id) => self.inputs.literals.text(id).as_bytes(),
            _ => b"",
        }
    }

    /// The text of a text cell; payloads that were not checked to be UTF-8 are refused.
    pub(crate) fn str(&self, cell: Cell) -> Result<&str, Reason> {
        std::str::from_utf8(self.bytes(cell)).map_err(|_| Reason::InvalidUtf8)
    }
}
