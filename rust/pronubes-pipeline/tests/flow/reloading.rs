//! A new configuration while messages are under way: what stays keeps its sessions and tokens, what goes drains first.

use serde_json::{Value, json};

use pronubes_pipeline::edit::HookResult;

use crate::world::{World, mqtt_sink, mqtt_source, one_route};

fn swap(world: &mut World, spec: &Value, node: &Value) {
    let (spec, node) = (spec.to_string(), node.to_string());
    world.pipeline.swap(spec.as_bytes(), node.as_bytes(), world.now).expect("the new node is right");
    world.meet();
    world.settle();
}

#[test]
fn a_removed_sink_drains_before_it_leaves_and_the_source_is_acknowledged() {
    let both = json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("old", 1), mqtt_sink("uns", 1)]});
    let mut world = World::new(&one_route(&["in"], &["old", "uns"]), &both);
    world.broker("old").confirms = false;
    world.broker("in").deliver("raw/a", "1", 1);
    world.settle();
    let old = world.number("old");
    world.take_notes();
    swap(
        &mut world,
        &one_route(&["in"], &["uns"]),
        &json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("uns", 1)]}),
    );
    world.broker("in").deliver("raw/a", "2", 1);
    world.settle();
    assert!(world.take_notes().closes.is_empty(), "no session was touched");
    assert_eq!((world.broker("old").seen.len(), world.broker("uns").seen.len()), (1, 2));
    world.brokers.get_mut(&old).expect("its broker").confirm(1);
    world.settle();
    assert_eq!(world.broker("in").acknowledged, ["1", "2"]);
    let closes = world.take_notes().closes;
    let left: Vec<(u32, &str, bool)> =
        closes.iter().map(|close| (close.connection, close.reason.as_str(), close.reconnect)).collect();
    assert_eq!(left, [(old, "removed", false)]);
    assert!(world.pipeline.connections().iter().all(|(number, ..)| *number != old));
    assert_eq!(world.source("in", "received"), 2, "the ledgers go on counting");
    assert_eq!(world.status()["totals"]["delivered"], json!(3), "also for what is gone");
}

#[test]
fn other_topics_are_subscribed_to_on_the_same_connection() {
    let node = json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("uns", 1)]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    world.broker("uns").confirms = false;
    world.broker("in").deliver("raw/a", "1", 1);
    world.settle();
    world.take_notes();
    let mut changed = node.clone();
    changed["sources"][0]["mqtt"]["subscriptions"] =
        json!([{"filter": "raw/#", "qos": 1}, {"filter": "more/#", "qos": 1}]);
    swap(&mut world, &one_route(&["in"], &["uns"]), &changed);
    let notes = world.take_notes();
    assert!(notes.closes.is_empty());
    assert_eq!(notes.events.iter().map(|event| event.code).collect::<Vec<_>>(), ["subscribed"]);
    world.broker("uns").confirm(1);
    world.settle();
    assert_eq!(world.broker("in").acknowledged, ["1"], "the token outlived the reload");
}

#[test]
fn another_address_or_name_of_a_source_makes_a_new_session() {
    let node = json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("uns", 1)]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    world.take_notes();
    let mut changed = node.clone();
    changed["sources"][0]["mqtt"]["username"] = json!("somebody");
    swap(&mut world, &one_route(&["in"], &["uns"]), &changed);
    let closes = world.take_notes().closes;
    assert_eq!((closes.len(), closes[0].reason.as_str(), closes[0].reconnect), (1, "reconfigured", true));
    world.broker("in").deliver("raw/a", "1", 1);
    world.settle();
    assert_eq!(world.broker("in").acknowledged, ["1"]);
}

