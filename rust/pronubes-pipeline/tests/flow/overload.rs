//! Sinks that are dead or slow, under each policy: what gets there, what is counted, and that nobody else waits.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{World, mqtt_sink, mqtt_source, one_route};

/// A sink whose queue holds about 40 of the messages of `deliver`.
fn sink_with(policy: &str, qos: u8) -> Value {
    let mut sink = mqtt_sink("uns", qos);
    sink["queue_bytes"] = json!(4_000);
    sink["policy"] = json!(policy);
    sink
}

fn world(policy: &str) -> World {
    World::new(
        &spec(),
        &json!({"sources": [mqtt_source("in", 0)], "sinks": [sink_with(policy, 0), mqtt_sink("other", 0)]}),
    )
}

fn spec() -> Value {
    one_route(&["in"], &["uns", "other"])
}

/// Messages number `from` to `to`, on five topics in turn.
fn deliver(world: &mut World, from: usize, to: usize) {
    for number in from..to {
        world.broker("in").deliver(&format!("raw/{}", number % 5), &format!("{number:04}"), 0);
    }
    world.settle();
}

fn numbers(world: &mut World, sink: &str) -> Vec<usize> {
    world.broker(sink).seen.iter().map(|seen| seen.payload.parse().expect("a number")).collect()
}

fn drops(world: &World) -> BTreeMap<String, u64> {
    let status = world.status();
    let sinks = status["sinks"].as_array().expect("a list");
    let sink = sinks.iter().find(|sink| sink["name"] == "uns").expect("the sink");
    serde_json::from_value(sink["drops"].clone()).expect("counts by reason")
}

/// A dead sink: 500 messages come while it is away, and 10 more when it is back.
fn dead(policy: &str) -> (World, Vec<usize>) {
    let mut world = world(policy);
    world.reconnects = false;
    let sink = world.number("uns");
    world.cut(sink);
    world.take_notes();
    deliver(&mut world, 0, 500);
    assert!(world.take_notes().pause.is_empty(), "a queue that drops holds up no source");
    assert_eq!(numbers(&mut world, "other"), (0..500).collect::<Vec<_>>(), "and no other sink");
    let counted = world.sink("uns", "dropped") + world.sink("uns", "buffered");
    assert_eq!((counted, world.sink("uns", "delivered")), (500, 0));
    world.reconnects = true;
    world.settle();
    deliver(&mut world, 500, 510);
    let seen = numbers(&mut world, "uns");
    assert_eq!(world.sink("uns", "delivered") + world.sink("uns", "dropped"), 510);
    (world, seen)
}

#[test]
fn drop_oldest_delivers_what_came_last() {
    let (world, seen) = dead("drop_oldest");
    let kept = seen.len();
    assert!((20..70).contains(&kept), "{kept} messages fit");
    assert_eq!(seen, (510 - kept..510).collect::<Vec<_>>());
    assert_eq!(drops(&world), BTreeMap::from([("drop_oldest".to_owned(), 510 - kept as u64)]));
}

#[test]
fn drop_newest_delivers_what_came_first_and_what_comes_afterwards() {
    let (world, seen) = dead("drop_newest");
    let kept = seen.len() - 10;
    assert!((20..70).contains(&kept), "{kept} messages fit");
    assert_eq!(seen, (0..kept).chain(500..510).collect::<Vec<_>>());
    assert_eq!(drops(&world), BTreeMap::from([("drop_newest".to_owned(), 500 - kept as u64)]));
}

#[test]
fn keep_latest_delivers_the_newest_of_each_topic() {
    let (world, seen) = dead("keep_latest");
    assert_eq!(seen, (495..510).collect::<Vec<_>>());
    assert_eq!(drops(&world), BTreeMap::from([("replaced".to_owned(), 495)]));
}

#[test]
fn block_delivers_all_in_the_end() {
    let mut world = world("block");
    let (source, sink) = (world.number("in"), world.number("uns"));
    world.pipeline.writable(sink, false, world.now);
    for number in 0..100 {
        world.broker("in").deliver("raw/a", &format!("{number:04}"), 0);
    }
    world.take_notes();
    world.arrive(source, usize::MAX);
    assert_eq!(world.take_notes().pause, ["in".into()]);
    world.pipeline.writable(sink, true, world.now);
    world.work();
    assert_eq!(numbers(&mut world, "uns"), (0..100).collect::<Vec<_>>());
    assert!(drops(&world).is_empty());
}

