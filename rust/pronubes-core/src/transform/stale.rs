//! `stale`: says once that a key has fallen silent.
//!
//! Report by exception makes silence ambiguous: nothing has changed, or nobody is there. What leaves is the last value as it was, marked:
//! a value that is held is uncertain, not bad, and keeps the time at which it was true (i3X Implementation Guide, "Query Methods":
//! `Uncertain` with a held value; Sparkplug 3.0 chapter 6: quality 500).

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::Reason;
use crate::error::{PathPart, SpecError};
use crate::payload::{Cell, Limits, ObjectWriter, PathSet, PathSetBuilder, Scan, scan};
use crate::spec::Ordered;
use crate::state::{Arrival, BY, Emissions, Held, Keyed, MAX_KEYS, TIME, Took, WHEN_FULL, arguments, duration_ns};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "stale",
    summary: "Passes every message, and sends the last one of a key once more, marked, when the key has fallen silent.",
    arguments: &[
        Argument { name: "after", kind: "a duration", text: "How long nothing comes before the key counts as silent." },
        Argument {
            name: "emit",
            kind: "a map of top-level fields to values",
            text: "How the last message is marked: these fields are set. `{quality: STALE}` when left out, which contracts take as uncertain.",
        },
        BY,
        TIME,
        MAX_KEYS,
        WHEN_FULL,
    ],
    rules: &[
        "What leaves has the fields and the source's time of the last message; nothing is invented. It comes once per silence; the next message of the key passes as any other.",
        "Whoever marks values as bad says so of the value too: `emit: {quality: BAD, value: null}`. A value that is held is uncertain.",
        "Silence goes by the time at which messages are received, not by `time`. Keys that were restored at a start and are silent by then are told at once.",
        "A payload that is no object is quarantined (`not_an_object`): it has no place for a mark.",
        "State: 56 bytes per key, the index, the topic and the last payload. Saved with the node's states; after a kill -9 it is as old as the last save: a silence may be told with an older value, or once more.",
    ],
    example: Example {
        step: r#"{"stale": {"after": "60s"}}"#,
        input: "{\"value\":1,\"quality\":\"GOOD\"}\n{\"value\":2,\"quality\":\"GOOD\"}",
        output: "{\"value\":1,\"quality\":\"GOOD\"}\n{\"value\":2,\"quality\":\"GOOD\"}\n{\"value\":2,\"quality\":\"STALE\"}",
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    after: String,
    emit: Option<Ordered<serde_json::Value>>,
}

/// A compiled `stale`.
#[derive(Debug)]
struct Stale {
    after_ns: i64,
    /// The fields that mark a message, with their values as JSON.
    marks: Box<[(Field, Box<str>)]>,
    /// The same fields; the slots are the positions among the marks.
    paths: PathSet,
}

/// What was heard last.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    at_ns: i64,
    /// Whether silence is still to be told.
    is_alive: bool,
    held: Held,
}

/// Payloads were read within the limits of the plan before.
const NO_LIMITS: Limits = Limits { payload_bytes: u32::MAX, depth: u32::MAX, keys: u32::MAX, text_bytes: u32::MAX };

impl Stale {
    fn tell(&self, state: &mut Heard, out: &mut Emissions) {
        state.is_alive = false;
        let mut found = Scan::default();
        if scan(&state.held.payload, &self.paths, &NO_LIMITS, &mut found).is_ok() {
            out.push(state.held.source_ns, |bytes| self.mark(&state.held.payload, &found, bytes));
        }
    }

    fn mark(&self, payload: &[u8], found: &Scan, out: &mut Vec<u8>) {
        let mut writer = ObjectWriter::new(payload, found.root, out);
        for field in &found.tape {
            match field.slot.and_then(|slot| self.marks.get(usize::from(slot.0))) {
                Some((_, value)) => writer.replace(field).extend_from_slice(value.as_bytes()),
                None => writer.keep(field),
            }
        }
        for (mark, cell) in self.marks.iter().zip(&found.cells) {
            if *cell == Cell::Missing {
                writer.append(mark.0.path.last().unwrap_or_default()).extend_from_slice(mark.1.as_bytes());
            }
        }
        writer.finish();
    }
}

