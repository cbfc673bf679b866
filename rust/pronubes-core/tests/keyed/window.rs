//! `window` against sums over lists.

use proptest::prelude::*;
use serde_json::Value;

use crate::harness::{Sent, feeds, of, run};

const BASE_MS: i64 = 1_732_270_000_000;

/// A value as it came: received, true, what.
#[derive(Clone, Copy, Debug)]
struct Came {
    at_ms: i64,
    time_ms: i64,
    value: f64,
}

struct Windows {
    length_ms: i64,
    every_ms: i64,
    wait_ms: i64,
}

impl Windows {
    fn step(&self, by_time: bool) -> String {
        let time = if by_time { r#", "time": "t""# } else { "" };
        let wait = if self.wait_ms == 0 { String::new() } else { format!(r#", "wait": "{}ms""#, self.wait_ms) };
        format!(
            r#"{{"window": {{"field": "v", "length": "{}ms", "every": "{}ms"{wait}, "late": "drop"{time},
            "calculate": ["count", "min", "max", "mean", "sum", "first", "last", "stddev", "time_weighted_mean"]}}}}"#,
            self.length_ms, self.every_ms
        )
    }

    /// The end of the first window that a time belongs to.
    fn first_end(&self, time_ms: i64) -> i64 {
        time_ms.div_euclid(self.every_ms) * self.every_ms + self.every_ms
    }

    /// All windows that have values, by their ends, from the values that came in time.
    fn expected(&self, came: &[Came]) -> Vec<(i64, Vec<Came>)> {
        let is_open = |came: &&Came| self.first_end(came.time_ms) + self.wait_ms > came.at_ms;
        let taken: Vec<Came> = came.iter().filter(is_open).copied().collect();
        let mut ends: Vec<i64> = taken
            .iter()
            .flat_map(|came| {
                (0..self.length_ms / self.every_ms).map(|n| self.first_end(came.time_ms) + n * self.every_ms)
            })
            .collect();
        ends.sort_unstable();
        ends.dedup();
        let inside = |end: i64| {
            taken.iter().filter(|came| (end - self.length_ms..end).contains(&came.time_ms)).copied().collect()
        };
        ends.into_iter().map(|end| (end, inside(end))).collect()
    }
}

fn close(found: &Value, expected: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - expected).abs() <= 1e-9 * expected.abs().max(1.0))
}

#[expect(clippy::cast_precision_loss, reason = "small counts and times")]
fn double(number: i64) -> f64 {
    number as f64
}

fn check_values(window: &Value, values: &[Came]) {
    let count = i64::try_from(values.len()).unwrap();
    let sum: f64 = values.iter().map(|came| came.value).sum();
    let mean = sum / double(count);
    assert_eq!(window["count"], count);
    assert!(close(&window["sum"], sum) && close(&window["mean"], mean), "{window} of {values:?}");
    let by = |better: fn(f64, f64) -> f64| values.iter().map(|came| came.value).reduce(better).unwrap();
    assert!(close(&window["min"], by(f64::min)) && close(&window["max"], by(f64::max)), "{window} of {values:?}");
    let first = values.iter().min_by_key(|came| came.time_ms).unwrap();
    let last = values.iter().max_by_key(|came| came.time_ms).unwrap();
    assert!(close(&window["first"], first.value) && close(&window["last"], last.value), "{window} of {values:?}");
    if count > 1 {
        let squares: f64 = values.iter().map(|came| (came.value - mean).powi(2)).sum();
        assert!(close(&window["stddev"], (squares / double(count - 1)).sqrt()), "{window} of {values:?}");
    } else {
        assert!(window["stddev"].is_null());
    }
}

/// The mean over the milliseconds of a window in which a value was known.
fn time_weighted(came: &[Came], start_ms: i64, end_ms: i64) -> Option<f64> {
    let mut known = Vec::new();
    for ms in start_ms..end_ms {
        known.extend(came.iter().rfind(|came| came.time_ms <= ms).map(|came| came.value));
    }
    let count = i64::try_from(known.len()).unwrap();
    (count > 0).then(|| known.iter().sum::<f64>() / double(count))
}

