//! `swinging_door`: the bound, on signals that are hard to draw.

use pronubes_core::Reason;
use proptest::prelude::*;
use serde_json::Value;

use crate::common::Outcome;
use crate::harness::{Sent, of, run};

/// When received and when true (ms), and the value.
type Raw = (i64, i64, f64);

fn sent(points: &[Raw]) -> Vec<Sent> {
    let sent = |(at_ms, time_ms, value): &Raw| Sent {
        at_ms: *at_ms,
        topic: "a/x".into(),
        payload: format!("{{\"t\":{time_ms},\"v\":{value:?}}}"),
    };
    points.iter().map(sent).collect()
}

fn point(payload: &str) -> (i64, f64) {
    let payload: Value = serde_json::from_str(payload).unwrap();
    (payload["t"].as_i64().unwrap(), payload["v"].as_f64().unwrap())
}

/// The points that are behind all those before them.
fn in_order(points: &[Raw]) -> Vec<(i64, f64)> {
    let mut kept: Vec<(i64, f64)> = Vec::new();
    for (_, time_ms, value) in points {
        if kept.last().is_none_or(|last| last.0 < *time_ms) {
            kept.push((*time_ms, *value));
        }
    }
    kept
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a test")]
fn off_by(corners: &[(i64, f64)], point: (i64, f64)) -> f64 {
    let Some(behind) = corners.iter().position(|corner| corner.0 >= point.0) else { return f64::INFINITY };
    if corners[behind].0 == point.0 {
        return (corners[behind].1 - point.1).abs();
    }
    let (from, to) = (corners[behind - 1], corners[behind]);
    let part = (point.0 - from.0) as f64 / (to.0 - from.0) as f64;
    (from.1 + (to.1 - from.1) * part - point.1).abs()
}

fn signals() -> impl Strategy<Value = Vec<Raw>> {
    // Walks, ramps, noise, spikes; times that repeat, go back, or leave a gap.
    let change = prop_oneof![
        6 => -1.0..1.0f64,
        2 => Just(0.25),
        1 => -1000.0..1000.0f64,
        1 => Just(0.0),
    ];
    let time = prop_oneof![8 => 1i64..2000, 1 => Just(0), 1 => -3000i64..0, 1 => 50_000i64..200_000];
    proptest::collection::vec((0i64..3000, time, change), 1..80).prop_map(|steps| {
        let (mut at, mut time, mut value) = (0, 1_000_000, 20.0);
        let mut next = |(later, step, change): (i64, i64, f64)| {
            (at, time, value) = (at + later, time + step, value + change);
            (at, time, value)
        };
        steps.into_iter().map(&mut next).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn no_point_is_off_by_more_than_the_deviation(points in signals(), deviation in 0.0..3.0f64, max_s in 1u32..200) {
        let step = format!(
            r#"{{"swinging_door": {{"field": "v", "deviation": {deviation:?}, "time": "t", "late": "quarantine", "max_time": "{max_s}s"}}}}"#
        );
        let (left, others) = run(&step, &sent(&points), 1_000_000_000, None);
        let corners: Vec<(i64, f64)> = of(&left, "a/x").iter().map(|(_, payload)| point(payload)).collect();
        let expected = in_order(&points);
        prop_assert_eq!(others.len(), points.len() - expected.len());
        let is_late = |other: &Outcome| matches!(other, Outcome::Quarantined { reason: Reason::Late, .. });
        prop_assert!(others.iter().all(is_late));
        prop_assert!(corners.is_sorted_by(|left, right| left.0 < right.0));
        prop_assert!(corners.iter().all(|corner| expected.contains(corner)));
        prop_assert_eq!((corners.first(), corners.last()), (expected.first(), expected.last()));
        for point in &expected {
            prop_assert!(off_by(&corners, *point) <= deviation + 1e-9, "{:?} {:?}", point, corners);
        }
    }

    #[test]
    fn goes_on_from_saved_states(points in signals(), cut in 0usize..80) {
        let step = r#"{"swinging_door": {"field": "v", "deviation": 0.8, "time": "t", "max_time": "20s"}}"#;
        let sent = sent(&points);
        let cut = cut.min(sent.len());
        prop_assert_eq!(run(step, &sent, 1_000_000_000, Some(cut)), run(step, &sent, 1_000_000_000, None));
    }
}

#[test]
fn a_line_is_its_two_ends() {
    let points: Vec<Raw> = (0..500u32).map(|n| (i64::from(n), i64::from(n) * 10, f64::from(n) * 0.125)).collect();
    let (left, _) =
        run(r#"{"swinging_door": {"field": "v", "deviation": 0.01, "time": "t"}}"#, &sent(&points), 10_000_000, None);
    assert_eq!(left.iter().map(|(.., payload)| point(payload)).collect::<Vec<_>>(), [(0, 0.0), (4990, 62.375)]);
}
