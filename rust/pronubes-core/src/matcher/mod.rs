//! From a topic to the routes that want it.
//!
//! Two parts: the [`Matcher`] (a trie over all route filters) resolves a topic that was not seen before; the
//! [`TopicTable`] remembers what came of it, so that every further message on the topic costs one hash lookup,
//! however many routes there are. The matcher is built once per plan and never changes; the table is bounded in bytes.

mod table;
mod trie;

pub use crate::payload::Span;
pub use table::{DEFAULT_TABLE_BYTES, Entry, TopicPlace, TopicRecord, TopicSlot, TopicTable};
pub use trie::{DEFAULT_MAX_LEVELS, Hits, Matcher, RouteId};
