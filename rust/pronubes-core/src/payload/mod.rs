//! Payloads: how the bytes are read and written.

pub mod cell;

pub use cell::{Cell, Kind, LiteralId, Raw, SlotId, Span, TextArena};
