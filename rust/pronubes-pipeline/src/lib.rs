//! Sessions, router, tokens, queues and ledgers joined: all that lives between the sockets of one node.
//!
//! It is sans-I/O, so that the whole data path (a hostile broker in, acknowledgements out) runs in tests on a virtual clock,
//! without Python and without a socket. [`Pipeline`] is fed bytes, batches and the time; its [`Pipeline::work`] says what to write
//! and do. It refuses to lose anything quietly: every message is in one of three ledgers, and what is acknowledged to a source
//! has been confirmed by every sink that a route of class `through` leads to.

mod backlog;
mod base64;
pub mod batch;
mod blueprint;
pub mod catalog;
pub mod column;
pub mod edit;
pub mod fields;
mod floor;
pub mod hooks;
pub mod inflow;
mod lane;
pub mod latest;
pub mod lines;
pub mod logs;
pub mod names;
pub mod node;
pub mod notes;
mod outflow;
mod pack;
mod pipeline;
pub mod points;
pub mod quarantine;
pub mod queue;
mod receive;
pub mod recording;
mod reload;
pub mod replay;
pub mod resume;
pub mod settle;
pub mod sink;
mod source;
pub mod status;
pub mod tables;
pub mod tap;
mod tape;
pub mod timed;
pub mod view;

pub use batch::Batch;
pub use notes::Notes;
pub use pipeline::Pipeline;
