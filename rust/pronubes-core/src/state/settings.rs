//! What all stateful steps have in common: which key a message has, when it happened, how many keys there may be.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::Reason;
use crate::error::{PathPart, SpecError, did_you_mean};
use crate::expr::Scope;
use crate::spec::Ordered;
use crate::transform::{Argument, Field, StepContext, StepDoc, read_unix};

pub(crate) const BY: Argument = Argument {
    name: "by",
    kind: "a list of captures",
    text: "What has a state of its own: each combination of these captures; without it each topic. `[]` is one state for the whole route.",
};
pub(crate) const TIME: Argument = Argument {
    name: "time",
    kind: "a field",
    text: "When the value was true, in milliseconds since 1970 (UTC). Without it the source's own time counts, and without that the time received.",
};
pub(crate) const MAX_KEYS: Argument = Argument {
    name: "max_keys",
    kind: "a number",
    text: "How many keys are remembered; 1,000,000 when left out. See `status` for how many there are.",
};
pub(crate) const WHEN_FULL: Argument = Argument {
    name: "when_full",
    kind: "`pass` or `quarantine`",
    text: "What messages of further keys get: they go on as they are (the default, but for `window` and `combine`), or are quarantined as `too_many_states`. Both are counted.",
};

/// A rule of steps that go by the time of the values and remember the newest.
pub(crate) const AHEAD: &str = "A time that was remembered and lies more than a minute ahead of this machine's clock is taken for wrong: the next message counts as the first. Without a time of the values the same happens when this clock was set back.";

const COMMON: [Argument; 4] = [BY, TIME, MAX_KEYS, WHEN_FULL];

/// Of what a message's key consists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Of its topic, and of its member where it was exploded.
    Topic,
    /// Of these captures.
    Captures(Box<[usize]>),
}

/// What becomes of messages of keys for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenFull {
    #[default]
    Pass,
    Quarantine,
}

/// The common arguments, compiled.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) by: By,
    pub(crate) time: Option<Field>,
    pub(crate) max_keys: usize,
    /// Where it is not said, messages pass.
    pub(crate) when_full: Option<WhenFull>,
}

impl Settings {
    /// When a message happened.
    #[inline]
    pub(crate) fn time_ns(&self, scope: &mut Scope<'_>) -> Result<i64, Reason> {
        let meta = scope.inputs.meta;
        match &self.time {
            None => Ok(meta.source_ns.unwrap_or(meta.received_ns)),
            Some(field) => {
                let ns = read_unix(scope.cell(field.slot), 1_000_000, scope)?;
                i64::try_from(ns).map_err(|_| Reason::InvalidTimestamp)
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Common {
    by: Option<Vec<String>>,
    time: Option<String>,
    max_keys: Option<usize>,
    when_full: Option<WhenFull>,
}

fn object(members: &[(String, Box<RawValue>)]) -> Option<Box<RawValue>> {
    let members =
        members.iter().map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_str()), value.get()));
    RawValue::from_string(format!("{{{}}}", members.collect::<Vec<_>>().join(","))).ok()
}

/// The arguments that say what is remembered: without how many keys there may be, so that more of them can be allowed and nothing is
/// forgotten for it.
pub(crate) fn lasting(raw: &RawValue) -> Cow<'_, str> {
    let bounds = [MAX_KEYS.name, WHEN_FULL.name];
    let Ok(Ordered(mut all)) = serde_json::from_str::<Ordered<Box<RawValue>>>(raw.get()) else {
        return raw.get().into();
    };
    all.retain(|(name, _)| !bounds.contains(&name.as_str()));
    object(&all).map_or_else(|| raw.get().into(), |rest| rest.get().to_owned().into())
}

const DEFAULT_MAX_KEYS: usize = 1_000_000;

/// Reads the arguments of a stateful step: the common ones, and those of the verb alone.
pub(crate) fn arguments<T: DeserializeOwned>(
    doc: &StepDoc,
    raw: &RawValue,
    context: &mut StepContext<'_, '_>,
) -> Option<(Settings, T)> {
    // Objects only; anything else is for the verb to complain about.
    let Ok(Ordered(all)) = serde_json::from_str::<Ordered<Box<RawValue>>>(raw.get()) else {
        let own = context.arguments(doc, raw)?;
        return Some((Common::default().compile(doc.verb, context)?, own));
    };
    let (common, own): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(name, _)| COMMON.iter().any(|argument| argument.name == name));
    let common: Option<Common> = context.arguments(doc, &object(&common)?);
    let own: Option<T> = context.arguments(doc, &object(&own)?);
    let (common, own) = (common?, own?);
    Some((common.compile(doc.verb, context)?, own))
}

impl Common {
    fn compile(self, verb: &str, context: &mut StepContext<'_, '_>) -> Option<Settings> {
        let by = match self.by {
            None => By::Topic,
            Some(names) => By::Captures(captures(&names, verb, context)?),
        };
        let path: [PathPart; 2] = [verb.into(), "time".into()];
        let time = match self.time {
            Some(time) => Some(context.field(&time, &path)?),
            None => None,
        };
        let max_keys = self.max_keys.unwrap_or(DEFAULT_MAX_KEYS);
        if max_keys == 0 || max_keys > MOST_KEYS {
            let expected = format!("a number from 1 to {MOST_KEYS}");
            let error = SpecError::new("So many keys cannot be remembered.").expected(max_keys.to_string(), expected);
            context.error(&[verb.into(), "max_keys".into()], error);
            return None;
        }
        Some(Settings { by, time, max_keys, when_full: self.when_full })
    }
}

/// Slots are 32-bit numbers.
const MOST_KEYS: usize = 100_000_000;

fn captures(names: &[String], verb: &str, context: &mut StepContext<'_, '_>) -> Option<Box<[usize]>> {
    let mut found = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match context.captures.iter().position(|capture| **capture == **name) {
            Some(position) => found.push(position),
            None => {
                let known: Vec<String> = context.captures.iter().map(|capture| format!("`{capture}`")).collect();
                let expected =
                    if known.is_empty() { "a capture (the filter has none)".into() } else { known.join(" or ") };
                let hint = did_you_mean(name, context.captures.iter().map(|capture| &**capture));
                let error = SpecError::new("The filter has no such capture.").expected(name, expected).hint(hint);
                context.error(&[verb.into(), "by".into(), index.into()], error);
            }
        }
    }
    (found.len() == names.len()).then(|| found.into())
}