fn check(windows: &Windows, feed: &[(i64, String, (i64, i32))], by_time: bool, cut: Option<usize>) {
    let came: Vec<(String, Came)> = feed
        .iter()
        .map(|(at_ms, topic, (behind_ms, value))| {
            let at_ms = BASE_MS + at_ms;
            let time_ms = if by_time { at_ms - behind_ms } else { at_ms };
            (topic.clone(), Came { at_ms, time_ms, value: f64::from(*value) / 4.0 })
        })
        .collect();
    let sent: Vec<Sent> = came
        .iter()
        .map(|(topic, came)| Sent {
            at_ms: came.at_ms - BASE_MS,
            topic: topic.clone(),
            payload: format!("{{\"v\":{},\"t\":{}}}", came.value, came.time_ms),
        })
        .collect();
    let (left, _) = run(&windows.step(by_time), &sent, 10_000_000, cut);
    for topic in ["a/x", "a/y", "a/z"] {
        let own: Vec<Came> = came.iter().filter(|(found, _)| found == topic).map(|(_, came)| *came).collect();
        let expected = windows.expected(&own);
        let found: Vec<Value> =
            of(&left, topic).into_iter().map(|(_, payload)| serde_json::from_str(&payload).unwrap()).collect();
        let ends: Vec<i64> = found.iter().map(|window| window["end"].as_i64().unwrap()).collect();
        assert_eq!(ends, expected.iter().map(|(end, _)| *end).collect::<Vec<_>>(), "{topic}");
        for (window, (end, values)) in found.iter().zip(&expected) {
            assert_eq!(window["start"], end - windows.length_ms);
            check_values(window, values);
            if !by_time {
                let mean = time_weighted(&own, end - windows.length_ms, *end).unwrap();
                assert!(close(&window["time_weighted_mean"], mean), "{window}, expected {mean}");
            }
        }
    }
}

fn values() -> impl Strategy<Value = (i64, i32)> {
    (0..900_i64, -40..40_i32)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tumbling(feed in feeds(0..300, values())) {
        check(&Windows { length_ms: 500, every_ms: 500, wait_ms: 0 }, &feed, false, None);
    }

    #[test]
    fn sliding(feed in feeds(0..300, values())) {
        check(&Windows { length_ms: 600, every_ms: 200, wait_ms: 0 }, &feed, false, None);
    }

    #[test]
    fn out_of_order(feed in feeds(0..300, values()), wait_ms in 0..700_i64) {
        check(&Windows { length_ms: 500, every_ms: 500, wait_ms }, &feed, true, None);
        check(&Windows { length_ms: 400, every_ms: 200, wait_ms }, &feed, true, None);
    }

    #[test]
    fn goes_on_from_saved_states(feed in feeds(0..300, values()), cut in 0..60_usize) {
        let cut = Some(cut.min(feed.len()));
        check(&Windows { length_ms: 600, every_ms: 200, wait_ms: 100 }, &feed, true, cut);
        check(&Windows { length_ms: 500, every_ms: 500, wait_ms: 0 }, &feed, false, cut);
    }

    /// Nothing is lost when the clock jumps: each value is in one tumbling window, or late. No window leaves twice by a small step back.
    #[test]
    fn a_clock_that_jumps_loses_nothing(feed in feeds(-3000..3000, values())) {
        let sent: Vec<Sent> = feed.iter().map(|(at_ms, topic, (_, value))| Sent {
            at_ms: *at_ms, topic: topic.clone(), payload: format!("{{\"v\":{value}}}"),
        }).collect();
        let step = r#"{"window": {"field": "v", "length": "500ms", "calculate": ["count"]}}"#;
        let (left, others) = run(step, &sent, 10_000_000, None);
        let counted: i64 = left.iter().map(|(_, _, payload)| {
            serde_json::from_str::<Value>(payload).unwrap()["count"].as_i64().unwrap()
        }).sum();
        prop_assert_eq!(counted + i64::try_from(others.len()).unwrap(), i64::try_from(sent.len()).unwrap());
        let starts: Vec<_> = left.iter().map(|(_, topic, payload)| (topic, payload.split(',').next())).collect();
        let mut once = starts.clone();
        once.sort();
        once.dedup();
        prop_assert!(once.len() == starts.len() || sent.windows(2).any(|two| two[1].at_ms < two[0].at_ms - 500));
    }

    /// Values of a session lie within the gap of each other, those of two sessions do not.
    #[test]
    fn sessions(feed in feeds(0..300, values())) {
        let sent: Vec<Sent> = feed.iter().map(|(at_ms, topic, (_, value))| Sent {
            at_ms: *at_ms, topic: topic.clone(), payload: format!("{{\"v\":{value}}}"),
        }).collect();
        let step = r#"{"window": {"field": "v", "session": "400ms", "calculate": ["count", "sum"]}}"#;
        for cut in [None, Some(sent.len() / 2)] {
            let (left, others) = run(step, &sent, 10_000_000, cut);
            prop_assert_eq!(others, []);
            for topic in ["a/x", "a/y", "a/z"] {
                let own: Vec<&(i64, String, (i64, i32))> = feed.iter().filter(|sent| sent.1 == topic).collect();
                let expected: Vec<String> = own.chunk_by(|one, next| next.0 - one.0 < 400).map(|session| {
                    let sum: i32 = session.iter().map(|sent| sent.2.1).sum();
                    let (first, last) = (BASE_MS + session[0].0, BASE_MS + session[session.len() - 1].0);
                    format!("{{\"start\":{first},\"end\":{last},\"count\":{},\"sum\":{sum}.0}}", session.len())
                }).collect();
                let found: Vec<String> = of(&left, topic).into_iter().map(|(_, payload)| payload).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
