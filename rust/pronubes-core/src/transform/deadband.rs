//! `deadband`: values pass when they have moved far enough, and now and then anyway.
//!
//! Practice (report by exception): a band of about two standard deviations of the noise, and a heartbeat of 15 to 60 minutes, because
//! silence is ambiguous. Not for counters, states and alarms.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::Reason;
use crate::error::SpecError;
use crate::payload::{Cell, Kind};
use crate::state::{
    AHEAD, Arrival, BY, Emissions, Keyed, Late, MAX_KEYS, TIME, Took, WHEN_FULL, arguments, digest, duration_ns,
};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "deadband",
    summary: "Passes a value when it differs from the last one that passed by more than a band; absorbs it otherwise.",
    arguments: &[
        Argument {
            name: "field",
            kind: "a field",
            text: "The number. `null` is a value of its own: it passes when it comes and when it ends.",
        },
        Argument {
            name: "absolute",
            kind: "a number",
            text: "The band, in the unit of the value; 0 absorbs exact repeats.",
        },
        Argument { name: "percent", kind: "a number", text: "Instead: the band in percent of `range`." },
        Argument { name: "range", kind: "`[low, high]`", text: "Beside `percent`: the range of the value." },
        Argument {
            name: "heartbeat",
            kind: "a duration",
            text: "A value passes in any case when the last one that passed is as old; without it only by the band.",
        },
        Argument {
            name: "also",
            kind: "a list of fields",
            text: "A message passes in any case when one of these has changed, as in `[quality]`.",
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
        "The first value of a key passes. The band is measured from the last value that passed, so that a slow drift is not lost.",
        "Bands and heartbeat go by the time of the values (`time`). A late message that passes changes nothing.",
        "State: 40 bytes per key and the index. Saved with the node's states; after a kill -9 it is as old as the last save, and a value may pass once more, or one that went back to what was saved be absorbed; a heartbeat ends that.",
        AHEAD,
    ],
    example: Example {
        step: r#"{"deadband": {"field": "value", "absolute": 0.5, "heartbeat": "15m"}}"#,
        input: "{\"value\":20.0}\n{\"value\":20.4}\n{\"value\":20.6}",
        output: "{\"value\":20.0}\n{\"value\":20.6}",
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    absolute: Option<f64>,
    percent: Option<f64>,
    range: Option<[f64; 2]>,
    heartbeat: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    late: Late,
}

/// A compiled `deadband`.
#[derive(Debug)]
struct Deadband {
    field: Field,
    band: f64,
    heartbeat_ns: i64,
    also: Box<[Field]>,
    late: Late,
}

/// What passed last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    /// NaN for `null`.
    value: f64,
    /// `i64::MIN` before the first one.
    time_ns: i64,
    also: u64,
}

impl Default for Last {
    fn default() -> Self {
        Self { value: f64::NAN, time_ns: i64::MIN, also: 0 }
    }
}

impl Keyed for Deadband {
    type State = Last;

    fn fields(&self) -> Vec<&Field> {
        std::iter::once(&self.field).chain(&self.also).collect()
    }

    #[inline]
    fn take(&self, last: &mut Last, arrival: &mut Arrival<'_>, _: &mut Emissions) -> Result<Took, Reason> {
        let value = match arrival.cell(&self.field) {
            Cell::Null => f64::NAN,
            Cell::Raw(raw) if raw.kind == Kind::Null => f64::NAN,
            _ => arrival.number(&self.field)?,
        };
        let also = digest(&self.also, arrival)?;
        let time_ns = arrival.time_ns;
        if last.time_ns != i64::MIN {
            if arrival.is_behind(last.time_ns) {
                return self.late.take();
            }
            let has_moved = match (value.is_nan(), last.value.is_nan()) {
                (false, false) => (value - last.value).abs() > self.band,
                (is_null, was_null) => is_null != was_null,
            };
            let is_silent = !(0..self.heartbeat_ns).contains(&time_ns.saturating_sub(last.time_ns));
            if !has_moved && !is_silent && also == last.also {
                return Ok(Took::Absorb);
            }
        }
        *last = Last { value, time_ns, also };
        Ok(Took::Pass)
    }

    fn save(&self, last: &Last, out: &mut Vec<u8>) {
        out.extend_from_slice(&last.value.to_le_bytes());
        out.extend_from_slice(&last.time_ns.to_le_bytes());
        out.extend_from_slice(&last.also.to_le_bytes());
    }

    fn restore(&self, bytes: &[u8]) -> Option<Last> {
        let ([value, time, also], []) = bytes.as_chunks::<8>().0.split_first_chunk::<3>()? else { return None };
        Some(Last {
            value: f64::from_le_bytes(*value),
            time_ns: i64::from_le_bytes(*time),
            also: u64::from_le_bytes(*also),
        })
    }
}

pub(super) fn compile(raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let (settings, own) = arguments::<Arguments>(&DOC, raw, context)?;
    let band = band(&own, raw, context);
    let heartbeat_ns = match &own.heartbeat {
        Some(text) => duration_ns(text, &["deadband".into(), "heartbeat".into()], context),
        None => Some(i64::MAX),
    };
    let field = context.field(&own.field, &["deadband".into(), "field".into()]);
    let also = context.fields(&own.also, &["deadband".into(), "also".into()]);
    let step = Deadband { field: field?, band: band?, heartbeat_ns: heartbeat_ns?, also: also?, late: own.late };
    Some(Compiled::State(settings, Arc::new(step)))
}

fn band(own: &Arguments, raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<f64> {
    let band = match (own.absolute, own.percent, own.range) {
        (Some(absolute), None, None) => Some(absolute),
        (None, Some(percent), Some([low, high])) if low < high => Some(percent / 100.0 * (high - low)),
        _ => None,
    };
    let band = band.filter(|band| band.is_finite() && *band >= 0.0);
    if band.is_none() {
        let expected = "`absolute`, or `percent` with `range: [low, high]`, none below 0";
        let error = SpecError::new("The step has no band that can be used.").expected(raw.get(), expected);
        context.error(&["deadband".into()], error);
    }
    band
}
