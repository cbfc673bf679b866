//! Where codecs may stand in a route.

use super::stage::{End, Recode, Stage};
use crate::error::SpecError;
use crate::expr::Expr;
use crate::spec::{RouteSpec, StepSpec};

fn is_verb(step: &StepSpec, verb: &str) -> bool {
    step.verbs.iter().any(|(name, _)| name == verb)
}

/// How many steps a payload takes before it is JSON.
pub(super) fn leading_decodes(route: &RouteSpec) -> usize {
    route.steps.iter().take_while(|step| is_verb(step, "decode")).count()
}

/// What is wrong with the place of a `decode`, or with its condition.
pub(super) fn check_decode(route: &RouteSpec, index: usize, condition: Option<&Expr>) -> Option<SpecError> {
    if let Some(condition) = condition.filter(|condition| !condition.slots().is_empty()) {
        let error = SpecError::new("Before `decode` there is no JSON that its `where` could read.");
        return Some(error.expected(condition.text(), "a condition on `topic`, captures or `meta`"));
    }
    let is_in_front = |step: &StepSpec| is_verb(step, "decode") || is_verb(step, "python");
    let before = route.steps.iter().take(index).rev().find(|step| !is_verb(step, "decode"));
    let before = before.filter(|step| !is_in_front(step)).and_then(|step| step.verbs.first());
    let error = SpecError::new("`decode` reads the payload as it came; the step before it has made JSON.");
    before.map(|(verb, _)| error.expected(format!("`decode` behind `{verb}`"), "`decode` first, or behind `python`"))
}

/// What is wrong with what stands behind an `encode`.
pub(super) fn check_encode(route: &RouteSpec, index: usize) -> Option<SpecError> {
    let (verb, _) = route.steps.get(index + 1)?.verbs.first()?;
    let error = SpecError::new("`encode` is the last step of a route: behind it there is no JSON to read.");
    Some(error.expected(format!("`{verb}` behind `encode`"), "no step behind `encode`"))
}

/// Whether the end of a stage has a condition.
pub(super) fn ends_with_condition(stage: &Stage) -> bool {
    let is_decoded = matches!(&stage.end, End::Decode(Recode { condition: Some(_), .. }));
    let is_reshaped =
        matches!(&stage.end, End::Explode { condition: Some(_), .. } | End::Shape { condition: Some(_), .. });
    is_decoded || is_reshaped || stage.encoding.as_ref().is_some_and(|encoding| encoding.condition.is_some())
}
