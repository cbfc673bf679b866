//! `on_change`: what is as before does not go on.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::Reason;
use crate::state::{
    AHEAD, Arrival, BY, Emissions, Keyed, Late, MAX_KEYS, TIME, Took, WHEN_FULL, arguments, digest, digest_bytes,
    duration_ns,
};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "on_change",
    summary: "Passes a message when a field has changed since the last one that passed; absorbs it otherwise.",
    arguments: &[
        Argument {
            name: "fields",
            kind: "a list of fields",
            text: "What is compared; without it the whole payload, byte by byte.",
        },
        Argument {
            name: "heartbeat",
            kind: "a duration",
            text: "A message passes in any case when the last one that passed is as old.",
        },
        Argument {
            name: "late",
            kind: "`pass`, `drop` or `quarantine`",
            text: "What messages get whose time is older than that of the last one that passed; `pass` when left out.",
        },
        BY,
        TIME,
        MAX_KEYS,
        WHEN_FULL,
    ],
    rules: &[
        "The first message of a key passes. Numbers are compared by value (`21` is `21.0`); a field that is missing is a value of its own; objects, arrays and escaped text are compared as written.",
        "What is remembered is a 64-bit hash: a change goes unnoticed with a probability of 5e-20.",
        "State: 32 bytes per key and the index. Saved with the node's states; after a kill -9 it is as old as the last save, and a message may pass once more, or one that went back to what was saved be absorbed; a heartbeat ends that.",
        AHEAD,
    ],
    example: Example {
        step: r#"{"on_change": {"fields": ["state"], "heartbeat": "1h"}}"#,
        input: "{\"state\":\"run\",\"n\":1}\n{\"state\":\"run\",\"n\":2}\n{\"state\":\"stop\",\"n\":3}",
        output: "{\"state\":\"run\",\"n\":1}\n{\"state\":\"stop\",\"n\":3}",
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    fields: Option<Vec<String>>,
    heartbeat: Option<String>,
    #[serde(default)]
    late: Late,
}

/// A compiled `on_change`.
#[derive(Debug)]
struct OnChange {
    /// None compares whole payloads.
    watched: Option<Box<[Field]>>,
    heartbeat_ns: i64,
    late: Late,
}

/// What passed last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    digest: u64,
    /// `i64::MIN` before the first one.
    time_ns: i64,
}

impl Default for Last {
    fn default() -> Self {
        Self { digest: 0, time_ns: i64::MIN }
    }
}

impl Keyed for OnChange {
    type State = Last;

    fn fields(&self) -> Vec<&Field> {
        self.watched.iter().flatten().collect()
    }

    #[inline]
    fn take(&self, last: &mut Last, arrival: &mut Arrival<'_>, _: &mut Emissions) -> Result<Took, Reason> {
        let digest = match &self.watched {
            Some(fields) => digest(fields, arrival)?,
            None => digest_bytes(arrival.payload),
        };
        let time_ns = arrival.time_ns;
        if last.time_ns != i64::MIN {
            if arrival.is_behind(last.time_ns) {
                return self.late.take();
            }
            if digest == last.digest && (0..self.heartbeat_ns).contains(&time_ns.saturating_sub(last.time_ns)) {
                return Ok(Took::Absorb);
            }
        }
        *last = Last { digest, time_ns };
        Ok(Took::Pass)
    }

    fn save(&self, last: &Last, out: &mut Vec<u8>) {
        out.extend_from_slice(&last.digest.to_le_bytes());
        out.extend_from_slice(&last.time_ns.to_le_bytes());
    }

    fn restore(&self, bytes: &[u8]) -> Option<Last> {
        let ([digest, time], []) = bytes.as_chunks::<8>().0.split_first_chunk::<2>()? else { return None };
        Some(Last { digest: u64::from_le_bytes(*digest), time_ns: i64::from_le_bytes(*time) })
    }
}

pub(super) fn compile(raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let (settings, own) = arguments::<Arguments>(&DOC, raw, context)?;
    let heartbeat_ns = match &own.heartbeat {
        Some(text) => duration_ns(text, &["on_change".into(), "heartbeat".into()], context),
        None => Some(i64::MAX),
    };
    let watched = match &own.fields {
        Some(fields) => Some(context.fields(fields, &["on_change".into(), "fields".into()])?),
        None => None,
    };
    Some(Compiled::State(settings, Arc::new(OnChange { watched, heartbeat_ns: heartbeat_ns?, late: own.late })))
}