#[test]
fn a_sink_that_connects_in_another_way_keeps_the_order_and_loses_nothing() {
    let node = json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("uns", 1)]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    let uns = world.number("uns");
    world.broker("uns").confirms = false;
    for payload in ["1", "2"] {
        world.broker("in").deliver("raw/a", payload, 1);
    }
    world.settle();
    world.broker("uns").confirm(1);
    world.settle();
    world.take_notes();
    let mut changed = node.clone();
    changed["sinks"][0]["mqtt"]["username"] = json!("somebody");
    changed["sinks"][0]["mqtt"]["protocol"] = json!(5);
    changed["sinks"][0]["mqtt"]["max_inflight"] = json!(2);
    swap(&mut world, &one_route(&["in"], &["uns"]), &changed);
    let closes = world.take_notes().closes;
    assert_eq!(closes.iter().map(|close| (close.connection, close.reconnect)).collect::<Vec<_>>(), [(uns, true)]);
    for payload in ["3", "4", "5"] {
        world.broker("in").deliver("raw/a", payload, 1);
    }
    world.settle();
    world.broker("uns").confirms = true;
    world.broker("uns").confirm(9);
    world.settle();
    let seen: Vec<String> = world.broker("uns").seen.iter().map(|seen| seen.payload.clone()).collect();
    assert_eq!(seen, ["1", "2", "2", "3", "4", "5"], "what was in flight goes first, and nothing overtakes it");
    assert_eq!(world.broker("in").acknowledged, ["1", "2", "3", "4", "5"]);
    assert_eq!((world.sink("uns", "emitted"), world.sink("uns", "delivered")), (5, 5));
    assert_eq!(world.number("uns"), uns, "there was never a second session");
    assert!(world.pipeline.drained());
}

#[test]
fn a_refusal_after_a_reload_names_no_route_of_the_new_plan() {
    let node = json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("uns", 1)]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    world.broker("uns").confirms = false;
    world.broker("uns").refuses.push("bad".to_owned());
    world.broker("in").deliver("raw/a", "bad", 1);
    world.settle();
    swap(&mut world, &one_route(&["in"], &["uns"]), &node);
    world.broker("uns").confirm(1);
    world.settle();
    let (_, batch) = world.pipeline.take_quarantine().expect("a record waits");
    let line: Value = serde_json::from_slice(&batch.ndjson()).expect("one JSON line");
    assert_eq!((&line["source"], &line["route"]), (&json!("in"), &Value::Null));
}

fn hooked(version: &str) -> Value {
    json!({"sources": ["in"], "sinks": ["uns"], "hooks": ["plant:hook"], "routes": [
        {"name": "all", "filter": "raw/{rest#}", "topic": format!("{version}/{{rest}}"), "to": [{"sink": "uns"}],
            "steps": [{"python": {"hook": 0}}]}]})
}

#[test]
fn rows_in_a_hook_end_under_the_plan_that_sent_them_there_and_before_newer_ones() {
    let node = json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("uns", 1)]});
    let mut world = World::new(&hooked("old"), &node);
    world.broker("in").deliver("raw/a", "1", 1);
    world.settle();
    let first = world.pipeline.take_hook(0).flatten().expect("a batch");
    swap(&mut world, &hooked("new"), &node);
    world.broker("in").deliver("raw/a", "2", 1);
    world.settle();
    let hooks = world.pipeline.hooks();
    assert_eq!(hooks, [(1, "plant:hook")], "numbers are never used twice");
    assert!(world.pipeline.take_hook(1).flatten().is_none(), "the older rows go first");
    world.take_notes();
    assert!(world.pipeline.hook_done(0, first.id, &HookResult::default(), world.now).is_some());
    world.settle();
    assert!(world.pipeline.take_hook(0).is_none(), "the old plan is gone");
    let announced = world.take_notes().ready_hooks;
    assert!(announced.contains(&0) && announced.contains(&1), "both are told: {announced:?}");
    let second = world.pipeline.take_hook(1).flatten().expect("now it is their turn");
    assert!(world.pipeline.hook_done(1, second.id, &HookResult::default(), world.now).is_some());
    world.settle();
    let topics: Vec<String> = world.broker("uns").seen.iter().map(|seen| seen.topic.clone()).collect();
    assert_eq!(topics, ["old/a", "new/a"]);
    assert_eq!(world.broker("in").acknowledged, ["1", "2"]);
    assert!(world.pipeline.drained());
    assert_eq!(world.status()["routes"][0]["passed"], json!(2));
}
