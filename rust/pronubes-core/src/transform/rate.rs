//! `rate`: how fast a counter grows.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::Reason;
use crate::error::SpecError;
use crate::payload::{Cell, number, text};
use crate::state::{
    AHEAD, Arrival, BY, Emissions, Keyed, Late, MAX_KEYS, TIME, Took, WHEN_FULL, arguments, duration_ns,
};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "rate",
    summary: "Adds how fast a counter grows since the message before.",
    arguments: &[
        Argument { name: "field", kind: "a field", text: "The counter." },
        Argument {
            name: "into",
            kind: "a top-level field",
            text: "Where the rate is written; `rate` when left out. It must not be there already.",
        },
        Argument { name: "per", kind: "a duration", text: "What the rate is per; `1s` when left out." },
        Argument {
            name: "wrap",
            kind: "a number",
            text: "Where the counter begins again at 0, as in `65536` or `4294967296`. Without it a counter that falls was reset to 0.",
        },
        Argument {
            name: "first",
            kind: "`pass` or `absorb`",
            text: "What the first message of a key gets, which has no rate: it goes on without one (the default), or is absorbed.",
        },
        Argument {
            name: "late",
            kind: "`pass`, `drop` or `quarantine`",
            text: "What messages get whose time is not behind that of the one before; `pass` (without a rate) when left out.",
        },
        BY,
        TIME,
        MAX_KEYS,
        WHEN_FULL,
    ],
    rules: &[
        "The rate is a double: the difference of two counts, divided by the difference of their times. With `wrap`, a count below the one before has gone through the end once; a counter must not go round more than once between two messages.",
        "A count below 0, or at or beyond `wrap`, is `number_out_of_range`; a field `into` that is there is `field_exists`.",
        "State: 32 bytes per key and the index. Saved with the node's states; after a kill -9 it is as old as the last save, and the next rate is the mean since then.",
        AHEAD,
    ],
    example: Example {
        step: r#"{"rate": {"field": "count", "into": "per_minute", "per": "1m", "wrap": 65536}}"#,
        input: "{\"count\":65530}\n{\"count\":4}",
        output: "{\"count\":65530}\n{\"count\":4,\"per_minute\":600.0}",
    },
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Without {
    #[default]
    Pass,
    Absorb,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    into: Option<String>,
    per: Option<String>,
    wrap: Option<f64>,
    #[serde(default)]
    first: Without,
    #[serde(default)]
    late: Late,
}

/// A compiled `rate`.
#[derive(Debug)]
struct Rate {
    field: Field,
    into: Field,
    per_ns: f64,
    wrap: Option<f64>,
    first: Without,
    late: Late,
}

/// The message before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    count: f64,
    /// `i64::MIN` before the first one.
    time_ns: i64,
}

impl Default for Before {
    fn default() -> Self {
        Self { count: 0.0, time_ns: i64::MIN }
    }
}

impl Rate {
    /// The rate between two counts.
    #[expect(
        clippy::cast_precision_loss,
        reason = "nanoseconds between two messages, far below 2^53 for a hundred days"
    )]
    fn between(&self, before: &Before, count: f64, time_ns: i64) -> f64 {
        let grown = match self.wrap {
            _ if count >= before.count => count - before.count,
            Some(wrap) => count + (wrap - before.count),
            None => count,
        };
        grown / (time_ns.saturating_sub(before.time_ns) as f64) * self.per_ns
    }
}

impl Keyed for Rate {
    type State = Before;

    fn fields(&self) -> Vec<&Field> {
        vec![&self.field, &self.into]
    }

    fn take(&self, before: &mut Before, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Result<Took, Reason> {
        let count = arrival.number(&self.field)?;
        if count < 0.0 || self.wrap.is_some_and(|wrap| count >= wrap) {
            return Err(Reason::NumberOutOfRange);
        }
        match arrival.cell(&self.into) {
            Cell::Missing => {}
            Cell::Duplicate => return Err(Reason::DuplicateKey),
            _ => return Err(Reason::FieldExists),
        }
        let now = Before { count, time_ns: arrival.time_ns };
        if now.time_ns == before.time_ns || arrival.is_behind(before.time_ns) {
            return self.late.take();
        }
        if before.time_ns == i64::MIN || now.time_ns < before.time_ns {
            *before = now;
            return Ok(if self.first == Without::Pass { Took::Pass } else { Took::Absorb });
        }
        let rate = self.between(before, count, now.time_ns);
        let body = arrival.payload.trim_ascii_end().strip_suffix(b"}").ok_or(Reason::NotAnObject)?;
        let mut written = Ok(());
        out.push(arrival.source_ns, |bytes| {
            bytes.extend_from_slice(body);
            if !body.trim_ascii_end().ends_with(b"{") {
                bytes.push(b',');
            }
            text::write(bytes, self.into.path.last().unwrap_or_default());
            bytes.push(b':');
            written = number::write_f64(bytes, rate);
            bytes.push(b'}');
        });
        if let Err(reason) = written {
            out.clear();
            return Err(reason);
        }
        *before = now;
        Ok(Took::Absorb)
    }

    fn save(&self, before: &Before, out: &mut Vec<u8>) {
        out.extend_from_slice(&before.count.to_le_bytes());
        out.extend_from_slice(&before.time_ns.to_le_bytes());
    }

    fn restore(&self, bytes: &[u8]) -> Option<Before> {
        let ([count, time], []) = bytes.as_chunks::<8>().0.split_first_chunk::<2>()? else { return None };
        Some(Before { count: f64::from_le_bytes(*count), time_ns: i64::from_le_bytes(*time) })
    }
}

pub(super) fn compile(raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let (settings, own) = arguments::<Arguments>(&DOC, raw, context)?;
    let per_ns = duration_ns(own.per.as_deref().unwrap_or("1s"), &["rate".into(), "per".into()], context)?;
    let field = context.field(&own.field, &["rate".into(), "field".into()]);
    let into_text = own.into.as_deref().unwrap_or("rate");
    let into = context.field(into_text, &["rate".into(), "into".into()])?;
    if into.path.len() != 1 {
        let error = SpecError::new("The rate is written to the top level.").expected(into_text, "a name without a dot");
        context.error(&["rate".into(), "into".into()], error);
        return None;
    }
    if let Some(wrap) = own.wrap.filter(|wrap| !wrap.is_finite() || *wrap <= 0.0) {
        let error =
            SpecError::new("A counter cannot begin again there.").expected(wrap.to_string(), "a number above 0");
        context.error(&["rate".into(), "wrap".into()], error);
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a duration that people write")]
    let per_ns = per_ns as f64;
    let Arguments { wrap, first, late, .. } = own;
    Some(Compiled::State(settings, Arc::new(Rate { field: field?, into, per_ns, wrap, first, late })))
}
