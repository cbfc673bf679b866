//! `window`: the values of some time become one message.
//!
//! Which window a value belongs to goes by its own time; when a window closes goes by the clock of this machine, `wait` after its end. So a
//! tag that falls silent closes its windows as well, and a device whose clock is wrong disturbs nobody but itself. Only when the clock of this
//! machine has jumped back, a window waits for the next value, or until the clock is there again.

mod fixed;
mod loose;
mod summary;

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::Reason;
use crate::error::{PathPart, SpecError};
use crate::payload::{Cell, Kind};
use crate::state::{Arrival, BY, MAX_KEYS, TIME, TooLate, WHEN_FULL, WhenFull, arguments, duration_ns};
use fixed::Fixed;
use loose::{Count, Session};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "window",
    summary: "Makes one message of the values of a time or of a number of messages: count, extremes, means.",
    arguments: &[
        Argument {
            name: "field",
            kind: "a field",
            text: "The number. `null` is no value: it counts for nothing, and ends the time that the value before it held.",
        },
        Argument {
            name: "length",
            kind: "a duration",
            text: "How long windows are. They begin at whole multiples of `every` since 1970 (UTC), so that all tags and sites have the same.",
        },
        Argument {
            name: "every",
            kind: "a duration",
            text: "Beside `length`: windows slide, and one ends this often. `length` is a whole multiple of it, and with `wait` 1,000 times as long at most. Without it windows follow each other (tumble).",
        },
        Argument {
            name: "session",
            kind: "a duration",
            text: "Instead of `length`: a window lasts as long as values follow each other within this time.",
        },
        Argument {
            name: "count",
            kind: "a number",
            text: "Instead of `length`: a window has so many values, in the order in which they come.",
        },
        Argument {
            name: "calculate",
            kind: "a list of `count`, `min`, `max`, `mean`, `sum`, `first`, `last`, `stddev`, `time_weighted_mean`",
            text: "The fields of the message beside `start` and `end`; `[count, min, max, mean]` when left out.",
        },
        Argument {
            name: "wait",
            kind: "a duration",
            text: "With `length`: how long after its end a window takes values that come late; not at all when left out.",
        },
        Argument {
            name: "late",
            kind: "`quarantine` or `drop`",
            text: "What values get whose window is closed: the quarantine (`late`) when left out.",
        },
        BY,
        TIME,
        MAX_KEYS,
        WHEN_FULL,
    ],
    rules: &[
        "What leaves has the fields `start` and `end` (milliseconds since 1970, UTC; the end is not part of the window) and those of `calculate`; its source's time is the end. A window without values leaves nothing: nothing is invented.",
        "`time_weighted_mean`: each value holds until the next one, the last of a window until its end, the last before it from its start on. A value that is older than the newest of its window does not count for it. `stddev` is that of a sample (n - 1); `null` for one value. `first` and `last` go by the time of the values.",
        "A sum or deviation beyond what a double can hold is `null`.",
        "A value whose time is more than a window ahead of the clock is quarantined (`invalid_timestamp`). When the clock jumps back by more than a window, the windows of a key close with its next value; after a smaller step, values of windows that have left are late.",
        "A session closes when nothing has come for its time, by the clock or by the times of the values; a value older than the session is `late`. It has no greatest length.",
        "State: 208 bytes per key (sessions and counts 128), 136 for each further open window, the index and the topic. Saved with the node's states; after a kill -9 it is as old as the last save: the values since then are missing from open windows.",
    ],
    example: Example {
        step: r#"{"window": {"field": "value", "length": "10s", "calculate": ["count", "mean", "max"]}}"#,
        input: "{\"value\":20.0}\n{\"value\":22.0}\n{\"value\":21.0}",
        output: "{\"start\":1732270000000,\"end\":1732270010000,\"count\":3,\"mean\":21.0,\"max\":22.0}",
    },
};

/// What is calculated of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Aggregate {
    Count,
    Min,
    Max,
    Mean,
    Sum,
    First,
    Last,
    Stddev,
    TimeWeightedMean,
}

