//! Contracts in the pipeline: what a message thrown away means for ledgers and tokens, and what a reload keeps of the report.

use serde_json::{Value, json};

use crate::world::{World, mqtt_sink, mqtt_source, one_route};

fn node() -> Value {
    json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("uns", 1)]})
}

/// One route that promises a measurement of at most 40.
fn promising(mode: &str) -> Value {
    let mut spec = one_route(&["in"], &["uns"]);
    spec["contracts"] = json!([{"name": "measurement", "version": 1, "mode": mode, "fields": [
        {"path": "value", "type": "number", "range": [null, 40]}]}]);
    spec["routes"][0]["contract"] = json!("measurement@1");
    spec
}

fn deliver(world: &mut World, payloads: &[&str]) {
    for payload in payloads {
        world.broker("in").deliver("raw/a", payload, 1);
    }
    world.settle();
}

fn swap(world: &mut World, spec: &Value) {
    let (spec, node) = (spec.to_string(), node().to_string());
    world.pipeline.swap(spec.as_bytes(), node.as_bytes(), world.now).expect("the new node is right");
    world.meet();
    world.settle();
}

fn report(world: &World) -> Value {
    serde_json::to_value(world.pipeline.contracts_report()).expect("a report is JSON")
}

#[test]
fn a_rejected_message_is_acknowledged_and_has_its_term_in_the_ledgers() {
    let mut world = World::new(&promising("reject"), &node());
    deliver(&mut world, &[r#"{"value":1}"#, r#"{"value":41}"#, r#"{"value":2}"#]);
    let seen: Vec<String> = world.broker("uns").seen.iter().map(|seen| seen.payload.clone()).collect();
    let status = world.status();
    let route = &status["routes"][0];
    let terms = ["matched", "passed", "filtered", "in_hooks", "quarantined", "rejected"].map(|term| &route[term]);
    assert_eq!(seen, [r#"{"value":1}"#, r#"{"value":2}"#]);
    assert_eq!(world.broker("in").acknowledged, [r#"{"value":1}"#, r#"{"value":41}"#, r#"{"value":2}"#]);
    assert_eq!(terms, [3, 2, 0, 0, 0, 1]);
    assert_eq!((&status["totals"]["rejected"], &status["quarantine"]["received"]), (&json!(1), &json!(0)));
    assert_eq!((&status["contracts"][0]["judged"], &status["contracts"][0]["violated"]), (&json!(3), &json!(1)));
}

#[test]
fn a_rejected_message_stays_in_the_ledger_across_a_reload() {
    let mut world = World::new(&promising("reject"), &node());
    deliver(&mut world, &[r#"{"value":41}"#]);
    swap(&mut world, &promising("reject"));
    deliver(&mut world, &[r#"{"value":42}"#, r#"{"value":3}"#]);
    let status = world.status();
    assert_eq!((&status["routes"][0]["rejected"], &status["totals"]["rejected"]), (&json!(2), &json!(2)));
}

#[test]
fn the_report_counts_on_across_a_reload_and_names_the_new_mode() {
    let mut world = World::new(&promising("observe"), &node());
    deliver(&mut world, &[r#"{"value":1}"#, r#"{"value":41}"#]);
    swap(&mut world, &promising("reject"));
    deliver(&mut world, &[r#"{"value":42}"#, r#"{"value":"x"}"#]);
    let report = report(&world);
    let payloads: Vec<&str> = offenders(&report).iter().filter_map(|offender| offender["payload"].as_str()).collect();
    assert_eq!(report.as_array().map(Vec::len), Some(1));
    assert_eq!((&report[0]["contract"], &report[0]["mode"]), (&json!("measurement@1"), &json!("reject")));
    assert_eq!((&report[0]["judged"], &report[0]["violated"]), (&json!(4), &json!(3)));
    let rules = report[0]["rules"].as_array().expect("a list");
    let count = |rule: &str| rules.iter().find(|found| found["rule"] == rule).map(|found| &found["count"]);
    assert_eq!((count("contract_range"), count("contract_type")), (Some(&json!(2)), Some(&json!(1))));
    assert_eq!(payloads, [r#"{"value":41}"#, r#"{"value":42}"#, r#"{"value":"x"}"#], "the oldest first");
}

#[test]
fn a_contract_that_a_reload_removes_stays_in_the_report() {
    let mut world = World::new(&promising("observe"), &node());
    deliver(&mut world, &[r#"{"value":41}"#]);
    swap(&mut world, &one_route(&["in"], &["uns"]));
    deliver(&mut world, &[r#"{"value":42}"#]);
    let report = report(&world);
    assert_eq!((&report[0]["judged"], &report[0]["violated"]), (&json!(1), &json!(1)));
}

#[test]
fn only_the_newest_offenders_are_kept_however_often_it_reloads() {
    let mut world = World::new(&promising("observe"), &node());
    for value in 41..61 {
        deliver(&mut world, &[&format!(r#"{{"value":{value}}}"#)]);
        swap(&mut world, &promising("observe"));
    }
    let report = report(&world);
    let payloads: Vec<&str> = offenders(&report).iter().filter_map(|offender| offender["payload"].as_str()).collect();
    let newest: Vec<String> = (53..61).map(|value| format!(r#"{{"value":{value}}}"#)).collect();
    assert_eq!((&report[0]["violated"], payloads), (&json!(20), newest.iter().map(String::as_str).collect()));
}

fn offenders(report: &Value) -> &[Value] {
    report[0]["offenders"].as_array().map_or(&[], Vec::as_slice)
}
