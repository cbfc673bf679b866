//! Payloads: how the bytes are read and written.

mod arena;
pub mod cell;
pub mod codec;
pub mod document;
pub mod json;
mod lex;
pub mod limits;
mod literals;
mod members;
pub mod number;
pub mod path;
pub mod path_set;
mod swar;
pub mod text;
pub mod write;

pub use arena::{MAX_LOCALS, Mark, TextArena};
pub use cell::{Cell, Kind, LiteralId, Raw, SlotId, Span};
pub use document::{Document, NodeId, Taken, Value};
pub use json::{Field, Scan, scan, scan_members};
pub use limits::{Fault, Limits};
pub use literals::{Literal, Literals};
pub use members::{Inside, Members, members};
pub use path::{FieldPath, PathError, PathErrorKind};
pub use path_set::{PathSet, PathSetBuilder, TooManyPaths};
pub use write::ObjectWriter;
