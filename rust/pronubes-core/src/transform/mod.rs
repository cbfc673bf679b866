//! Steps: what can be done to a payload. One file per verb; this is the registry.
//!
//! A step is compiled to an [`Op`] that says what is to be done in terms of paths and their slots. Two interpreters run
//! ops: `plan/edit.rs` on the cells of a scan, `plan/general.rs` on a document. What a verb computes for one value
//! stands in its own file and is used by both.

mod cast;
mod clamp;
mod combine;
mod compute;
mod context;
mod conversion;
mod convert;
mod deadband;
mod debounce;
mod decode;
mod doc;
mod drop;
mod encode;
mod explode;
mod flatten;
mod keep;
mod lookup;
mod map;
mod nest;
mod on_change;
mod page;
mod python;
mod rate;
mod rename;
mod round;
mod scale;
mod set;
mod shape;
mod stale;
mod swinging_door;
mod throttle;
pub(crate) mod time;
mod timestamp;
mod value;
mod window;

pub(crate) use context::{Shared, StepContext};
pub(crate) use conversion::{Conversion, Conversions};
pub(crate) use convert::{By, Convert};
pub use doc::{Argument, Example, StepDoc};
pub(crate) use explode::Explode;
pub(crate) use lookup::{Key, Lookup, Miss};
pub(crate) use map::bits_of;
pub use page::page;
pub(crate) use shape::Reshape;
pub(crate) use timestamp::read_unix;
pub(crate) use value::{ValueOp, double_in, is_text, not_wanted, number_in, text_in, to_double};

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::HookId;
use crate::expr::Expr;
use crate::payload::codec::Codec;
use crate::payload::{Cell, FieldPath, SlotId};
use crate::state::{Settings, Step};

/// A field that a step touches: where it is, and the slot of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) path: FieldPath,
    pub(crate) slot: SlotId,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Op {
    /// Only these fields stay.
    Keep(Box<[Field]>),
    /// These fields go.
    Drop(Box<[Field]>),
    /// Fields take the name or place of others, all at once.
    Rename(Box<[(Field, Field)]>),
    /// Fields get constants.
    Set(Box<[(Field, Cell)]>),
    /// Fields get the results of expressions, all of which see the payload as the step found it.
    Compute(Box<[(Field, Expr)]>),
    /// A field (`into`) gets what becomes of the value of a field.
    Value { field: Field, into: Field, op: ValueOp },
    /// A number gets another unit, by what the payload says or with the name of the unit.
    Convert(Box<Convert>),
    /// Fields get what the row of a table says.
    Lookup(Box<Lookup>),
    /// Fields get single bits of an integer.
    Bits { field: Field, bits: Box<[(u8, Field)]> },
    /// Nested objects become fields with joined names.
    Flatten { field: Option<Field>, separator: Box<str> },
    /// Fields move into an object.
    Nest { into: Field, fields: Box<[Field]> },
}

/// A compiled step.
#[derive(Debug)]
pub(crate) enum Compiled {
    /// Something done to the payload.
    Op(Op),
    /// One payload becomes many.
    Explode(Explode),
    /// The payload gets another shape.
    Shape(Box<Reshape>),
    /// Python goes on.
    Hook(HookId),
    /// It remembers.
    State(Settings, Arc<dyn Step>),
    /// Other bytes become JSON.
    Decode(Codec),
    /// JSON becomes other bytes.
    Encode(Codec),
}

/// Compiles the arguments of a step; none when there are errors, which are in the context then.
type Compile = fn(&RawValue, &mut StepContext<'_, '_>) -> Option<Compiled>;

/// A row of the registry.
pub(crate) struct Verb {
    pub(crate) doc: &'static StepDoc,
    pub(crate) compile: Compile,
}

/// Every step there is, in the order of the reference page.
pub(crate) const VERBS: &[Verb] = &[
    Verb { doc: &keep::DOC, compile: keep::compile },
    Verb { doc: &drop::DOC, compile: drop::compile },
    Verb { doc: &rename::DOC, compile: rename::compile },
    Verb { doc: &set::DOC, compile: set::compile },
    Verb { doc: &compute::DOC, compile: compute::compile },
    Verb { doc: &scale::DOC, compile: scale::compile },
    Verb { doc: &convert::DOC, compile: convert::compile },
    Verb { doc: &cast::DOC, compile: cast::compile },
    Verb { doc: &round::DOC, compile: round::compile },
    Verb { doc: &clamp::DOC, compile: clamp::compile },
    Verb { doc: &map::DOC, compile: map::compile },
    Verb { doc: &lookup::DOC, compile: lookup::compile },
    Verb { doc: &timestamp::DOC, compile: timestamp::compile },
    Verb { doc: &flatten::DOC, compile: flatten::compile },
    Verb { doc: &nest::DOC, compile: nest::compile },
    Verb { doc: &shape::DOC, compile: shape::compile },
    Verb { doc: &explode::DOC, compile: explode::compile },
    Verb { doc: &on_change::DOC, compile: on_change::compile },
    Verb { doc: &deadband::DOC, compile: deadband::compile },
    Verb { doc: &throttle::DOC, compile: throttle::compile },
    Verb { doc: &rate::DOC, compile: rate::compile },
    Verb { doc: &swinging_door::DOC, compile: swinging_door::compile },
    Verb { doc: &debounce::DOC, compile: debounce::compile },
    Verb { doc: &stale::DOC, compile: stale::compile },
    Verb { doc: &window::DOC, compile: window::compile },
    Verb { doc: &combine::DOC, compile: combine::compile },
    Verb { doc: &decode::DOC, compile: decode::compile },
    Verb { doc: &encode::DOC, compile: encode::compile },
    Verb { doc: &python::DOC, compile: python::compile },
];

/// The documentation of every step, in the order of the reference page.
pub fn docs() -> impl Iterator<Item = &'static StepDoc> {
    VERBS.iter().map(|verb| verb.doc)
}
