//! `explode`: one payload becomes many.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::error::{PathPart, SpecError};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "explode",
    summary: "Makes one message of each member of an object or array.",
    arguments: &[
        Argument { name: "field", kind: "a field", text: "The object or array; the whole payload when left out." },
        Argument {
            name: "as",
            kind: "a name",
            text: "The member becomes the field of this name; without it, the payload.",
        },
        Argument { name: "carry", kind: "a list of names", text: "Top-level fields that every message gets too." },
    ],
    rules: &[
        "Topic templates can use `{key}` and later expressions `key`: the member's name, or its index in an array, as text.",
        "Carried fields go last, one that is not there is ignored, and they are no members when the whole payload is \
         taken apart. Without `as` every member must then be an object.",
        "Members come in the order of the payload; a name that stands twice gives two messages.",
        "A member that fails in a later step does not stop the others. The whole message goes to quarantine once, with the \
         first such member in the detail.",
        "It comes at most once in a route.",
    ],
    example: Example {
        step: r#"{"explode": {"field": "tags", "as": "value", "carry": ["ts"]}}"#,
        input: r#"{"ts":7,"tags":{"t1":20.5,"t2":21}}"#,
        output: "{\"value\":20.5,\"ts\":7}\n{\"value\":21,\"ts\":7}",
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: Option<String>,
    #[serde(rename = "as")]
    name: Option<String>,
    #[serde(default)]
    carry: Vec<String>,
}

/// A compiled `explode`.
#[derive(Debug)]
pub(crate) struct Explode {
    /// What is taken apart; none is the whole payload.
    pub(crate) field: Option<Field>,
    /// The key that the member gets, as JSON with its quotes.
    pub(crate) name: Option<Box<str>>,
    /// Names of carried fields.
    pub(crate) carry: Box<[Field]>,
}

impl Explode {
    /// Whether members go on as they stand in the payload.
    pub(crate) fn is_plain(&self) -> bool {
        self.name.is_none() && self.carry.is_empty()
    }
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { field, name, carry } = context.arguments(&DOC, arguments)?;
    let path = |key: &str| [PathPart::from("explode"), key.into()];
    if context.allow_key {
        let error = SpecError::new("The route explodes its payload already.");
        context.error(&["explode".into()], error.expected("a second `explode`", "one `explode` per route"));
    }
    let field = match field {
        Some(field) => {
            let field = context.field(&field, &path("field"))?;
            context.paths.note_inside(field.slot);
            Some(field)
        }
        None => None,
    };
    let carry = context.fields(&carry, &path("carry"))?;
    if let Some(deep) = carry.iter().find(|field| field.path.len() != 1) {
        let error = SpecError::new("Only top-level fields can be carried.");
        context.error(&path("carry"), error.expected(deep.path.to_string(), "a top-level field"));
    }
    context.check_distinct(&carry, &path("carry"));
    let clash = name.as_deref().filter(|name| carry.iter().any(|field| field.path.first() == Some(name)));
    if let Some(name) = clash {
        let error = SpecError::new("The member and a carried field would have the same name.");
        context.error(&path("as"), error.expected(name, "a name that is not carried"));
    }
    let name = name.map(|name| serde_json::Value::from(name).to_string().into());
    Some(Compiled::Explode(Explode { field, name, carry }))
}
