//! What stateful steps remember: bounded, saved and restored, taken over by a reload, and never touched by who only looks.

mod common;

use common::{Moment, Outcome, Recorder, compile, fed};
use pronubes_core::{Message, Meta, Router, SourceId, StateCursor};
use proptest::prelude::*;

/// A route with these steps.
fn router(steps: &str) -> Router {
    Router::new(compile(&spec("r", steps)))
}

fn spec(route: &str, steps: &str) -> String {
    format!(
        r#"{{"sources": ["plant"], "sinks": ["s"], "routes": [{{"name": "{route}", "filter": "a/{{tag}}", "steps": {steps}, "to": [{{"sink": "s"}}]}}]}}"#
    )
}

/// One that remembers no topic, so that it looks for each key by its text.
fn forgetful(steps: &str) -> Router {
    let limits = r#"{"limits": {"topic_table_bytes": 0}, "sources"#;
    Router::new(compile(&spec("r", steps).replacen("{\"sources", limits, 1)))
}

fn payloads(outcomes: Vec<Vec<Outcome>>) -> Vec<String> {
    outcomes.into_iter().flatten().filter_map(Outcome::payload).collect()
}

/// Everything that a router remembers, in portions of about `limit` bytes.
fn saved(router: &Router, limit: usize) -> Vec<Vec<u8>> {
    let mut portions = Vec::new();
    let mut at = Some(StateCursor::default());
    while let Some(cursor) = at {
        let mut portion = Vec::new();
        at = router.save_state(cursor, limit, &mut portion);
        portions.push(portion);
    }
    portions
}

fn restored(steps: &str, portions: &[Vec<u8>]) -> (Router, usize, usize) {
    let mut router = router(steps);
    let (mut keys, mut refused) = (0, 0);
    for portion in portions {
        let restored = router.restore_state(portion);
        keys += restored.keys;
        refused += restored.refused;
    }
    (router, keys, refused)
}

/// One of each, and all that keep payloads.
const STEPS: [&str; 14] = [
    r#"[{"on_change": {"fields": ["v"], "heartbeat": "5s"}}]"#,
    r#"[{"deadband": {"field": "v", "absolute": 1, "heartbeat": "5s", "also": ["q"]}}]"#,
    r#"[{"throttle": {"every": "3s"}}]"#,
    r#"[{"throttle": {"every": "3s", "keep": "first"}}]"#,
    r#"[{"rate": {"field": "v"}}]"#,
    r#"[{"debounce": {"for": "2s"}}]"#,
    r#"[{"stale": {"after": "3s"}}]"#,
    r#"[{"window": {"field": "v", "length": "4s", "every": "2s"}}]"#,
    r#"[{"window": {"field": "v", "session": "1s"}}]"#,
    r#"[{"window": {"field": "v", "count": 3}}]"#,
    r#"[{"combine": {"by": [], "field": "v", "fields": {"x": "a/0", "y": "a/1"}, "emit": {"complete": "3s"}}}]"#,
    r#"[{"combine": {"by": [], "field": "v", "fields": {"x": "a/0", "y": "a/1"}, "emit": {"every": "2s"}}}]"#,
    r#"[{"swinging_door": {"field": "v", "deviation": 1, "max_time": "5s", "also": ["q"]}}]"#,
    r#"[{"deadband": {"field": "v", "absolute": 1}}, {"throttle": {"every": "2s"}}, {"on_change": {}}]"#,
];

fn messages() -> impl Strategy<Value = Vec<(i64, String, String)>> {
    let one = (0..2_000_i64, 0..5_u8, 0..6_u8, 0..3_u8);
    prop::collection::vec(one, 0..60).prop_map(|all| {
        let mut now = 0;
        let message = |(pause, tag, value, quality)| {
            now += pause;
            (now, format!("a/{tag}"), format!("{{\"v\":{value},\"q\":{quality}}}"))
        };
        all.into_iter().map(message).collect()
    })
}

fn moments(all: &[(i64, String, String)]) -> Vec<Moment<'_>> {
    all.iter().map(|(at_ms, topic, payload)| Moment { at_ms: *at_ms, message: Some((topic, payload)) }).collect()
}

