//! The quick check: on the cells that a route has anyway, without allocation, answering only *surely good*.
//!
//! What it leaves to the full pass: text with escapes, objects that steps have built, anything that is not good, and
//! the members of nested objects where extra fields are refused.

use super::check::{Around, Value};
use super::quality::State;
use super::shape::Contract;
use crate::payload::{Cell, FieldPath, Kind, Literals, PathSetBuilder, SlotId, TextArena};

/// Where the fields of a contract stand in the cells of a scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Binding {
    pub(super) fields: Box<[SlotId]>,
    pub(super) quality: Option<SlotId>,
    /// The top-level fields that the contract knows.
    pub(super) known: Box<[SlotId]>,
}

/// The state of a payload: its cells and what they refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) cells: &'a [Cell],
    pub(crate) topic: &'a str,
    pub(crate) text: &'a TextArena,
    pub(crate) literals: &'a Literals,
    pub(crate) root: Kind,
    pub(crate) received_ns: i64,
}

/// What is at the top level beside the fields that a contract knows; asked only where extra fields are refused.
pub(crate) trait Others {
    /// Whether every top-level field is among the known slots.
    fn are_within(&self, known: &[SlotId]) -> bool;
}

impl Binding {
    /// The slots that the quick check reads.
    pub(crate) fn slots(&self) -> impl Iterator<Item = SlotId> {
        self.fields.iter().copied().chain(self.quality)
    }
}

impl Contract {
    /// Adds the paths of the contract to a scan.
    pub(crate) fn bind(&self, paths: &mut PathSetBuilder) -> Binding {
        let fields = self.fields.iter().map(|field| paths.add(&field.path)).collect();
        let quality = self.quality_path.as_ref().map(|path| paths.add(path));
        let known = if self.refuses_extra { self.top_level() } else { Vec::new() };
        Binding { fields, quality, known: known.iter().map(|path| paths.add(path)).collect() }
    }

    /// The top-level fields that the contract names or leads through.
    fn top_level(&self) -> Vec<FieldPath> {
        let paths = self.fields.iter().map(|field| &field.path).chain(&self.quality_path);
        paths.filter_map(|path| FieldPath::from_segments(path.first()).ok()).collect()
    }

    /// Whether a payload surely keeps the contract; `false` says nothing.
    #[inline]
    pub(crate) fn is_surely_good(&self, binding: &Binding, view: &View<'_>, others: &impl Others) -> bool {
        if (view.root != Kind::Object) != self.is_scalar {
            return false;
        }
        let mut is_good = true;
        let quality = match (&self.quality, binding.quality) {
            (Some(quality), Some(slot)) => match view.cell(slot) {
                Cell::Missing => State::Good,
                cell => match view.value(cell) {
                    Some(value) => quality.state(value, view.payload),
                    None => State::Unknown,
                },
            },
            _ => State::Good,
        };
        is_good &= quality != State::Unknown;
        let around = Around { payload: view.payload, received_ns: view.received_ns, quality };
        for (field, slot) in self.fields.iter().zip(&binding.fields) {
            let cell = view.cell(*slot);
            if matches!(cell, Cell::Missing) {
                is_good &= field.check.is_optional;
                continue;
            }
            match view.value(cell) {
                Some(value) => field.check.faults(value, around, &mut |_| is_good = false),
                None => is_good = false,
            }
        }
        is_good && (!self.refuses_extra || (self.closed.is_empty() && others.are_within(&binding.known)))
    }
}

impl<'a> View<'a> {
    #[inline]
    fn cell(&self, slot: SlotId) -> Cell {
        self.cells.get(usize::from(slot.0)).copied().unwrap_or(Cell::Missing)
    }

    /// The value of a cell; none where only the full pass can tell.
    #[inline]
    fn value(&self, cell: Cell) -> Option<Value<'a>> {
        Some(match cell {
            Cell::Raw(raw) => return Value::of_raw(raw, self.payload),
            Cell::Null => Value::Null,
            Cell::Bool(value) => Value::Bool(value),
            Cell::Int(_) | Cell::UInt(_) | Cell::Double(_) => Value::Number(cell),
            Cell::Text(span) => Value::Text(self.text.get(span).as_bytes()),
            Cell::Topic(span) => Value::Text(span.of_str(self.topic).as_bytes()),
            Cell::Literal(id) => {
                let literal = self.literals.get(id).filter(|literal| literal.kind == Kind::Text)?;
                Value::Text(literal.text.as_bytes())
            }
            Cell::Missing | Cell::Duplicate | Cell::Composite => return None,
            Cell::List(_) | Cell::Map(_) | Cell::Time(..) | Cell::Duration(_) => return None,
        })
    }
}