impl Aggregate {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::First => "first",
            Self::Last => "last",
            Self::Stddev => "stddev",
            Self::TimeWeightedMean => "time_weighted_mean",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    length: Option<String>,
    every: Option<String>,
    session: Option<String>,
    count: Option<u64>,
    calculate: Option<Vec<Aggregate>>,
    wait: Option<String>,
    #[serde(default)]
    late: TooLate,
}

/// What all kinds of windows have.
#[derive(Debug)]
struct Common {
    field: Field,
    aggregates: Box<[Aggregate]>,
    late: TooLate,
}

/// Values beyond have no squares whose sum could be compared.
const MOST: f64 = 1e300;

impl Common {
    /// The value of a message; NaN for `null`.
    #[inline]
    fn value(&self, arrival: &Arrival<'_>) -> Result<f64, Reason> {
        match arrival.cell(&self.field) {
            Cell::Null => Ok(f64::NAN),
            Cell::Raw(raw) if raw.kind == Kind::Null => Ok(f64::NAN),
            _ => {
                let value = arrival.number(&self.field)?;
                if value.abs() <= MOST { Ok(value) } else { Err(Reason::NumberOutOfRange) }
            }
        }
    }
}

/// More panes than these are more than a value is worth.
const MOST_PANES: i64 = 1_000;

pub(super) fn compile(raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let (mut settings, own) = arguments::<Arguments>(&DOC, raw, context)?;
    settings.when_full.get_or_insert(WhenFull::Quarantine); // A value among windows is worse.
    let field = context.field(&own.field, &path("field"));
    let aggregates = aggregates(own.calculate.as_deref(), context);
    let duration = |text: &Option<String>, name: &str, context: &mut StepContext<'_, '_>| match text {
        Some(text) => duration_ns(text, &path(name), context).map(Some),
        None => Some(None),
    };
    let length = duration(&own.length, "length", context);
    let every = duration(&own.every, "every", context);
    let session = duration(&own.session, "session", context);
    let wait = duration(&own.wait, "wait", context);
    let common = Common { field: field?, aggregates: aggregates?, late: own.late };
    let (every, wait) = (every?, wait?);
    Some(match (length?, session?, own.count) {
        (Some(length_ns), None, None) => {
            let every_ns = every.unwrap_or(length_ns);
            let wait_ns = wait.unwrap_or(0);
            if length_ns % every_ns != 0 || length_ns.saturating_add(wait_ns) / every_ns > MOST_PANES {
                let expected = format!("a whole part of `length`, at least a {MOST_PANES}th of `length` and `wait`");
                let error = SpecError::new("Windows of this length cannot slide so.");
                context.error(&path("every"), error.expected(own.every.unwrap_or_default(), expected));
                return None;
            }
            Compiled::State(settings, Arc::new(Fixed { common, length_ns, every_ns, wait_ns }))
        }
        (None, Some(gap_ns), None) if every.or(wait).is_none() => {
            Compiled::State(settings, Arc::new(Session { common, gap_ns }))
        }
        (None, None, Some(size)) if size > 0 && every.or(wait).is_none() => {
            Compiled::State(settings, Arc::new(Count { common, size }))
        }
        _ => {
            let expected = "one of `length` (with `every` and `wait` if wanted), `session` and `count` (1 or more)";
            let error = SpecError::new("It is not clear when a window begins and ends.").expected(raw.get(), expected);
            context.error(&["window".into()], error);
            return None;
        }
    })
}

fn path(name: &str) -> [PathPart; 2] {
    ["window".into(), name.into()]
}

fn aggregates(wanted: Option<&[Aggregate]>, context: &mut StepContext<'_, '_>) -> Option<Box<[Aggregate]>> {
    let Some(wanted) = wanted else {
        return Some([Aggregate::Count, Aggregate::Min, Aggregate::Max, Aggregate::Mean].into());
    };
    let is_twice = |(index, one): (usize, &Aggregate)| wanted[..index].contains(one);
    if wanted.is_empty() || wanted.iter().enumerate().any(is_twice) {
        let names: Vec<&str> = wanted.iter().map(|one| one.name()).collect();
        let error = SpecError::new("Each field of the message needs a name of its own, and there is one at least.");
        context.error(&path("calculate"), error.expected(format!("{names:?}"), "one or more, none twice"));
        return None;
    }
    Some(wanted.into())
}
