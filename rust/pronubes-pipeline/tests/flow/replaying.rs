//! Quarantined messages that go on: each settles once, and what fails again names its record.

use pronubes_core::Meta;
use pronubes_pipeline::replay::{REPLAYS, Replay, Replayed};
use serde_json::{Value, json};

use crate::world::{World, mqtt_sink, mqtt_source};

fn spec(condition: &str, field: &str) -> Value {
    json!({"sources": ["in", "other"], "sinks": ["uns", "sql"], "routes": [
        {"name": "first", "filter": "raw/#", "final": true, "to": [{"sink": "sql"}]},
        {"name": "all", "from": ["in"], "filter": "raw/{rest#}", "where": condition, "topic": "out/{rest}",
         "steps": [{"scale": {"field": field, "factor": 2}}], "to": [{"sink": "uns"}]},
        {"name": "loose", "filter": "raw/#", "steps": [{"scale": {"field": field, "factor": 2}}], "to": [{"sink": "sql"}]}]})
}

fn node() -> Value {
    json!({"sources": [mqtt_source("in", 1), {"name": "other", "kind": "batch"}],
        "sinks": [mqtt_sink("uns", 1), {"name": "sql", "kind": "batch"}], "routes": {"loose": "volatile"}})
}

fn replay<'a>(record: u64, route: &'a str, payload: &'a str) -> Replay<'a> {
    let meta = Meta { qos: 1, received_ns: 7, ..Meta::default() };
    Replay { record, source: "in", route, topic: "raw/a", payload: payload.as_bytes(), meta, sink: None }
}

/// Positions of replayed records that have settled, with whether they were delivered.
fn settled(world: &World) -> Vec<(u64, bool)> {
    let replays = world.notes.settled.iter().filter(|settled| *settled.source == *REPLAYS);
    replays.map(|settled| (settled.position, settled.is_delivered)).collect()
}

fn route(world: &World, name: &str, counter: &str) -> u64 {
    let status: Value = serde_json::to_value(world.pipeline.status(world.now)).expect("a status");
    assert_eq!(status["balanced"], true, "{status}");
    let routes = status["routes"].as_array().expect("routes");
    let found = routes.iter().find(|route| route["name"] == name).expect("the route");
    found[counter].as_u64().expect("a number")
}