impl Keyed for Stale {
    type State = Heard;

    const IS_TIMED: bool = true;

    const FORGETS: bool = true;

    const RESHAPES: bool = true;

    fn fields(&self) -> Vec<&Field> {
        self.marks.iter().map(|(field, _)| field).collect()
    }

    fn take(&self, state: &mut Heard, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Result<Took, Reason> {
        if arrival.payload.trim_ascii_start().first() != Some(&b'{') {
            return Err(Reason::NotAnObject);
        }
        if self.marks.iter().any(|(field, _)| arrival.cell(field) == Cell::Duplicate) {
            return Err(Reason::DuplicateKey);
        }
        if state.is_alive && arrival.now_ns.saturating_sub(state.at_ns) >= self.after_ns {
            // Its time has come; the timer was not asked yet.
            self.tell(state, out);
        }
        state.at_ns = arrival.now_ns;
        state.is_alive = true;
        state.held.set(arrival);
        Ok(Took::Pass)
    }

    fn deadline(&self, state: &Heard) -> Option<i64> {
        state.is_alive.then(|| state.at_ns.saturating_add(self.after_ns))
    }

    fn due(&self, state: &mut Heard, _: i64, out: &mut Emissions) {
        self.tell(state, out);
    }

    fn is_idle(&self, state: &Heard) -> bool {
        !state.is_alive
    }

    fn heap_bytes(&self, state: &Heard) -> usize {
        state.held.heap_bytes()
    }

    fn save(&self, state: &Heard, out: &mut Vec<u8>) {
        out.push(u8::from(state.is_alive));
        out.extend_from_slice(&state.at_ns.to_le_bytes());
        state.held.save(out);
    }

    fn restore(&self, bytes: &[u8]) -> Option<Heard> {
        let (is_alive, rest) = bytes.split_first()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        Some(Heard { at_ns: i64::from_le_bytes(*at), is_alive: *is_alive == 1, held: Held::restore(rest)? })
    }
}

pub(super) fn compile(raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let (settings, own) = arguments::<Arguments>(&DOC, raw, context)?;
    let after_ns = duration_ns(&own.after, &["stale".into(), "after".into()], context);
    let marks = match own.emit {
        None => vec![("quality".to_owned(), "\"STALE\"".into())],
        Some(Ordered(marks)) => marks.into_iter().map(|(name, value)| (name, value.to_string().into())).collect(),
    };
    let marks = marks.into_iter().map(|(name, value)| Some((top_level(&name, context)?, value)));
    let marks = marks.collect::<Option<Box<[(Field, Box<str>)]>>>()?;
    if marks.is_empty() {
        let error = SpecError::new("Nothing marks the message as stale.");
        context.error(
            &["stale".into(), "emit".into()],
            error.expected("{}", "at least one field, as in `{quality: STALE}`"),
        );
    }
    context.check_distinct(marks.iter().map(|(field, _)| field), &["stale".into(), "emit".into()]);
    let mut paths = PathSetBuilder::default();
    for (field, _) in &marks {
        paths.add(&field.path);
    }
    // The route has as many paths at least, and complains itself when there are too many.
    let paths = paths.build().ok()?;
    Some(Compiled::State(settings, Arc::new(Stale { after_ns: after_ns?, marks, paths })))
}

fn top_level(name: &str, context: &mut StepContext<'_, '_>) -> Option<Field> {
    let path: [PathPart; 3] = ["stale".into(), "emit".into(), name.into()];
    let field = context.field(name, &path)?;
    if field.path.len() != 1 {
        let error = SpecError::new("Marks are written to the top level.").expected(name, "a name without a dot");
        context.error(&path, error);
        return None;
    }
    Some(field)
}
