//! The extension module `pronubes._core`: thin classes over the Rust crates.
use pyo3::prelude::*;

/// The module's exports.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
