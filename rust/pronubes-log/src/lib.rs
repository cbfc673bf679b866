//! The segmented log: what is acknowledged lies on the disk.
//!
//! Records are appended in frames, frames in segments; a writer and a sync thread make them durable in groups, and each consumer
//! has a position from which it reads on. Every call that touches the disk goes through [`fs::Fs`], so that tests make each of them
//! fail. The crate refuses to trust anything but what it scans: sizes and numbers are recomputed at every start, damaged bytes
//! are set aside and counted, and no content ever keeps a log from opening.

#![forbid(unsafe_code)]

pub mod fs;
#[cfg(feature = "sim")]
pub mod sim;
