//! Codecs in routes: what is judged before and behind them, what hooks and `explain` see.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod common;

use std::sync::Arc;

use common::{Outcome, Recorder, compile, message, routed_bytes, unhex};
use pronubes_core::{Emission, HookCall, Outlet, Plan, Quarantined, Reason, Resumed, RouteId, Router, SourceId};
use serde_json::{Value, json};

/// `{"value": 21.5, "id": "p1"}`
const CBOR: &str = "a26576616c7565f94d606269646270 31";

fn cbor() -> Vec<u8> {
    unhex(&CBOR.replace(' ', ""))
}

fn router(route: &Value) -> Router {
    let mut spec = json!({"sources": ["plant"], "sinks": ["s"], "hooks": ["m:f"], "contracts": [
        {"name": "c", "version": 1, "mode": "annotate", "fields": [{"path": "value", "type": "number", "range": [0, 30]}]},
        {"name": "q", "version": 1, "fields": [{"path": "value", "type": "number", "range": [0, 30]}]}],
        "routes": [{"name": "r", "filter": "a/{tag}", "to": [{"sink": "s"}]}]});
    for (key, value) in route.as_object().unwrap() {
        spec["routes"][0][key] = value.clone();
    }
    Router::new(compile(&spec.to_string()))
}

/// Payloads as they leave.
#[derive(Default)]
struct Bytes(Vec<(String, Vec<u8>)>);

impl Outlet for Bytes {
    fn emit(&mut self, emission: &Emission<'_>) {
        self.0.push((String::from_utf8_lossy(emission.topic).into_owned(), emission.payload.to_vec()));
    }
    fn hook(&mut self, _: &HookCall<'_>) {}
    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        panic!("{} {}", fault.reason, fault.detail);
    }
    fn filtered(&mut self, _: RouteId) {}
}

fn sent(router: &mut Router, payload: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut bytes = Bytes::default();
    router.route(&message("a/b", payload), &mut bytes);
    assert!(router.stats().is_balanced());
    bytes.0
}

#[test]
fn a_payload_goes_through_json_and_back() {
    let steps = json!([{"decode": "cbor"}, {"scale": {"field": "value", "factor": 2}}, {"encode": "cbor"}]);
    let mut router = router(&json!({"steps": steps, "topic": "x/{payload.id}/{payload.value}"}));
    let expected = unhex("a26576616c7565f951606269646270 31".replace(' ', "").as_str());
    for _ in 0..2 {
        assert_eq!(sent(&mut router, &cbor()), [("x/p1/43.0".to_owned(), expected.clone())]);
    }
}

