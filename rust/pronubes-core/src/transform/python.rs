//! `python`: the route goes on in a hook.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Argument, Compiled, Example, StepContext, StepDoc};
use crate::HookId;
use crate::error::SpecError;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "python",
    summary: "Hands the message to a Python function, in batches, and goes on with what it gives back.",
    arguments: &[Argument { name: "hook", kind: "the number of a hook", text: "In YAML `python: module:function`." }],
    rules: &[
        "The function runs away from the event loop; the order of messages is kept.",
        "Steps after it see the payload that it gave back. Captures stay those of the original topic.",
    ],
    example: Example { step: r#"{"python": {"hook": 0}}"#, input: r#"{"value":21.5}"#, output: "" },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    hook: u16,
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { hook } = context.arguments(&DOC, arguments)?;
    if usize::from(hook) >= context.shared.hooks {
        let expected = format!("a number below {}", context.shared.hooks);
        let error = SpecError::new("The specification has no such hook.").expected(hook.to_string(), expected);
        context.error(&["python".into(), "hook".into()], error);
        return None;
    }
    Some(Compiled::Hook(HookId(hook)))
}
