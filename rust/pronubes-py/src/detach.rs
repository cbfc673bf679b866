//! Letting other Python threads run while Rust works: the one place where that happens.

use pyo3::marker::Ungil;
use pyo3::prelude::*;

/// Runs `work` with the interpreter detached.
pub fn detached<T: Ungil + Send>(py: Python<'_>, work: impl FnOnce() -> T + Ungil + Send) -> T {
    py.detach(work)
}

/// Below this many rows a call is over (in some 20 us) sooner than giving the interpreter away and getting it back is worth.
const MIN_ROWS: usize = 256;

/// Runs `work`, detached when there are many rows.
pub fn for_rows<T: Ungil + Send>(py: Python<'_>, rows: usize, work: impl FnOnce() -> T + Ungil + Send) -> T {
    if rows >= MIN_ROWS { py.detach(work) } else { work() }
}