#[test]
fn the_routes_condition_reads_the_decoded_payload() {
    let steps = json!([{"decode": "cbor"}]);
    let mut warm = router(&json!({"steps": steps, "where": "payload.value > 20.0"}));
    assert_eq!(sent(&mut warm, &cbor())[0].1, br#"{"value":21.5,"id":"p1"}"#);
    let mut hot = router(&json!({"steps": steps, "where": "payload.value > 30.0"}));
    assert_eq!(routed_bytes(&mut hot, "a/b", &cbor()), [Outcome::Filtered("r".into())]);
}

#[test]
fn a_condition_that_reads_no_payload_is_judged_before_decoding() {
    let mut router = router(&json!({"steps": [{"decode": "cbor"}], "where": "tag == \"c\""}));
    assert_eq!(routed_bytes(&mut router, "a/b", b"no cbor"), [Outcome::Filtered("r".into())]);
    let failed = Outcome::quarantined("r", Some(0), Reason::TrailingBytes, "at byte 1");
    assert_eq!(routed_bytes(&mut router, "a/c", b"\x00\x00"), [failed]);
}

#[test]
fn a_wrong_condition_is_reported_once() {
    let spec = json!({"sources": ["plant"], "sinks": ["s"], "routes": [{"name": "r", "where": "payload.", "steps": [{"decode": "cbor"}],
                      "to": [{"sink": "s"}]}]});
    let errors = Plan::compile(&serde_json::from_value(spec).unwrap()).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn expect_is_about_the_decoded_payload_and_contract_about_what_is_encoded() {
    let steps = json!([{"decode": "cbor"}, {"scale": {"field": "value", "factor": 2}}, {"encode": "cbor"}]);
    let mut expecting = router(&json!({"steps": steps, "expect": "q@1"}));
    assert_eq!(sent(&mut expecting, &cbor()).len(), 1);
    let mut promising = router(&json!({"steps": steps, "contract": "q@1"}));
    let outcomes = routed_bytes(&mut promising, "a/b", &cbor());
    assert!(matches!(&outcomes[..], [Outcome::Quarantined { reason: Reason::ContractRange, .. }]), "{outcomes:?}");
}

#[test]
fn a_mark_of_a_contract_is_encoded_too() {
    let steps = json!([{"set": {"value": 99}}, {"encode": "cbor"}]);
    let mut router = router(&json!({"steps": steps, "contract": "c@1"}));
    let payload = sent(&mut router, b"{}").remove(0).1;
    assert_eq!(payload[..9], unhex("a26576616c75651863")[..]);
    assert!(String::from_utf8_lossy(&payload).contains("c@1: value: contract_range"));
}

#[test]
fn a_hook_behind_a_decode_gets_json_and_its_result_is_encoded() {
    let steps = json!([{"decode": "cbor"}, {"python": {"hook": 0}}, {"encode": {"scalar": {"type": "int16"}}}]);
    let mut router = router(&json!({"steps": steps}));
    let mut recorder = Recorder::new(Arc::clone(router.plan()));
    let original = cbor();
    router.route(&message("a/b", &original), &mut recorder);
    let Outcome::Hook { payload, .. } = &recorder.outcomes[0] else { panic!("{:?}", recorder.outcomes) };
    assert_eq!(payload, r#"{"value":21.5,"id":"p1"}"#);
    let mut bytes = Bytes::default();
    let resumed = Resumed {
        route: RouteId(0),
        point: recorder.points[0],
        source: SourceId(0),
        topic: "a/b",
        new_topic: None,
        payload: br#"{"value": 258}"#,
        original: &original,
        key: None,
        meta: message("a/b", b"").meta,
    };
    router.resume(&resumed, &mut bytes);
    assert_eq!(bytes.0, [("a/b".to_owned(), vec![1, 2])]);
}

#[test]
fn a_hook_may_give_bytes_that_are_decoded() {
    let mut router = router(&json!({"steps": [{"python": {"hook": 0}}, {"decode": "cbor"}]}));
    let mut recorder = Recorder::new(Arc::clone(router.plan()));
    router.route(&message("a/b", b"\x1f\x8b"), &mut recorder);
    assert!(matches!(&recorder.outcomes[0], Outcome::Hook { .. }));
}

#[test]
fn every_member_is_encoded_and_what_fails_says_where() {
    let steps = json!([{"explode": {"as": "value"}}, {"encode": {"scalar": {"type": "int8"}}}]);
    let mut router = router(&json!({"steps": steps, "topic": "x/{key}"}));
    let sent = routed_bytes(&mut router, "a/b", br#"{"p":65,"q":300,"r":66}"#);
    let failed = Outcome::quarantined("r", Some(1), Reason::NumberOutOfRange, "member `q`: at byte 9 of the JSON");
    assert_eq!(sent, [Outcome::emitted("s", "x/p", "A"), Outcome::emitted("s", "x/r", "B"), failed]);
}

#[test]
fn explain_shows_bytes_that_are_no_text_as_digits() {
    let mut router = router(&json!({"steps": [{"decode": "cbor"}, {"encode": "cbor"}]}));
    let original = cbor();
    let explanation = router.explain(&message("a/b", &original));
    assert_eq!(explanation.payload, format!("0x{}", CBOR.replace(' ', "")));
    let seen = &explanation.routes[0];
    let shown: Vec<_> = seen.steps.iter().map(|step| (step.step, step.output.as_deref().unwrap())).collect();
    assert_eq!(shown, [(0, r#"{"value":21.5,"id":"p1"}"#), (1, &*explanation.payload)]);
    assert_eq!((seen.fate, &*seen.emitted[0].payload), ("passed", &*explanation.payload));
    let long = router.explain(&message("a/b", &[0xff; 1000])).payload;
    assert!(long.ends_with("ff… (1000 bytes)") && long.len() < 600, "{long}");
}
