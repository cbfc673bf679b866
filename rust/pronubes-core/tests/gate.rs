//! The gate in routes: modes, ledgers, roles, what explode and hooks do to it, and that one bad message changes nothing
//! for its neighbours.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod common;

use common::{Outcome, Recorder, compile, message, routed};
use pronubes_core::contract::{OFFENDERS, reports};
use pronubes_core::spec::RouterSpec;
use pronubes_core::{Plan, Reason, Resumed, RouteId, Router, SourceId};
use serde_json::{Value, json};

const RANGE: &str = "contract `m@1`, field `value`: found `900`, expected 0 to 100";

/// A specification with one route and the contract `m@1`: a value from 0 to 100.
fn spec(mode: &str, route: Value) -> String {
    let mut full = json!({"name": "r", "to": [{"sink": "s"}]});
    full.as_object_mut().unwrap().extend(route.as_object().unwrap().clone());
    json!({"sources": ["plant"], "sinks": ["s"], "hooks": ["m:f"], "routes": [full], "contracts": [
        {"name": "m", "version": 1, "mode": mode, "fields": [{"path": "value", "type": "number", "range": [0, 100]}]}]})
    .to_string()
}

fn router(mode: &str, route: Value) -> Router {
    Router::new(compile(&spec(mode, route)))
}

fn emitted(payload: &str) -> Vec<Outcome> {
    vec![Outcome::emitted("s", "a/b", payload)]
}

fn ledger(router: &Router) -> [u64; 4] {
    let stats = &router.stats().routes[0];
    assert!(router.stats().is_balanced(), "{stats:?}");
    [stats.matched, stats.passed, stats.quarantined, stats.rejected]
}

