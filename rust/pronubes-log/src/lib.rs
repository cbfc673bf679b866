//! The segmented log: what is acknowledged lies on the disk.
//!
//! Records are appended in frames, frames in segments; a writer and a sync thread make them durable in groups, and each consumer
//! has a position from which it reads on. Every call that touches the disk goes through [`fs::Fs`], so that tests make each of them
//! fail. The crate refuses to trust anything but what it scans: sizes and numbers are recomputed at every start, damaged bytes
//! are set aside and counted, and no content ever keeps a log from opening.

#![forbid(unsafe_code)]

mod cursor;
mod event;
pub mod format;
pub mod fs;
mod log;
#[cfg(feature = "mutants")]
pub mod mutants;
#[cfg(not(feature = "mutants"))]
mod mutants;
mod reader;
pub mod recording;
mod scan;
#[cfg(feature = "sim")]
pub mod sim;
mod stats;
mod store;
pub mod view;
mod worker;

pub use cursor::Position;
pub use event::LogEvent;
pub use format::{Append, Codec, Frame, NameTable, RecordView, Target, TooLarge};
pub use log::{Fetch, Log, Runner};
pub use stats::{ConsumerStatus, LogStatus, SyncTimes};
pub use store::{OpenError, Overflow, Settings};
