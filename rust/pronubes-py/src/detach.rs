//! Letting other Python threads run while Rust works: the one place where that happens.

use pyo3::marker::Ungil;
use pyo3::prelude::*;

/// Runs `work` with the interpreter detached.
pub fn detached<T: Ungil + Send>(py: Python<'_>, work: impl FnOnce() -> T + Ungil + Send) -> T {
    py.detach(work)
}