#[test]
fn a_replayed_message_goes_through_its_route_alone_and_settles_when_its_sink_has_it() {
    let mut world = World::new(&spec("true", "value"), &node());
    world.broker("uns").confirms = false;
    let now = world.now;
    assert_eq!(world.pipeline.replay(&replay(41, "all", r#"{"value":3}"#), now), Replayed::Taken);
    world.settle();
    assert!(settled(&world).is_empty(), "the broker has not confirmed");
    world.broker("uns").confirm(1);
    world.settle();
    assert_eq!(settled(&world), [(41, true)]);
    assert_eq!(route(&world, "all", "passed"), 1);
    // No other route saw it, and no source received it.
    assert_eq!((route(&world, "first", "matched"), world.source("in", "received")), (0, 0));
    assert!(world.pipeline.drained());
}

#[test]
fn what_a_replayed_message_can_become_at_once_is_told() {
    let mut world = World::new(&spec("payload.value > 0", "value"), &node());
    let now = world.now;
    let mut give = |replay: Replay<'_>| world.pipeline.replay(&replay, now);
    assert_eq!(give(replay(1, "all", r#"{"value":-3}"#)), Replayed::Filtered);
    assert_eq!(give(replay(2, "gone", "{}")), Replayed::UnknownRoute);
    assert_eq!(give(Replay { topic: "elsewhere/x", ..replay(3, "all", "{}") }), Replayed::NoMatch);
    assert_eq!(give(Replay { topic: "raw/#", ..replay(4, "all", "{}") }), Replayed::InvalidTopic);
    assert_eq!(give(Replay { topic: "", ..replay(5, "all", "{}") }), Replayed::InvalidTopic);
    assert_eq!(give(Replay { sink: Some("gone"), ..replay(6, "all", "{}") }), Replayed::UnknownSink);
    // A source that is gone: the route takes it from one that leads there.
    assert_eq!(give(Replay { source: "gone", ..replay(7, "all", r#"{"value":1}"#) }), Replayed::Taken);
    world.settle();
    assert!(world.pipeline.take_quarantine().is_none());
    assert_eq!(route(&world, "all", "filtered"), 1);
}

#[test]
fn what_fails_again_names_its_record_whatever_the_class_of_its_route() {
    for name in ["all", "loose"] {
        let mut world = World::new(&spec("true", "value"), &node());
        let now = world.now;
        assert_eq!(world.pipeline.replay(&replay(7, name, r#"{"value":1}"#), now), Replayed::Taken);
        assert_eq!(world.pipeline.replay(&replay(8, name, r#"{"other":1}"#), now), Replayed::Taken);
        let (id, batch) = world.pipeline.take_quarantine().expect("it failed again");
        let rows: Vec<_> =
            batch.rows().map(|row| (row.source, row.route, row.reason.code(), row.meta.received_ns)).collect();
        assert_eq!((rows.as_slice(), batch.replayed()), (&[("in", Some(name), "missing_field", 7)][..], &[(0, 8)][..]));
        assert!(world.pipeline.retry_quarantine(id));
        let (id, batch) = world.pipeline.take_quarantine().expect("it is handed out again");
        assert_eq!(batch.replayed(), [(0, 8)]);
        assert!(world.pipeline.confirm_quarantine(id, now));
        world.settle();
        assert_eq!(settled(&world), [(7, true), (8, true)]);
        assert_eq!((route(&world, name, "matched"), route(&world, name, "quarantined")), (2, 1));
    }
}

#[test]
fn an_output_goes_to_its_sink_and_a_second_refusal_names_its_record() {
    let mut world = World::new(&spec("true", "value"), &node());
    world.broker("uns").refuses.push("bad".to_owned());
    let now = world.now;
    let give = |world: &mut World, record, payload| {
        let replay = Replay { sink: Some("uns"), topic: "out/a", route: "gone", ..replay(record, "", payload) };
        assert_eq!(world.pipeline.replay(&replay, now), Replayed::Taken);
        world.settle();
    };
    give(&mut world, 1, "good");
    give(&mut world, 2, "bad");
    let (id, batch) = world.pipeline.take_quarantine().expect("it was refused again");
    let rows: Vec<_> = batch.rows().map(|row| (row.sink, row.topic, row.payload.to_vec())).collect();
    assert_eq!(rows, [(Some("uns".into()), "out/a".into(), b"bad".to_vec())]);
    assert_eq!(batch.replayed(), [(0, 2)]);
    assert!(world.pipeline.confirm_quarantine(id, now));
    world.settle();
    assert_eq!(settled(&world), [(1, true), (2, true)]);
    assert_eq!((world.sink("uns", "delivered"), world.sink("uns", "quarantined")), (1, 1));
}

#[test]
fn replays_outlive_a_reload() {
    let mut world = World::new(&spec("true", "value"), &node());
    world.broker("uns").confirms = false;
    let now = world.now;
    assert_eq!(world.pipeline.replay(&replay(5, "all", r#"{"value":3}"#), now), Replayed::Taken);
    world.settle();
    let (spec, node) = (spec("true", "level").to_string(), node().to_string());
    world.pipeline.swap(spec.as_bytes(), node.as_bytes(), now).expect("the plan is right");
    assert_eq!(world.pipeline.replay(&replay(6, "all", r#"{"level":3}"#), now), Replayed::Taken);
    world.settle();
    world.broker("uns").confirm(2);
    world.settle();
    assert_eq!(settled(&world), [(5, true), (6, true)]);
    assert_eq!(route(&world, "all", "passed"), 2);
    let matched = world.pipeline.matched();
    assert!(matched.contains(&("all".into(), 2)), "{matched:?}");
}