#[test]
fn observe_counts_and_changes_nothing() {
    let mut router = router("observe", json!({"contract": "m@1"}));
    assert_eq!(routed(&mut router, "a/b", r#"{"value": 900}"#), emitted(r#"{"value": 900}"#));
    assert_eq!(routed(&mut router, "a/b", r#"{"value": 9}"#), emitted(r#"{"value": 9}"#));
    assert_eq!(routed(&mut router, "a/b", "\u{1}binary"), emitted("\u{1}binary"));
    assert_eq!(ledger(&router), [3, 3, 0, 0]);
    let report = &reports(&router.plan().clone(), router.stats())[0];
    let rules: Vec<_> = report.rules.iter().map(|rule| (rule.field.as_str(), rule.rule, rule.count)).collect();
    assert_eq!((report.judged, report.violated), (3, 2));
    assert_eq!(rules, [("value", "contract_range", 1), ("", "invalid_json", 1)]);
}

#[test]
fn annotate_marks_with_a_field() {
    let mut router = router("annotate", json!({"contract": "m@1"}));
    let marked = r#"{"value": 900,"contract_violation":"m@1: value: contract_range"}"#;
    assert_eq!(routed(&mut router, "a/b", r#"{"value": 900}"#), emitted(marked));
    assert_eq!(routed(&mut router, "a/b", marked), emitted(marked));
    let empty = r#"{"contract_violation":"m@1: value: contract_missing_field"}"#;
    assert_eq!(routed(&mut router, "a/b", "{}"), emitted(empty));
    assert_eq!(routed(&mut router, "a/b", "[1]"), emitted("[1]"));
    assert_eq!(routed(&mut router, "a/b", r#"{"value": 9}"#), emitted(r#"{"value": 9}"#));
    assert_eq!(ledger(&router), [5, 5, 0, 0]);
}

#[test]
fn quarantine_says_what_and_why() {
    let mut router = router("quarantine", json!({"contract": "m@1"}));
    let bad = Outcome::quarantined("r", None, Reason::ContractRange, RANGE);
    assert_eq!(routed(&mut router, "a/b", r#"{"value":900}"#), [bad]);
    assert_eq!(routed(&mut router, "a/b", r#"{"value":9}"#), emitted(r#"{"value":9}"#));
    assert_eq!(ledger(&router), [2, 1, 1, 0]);
}

#[test]
fn reject_throws_away_and_counts() {
    let mut router = router("reject", json!({"contract": "m@1"}));
    assert_eq!(routed(&mut router, "a/b", r#"{"value":900}"#), [Outcome::rejected("r", Reason::ContractRange, RANGE)]);
    assert_eq!(ledger(&router), [1, 0, 0, 1]);
    assert_eq!(router.stats().routes[0].reasons, [(Reason::ContractRange, 1)]);
}

#[test]
fn a_rejected_message_was_taken() {
    let text = spec("reject", json!({"contract": "m@1", "final": true}));
    let mut spec: Value = serde_json::from_str(&text).unwrap();
    spec["routes"].as_array_mut().unwrap().push(json!({"name": "later", "to": [{"sink": "s"}]}));
    let mut router = Router::new(compile(&spec.to_string()));
    assert_eq!(routed(&mut router, "a/b", r#"{"value":900}"#).len(), 1);
    assert_eq!((router.stats().routes[1].matched, router.stats().sources[0].matched), (0, 1));
}

#[test]
fn expect_judges_before_the_steps_and_contract_behind_them() {
    let steps = json!([{"scale": {"field": "value", "factor": 10}}]);
    let mut before = router("quarantine", json!({"expect": "m@1", "steps": steps}));
    assert_eq!(routed(&mut before, "a/b", r#"{"value":90}"#), emitted(r#"{"value":900}"#));
    let mut behind = router("quarantine", json!({"contract": "m@1", "steps": steps}));
    let bad = Outcome::quarantined("r", None, Reason::ContractRange, RANGE);
    assert_eq!(routed(&mut behind, "a/b", r#"{"value":90}"#), [bad]);
    assert_eq!(routed(&mut behind, "a/b", r#"{"value":9}"#), emitted(r#"{"value":90}"#));
}

#[test]
fn the_condition_comes_before_expect() {
    let mut router = router("reject", json!({"expect": "m@1", "where": "payload.value < 500.0"}));
    assert_eq!(routed(&mut router, "a/b", r#"{"value":900}"#), [Outcome::Filtered("r".into())]);
    assert_eq!(router.stats().contracts[0].judged, 0);
}

#[test]
fn a_mark_before_the_steps_is_a_field_like_others() {
    let steps = json!([{"set": {"seen": true}}]);
    let mut router = router("annotate", json!({"expect": "m@1", "steps": steps}));
    let marked = r#"{"value":900,"contract_violation":"m@1: value: contract_range","seen":true}"#;
    assert_eq!(routed(&mut router, "a/b", r#"{"value":900}"#), emitted(marked));
    assert_eq!(routed(&mut router, "a/b", r#"{"value":9}"#), emitted(r#"{"value":9,"seen":true}"#));
}

#[test]
fn a_bare_value_is_expected_as_it_came() {
    let text = json!({"sources": ["plant"], "sinks": ["s"],
        "contracts": [{"name": "bare", "version": 1, "scalar": {"type": "number", "range": [0, 100]}},
            {"name": "m", "version": 1, "fields": [{"path": "value", "type": "number"}]}],
        "routes": [{"name": "r", "expect": "bare@1", "contract": "m@1", "to": [{"sink": "s"}],
            "steps": [{"set": {"unit": "K"}, "from_scalar": true}]}]});
    let mut router = Router::new(compile(&text.to_string()));
    assert_eq!(routed(&mut router, "a/b", "9"), emitted(r#"{"value":9,"unit":"K"}"#));
    let detail = "contract `bare@1`, payload: found `900`, expected 0 to 100";
    assert_eq!(routed(&mut router, "a/b", "900"), [Outcome::quarantined("r", None, Reason::ContractRange, detail)]);
}

#[test]
fn members_are_judged_one_by_one() {
    let steps = json!([{"explode": {"field": "list"}}]);
    let payload = r#"{"list":[{"value":1},{"value":900},{"value":2}]}"#;
    let good = [r#"{"value":1}"#, r#"{"value":2}"#].map(|payload| Outcome::emitted("s", "a/b", payload));
    let mut quarantine = router("quarantine", json!({"contract": "m@1", "steps": steps}));
    let bad = Outcome::quarantined("r", None, Reason::ContractRange, &format!("member `1`: {RANGE}"));
    assert_eq!(routed(&mut quarantine, "a/b", payload), [good[0].clone(), good[1].clone(), bad]);
    assert_eq!(ledger(&quarantine), [1, 0, 1, 0]);
    let mut reject = router("reject", json!({"contract": "m@1", "steps": steps}));
    let thrown = Outcome::rejected("r", Reason::ContractRange, RANGE);
    assert_eq!(routed(&mut reject, "a/b", payload), [good[0].clone(), thrown.clone(), good[1].clone()]);
    assert_eq!(routed(&mut reject, "a/b", r#"{"list":[{"value":900}]}"#), [thrown]);
    assert_eq!(ledger(&reject), [2, 1, 0, 1]);
}

#[test]
fn what_a_hook_gives_back_is_judged() {
    let mut router = router("reject", json!({"contract": "m@1", "steps": [{"python": {"hook": 0}}]}));
    let mut recorder = Recorder::new(router.plan().clone());
    for payload in [r#"{"value":1}"#, r#"{"value":900}"#] {
        router.route(&message("a/b", b"{}"), &mut recorder);
        let message = message("a/b", b"{}");
        let point = *recorder.points.last().unwrap();
        let resumed = Resumed {
            route: RouteId(0),
            point,
            source: SourceId(0),
            topic: message.topic,
            new_topic: None,
            payload: payload.as_bytes(),
            original: message.payload,
            key: None,
            meta: message.meta,
        };
        router.resume(&resumed, &mut recorder);
    }
    assert_eq!(recorder.outcomes[1], Outcome::emitted("s", "a/b", r#"{"value":1}"#));
    assert_eq!(recorder.outcomes[3], Outcome::rejected("r", Reason::ContractRange, RANGE));
    assert_eq!(ledger(&router), [2, 1, 0, 1]);
}

#[test]
fn explain_shows_the_verdict() {
    let mut router = router("reject", json!({"expect": "m@1", "contract": "m@1"}));
    let good = router.explain(&message("a/b", br#"{"value":1}"#));
    let seen: Vec<_> = good.routes[0].verdicts.iter().map(|one| (one.role, one.violations.len())).collect();
    assert_eq!((good.routes[0].fate, &seen[..]), ("passed", &[("expect", 0), ("contract", 0)][..]));
    let bad = router.explain(&message("a/b", br#"{"value":900}"#));
    let verdict = &bad.routes[0].verdicts[0];
    assert_eq!(
        (bad.routes[0].fate, verdict.mode, verdict.violations[0].reason),
        ("rejected", "reject", "contract_range")
    );
    assert_eq!(router.stats().contracts[0].judged, 0);
}

#[test]
fn one_bad_among_ten_thousand_changes_nothing_for_the_others() {
    let steps = json!([{"scale": {"field": "value", "factor": 0.5}}]);
    for mode in ["observe", "annotate", "quarantine", "reject"] {
        let mut with = router(mode, json!({"contract": "m@1", "expect": "m@1", "steps": steps}));
        let mut without = router(mode, json!({"steps": steps}));
        for number in 0..10_000 {
            let payload = format!(r#"{{"value":{}.5,"n":{number}}}"#, number % 100);
            let topic = format!("a/{}", number % 1000);
            if number == 5_000 {
                routed(&mut with, &topic, r#"{"value":"broken","value":{"#);
                routed(&mut with, &topic, r#"{"value":900}"#);
            }
            let (found, wanted) = (routed(&mut with, &topic, &payload), routed(&mut without, &topic, &payload));
            assert_eq!(found, wanted, "{mode}: {payload}");
        }
        assert!(with.stats().is_balanced() && without.stats().is_balanced());
        assert!(with.stats().contracts[0].violated >= 1);
    }
}

#[test]
fn the_sample_is_bounded() {
    let mut router = router("observe", json!({"contract": "m@1"}));
    let topic = format!("a/{}", "é".repeat(2000));
    for number in 0..100 {
        routed(&mut router, &topic, &format!(r#"{{"value":900,"n":{number},"long":"{}"}}"#, "x".repeat(5000)));
    }
    let plan = router.plan().clone();
    let offenders = &reports(&plan, router.stats())[0].offenders;
    assert_eq!(offenders.len(), OFFENDERS);
    let newest = &offenders[OFFENDERS - 1];
    assert!(newest.payload.starts_with(r#"{"value":900,"n":99,"#) && newest.payload.len() == 512);
    assert!(newest.topic.len() <= 512 && newest.payload_bytes > 5000);
}

#[test]
fn what_is_wrong_with_contracts_is_said_at_once() {
    let text = json!({"sources": ["plant"], "sinks": ["s"],
        "contracts": [{"name": "m", "version": 1, "fields": [{"path": "v", "type": "number", "range": [2, 1]}]},
            {"name": "m", "version": 1}, {"name": "", "version": 0}],
        "routes": [{"name": "r", "contract": "n@1", "expect": "m@2", "to": [{"sink": "s"}]}]});
    let spec: RouterSpec = serde_json::from_str(&text.to_string()).unwrap();
    let errors = Plan::compile(&spec).unwrap_err();
    let paths: Vec<_> = errors.iter().map(|error| error.path_text()).collect();
    assert_eq!(
        paths,
        [
            "contracts/0/fields/0/range",
            "contracts/1",
            "contracts/2/name",
            "contracts/2/version",
            "routes/0/expect",
            "routes/0/contract"
        ]
    );
}
