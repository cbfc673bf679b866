//! A slow sink holds its sources up and loses nothing; keep-alives go on meanwhile.

use serde_json::{Value, json};

use crate::world::{SECOND, World, mqtt_sink, mqtt_source, one_route};

fn slow_sink(name: &str, qos: u8) -> Value {
    let mut sink = mqtt_sink(name, qos);
    sink["queue_bytes"] = json!(4_000);
    sink
}

fn deliver(world: &mut World, count: usize, qos: u8) {
    for number in 0..count {
        world.broker("in").deliver("raw/a", &format!("message {number:04}"), qos);
    }
}

#[test]
fn a_full_transport_pauses_a_qos_0_source_and_resumes_it_below_the_low_mark() {
    let node = json!({"sources": [mqtt_source("in", 0)], "sinks": [slow_sink("uns", 0)]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    let (source, sink) = (world.number("in"), world.number("uns"));
    world.pipeline.writable(sink, false, world.now);
    world.take_notes();
    deliver(&mut world, 20, 0);
    world.settle();
    assert!(world.take_notes().pause.is_empty(), "20 messages fit");
    deliver(&mut world, 40, 0);
    world.arrive(source, 300);
    assert_eq!(world.take_notes().pause, ["in".into()]);
    assert!(world.broker("uns").seen.is_empty());
    assert_eq!(world.sink("uns", "buffered"), 60);
    world.pass(50 * SECOND);
    world.pass(50 * SECOND);
    assert!(world.broker("in").pings >= 2, "PINGREQ goes on although nothing is read");
    world.pass(3_600 * SECOND);
    assert!(world.take_notes().closes.is_empty(), "and its answer is not missed while nobody reads");
    world.pipeline.writable(sink, true, world.now);
    world.work();
    assert_eq!(world.take_notes().resume, ["in".into()]);
    assert_eq!(world.broker("uns").seen.len(), 60);
    assert_eq!(world.sink("uns", "delivered"), 60);
}

#[test]
fn a_sink_without_connection_keeps_what_comes_and_sends_it_in_order() {
    let node = json!({"sources": [mqtt_source("in", 0)], "sinks": [mqtt_sink("uns", 0)]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    world.reconnects = false;
    let sink = world.number("uns");
    world.cut(sink);
    deliver(&mut world, 50, 0);
    world.settle();
    assert_eq!((world.sink("uns", "buffered"), world.sink("uns", "delivered")), (50, 0));
    world.reconnects = true;
    world.settle();
    let payloads: Vec<String> = world.broker("uns").seen.iter().map(|seen| seen.payload.clone()).collect();
    let expected: Vec<String> = (0..50).map(|number| format!("message {number:04}")).collect();
    assert_eq!(payloads, expected);
}

#[test]
fn a_qos_1_source_is_held_by_its_acknowledgements_before_its_reading_stops() {
    let mut source = mqtt_source("in", 1);
    source["unacked"] = json!(30);
    let node = json!({"sources": [source], "sinks": [slow_sink("uns", 1)]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    world.broker("uns").confirms = false;
    world.take_notes();
    deliver(&mut world, 30, 1);
    world.settle();
    assert!(world.take_notes().pause.is_empty());
    deliver(&mut world, 1, 1);
    world.settle();
    assert_eq!(world.take_notes().pause, ["in".into()], "the 31st is one too many for a 3.1.1 broker");
    world.broker("uns").confirm(10);
    world.settle();
    assert!(world.take_notes().resume.is_empty(), "half of the allowance has to be free");
    world.broker("uns").confirm(7);
    world.settle();
    assert_eq!(world.take_notes().resume, ["in".into()]);
    assert_eq!(world.broker("in").acknowledged.len(), 17);
}

#[test]
fn only_the_sources_that_feed_a_full_sink_are_paused() {
    let spec = json!({"sources": ["a", "b"], "sinks": ["one", "two"], "routes": [
        {"name": "first", "from": ["a"], "filter": "raw/#", "to": [{"sink": "one"}]},
        {"name": "second", "from": ["b"], "filter": "raw/#", "to": [{"sink": "two"}]}]});
    let node = json!({"sources": [{"name": "a", "kind": "batch"}, {"name": "b", "kind": "batch"}],
        "sinks": [{"name": "one", "kind": "batch", "queue_bytes": 100}, {"name": "two", "kind": "batch"}]});
    let mut world = World::new(&spec, &node);
    for source in ["a", "b"] {
        let mut push = world.pipeline.push(source, None, world.now).expect("the source");
        push.message("raw/x", &[b'1'; 200], None);
        push.end();
    }
    world.work();
    let notes = world.take_notes();
    assert_eq!((notes.pause, notes.ready_sinks), (vec!["a".into()], vec!["one".into(), "two".into()]));
    let batch = world.pipeline.take("one", world.now, false).flatten().expect("a batch");
    world.work();
    assert!(world.take_notes().resume.is_empty(), "what Python has still counts");
    world.pipeline.confirm("one", batch.id, &[], &[], world.now).expect("the batch");
    world.work();
    assert_eq!(world.take_notes().resume, ["a".into()]);
}

#[test]
fn a_long_queue_leaves_in_pieces_and_nothing_overtakes_it() {
    let node = json!({"sources": [mqtt_source("in", 0)], "sinks": [mqtt_sink("uns", 0)]});
    let mut world = World::new(&one_route(&["in"], &["uns"]), &node);
    world.reconnects = false;
    let (source, sink) = (world.number("in"), world.number("uns"));
    world.cut(sink);
    for number in 0..40 {
        let payload = format!("{number:02}{}", "x".repeat(64 * 1024));
        world.broker("in").deliver("raw/a", &payload, 0);
    }
    world.arrive(source, usize::MAX);
    world.open(sink);
    world.arrive(sink, usize::MAX);
    let first = world.broker("uns").seen.len();
    assert!((16..40).contains(&first), "{first} messages in the first piece");
    assert_eq!(world.pipeline.next_deadline(), Some(world.now), "the rest does not wait for a timer");
    world.broker("in").deliver("raw/a", "40", 0);
    world.arrive(source, usize::MAX);
    for _ in 0..4 {
        world.pass(0);
    }
    let numbers: Vec<String> = world.broker("uns").seen.iter().map(|seen| seen.payload[..2].to_owned()).collect();
    assert_eq!(numbers, (0..41).map(|number| format!("{number:02}")).collect::<Vec<_>>());
}

/// All of its messages may wait for the quarantine's writer, which no sink's size bounds.
#[test]
fn a_batch_source_is_held_by_the_batches_that_are_not_settled() {
    let spec = json!({"sources": ["in"], "sinks": ["uns"], "routes": [
        {"name": "all", "filter": "raw/#", "where": "payload.missing", "to": [{"sink": "uns"}]}]});
    let node = json!({"sources": [{"name": "in", "kind": "batch", "delivery": "through", "unacked": 10}],
        "sinks": [mqtt_sink("uns", 1)]});
    let mut world = World::new(&spec, &node);
    world.take_notes();
    let push = |world: &mut World, positions: std::ops::Range<u64>| {
        for position in positions {
            let mut push = world.pipeline.push("in", Some(position), world.now).expect("the source");
            push.message("raw/x", b"{}", None);
            push.end();
        }
        world.work();
        world.take_notes()
    };
    assert!(push(&mut world, 0..10).pause.is_empty());
    assert_eq!(push(&mut world, 10..11).pause, ["in".into()]);
    let (batch, _) = world.pipeline.take_quarantine().expect("eleven records");
    assert!(world.pipeline.confirm_quarantine(batch, world.now));
    world.work();
    let notes = world.take_notes();
    assert_eq!((notes.settled.len(), notes.resume), (11, vec!["in".into()]));
}

/// A batch source whose messages are all bad, in front of a quarantine that keeps a small number of bytes in memory.
fn all_bad(delivery: &str) -> World {
    let spec = json!({"sources": ["in"], "sinks": ["sql"], "routes": [
        {"name": "all", "filter": "raw/#", "steps": [{"scale": {"field": "value", "factor": 2}}], "to": [{"sink": "sql"}]}]});
    let node = json!({"sources": [{"name": "in", "kind": "batch", "delivery": delivery}],
        "sinks": [{"name": "sql", "kind": "batch"}], "quarantine_bytes": 200_000});
    World::new(&spec, &node)
}

fn push_bad(world: &mut World, position: u64) {
    let now = world.now;
    let mut inflow = world.pipeline.push("in", Some(position), now).expect("the source is there");
    for _ in 0..100 {
        inflow.message("raw/a", &[b'x'; 1000], None);
    }
    inflow.end();
    world.settle();
}

#[test]
fn a_quarantine_that_cannot_be_written_holds_up_sources_that_wait_for_it() {
    let mut world = all_bad("through");
    push_bad(&mut world, 1);
    assert!(world.notes.pause.is_empty());
    push_bad(&mut world, 2);
    assert_eq!(world.notes.pause, ["in".into()]);
    // Nothing is lost and nothing is acknowledged while the disk refuses.
    let (id, _) = world.pipeline.take_quarantine().expect("a batch");
    assert!(world.pipeline.retry_quarantine(id));
    world.settle();
    assert_eq!((world.pipeline.status(world.now).quarantine.evicted, world.notes.settled.len()), (0, 0));
    let mut written = 0;
    while let Some((id, batch)) = world.pipeline.take_quarantine() {
        written += batch.len();
        assert!(world.pipeline.confirm_quarantine(id, world.now));
        world.settle();
    }
    let settled: Vec<_> = world.notes.settled.iter().map(|settled| (settled.position, settled.is_delivered)).collect();
    assert_eq!((written, settled), (200, vec![(1, true), (2, true)]));
    assert_eq!(world.notes.resume, ["in".into()]);
}

#[test]
fn a_quarantine_that_cannot_be_written_lets_go_what_no_source_waits_for() {
    let mut world = all_bad("volatile");
    for position in 0..20 {
        push_bad(&mut world, position);
    }
    let status = world.pipeline.status(world.now);
    assert!(world.notes.pause.is_empty());
    assert_eq!(world.notes.settled.len(), 20);
    assert!(status.quarantine.evicted > 1000 && status.balanced);
}