proptest! {
    /// Whoever restores what was saved goes on as if nothing had happened.
    #[test]
    fn a_restart_changes_nothing(all in messages(), cut in 0..60_usize, step in 0..STEPS.len(), limit in 1..400_usize) {
        let cut = cut.min(all.len());
        let steps = STEPS[step];
        let (mut before, end) = (router(steps), Moment { at_ms: 10_000_000, message: None });
        fed(&mut before, &moments(&all[..cut]));
        let (mut after, _, refused) = restored(steps, &saved(&before, limit));
        prop_assert_eq!(refused, 0);
        let rest = |router: &mut Router| {
            let mut moments = moments(&all[cut..]);
            moments.push(Moment { ..end });
            let mut outcomes = fed(router, &moments);
            // Keys that are due at the same time leave in no order.
            outcomes.iter_mut().for_each(|at_once| at_once.sort_by_key(|outcome| format!("{outcome:?}")));
            outcomes
        };
        prop_assert_eq!(rest(&mut after), rest(&mut before));
        prop_assert!(after.stats().is_balanced() && before.stats().is_balanced());
    }

    /// Knowing where the key of a topic lies is a short cut and nothing else.
    #[test]
    fn topics_that_are_not_remembered_have_the_same_state(all in messages(), step in 0..STEPS.len(), by in 0..2_usize) {
        let steps = if by == 0 || STEPS[step].contains("\"by\"") { STEPS[step].into() } else { STEPS[step].replace("\": {\"", "\": {\"by\": [\"tag\"], \"") };
        let (mut one, mut other) = (router(&steps), forgetful(&steps));
        prop_assert_eq!(fed(&mut one, &moments(&all)), fed(&mut other, &moments(&all)));
        prop_assert_eq!(other.topics().len(), 0);
    }

    /// Bytes that nobody wrote do no harm.
    #[test]
    fn damaged_portions_do_no_harm(step in 0..STEPS.len(), at in 0..400_usize, byte: u8, cut in 0..400_usize) {
        let mut before = router(STEPS[step]);
        let all: Vec<_> = (0..8).map(|n| (n, format!("a/{n}"), format!("{{\"v\":{n}}}"))).collect();
        fed(&mut before, &moments(&all));
        let portions = saved(&before, 100_000);
        let damaged: Vec<Vec<u8>> = portions.into_iter().map(|mut portion| {
            if let Some(found) = portion.get_mut(at) { *found = byte }
            portion.truncate(portion.len().min(cut));
            portion
        }).collect();
        let (mut after, keys, _) = restored(STEPS[step], &damaged);
        prop_assert!(keys <= 8 * 3);
        fed(&mut after, &moments(&all));
        prop_assert!(after.stats().is_balanced());
    }
}

#[test]
fn no_key_is_missed_because_others_are_forgotten_while_it_is_saved() {
    let steps = r#"[{"debounce": {"for": "2s"}}]"#;
    let mut before = router(steps);
    let all: Vec<_> = (0..10).map(|n| (n / 5 * 1_000, format!("a/{n}"), format!("{{\"v\":{n}}}"))).collect();
    fed(&mut before, &moments(&all));
    let mut first = Vec::new();
    let mut at = before.save_state(StateCursor::default(), 200, &mut first);
    // What came first has left and is forgotten; those behind it take its place.
    assert_eq!(fed(&mut before, &[Moment { at_ms: 2_000, message: None }])[0].len(), 5);
    let mut portions = vec![first];
    while let Some(cursor) = at {
        let mut portion = Vec::new();
        at = before.save_state(cursor, 200, &mut portion);
        portions.push(portion);
    }
    assert!(portions.len() > 2);
    let (mut after, _, refused) = restored(steps, &portions);
    let left = payloads(fed(&mut after, &[Moment { at_ms: 3_000, message: None }]));
    let missed: Vec<_> = all[5..].iter().filter(|(_, _, payload)| !left.contains(payload)).collect();
    assert_eq!((missed, refused), (vec![], 0));
}

