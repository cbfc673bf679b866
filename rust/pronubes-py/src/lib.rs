//! The extension module `pronubes._core`: thin classes over the Rust crates. The stub beside the Python package,
//! `_core.pyi`, is its documentation.

mod args;
mod batch;
mod contract;
mod detach;
mod error;
mod hook_result;
mod log;
mod logs;
mod node;
mod outcome;
mod quarantine;
mod recording;
mod router;
mod schemas;
mod specification;
mod tables;
mod topics;
mod work;

use pyo3::prelude::*;

/// How this module was built.
const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("PRONUBES_PROFILE"), " ", env!("PRONUBES_TARGET"));

/// The module's exports.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("BUILD", BUILD)?;
    module.add("TopicError", py.get_type::<error::TopicError>())?;
    module.add("SpecFailure", py.get_type::<error::SpecFailure>())?;
    module.add("InternalError", py.get_type::<error::InternalError>())?;
    module.add_function(wrap_pyfunction!(error::panic_on_purpose, module)?)?;
    module.add_class::<error::PySpecError>()?;
    module.add_class::<outcome::PyOutcome>()?;
    module.add_class::<router::PyRouter>()?;
    module.add_class::<contract::PyContract>()?;
    module.add_class::<tables::TableRows>()?;
    module.add_class::<batch::Batch>()?;
    module.add_class::<batch::Column>()?;
    module.add_class::<quarantine::QuarantineBatch>()?;
    module.add_class::<log::LogReader>()?;
    module.add_class::<recording::RecordingWriter>()?;
    module.add_class::<recording::RecordingReader>()?;
    module.add_class::<work::Work>()?;
    module.add_class::<node::Pipeline>()?;
    module.add_function(wrap_pyfunction!(topics::topic_matches, module)?)?;
    module.add_function(wrap_pyfunction!(topics::validate_filter, module)?)?;
    module.add_function(wrap_pyfunction!(topics::validate_topic, module)?)?;
    module.add_function(wrap_pyfunction!(topics::captures, module)?)?;
    module.add_function(wrap_pyfunction!(topics::mqtt_filter, module)?)?;
    module.add_function(wrap_pyfunction!(topics::covers, module)?)?;
    module.add_function(wrap_pyfunction!(topics::intersects, module)?)?;
    module.add_function(wrap_pyfunction!(recording::read_recording, module)?)?;
    module.add_function(wrap_pyfunction!(schemas::compile_proto, module)?)?;
    module.add_function(wrap_pyfunction!(specification::compile_spec, module)?)?;
    module.add_function(wrap_pyfunction!(specification::reasons, module)?)?;
    module.add_function(wrap_pyfunction!(specification::steps, module)?)?;
    Ok(())
}
