//! `combine`: the newest values of several tags become one object.
//!
//! One value per topic needs no such thing; a batch report, a model or a table row does. The step says what starts an object: each
//! value, a clock, or that all tags have come.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::Reason;
use crate::error::{PathPart, SpecError};
use crate::payload::{Cell, text};
use crate::plan::edit::write_cell;
use crate::spec::Ordered;
use crate::state::{
    Arrival, BY, By, Emissions, Keyed, MAX_KEYS, TIME, TooLate, Took, WHEN_FULL, WhenFull, arguments, duration_ns,
};
use crate::topic::{RouteFilter, matches_valid};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "combine",
    summary: "Makes one object of the newest values of several tags, and says whether it is complete.",
    arguments: &[
        Argument {
            name: "fields",
            kind: "a map of fields to topic filters",
            text: "The top-level fields of the object, each with the topics whose value it gets. `{topic: FILTER, field: PATH}` takes another field of the message than `field`.",
        },
        Argument { name: "field", kind: "a field", text: "The value in each message; `value` when left out." },
        Argument {
            name: "emit",
            kind: "`each`, `{every: DURATION}` or `{complete: DURATION}`",
            text: "When an object leaves: with each value (the default); at whole multiples of a time, when something came since the last; or when all fields have come anew, and if they do not, so long after the first.",
        },
        Argument {
            name: "flag",
            kind: "a name",
            text: "The field that says whether all fields are there; `complete` when left out.",
        },
        Argument {
            name: "max_age",
            kind: "a duration",
            text: "Values that were received longer ago are left out; for ever when left out.",
        },
        Argument {
            name: "late",
            kind: "`quarantine` or `drop`",
            text: "What a value gets that is older than the one its field has: the quarantine (`late`) when left out.",
        },
        BY,
        TIME,
        MAX_KEYS,
        WHEN_FULL,
    ],
    rules: &[
        "`by` is wanted: it says which tags belong together.",
        "A field without a value is not in the object: nothing is invented. With `{complete: ...}` an object has only what came since the one before.",
        "The source's time of what leaves is that of the newest value in it. `every` and `complete` go by the clock of this machine.",
        "A message whose topic is in none of the fields is absorbed: narrow the route's filter.",
        "The topic may have the captures in `by` alone: others are those of the first message.",
        "State: 64 bytes per key and 56 per field, the index, the topic and the values. Saved with the node's states; after a kill -9 it is as old as the last save: a value may be older than the one that came last, and an object may leave once more.",
    ],
    example: Example {
        step: r##"{"combine": {"by": [], "fields": {"temp": "#", "max": {"topic": "#", "field": "max"}}}}"##,
        input: "{\"value\":21.5,\"max\":80}\n{\"value\":22,\"max\":80}",
        output: "{\"temp\":21.5,\"max\":80,\"complete\":true}\n{\"temp\":22,\"max\":80,\"complete\":true}",
    },
};

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum From {
    Topic(String),
    Field { topic: String, field: Option<String> },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Each {
    #[default]
    Each,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum When {
    Each(Each),
    Every { every: String },
    Complete { complete: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    fields: Ordered<From>,
    field: Option<String>,
    emit: Option<When>,
    flag: Option<String>,
    max_age: Option<String>,
    #[serde(default)]
    late: TooLate,
}

/// When an object leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Emit {
    Each,
    /// At whole multiples of these nanoseconds.
    Every(i64),
    /// When all have come, or so long after the first.
    Complete(i64),
}

/// A field of the object.
#[derive(Debug)]
struct Member {
    name: Box<str>,
    /// An MQTT filter.
    topic: Box<str>,
    field: Field,
}

/// A compiled `combine`.
#[derive(Debug)]
struct Combine {
    members: Box<[Member]>,
    emit: Emit,
    flag: Box<str>,
    max_age_ns: i64,
    late: TooLate,
}

/// What a field has.
#[derive(Clone, Debug, Default, PartialEq)]
struct Latest {
    time_ns: i64,
    at_ns: i64,
    /// Whether it came since the last object.
    is_new: bool,
    /// JSON; empty before the first value.
    value: Vec<u8>,
}

/// The values of a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// Beside the members; empty before the first message.
    latest: Vec<Latest>,
    /// When the first value since the last object came.
    began_ns: Option<i64>,
}

impl Combine {
    fn is_in(&self, latest: &Latest, now_ns: i64) -> bool {
        let is_wanted = latest.is_new || !matches!(self.emit, Emit::Complete(_));
        is_wanted && !latest.value.is_empty() && now_ns.saturating_sub(latest.at_ns) <= self.max_age_ns
    }

    /// An object leaves.
    fn send(&self, values: &mut Values, now_ns: i64, out: &mut Emissions) {
        let inside = |latest: &&Latest| self.is_in(latest, now_ns);
        let newest_ns = values.latest.iter().filter(inside).map(|latest| latest.time_ns).max();
        values.began_ns = None;
        if let Some(newest_ns) = newest_ns {
            out.push(Some(newest_ns), |bytes| self.write(values, now_ns, bytes));
        }
        values.latest.iter_mut().for_each(|latest| latest.is_new = false);
    }

    fn write(&self, values: &Values, now_ns: i64, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut is_complete = true;
        for (member, latest) in self.members.iter().zip(&values.latest) {
            if !self.is_in(latest, now_ns) {
                is_complete = false;
                continue;
            }
            text::write(out, &member.name);
            out.push(b':');
            out.extend_from_slice(&latest.value);
            out.push(b',');
        }
        text::write(out, &self.flag);
        out.extend_from_slice(if is_complete { b":true}" } else { b":false}" });
    }

    /// When an object leaves by the clock.
    fn due_ns(&self, values: &Values) -> Option<i64> {
        let began_ns = values.began_ns?;
        match self.emit {
            Emit::Each => None,
            Emit::Every(ns) => Some(began_ns.div_euclid(ns).saturating_add(1).saturating_mul(ns)),
            Emit::Complete(ns) => Some(began_ns.saturating_add(ns)),
        }
    }

    /// Looks whether a message can be taken; nothing is changed.
    fn check(&self, values: &Values, arrival: &Arrival<'_>) -> Result<bool, Reason> {
        let mut is_wanted = false;
        for (index, member) in self.members.iter().enumerate() {
            if !matches_valid(&member.topic, arrival.scope.inputs.topic) {
                continue;
            }
            is_wanted = true;
            match arrival.cell(&member.field) {
                Cell::Missing => return Err(Reason::MissingField),
                Cell::Duplicate => return Err(Reason::DuplicateKey),
                Cell::Composite => return Err(Reason::WrongType),
                _ => {}
            }
            let before = values.latest.get(index).filter(|latest| !latest.value.is_empty());
            // A time that lies ahead of the clock is wrong: it does not keep others out.
            let is_right = |latest: &&Latest| latest.time_ns <= arrival.now_ns;
            if before.filter(is_right).is_some_and(|latest| arrival.time_ns < latest.time_ns) {
                return self.late.take().map(|_| false);
            }
        }
        Ok(is_wanted)
    }
}

impl Keyed for Combine {
    type State = Values;

    const IS_TIMED: bool = true;

    const RESHAPES: bool = true;

    fn fields(&self) -> Vec<&Field> {
        self.members.iter().map(|member| &member.field).collect()
    }

    fn take(&self, values: &mut Values, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Result<Took, Reason> {
        if !self.check(values, arrival)? {
            return Ok(Took::Absorb);
        }
        let now_ns = arrival.now_ns;
        if self.due_ns(values).is_some_and(|due_ns| due_ns <= now_ns) {
            // Its time has come; the timer was not asked yet.
            self.send(values, now_ns, out);
        }
        // Should the clock have jumped back, nothing waits longer for it.
        values.began_ns = Some(values.began_ns.map_or(now_ns, |began_ns| began_ns.min(now_ns)));
        values.latest.resize_with(self.members.len(), Latest::default);
        for (member, latest) in self.members.iter().zip(&mut values.latest) {
            if matches_valid(&member.topic, arrival.scope.inputs.topic) {
                (latest.time_ns, latest.at_ns, latest.is_new) = (arrival.time_ns, now_ns, true);
                latest.value.clear();
                let cell = arrival.cell(&member.field);
                write_cell(cell, arrival.scope.inputs, arrival.scope.text, &mut latest.value);
            }
        }
        let is_complete = || values.latest.iter().all(|latest| latest.is_new);
        if self.emit == Emit::Each || (matches!(self.emit, Emit::Complete(_)) && is_complete()) {
            self.send(values, now_ns, out);
        }
        Ok(Took::Absorb)
    }

    fn deadline(&self, values: &Values) -> Option<i64> {
        self.due_ns(values)
    }

    fn due(&self, values: &mut Values, now_ns: i64, out: &mut Emissions) {
        self.send(values, now_ns, out);
    }

    fn heap_bytes(&self, values: &Values) -> usize {
        let texts: usize = values.latest.iter().map(|latest| latest.value.capacity()).sum();
        values.latest.capacity() * size_of::<Latest>() + texts
    }

    fn save(&self, values: &Values, out: &mut Vec<u8>) {
        out.extend_from_slice(&values.began_ns.unwrap_or(i64::MIN).to_le_bytes());
        for latest in &values.latest {
            out.extend_from_slice(&latest.time_ns.to_le_bytes());
            out.extend_from_slice(&latest.at_ns.to_le_bytes());
            let length = u32::try_from(latest.value.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&(u64::from(length) << 1 | u64::from(latest.is_new)).to_le_bytes());
            out.extend_from_slice(&latest.value);
        }
    }

    fn restore(&self, bytes: &[u8]) -> Option<Values> {
        let (began, mut rest) = bytes.split_first_chunk::<8>()?;
        let began_ns = Some(i64::from_le_bytes(*began)).filter(|began| *began != i64::MIN);
        let mut values = Values { began_ns, latest: Vec::new() };
        while !rest.is_empty() {
            let ([time, at, length], more) = {
                let (head, more) = rest.split_first_chunk::<24>()?;
                (*head.as_chunks::<8>().0.first_chunk::<3>()?, more)
            };
            let length = u64::from_le_bytes(length);
            let (value, more) = more.split_at_checked(usize::try_from(length >> 1).ok()?)?;
            rest = more;
            values.latest.push(Latest {
                time_ns: i64::from_le_bytes(time),
                at_ns: i64::from_le_bytes(at),
                is_new: length & 1 == 1,
                value: value.to_vec(),
            });
        }
        (values.latest.is_empty() || values.latest.len() == self.members.len()).then_some(values)
    }
}

pub(super) fn compile(raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let (mut settings, own) = arguments::<Arguments>(&DOC, raw, context)?;
    settings.when_full.get_or_insert(WhenFull::Quarantine); // A value among objects is worse.
    if settings.by == By::Topic {
        let error = SpecError::new("`combine` does not know which tags belong together.");
        let expected = "`by`: the captures that they share, as in `by: [area, line]`, or `by: []` for the whole route";
        context.error(&["combine".into()], error.expected(raw.get(), expected));
        return None;
    }
    let default = own.field.as_deref().unwrap_or("value");
    let emit = emit(own.emit, context);
    let max_age_ns = match &own.max_age {
        Some(text) => duration_ns(text, &path("max_age"), context),
        None => Some(i64::MAX),
    };
    let flag = own.flag.unwrap_or_else(|| "complete".into());
    let members = own.fields.0.into_iter().map(|(name, from)| member(name, from, default, context));
    let members: Vec<Option<Member>> = members.collect();
    let members: Box<[Member]> = members.into_iter().collect::<Option<_>>()?;
    if members.is_empty() || members.iter().any(|member| *member.name == *flag) {
        let error = SpecError::new("An object has one field at least, and none is called as the flag.");
        context.error(&path("fields"), error.expected(flag, "another name in `fields` or in `flag`"));
        return None;
    }
    let step = Combine { members, emit: emit?, flag: flag.into(), max_age_ns: max_age_ns?, late: own.late };
    Some(Compiled::State(settings, Arc::new(step)))
}

fn path(name: &str) -> [PathPart; 2] {
    ["combine".into(), name.into()]
}

fn emit(when: Option<When>, context: &mut StepContext<'_, '_>) -> Option<Emit> {
    let duration = |text: &str, name: &str, context: &mut StepContext<'_, '_>| {
        duration_ns(text, &["combine".into(), "emit".into(), name.into()], context)
    };
    match when {
        None | Some(When::Each(Each::Each)) => Some(Emit::Each),
        Some(When::Every { every }) => duration(&every, "every", context).map(Emit::Every),
        Some(When::Complete { complete }) => duration(&complete, "complete", context).map(Emit::Complete),
    }
}

fn member(name: String, from: From, default: &str, context: &mut StepContext<'_, '_>) -> Option<Member> {
    let path: [PathPart; 3] = ["combine".into(), "fields".into(), name.as_str().into()];
    let (topic, field) = match from {
        From::Topic(topic) => (topic, None),
        From::Field { topic, field } => (topic, field),
    };
    let field = context.field(field.as_deref().unwrap_or(default), &path);
    match RouteFilter::parse(&topic) {
        Ok(filter) => Some(Member { name: name.into(), topic: filter.mqtt_filter().into(), field: field? }),
        Err(error) => {
            let expected = error.kind.expected();
            context.error(&path, SpecError::new(error.to_string()).expected(error.found.to_string(), expected));
            None
        }
    }
}
