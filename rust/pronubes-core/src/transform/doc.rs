//! What the reference page, `explain` and editors say about a step.

use serde::Serialize;

/// The documentation of a step. Its example is run by a test.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StepDoc {
    /// The verb.
    pub verb: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Its arguments.
    pub arguments: &'static [Argument],
    /// What a user has to know beyond that, one rule each.
    pub rules: &'static [&'static str],
    /// How it looks.
    pub example: Example,
}

/// An argument of a step.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Argument {
    /// Its key; empty where the step is a list or a map itself.
    pub name: &'static str,
    /// What may stand there.
    pub kind: &'static str,
    /// What it means, and what holds without it.
    pub text: &'static str,
}

/// A step, a payload and what becomes of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Example {
    /// The step as JSON (which is YAML too).
    pub step: &'static str,
    /// A payload.
    pub input: &'static str,
    /// What becomes of it; several lines for several messages, empty where the step itself makes none.
    pub output: &'static str,
}
