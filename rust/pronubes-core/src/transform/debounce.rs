//! `debounce`: a message goes on when it has stood for some time.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::Reason;
use crate::state::{
    Arrival, BY, Emissions, Held, Keyed, MAX_KEYS, TIME, Took, WHEN_FULL, arguments, digest, duration_ns,
};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "debounce",
    summary: "Lets the last message of a key go on when nothing else has come for some time; absorbs those before it.",
    arguments: &[
        Argument { name: "for", kind: "a duration", text: "How long it must be quiet." },
        Argument {
            name: "fields",
            kind: "a list of fields",
            text: "It is quiet as long as these do not change; without it as long as no message comes.",
        },
        BY,
        TIME,
        MAX_KEYS,
        WHEN_FULL,
    ],
    rules: &[
        "With `fields` each change begins the time anew. When it is over, the newest message goes on, and as long as the fields stay as they are, further messages pass at once; put `on_change` behind it to have each state once. Values are compared as `on_change` compares them.",
        "Quiet goes by the time at which messages are received, not by `time`; a clock that jumps back begins it anew with the next message.",
        "State: 72 bytes per key, the index, the topic and the payload that waits. Saved with the node's states; after a kill -9 it is as old as the last save: what waited then may come once more, what came to wait after it is lost.",
    ],
    example: Example {
        step: r#"{"debounce": {"for": "2s", "fields": ["open"]}}"#,
        input: "{\"open\":true}\n{\"open\":false}\n{\"open\":true}",
        output: "{\"open\":true}",
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(rename = "for")]
    quiet: String,
    fields: Option<Vec<String>>,
}

/// A compiled `debounce`.
#[derive(Debug)]
struct Debounce {
    quiet_ns: i64,
    /// None: each message counts as a change.
    watched: Option<Box<[Field]>>,
}

/// What came last.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Of the watched fields; none before the first message.
    digest: Option<u64>,
    /// Since when they stand, while a message waits.
    since_ns: i64,
    is_waiting: bool,
    held: Held,
}

impl Standing {
    fn let_go(&mut self, out: &mut Emissions) {
        self.is_waiting = false;
        out.push(self.held.source_ns, |bytes| bytes.extend_from_slice(&self.held.payload));
    }
}

impl Keyed for Debounce {
    type State = Standing;

    const IS_TIMED: bool = true;

    const FORGETS: bool = true;

    fn fields(&self) -> Vec<&Field> {
        self.watched.iter().flatten().collect()
    }

    fn take(&self, state: &mut Standing, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Result<Took, Reason> {
        let digest = match &self.watched {
            Some(fields) => Some(digest(fields, arrival)?),
            None => None,
        };
        let now_ns = arrival.now_ns;
        if state.is_waiting && now_ns.saturating_sub(state.since_ns) >= self.quiet_ns {
            // Its time has come; the timer was not asked yet.
            state.let_go(out);
        }
        let is_same = digest.is_some() && digest == state.digest;
        if is_same && !state.is_waiting {
            return Ok(Took::Pass);
        }
        if !is_same || now_ns < state.since_ns {
            state.digest = digest;
            state.since_ns = now_ns;
        }
        state.is_waiting = true;
        state.held.set(arrival);
        Ok(Took::Absorb)
    }

    fn deadline(&self, state: &Standing) -> Option<i64> {
        state.is_waiting.then(|| state.since_ns.saturating_add(self.quiet_ns))
    }

    fn due(&self, state: &mut Standing, _: i64, out: &mut Emissions) {
        state.let_go(out);
    }

    fn is_idle(&self, state: &Standing) -> bool {
        !state.is_waiting && self.watched.is_none()
    }

    fn heap_bytes(&self, state: &Standing) -> usize {
        state.held.heap_bytes()
    }

    fn save(&self, state: &Standing, out: &mut Vec<u8>) {
        out.extend_from_slice(&[u8::from(state.digest.is_some()), u8::from(state.is_waiting)]);
        out.extend_from_slice(&state.digest.unwrap_or_default().to_le_bytes());
        out.extend_from_slice(&state.since_ns.to_le_bytes());
        if state.is_waiting {
            state.held.save(out);
        }
    }

    fn restore(&self, bytes: &[u8]) -> Option<Standing> {
        let (&[has_digest, waits], rest) = bytes.split_first_chunk::<2>()?;
        let (digest, rest) = rest.split_first_chunk::<8>()?;
        let (since, rest) = rest.split_first_chunk::<8>()?;
        let held = match (waits, rest) {
            (0, []) => Held::default(),
            (1, rest) => Held::restore(rest)?,
            _ => return None,
        };
        let digest = (has_digest == 1).then(|| u64::from_le_bytes(*digest));
        Some(Standing { digest, since_ns: i64::from_le_bytes(*since), is_waiting: waits == 1, held })
    }
}

pub(super) fn compile(raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let (settings, own) = arguments::<Arguments>(&DOC, raw, context)?;
    let quiet_ns = duration_ns(&own.quiet, &["debounce".into(), "for".into()], context);
    let watched = match &own.fields {
        Some(fields) => Some(context.fields(fields, &["debounce".into(), "fields".into()])?),
        None => None,
    };
    Some(Compiled::State(settings, Arc::new(Debounce { quiet_ns: quiet_ns?, watched })))
}