/// A window of a few messages that opens now and then: each topic gets there, none goes back in time, and what is in flight stays.
#[test]
fn a_slow_sink_keeps_the_latest_in_order() {
    let mut sink = sink_with("keep_latest", 1);
    sink["mqtt"]["max_inflight"] = json!(4);
    let node = json!({"sources": [mqtt_source("in", 0)], "sinks": [sink]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    world.broker("uns").confirms = false;
    for round in 0..200 {
        deliver(&mut world, 20 * round, 20 * round + 20);
        world.broker("uns").confirm(1);
        world.settle();
    }
    world.broker("uns").confirms = true;
    world.broker("uns").confirm(4);
    world.settle();
    let seen = numbers(&mut world, "uns");
    assert!(seen.is_sorted() && seen.iter().zip(&seen[1..]).all(|(one, next)| one < next), "in order: {seen:?}");
    assert!(seen[..4] == [0, 1, 2, 3] && seen.ends_with(&[3995, 3996, 3997, 3998, 3999]), "{seen:?}");
    for topic in 0..5 {
        let turns = seen.iter().filter(|number| *number % 5 == topic).count();
        assert!(turns > 30, "topic {topic} had {turns} of 200 turns");
    }
    assert_eq!(world.sink("uns", "delivered"), seen.len() as u64);
}

#[test]
fn a_batch_that_python_has_is_not_dropped_and_rows_to_retry_yield_to_newer_ones() {
    let mut sink = sink_with("keep_latest", 0);
    (sink["kind"], sink["mqtt"]) = (json!("batch"), Value::Null);
    let node = json!({"sources": [mqtt_source("in", 0)], "sinks": [sink]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    deliver(&mut world, 0, 10);
    let batch = world.pipeline.take("uns", world.now, true).flatten().expect("a batch");
    deliver(&mut world, 10, 300);
    assert_eq!(batch.segment.len(), 10);
    assert_eq!(world.sink("uns", "buffered"), 15, "the batch, and the newest of five topics");
    world.pipeline.confirm("uns", batch.id, &[], &[8, 9], world.now).expect("the batch");
    world.work();
    let batch = world.pipeline.take("uns", world.now, true).flatten().expect("a batch");
    let rows = batch.segment.records().iter().map(|record| batch.segment.payload(record).to_vec());
    let expected: Vec<Vec<u8>> = (295..300).map(|number| format!("{number:04}").into_bytes()).collect();
    assert_eq!(rows.collect::<Vec<_>>(), expected, "rows 8 and 9 have newer values");
    world.pipeline.confirm("uns", batch.id, &[], &[], world.now).expect("the batch");
    assert_eq!((world.sink("uns", "delivered"), world.sink("uns", "dropped")), (13, 287));
}

/// Configurations do not allow it; if it happens, the source must not wait for ever.
#[test]
fn a_dropped_message_that_somebody_waits_for_is_let_go() {
    for policy in ["drop_oldest", "drop_newest", "keep_latest"] {
        let node =
            json!({"sources": [mqtt_source("in", 1)], "sinks": [sink_with(policy, 1)], "routes": {"all": "through"}});
        let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
        let sink = world.number("uns");
        world.reconnects = false;
        world.cut(sink);
        for number in 0..200 {
            world.broker("in").deliver("raw/a", &format!("{number:04}"), 1);
        }
        world.settle();
        world.reconnects = true;
        world.settle();
        assert_eq!(world.broker("in").acknowledged.len(), 200, "{policy}");
        assert!(world.sink("uns", "dropped") > 100);
    }
}

#[test]
fn a_reload_changes_the_policy_of_what_waits() {
    let mut world = world("block");
    world.reconnects = false;
    let sink = world.number("uns");
    world.cut(sink);
    deliver(&mut world, 0, 30);
    world.take_notes();
    let changed =
        json!({"sources": [mqtt_source("in", 0)], "sinks": [sink_with("keep_latest", 0), mqtt_sink("other", 0)]});
    world
        .pipeline
        .swap(spec().to_string().as_bytes(), changed.to_string().as_bytes(), world.now)
        .expect("a right node");
    deliver(&mut world, 30, 100);
    let notes = world.take_notes();
    assert!(notes.closes.is_empty() && notes.pause.is_empty(), "no session is touched, no source held up");
    assert_eq!((world.sink("uns", "buffered"), drops(&world)["replaced"]), (5, 95));
    let status = world.status();
    assert_eq!(status["sinks"][0]["policy"], json!("keep_latest"));
}
