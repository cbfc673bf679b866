//! When a source is acknowledged, and what that promises.

use serde_json::json;

use crate::world::{SECOND, World, mqtt_sink, mqtt_source, one_route};

fn qos1_to_qos1() -> World {
    let node = json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("uns", 1)]});
    World::new(&one_route(&["in"], &["uns"]), &node)
}

#[test]
fn a_qos_0_message_passes_with_its_topic_changed() {
    let node = json!({"sources": [mqtt_source("in", 0)], "sinks": [mqtt_sink("uns", 0)]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    world.broker("in").deliver("raw/a/b", "1", 0);
    world.broker("in").deliver("other/a", "2", 0);
    world.settle();
    let seen = &world.broker("uns").seen;
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].topic.as_str(), seen[0].payload.as_str(), seen[0].qos), ("out/a/b", "1", 0));
    let ledger = ["received", "matched", "unrouted"].map(|what| world.source("in", what));
    assert_eq!((ledger, world.sink("uns", "delivered"), world.sink("uns", "buffered")), ([2, 1, 1], 1, 0));
}

#[test]
fn a_qos_1_source_is_acknowledged_when_the_sink_has_confirmed_and_not_before() {
    let mut world = qos1_to_qos1();
    world.broker("uns").confirms = false;
    world.broker("in").deliver("raw/a", "1", 1);
    world.settle();
    world.pass(3600 * SECOND);
    world.settle();
    assert_eq!((world.broker("uns").seen.len(), world.broker("in").acknowledged.len()), (1, 0), "time changes nothing");
    world.broker("uns").confirm(1);
    world.settle();
    assert_eq!(world.broker("in").acknowledged, ["1"]);
    assert!(world.pipeline.drained());
}

#[test]
fn acknowledgements_keep_the_order_of_arrival_when_confirmations_do_not() {
    let mut world = qos1_to_qos1();
    world.broker("uns").confirms = false;
    for payload in ["1", "2", "3"] {
        world.broker("in").deliver("raw/a", payload, 1);
    }
    world.broker("in").deliver("elsewhere", "unrouted", 1);
    world.settle();
    world.broker("uns").unconfirmed.make_contiguous().reverse();
    world.broker("uns").confirm(2);
    world.settle();
    assert!(world.broker("in").acknowledged.is_empty(), "3 and 2 are confirmed, 1 is not");
    world.broker("uns").confirm(1);
    world.settle();
    assert_eq!(world.broker("in").acknowledged, ["1", "2", "3", "unrouted"]);
}

#[test]
fn every_target_has_to_confirm() {
    let node = json!({"sources": [mqtt_source("in", 1)], "sinks": [
        mqtt_sink("one", 1), mqtt_sink("two", 1), mqtt_sink("zero", 0), {"name": "sql", "kind": "batch"},
        {"name": "live", "kind": "latest"}]});
    let mut world = World::new(&one_route(&["in"], &["one", "two", "zero", "sql", "live"]), &node);
    world.broker("two").confirms = false;
    world.broker("in").deliver("raw/a", "1", 1);
    world.settle();
    let batch = world.pipeline.take("sql", world.now, false).flatten().expect("a batch is ready");
    assert!(world.broker("in").acknowledged.is_empty());
    world.broker("two").confirm(1);
    world.settle();
    assert!(world.broker("in").acknowledged.is_empty(), "the batch is not confirmed");
    world.pipeline.confirm("sql", batch.id, &[], &[], world.now).expect("the batch is known");
    world.settle();
    assert_eq!(world.broker("in").acknowledged, ["1"]);
}

#[test]
fn a_volatile_route_does_not_wait_for_its_sinks() {
    let node =
        json!({"sources": [mqtt_source("in", 1)], "sinks": [mqtt_sink("uns", 1)], "routes": {"all": "volatile"}});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    world.broker("uns").confirms = false;
    world.broker("in").deliver("raw/a", "1", 1);
    world.settle();
    assert_eq!(world.broker("in").acknowledged, ["1"]);
    assert_eq!(world.sink("uns", "buffered"), 1);
}

