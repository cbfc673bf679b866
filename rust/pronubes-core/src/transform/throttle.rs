//! `throttle`: at most one message per key and interval.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::Reason;
use crate::state::{Arrival, BY, Emissions, Keyed, MAX_KEYS, TIME, Took, WHEN_FULL, arguments, duration_ns};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "throttle",
    summary: "Lets at most one message of a key through per interval.",
    arguments: &[
        Argument { name: "every", kind: "a duration", text: "The interval. It begins with a message that passes." },
        Argument {
            name: "keep",
            kind: "`last` or `first`",
            text: "What of an interval goes on: its last message, when it ends (the default), so that the newest value is never lost; or none but the first.",
        },
        BY,
        TIME,
        MAX_KEYS,
        WHEN_FULL,
    ],
    rules: &[
        "A message passes at once when the last one passed an interval ago or longer. Intervals go by the time at which messages are received; a clock that jumps back begins a new one.",
        "State: 32 bytes per key and the index with `keep: first`, and the payload that waits and the topic with `last`. Saved with the node's states; after a kill -9 it is as old as the last save: what waited then may come once more, what came to wait after it is lost.",
    ],
    example: Example {
        step: r#"{"throttle": {"every": "10s", "keep": "first"}}"#,
        input: "{\"value\":1}\n{\"value\":2}",
        output: "{\"value\":1}",
    },
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    #[default]
    Last,
    First,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    every: String,
    #[serde(default)]
    keep: Kept,
}

/// A compiled `throttle` with `keep: first`.
#[derive(Debug)]
struct First {
    every_ns: i64,
}

/// When a message passed last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed(i64);

impl Default for Passed {
    fn default() -> Self {
        Self(i64::MIN)
    }
}

impl Passed {
    /// Whether the interval that it began is over.
    fn is_over(self, now_ns: i64, every_ns: i64) -> bool {
        self.0 == i64::MIN || now_ns < self.0 || now_ns.saturating_sub(self.0) >= every_ns
    }
}

impl Keyed for First {
    type State = Passed;

    fn fields(&self) -> Vec<&Field> {
        Vec::new()
    }

    #[inline]
    fn take(&self, passed: &mut Passed, arrival: &mut Arrival<'_>, _: &mut Emissions) -> Result<Took, Reason> {
        if !passed.is_over(arrival.now_ns, self.every_ns) {
            return Ok(Took::Absorb);
        }
        *passed = Passed(arrival.now_ns);
        Ok(Took::Pass)
    }

    fn save(&self, passed: &Passed, out: &mut Vec<u8>) {
        out.extend_from_slice(&passed.0.to_le_bytes());
    }

    fn restore(&self, bytes: &[u8]) -> Option<Passed> {
        Some(Passed(i64::from_le_bytes(bytes.try_into().ok()?)))
    }
}

/// A compiled `throttle` with `keep: last`.
#[derive(Debug)]
struct Newest {
    every_ns: i64,
}

/// When a message passed last, and the newest that came since.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    passed: Passed,
    is_waiting: bool,
    source_ns: Option<i64>,
    payload: Vec<u8>,
}

impl Keyed for Newest {
    type State = Waiting;

    const IS_TIMED: bool = true;

    const FORGETS: bool = true;

    fn fields(&self) -> Vec<&Field> {
        Vec::new()
    }

    fn take(&self, state: &mut Waiting, arrival: &mut Arrival<'_>, _: &mut Emissions) -> Result<Took, Reason> {
        if state.passed.is_over(arrival.now_ns, self.every_ns) {
            // What still waits is older than this one, which takes its place.
            state.is_waiting = false;
            state.passed = Passed(arrival.now_ns);
            return Ok(Took::Pass);
        }
        state.is_waiting = true;
        state.source_ns = arrival.source_ns;
        state.payload.clear();
        state.payload.extend_from_slice(arrival.payload);
        Ok(Took::Absorb)
    }

    fn deadline(&self, state: &Waiting) -> Option<i64> {
        (state.passed.0 != i64::MIN).then(|| state.passed.0.saturating_add(self.every_ns))
    }

    fn due(&self, state: &mut Waiting, now_ns: i64, out: &mut Emissions) {
        if !state.is_waiting {
            state.passed = Passed::default();
            return;
        }
        state.is_waiting = false;
        state.passed = Passed(now_ns);
        out.push(state.source_ns, |bytes| bytes.extend_from_slice(&state.payload));
    }

    fn is_idle(&self, state: &Waiting) -> bool {
        state.passed.0 == i64::MIN
    }

    fn heap_bytes(&self, state: &Waiting) -> usize {
        state.payload.capacity()
    }

    fn save(&self, state: &Waiting, out: &mut Vec<u8>) {
        out.extend_from_slice(&state.passed.0.to_le_bytes());
        if state.is_waiting {
            out.extend_from_slice(&state.source_ns.unwrap_or(i64::MIN).to_le_bytes());
            out.extend_from_slice(&state.payload);
        }
    }

    fn restore(&self, bytes: &[u8]) -> Option<Waiting> {
        let (passed, rest) = bytes.split_first_chunk::<8>()?;
        let passed = Passed(i64::from_le_bytes(*passed));
        let Some((source, payload)) = rest.split_first_chunk::<8>() else {
            return rest.is_empty().then(|| Waiting { passed, ..Waiting::default() });
        };
        let source_ns = Some(i64::from_le_bytes(*source)).filter(|source| *source != i64::MIN);
        Some(Waiting { passed, is_waiting: true, source_ns, payload: payload.to_vec() })
    }
}

pub(super) fn compile(raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let (settings, own) = arguments::<Arguments>(&DOC, raw, context)?;
    let every_ns = duration_ns(&own.every, &["throttle".into(), "every".into()], context)?;
    Some(match own.keep {
        Kept::First => Compiled::State(settings, Arc::new(First { every_ns })),
        Kept::Last => Compiled::State(settings, Arc::new(Newest { every_ns })),
    })
}
