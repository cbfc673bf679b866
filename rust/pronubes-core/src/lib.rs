//! The engine of pronubes: topics, payloads, expressions, transforms and routing.
//!
//! It is pure so that it can be tested, fuzzed and measured alone: no socket, no file, no clock, no Python. Whoever
//! embeds it passes bytes and the time in and takes outcomes out. It refuses to guess: what is not right about a
//! message is an outcome with a [`Reason`], what is not right about a configuration is an error with a position.

pub mod matcher;
pub mod message;
pub mod payload;
pub mod reason;
pub mod template;
pub mod topic;

pub use message::{Message, Meta, SinkId, SourceId};
pub use reason::Reason;