#[test]
fn what_a_lost_sink_has_not_confirmed_is_sent_again_and_acknowledged_once() {
    let mut world = qos1_to_qos1();
    world.broker("uns").confirms = false;
    for payload in ["1", "2", "3"] {
        world.broker("in").deliver("raw/a", payload, 1);
    }
    world.settle();
    let sink = world.number("uns");
    world.broker("uns").confirms = true;
    world.reconnects = false;
    world.cut(sink);
    world.broker("in").deliver("raw/a", "4", 1);
    world.settle();
    assert!(world.broker("in").acknowledged.is_empty());
    world.reconnects = true;
    world.settle();
    let payloads: Vec<String> = world.broker("uns").seen.iter().map(|seen| seen.payload.clone()).collect();
    assert_eq!(payloads, ["1", "2", "3", "1", "2", "3", "4"]);
    assert_eq!(world.broker("in").acknowledged, ["1", "2", "3", "4"]);
    assert_eq!(world.sink("uns", "delivered"), 4);
}

#[test]
fn what_the_source_sends_again_after_a_cut_is_acknowledged_by_its_new_token() {
    let mut world = qos1_to_qos1();
    world.broker("uns").confirms = false;
    world.broker("in").deliver("raw/a", "1", 1);
    world.settle();
    let source = world.number("in");
    world.cut(source);
    world.settle();
    world.broker("uns").confirm(1);
    world.settle();
    assert!(world.broker("in").acknowledged.is_empty(), "the first copy's confirmation belongs to the old connection");
    world.broker("uns").confirm(1);
    world.settle();
    assert_eq!(world.broker("in").acknowledged, ["1"]);
    assert_eq!((world.source("in", "received"), world.sink("uns", "delivered")), (2, 2));
}

#[test]
fn a_message_that_the_sink_refuses_is_acknowledged_when_the_quarantine_has_written_it() {
    let mut world = qos1_to_qos1();
    world.broker("uns").refuses.push("bad".to_owned());
    world.broker("in").deliver("raw/a", "bad", 1);
    world.broker("in").deliver("raw/a", "good", 1);
    world.settle();
    assert!(world.broker("in").acknowledged.is_empty());
    let (id, batch) = world.pipeline.take_quarantine().expect("a record waits");
    let line: serde_json::Value = serde_json::from_slice(&batch.ndjson()).expect("one JSON line");
    assert_eq!(
        [&line["reason"], &line["topic"], &line["payload"], &line["source"], &line["route"]],
        ["sink_refused", "out/a", "bad", "in", "all"]
    );
    assert!(world.pipeline.retry_quarantine(id));
    let (id, batch) = world.pipeline.take_quarantine().expect("the record is handed out again");
    assert_eq!(batch.len(), 1);
    assert!(world.pipeline.confirm_quarantine(id, world.now));
    world.settle();
    assert_eq!(world.broker("in").acknowledged, ["bad", "good"]);
    assert_eq!((world.sink("uns", "delivered"), world.sink("uns", "quarantined")), (1, 1));
    assert!(world.pipeline.drained());
}

#[test]
fn a_pipeline_that_ends_full_leaves_nothing_to_the_next_on_its_thread() {
    let node = json!({"sources": [{"name": "in", "kind": "batch", "delivery": "through"}],
        "sinks": [{"name": "sql", "kind": "batch"}]});
    for _ in 0..3 {
        let mut world = World::new(&one_route(&["in"], &["sql"]), &node);
        let mut push = world.pipeline.push("in", Some(1), world.now).expect("the source");
        push.message("raw/a", b"1", None);
        push.end();
        world.work();
        assert!(world.take_notes().settled.is_empty());
        assert_eq!(world.status()["lost_holds"], json!(0));
    }
}

#[test]
fn the_age_of_the_oldest_message_counts_from_when_nothing_older_waited() {
    let mut world = qos1_to_qos1();
    let age = |world: &World| world.pipeline.status(world.now).sources[0].oldest_unsettled_age_ns;
    world.broker("uns").confirms = false;
    world.pass(3600 * SECOND);
    assert_eq!(age(&world), None, "nothing waits");
    world.broker("in").deliver("raw/a", "1", 1);
    world.settle();
    world.pass(20 * SECOND);
    world.broker("in").deliver("raw/a", "2", 1);
    world.settle();
    world.pass(20 * SECOND);
    assert_eq!(
        age(&world),
        Some(40 * SECOND),
        "an hour without messages is no age, and the younger one does not hide the older"
    );
    world.broker("uns").confirm(1);
    world.settle();
    world.pass(5 * SECOND);
    assert_eq!(age(&world), Some(5 * SECOND));
    world.broker("uns").confirm(1);
    world.settle();
    assert_eq!(age(&world), None);
}