#[test]
fn other_steps_take_nothing() {
    let mut before = router(STEPS[1]);
    fed(&mut before, &[Moment { at_ms: 0, message: Some(("a/x", r#"{"v":1}"#)) }]);
    let portions = saved(&before, 1000);
    let other = r#"[{"deadband": {"field": "v", "absolute": 2, "heartbeat": "5s", "also": ["q"]}}]"#;
    let (after, keys, refused) = restored(other, &portions);
    assert_eq!((keys, refused, after.states().next().unwrap().keys), (0, 1, 0));
}

#[test]
fn a_reload_keeps_what_says_the_same() {
    let steps = r#"[{"scale": {"field": "v", "factor": 1}}, {"on_change": {"fields": ["v"]}}]"#;
    let mut before = router(steps);
    let message = |at_ms| Moment { at_ms, message: Some(("a/x", r#"{"v":1}"#)) };
    assert_eq!(payloads(fed(&mut before, &[message(0)])).len(), 1);
    // Another step stands before it now, so that its fields have other slots.
    let changed =
        r#"[{"set": {"a": 1, "b": 2}}, {"scale": {"field": "v", "factor": 1}}, {"on_change": {"fields": ["v"]}}]"#;
    let mut after = router(changed);
    after.inherit(&mut before);
    assert_eq!(payloads(fed(&mut after, &[message(1)])).len(), 0);
    // The old plan still runs what waits in hooks: with steps that remember nothing.
    assert_eq!(payloads(fed(&mut before, &[message(2)])).len(), 1);
    let mut renamed = Router::new(compile(&spec("other", steps)));
    renamed.inherit(&mut after);
    assert_eq!(payloads(fed(&mut renamed, &[message(3)])).len(), 1);
}

#[test]
fn more_keys_may_be_allowed_without_forgetting_any() {
    let with = |bounds: &str| format!(r#"[{{"on_change": {{"fields": ["v"]{bounds}}}}}]"#);
    let message = |topic| Moment { at_ms: 0, message: Some((topic, r#"{"v":1}"#)) };
    let mut before = router(&with(r#", "max_keys": 1, "when_full": "quarantine""#));
    fed(&mut before, &[message("a/x")]);
    let (mut restarted, keys, refused) = restored(&with(""), &saved(&before, 1000));
    let mut reloaded = router(&with(r#", "max_keys": 2"#));
    reloaded.inherit(&mut before);
    for router in [&mut restarted, &mut reloaded] {
        assert_eq!(payloads(fed(router, &[message("a/x"), message("a/y"), message("a/y")])).len(), 1);
    }
    let (_, fewer, too_many) = restored(&with(r#", "max_keys": 1"#), &saved(&reloaded, 1000));
    assert_eq!((keys, refused, fewer, too_many), (1, 0, 1, 1));
}

#[test]
fn who_only_looks_changes_nothing() {
    let mut router = router(r#"[{"on_change": {}}]"#);
    let payload = br#"{"v":1}"#;
    let meta = Meta { received_ns: 1, ..Meta::default() };
    let message = Message { source: SourceId(0), topic: "a/x", payload, meta };
    for _ in 0..2 {
        assert_eq!(router.explain(&message).routes[0].fate, "passed");
    }
    router.route(&message, &mut Recorder::new(router.plan().clone()));
    assert_eq!(router.explain(&message).routes[0].fate, "absorbed");
}

#[test]
fn a_million_tags_take_at_most_64_bytes_each() {
    let mut router = router(r#"[{"deadband": {"field": "v", "absolute": 1, "heartbeat": "1h", "also": ["q"]}}]"#);
    let mut recorder = Recorder::new(router.plan().clone());
    let count = 1_000_000;
    for number in 0..count {
        let topic = format!("a/{number}");
        let message = Message { source: SourceId(0), topic: &topic, payload: br#"{"v":1}"#, meta: Meta::default() };
        router.route(&message, &mut recorder);
        recorder.outcomes.clear();
    }
    let stats = router.states().next().unwrap();
    assert_eq!(stats.keys, count);
    assert!(stats.bytes <= 64 * count, "{} bytes per tag", stats.bytes / count);
}

#[test]
fn emissions_have_the_name_and_time_of_their_message() {
    struct Seen(Vec<(String, Option<i64>)>, Vec<SourceId>);
    impl pronubes_core::Outlet for Seen {
        fn emit(&mut self, emission: &pronubes_core::Emission<'_>) {
            self.0.push((String::from_utf8_lossy(emission.topic).into_owned(), emission.source_ns));
        }
        fn hook(&mut self, _: &pronubes_core::HookCall<'_>) {}
        fn quarantine(&mut self, _: &pronubes_core::Quarantined<'_>) {}
        fn filtered(&mut self, _: pronubes_core::RouteId) {}
        fn timed(&mut self, source: SourceId, _: Meta) {
            self.1.push(source);
        }
    }
    let spec = r#"{"sources": ["p", "q"], "sinks": ["s"], "routes": [{"name": "r", "filter": "a/{tag}/{line}", "steps": [{"throttle": {"every": "1s"}}],
        "topic": "acme/{line}/{tag}", "to": [{"sink": "s"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let mut seen = Seen(Vec::new(), Vec::new());
    for (source_ns, payload) in [(5, b"1"), (7, b"2")] {
        let meta = Meta { received_ns: source_ns, source_ns: Some(source_ns), ..Meta::default() };
        router.route(&Message { source: SourceId(1), topic: "a/t/l", payload, meta }, &mut seen);
    }
    assert_eq!(router.next_deadline(), Some(1_000_000_005));
    assert!(!router.advance(1_000_000_004, 10, &mut seen));
    assert_eq!(seen.1.len(), 0);
    router.advance(1_000_000_005, 10, &mut seen);
    assert_eq!(seen.0, [("acme/l/t".to_owned(), Some(5)), ("acme/l/t".to_owned(), Some(7))]);
    assert_eq!(seen.1, [SourceId(1)]);
    assert!(router.stats().is_balanced());
}
