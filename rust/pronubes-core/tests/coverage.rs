//! Coverage: what of the routes was run, also behind hooks and stateful steps.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use pronubes_core::{
    Emission, HookCall, Message, Meta, Outlet, Plan, Quarantined, ResumePoint, Resumed, RouteId, Router, SourceId,
};

/// Keeps where a route goes on behind its hook.
#[derive(Default)]
struct Kept {
    hooks: Vec<(RouteId, ResumePoint)>,
    emitted: Vec<Vec<u8>>,
}

impl Outlet for Kept {
    fn emit(&mut self, emission: &Emission<'_>) {
        self.emitted.push(emission.payload.to_vec());
    }
    fn hook(&mut self, call: &HookCall<'_>) {
        self.hooks.push((call.route, call.point));
    }
    fn quarantine(&mut self, _: &Quarantined<'_>) {}
    fn filtered(&mut self, _: RouteId) {}
}

const SPEC: &str = r#"{"sources": ["s"], "sinks": ["a", "b"], "hooks": ["m:f"], "routes": [
    {"name": "plain", "filter": "raw/{t}", "where": "payload.v > 0", "steps": [
        {"scale": {"field": "v", "factor": 2}, "where": "payload.v > 10"}, {"set": {"u": 1}}],
     "to": [{"sink": "a"}, {"sink": "b"}]},
    {"name": "hooked", "filter": "hook/{t}", "steps": [
        {"python": {"hook": 0}}, {"set": {"x": 1}, "where": "payload.v > 0"}], "to": [{"sink": "a"}]},
    {"name": "slow", "filter": "slow/{t}", "steps": [{"throttle": {"every": "10s"}}, {"set": {"y": 1}}], "to": [{"sink": "b"}]},
    {"name": "split", "filter": "split", "steps": [{"explode": {}}, {"scale": {"field": "v", "factor": 2}}], "to": [{"sink": "b"}]},
    {"name": "never", "filter": "never", "to": [{"sink": "a"}]}]}"#;

fn router() -> Router {
    Router::new(Plan::compile(&serde_json::from_str(SPEC).unwrap()).unwrap().into())
}

fn route(router: &mut Router, kept: &mut Kept, topic: &str, payload: &str, received_ns: i64) {
    let meta = Meta { received_ns, ..Meta::default() };
    router.route(&Message { source: SourceId(0), topic, payload: payload.as_bytes(), meta }, kept);
}

fn covered(router: &Router) -> serde_json::Value {
    serde_json::to_value(router.coverage().unwrap()).unwrap()["routes"].take()
}

#[test]
fn nothing_is_noted_unasked() {
    let (mut router, mut kept) = (router(), Kept::default());
    route(&mut router, &mut kept, "raw/a", r#"{"v": 1}"#, 0);
    assert!(router.coverage().is_none());
}

#[test]
fn conditions_steps_and_targets_are_counted() {
    let (mut router, mut kept) = (router(), Kept::default());
    router.cover();
    for payload in [r#"{"v": 1}"#, r#"{"v": 0}"#, r#"{"v": 11}"#, "{}"] {
        route(&mut router, &mut kept, "raw/a", payload, 0);
    }
    let found = covered(&router);
    assert_eq!(
        found[0],
        serde_json::json!({"matched": 4, "held": 2, "not_held": 1, "steps": [{"ran": 1, "skipped": 1}, {"ran": 2, "skipped": 0}],
            "targets": [2, 2], "expect": [0, 0], "contract": [0, 0]})
    );
    assert_eq!(found[4]["matched"], 0);
}

#[test]
fn what_comes_back_from_a_hook_is_followed() {
    let (mut router, mut kept) = (router(), Kept::default());
    router.cover();
    route(&mut router, &mut kept, "hook/a", r#"{"v": 1}"#, 0);
    assert_eq!(covered(&router)[1]["targets"], serde_json::json!([]));
    let (route, point) = kept.hooks[0];
    let (topic, meta) = ("hook/a", Meta::default());
    let payload = br#"{"v": 0}"#;
    let source = SourceId(0);
    router.resume(
        &Resumed { route, point, source, topic, new_topic: None, payload, original: payload, key: None, meta },
        &mut kept,
    );
    let found = covered(&router);
    assert_eq!(found[1]["matched"], 1);
    assert_eq!(found[1]["steps"], serde_json::json!([{"ran": 1, "skipped": 0}, {"ran": 0, "skipped": 1}]));
    assert_eq!(found[1]["targets"], serde_json::json!([1]));
}

#[test]
fn stateful_steps_remember_while_they_are_covered() {
    let (mut router, mut kept) = (router(), Kept::default());
    router.cover();
    route(&mut router, &mut kept, "slow/a", r#"{"v": 1}"#, 0);
    route(&mut router, &mut kept, "slow/a", r#"{"v": 2}"#, 1_000_000_000);
    assert_eq!(covered(&router)[2]["targets"], serde_json::json!([1]));
    router.advance(10_000_000_000, 100, &mut kept);
    let found = covered(&router);
    assert_eq!(found[2]["targets"], serde_json::json!([2]));
    assert_eq!(found[2]["steps"][1], serde_json::json!({"ran": 2, "skipped": 0}));
    assert_eq!(kept.emitted.len(), 2);
}

#[test]
fn a_step_that_fails_has_run() {
    let (mut router, mut kept) = (router(), Kept::default());
    router.cover();
    route(&mut router, &mut kept, "split", r#"{"a": {"v": 1}, "b": {"v": "x"}}"#, 0);
    let found = covered(&router);
    assert_eq!(found[3]["steps"], serde_json::json!([{"ran": 1, "skipped": 0}, {"ran": 2, "skipped": 0}]));
    assert_eq!(found[3]["targets"], serde_json::json!([1]));
}
