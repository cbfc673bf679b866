//! `.proto` files to descriptor sets.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::detach::detached;
use crate::error::guard;

/// Compiles a file with all that it imports from its own folder, from `folder`, or from Protobuf itself.
#[pyfunction]
pub fn compile_proto(py: Python<'_>, path: PathBuf, folder: PathBuf) -> PyResult<Bound<'_, PyBytes>> {
    guard(|| {
        let set = detached(py, || descriptor_set(&path, folder)).map_err(PyValueError::new_err)?;
        Ok(PyBytes::new(py, &set))
    })
}

fn descriptor_set(path: &std::path::Path, folder: PathBuf) -> Result<Vec<u8>, String> {
    let beside = path.parent().map_or_else(PathBuf::new, PathBuf::from);
    // `Debug` of these errors is the text with line and column.
    let explain = |error: protox::Error| format!("{error:?}.");
    let mut compiler = protox::Compiler::new([beside, folder]).map_err(explain)?;
    compiler.include_imports(true).include_source_info(false);
    compiler.open_file(path).map_err(explain)?;
    Ok(compiler.encode_file_descriptor_set())
}
