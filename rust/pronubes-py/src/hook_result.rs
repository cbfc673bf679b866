//! What a hook gives back, out of Python's objects.
//!
//! Whatever does not fit is told about the rows that it concerns, not raised: they must go somewhere. One element of a list that is
//! of the wrong type is its row's fault; an array of the wrong type is the fault of all.

use pronubes_core::Reason;
use pronubes_pipeline::edit::{Failure, FieldEdit, HookResult, Values};
use pronubes_pipeline::resume::Refused;
use pyo3::buffer::{Element, PyBuffer};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::error::unfit;

/// Reasons that a hook's runner may give.
const KNOWN: [Reason; 10] = [
    Reason::HookFailed,
    Reason::HookTimeout,
    Reason::HookOutput,
    Reason::HookOpen,
    Reason::HookDied,
    Reason::HookMemory,
    Reason::NotFinite,
    Reason::InvalidUtf8,
    Reason::InvalidJson,
    Reason::NotAnObject,
];

/// A reason that a hook's runner may give.
pub fn reason(code: &str) -> PyResult<Reason> {
    let found = KNOWN.into_iter().find(|reason| reason.code() == code);
    found.ok_or_else(|| unfit(format!("`{code}` is no reason of a hook.")))
}

/// Rows that the hook failed on: number, reason and words.
pub type Failed = Vec<(usize, String, String)>;

/// What is told of rows that go to the quarantine: reason, how many, the words about the first.
pub fn told(refused: Vec<Refused>) -> Vec<(&'static str, usize, String)> {
    refused.into_iter().map(|refused| (refused.reason.code(), refused.count, refused.detail)).collect()
}

/// A hook's result, as Python has it.
pub struct Parts<'a, 'py> {
    pub fields: &'a [Bound<'py, PyAny>],
    pub payloads: Option<Bound<'py, PyAny>>,
    pub topics: Option<Bound<'py, PyAny>>,
    pub keep: Option<Bound<'py, PyAny>>,
    pub failed: Failed,
}

/// Reads a hook's result; a sentence when nothing of it can be used.
pub fn read(py: Python<'_>, parts: Parts<'_, '_>) -> Result<HookResult, String> {
    let mut failed = Vec::with_capacity(parts.failed.len());
    for (row, code, words) in parts.failed {
        let reason = reason(&code).map_err(|error| error.to_string())?;
        failed.push(Failure { row, reason, words });
    }
    let fields = parts.fields.iter().map(|field| field_edit(py, field, &mut failed)).collect::<Result<_, String>>()?;
    let payloads = parts.payloads.map(|list| {
        let bytes = |object: &Bound<'_, PyAny>| object.cast::<PyBytes>().ok().map(|bytes| bytes.as_bytes().to_vec());
        rows(&list, "The payloads are", "The payload is", bytes, &mut failed)
    });
    let payloads = payloads.transpose()?;
    let topics =
        parts.topics.map(|list| rows(&list, "The topics are", "The topic is", text, &mut failed)).transpose()?;
    let keep = parts.keep.map(|mask| mask_of(py, &mask, "The mask of rows is")).transpose()?;
    failed.sort_by_key(|failure| failure.row); // Stable: of several about a row the first said counts.
    failed.dedup_by_key(|failure| failure.row);
    Ok(HookResult { fields, payloads, topics, keep, failed })
}

fn text(object: &Bound<'_, PyAny>) -> Option<String> {
    object.cast::<PyString>().ok()?.to_str().ok().map(str::to_owned)
}

/// The elements of a list, where None is nothing. One that cannot be read fails its row.
fn rows<T>(
    list: &Bound<'_, PyAny>,
    what: &str,
    one: &str,
    read: impl Fn(&Bound<'_, PyAny>) -> Option<T>,
    failed: &mut Vec<Failure>,
) -> Result<Vec<Option<T>>, String> {
    let mut found = Vec::with_capacity(list.len().unwrap_or_default());
    for (row, object) in list.try_iter().map_err(|error| format!("{what} no list: {error}."))?.enumerate() {
        let object = object.map_err(|error| format!("{what} not readable: {error}."))?;
        let value = if object.is_none() { None } else { read(&object) };
        if value.is_none() && !object.is_none() {
            let kind = object.get_type().name().map(|name| name.to_string()).unwrap_or_default();
            let is_torn = object.cast::<PyString>().is_ok_and(|text| text.to_str().is_err());
            let words = if is_torn {
                format!("{one} a text that UTF-8 cannot say.")
            } else {
                format!("{one} of the type `{kind}`.")
            };
            failed.push(Failure { row, reason: Reason::HookOutput, words });
        }
        found.push(value);
    }
    Ok(found)
}

fn elements<T: Element>(py: Python<'_>, object: &Bound<'_, PyAny>, what: &str) -> Result<Vec<T>, String> {
    let buffer = PyBuffer::<T>::get(object).map_err(|error| format!("{what} not of the right type: {error}."))?;
    buffer.to_vec(py).map_err(|error| format!("{what} not readable: {error}."))
}

fn mask_of(py: Python<'_>, object: &Bound<'_, PyAny>, what: &str) -> Result<Vec<bool>, String> {
    Ok(elements::<u8>(py, object, what)?.into_iter().map(|byte| byte != 0).collect())
}

fn field_edit(py: Python<'_>, field: &Bound<'_, PyAny>, failed: &mut Vec<Failure>) -> Result<FieldEdit, String> {
    let (name, dtype, values, valid): (String, String, Bound<'_, PyAny>, Option<Bound<'_, PyAny>>) =
        field.extract().map_err(|error| format!("A field is a tuple of name, dtype, values and validity: {error}."))?;
    let what = format!("Field `{name}` is");
    let values = match dtype.as_str() {
        "f64" => Values::F64(elements(py, &values, &what)?),
        "i64" => Values::I64(elements(py, &values, &what)?),
        "bool" => Values::Bool(mask_of(py, &values, &what)?),
        "text" => Values::Text(rows(&values, &what, &what, text, failed)?),
        other => {
            return Err(format!("Field `{name}` has the type `{other}`; a hook can write f64, i64, bool and text."));
        }
    };
    let valid = valid.map(|mask| mask_of(py, &mask, &format!("The validity of field `{name}` is"))).transpose()?;
    Ok(FieldEdit { name, values, valid })
}
