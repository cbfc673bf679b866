//! Feeding a route with one stateful step.

use pronubes_core::{Router, StateCursor};
use proptest::prelude::*;

use crate::common::{Moment, Outcome, compile, fed};

/// A message for a router.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at_ms: i64,
    pub topic: String,
    pub payload: String,
}

/// What left: at which moment of the feed, under which topic, what.
pub type Left = (usize, String, String);

pub fn router(step: &str) -> Router {
    let spec = r#"{"sources": ["plant"], "sinks": ["s"],
        "routes": [{"name": "r", "filter": "a/{tag}", "steps": [STEP], "to": [{"sink": "s"}]}]}"#;
    Router::new(compile(&spec.replace("STEP", step)))
}

/// Feeds messages, then lets time pass until `end_ms`. What is saved before message `cut` is taken up by another router.
pub fn run(step: &str, feed: &[Sent], end_ms: i64, cut: Option<usize>) -> (Vec<Left>, Vec<Outcome>) {
    let mut moments: Vec<Moment<'_>> =
        feed.iter().map(|sent| Moment { at_ms: sent.at_ms, message: Some((&sent.topic, &sent.payload)) }).collect();
    moments.push(Moment { at_ms: end_ms, message: None });
    let (before, after) = moments.split_at(cut.unwrap_or(0));
    let mut first = router(step);
    let mut outcomes = fed(&mut first, before);
    let mut second = if cut.is_some() { restored(&first, step) } else { first };
    outcomes.extend(fed(&mut second, after));
    assert!(second.stats().is_balanced(), "{:?}", second.stats());
    let mut left = Vec::new();
    let mut others = Vec::new();
    for (index, outcome) in
        outcomes.into_iter().enumerate().flat_map(|(index, all)| all.into_iter().map(move |one| (index, one)))
    {
        match outcome {
            Outcome::Emitted { topic, payload, .. } => left.push((index, topic, payload)),
            other => others.push(other),
        }
    }
    // Which key comes first when time has come for several is of no meaning.
    left.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    (left, others)
}

fn restored(first: &Router, step: &str) -> Router {
    let mut second = router(step);
    let mut at = Some(StateCursor::default());
    while let Some(cursor) = at {
        let mut portion = Vec::new();
        at = first.save_state(cursor, 1, &mut portion);
        assert_eq!(second.restore_state(&portion).refused, 0);
    }
    second
}

/// What left, by topic.
pub fn of(left: &[Left], topic: &str) -> Vec<(usize, String)> {
    left.iter().filter(|(_, found, _)| found == topic).map(|(index, _, payload)| (*index, payload.clone())).collect()
}

/// Three topics.
pub fn topics() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a/x", "a/y", "a/z"]).prop_map(str::to_owned)
}

/// Messages of which each comes some time after the one before; the values are for the caller to make payloads of.
pub fn feeds<V: Clone + std::fmt::Debug>(
    steps_ms: std::ops::Range<i64>,
    values: impl Strategy<Value = V>,
) -> impl Strategy<Value = Vec<(i64, String, V)>> {
    let message = (steps_ms, topics(), values);
    proptest::collection::vec(message, 0..60).prop_map(|mut feed| {
        let mut at_ms = 0;
        for (step, ..) in &mut feed {
            at_ms += *step;
            *step = at_ms;
        }
        feed
    })
}
