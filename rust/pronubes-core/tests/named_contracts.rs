//! Contracts that names bring along: the topic as it came says by which contract the payload that leaves is judged.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod common;

use common::{Outcome, Recorder, compile, message, routed};
use pronubes_core::spec::RouterSpec;
use pronubes_core::{Plan, Reason, Router, SourceId};
use serde_json::{Value, json};

fn contract(name: &str, field: &str, high: u32) -> Value {
    let fields = json!([{"path": field, "type": "number", "range": [0, high]}]);
    json!({"name": name, "version": 1, "mode": "quarantine", "fields": fields})
}

fn spec(route: Value) -> Value {
    let mut full = json!({"name": "r", "contract_from_names": true, "to": [{"sink": "s"}]});
    full.as_object_mut().unwrap().extend(route.as_object().unwrap().clone());
    json!({"sources": ["boiler", "oven", "plain"], "sinks": ["s"], "routes": [full],
        "contracts": [contract("low", "value", 10), contract("high", "value", 100), contract("other", "speed", 5)],
        "named_contracts": {"boiler": {"low@1": ["a/1"], "high@1": ["a/2", "a/3"]}, "oven": {"high@1": ["a/1"]}}})
}

fn is_quarantined(outcomes: &[Outcome]) -> bool {
    let range = |contract: &str, high| {
        let said = format!("contract `{contract}@1`, field `value`: found `50`, expected 0 to {high}");
        Outcome::quarantined("r", None, Reason::ContractRange, &said)
    };
    outcomes == [range("low", 10)]
}

fn ranges(router: &mut Router, source: u16) -> Vec<bool> {
    let judge = |topic: &str| {
        let mut recorder = Recorder::new(router.plan().clone());
        let message = pronubes_core::Message { source: SourceId(source), ..message(topic, br#"{"value":50}"#) };
        router.route(&message, &mut recorder);
        is_quarantined(&recorder.outcomes)
    };
    ["a/1", "a/2", "a/4", "a/1"].map(judge).into()
}

#[test]
fn the_topic_says_which_contract_counts() {
    let mut router = Router::new(compile(&spec(json!({})).to_string()));
    assert_eq!(ranges(&mut router, 0), [true, false, false, true]);
    assert_eq!(ranges(&mut router, 1), [false; 4]); // the same topic of another source has another contract
    assert_eq!(ranges(&mut router, 2), [false; 4]);
    let judged: Vec<u64> = router.stats().contracts.iter().map(|contract| contract.judged).collect();
    assert_eq!(judged, [2, 3, 0]);
    assert!(router.stats().is_balanced());
}

#[test]
fn it_counts_behind_steps_and_for_routes_with_captures() {
    let route =
        json!({"filter": "{x}/{y}", "topic": "out/{y}", "steps": [{"scale": {"field": "value", "factor": 10}}]});
    let mut router = Router::new(compile(&spec(route).to_string()));
    assert_eq!(routed(&mut router, "a/1", r#"{"value":1}"#), [Outcome::emitted("s", "out/1", r#"{"value":10}"#)]);
    let said = "contract `low@1`, field `value`: found `20`, expected 0 to 10";
    assert_eq!(
        routed(&mut router, "a/1", r#"{"value":2}"#),
        [Outcome::quarantined("r", None, Reason::ContractRange, said)]
    );
    assert_eq!(routed(&mut router, "a/2", r#"{"value":2}"#), [Outcome::emitted("s", "out/2", r#"{"value":20}"#)]);
}

#[test]
fn it_makes_no_difference_whether_the_topic_is_remembered() {
    let mut full = spec(json!({}));
    full["limits"] = json!({"topic_table_bytes": 0});
    let mut router = Router::new(compile(&full.to_string()));
    assert_eq!(ranges(&mut router, 0), [true, false, false, true]);
}

#[test]
fn what_is_not_there_is_an_error() {
    let mut full = spec(json!({}));
    full["named_contracts"] = json!({"nobody": {"low@1": []}, "oven": {"lwo@1": ["a"]}});
    let parsed: RouterSpec = serde_json::from_value(full).unwrap();
    let errors = Plan::compile(&parsed).unwrap_err();
    let paths: Vec<String> = errors.iter().map(pronubes_core::SpecError::path_text).collect();
    assert_eq!(paths, ["routes/0/contract", "named_contracts/nobody", "named_contracts/oven"]);
}
