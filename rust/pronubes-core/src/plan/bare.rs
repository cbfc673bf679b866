//! What may follow where a payload becomes a bare value.

use crate::SpecError;
use crate::spec::RouteSpec;
use crate::state::is_stateful;
use crate::transform::{Reshape, VERBS};

/// What is wrong with a step that makes a payload of no fields.
pub(super) fn check(route: &RouteSpec, index: usize, shape: &Reshape) -> Option<SpecError> {
    if !shape.is_bare() {
        return None;
    }
    if route.steps.iter().any(|step| step.from_scalar) {
        let error = SpecError::new("With `from_scalar`, the bare value would become an object again.");
        return Some(error.expected("`from_scalar: true`", "a step `shape` with `from: value` in its place"));
    }
    let (verb, _) = route.steps.get(index + 1)?.verbs.first()?;
    let verb_doc = VERBS.iter().map(|verb| verb.doc).find(|doc| doc.verb == verb)?;
    let takes_values = matches!(verb_doc.verb, "shape" | "encode" | "python") || is_stateful(verb_doc);
    if takes_values {
        return None;
    }
    let error = SpecError::new("Behind `to: value` there is no object whose fields a step could touch.");
    Some(error.expected(format!("`{verb}` behind `to: value`"), "this step as the last one"))
}
