//! Classes `durable` and `spill` on a simulated disk: what is acknowledged is on it, and what a sink missed comes back.

use std::collections::BTreeMap;

use pronubes_log::sim::SimFs;
use serde_json::{Value, json};

use crate::world::{SECOND, World, log, mqtt_sink, mqtt_source, one_route};

const START: i64 = 1_000 * SECOND;
const GAP: i64 = SECOND / 50;

fn source(class: &str) -> Value {
    let mut source = mqtt_source("in", 1);
    source["delivery"] = json!(class);
    source
}

fn small_sink(name: &str) -> Value {
    let mut sink = mqtt_sink(name, 1);
    sink["queue_bytes"] = json!(2_000);
    sink["mqtt"]["max_inflight"] = json!(10);
    sink
}

fn node(class: &str, sinks: &[&str]) -> Value {
    let sinks: Vec<Value> = sinks.iter().map(|name| small_sink(name)).collect();
    json!({"sources": [source(class)], "sinks": sinks, "log": log("/data/log", 64 << 20), "spill": log("/data/spill", 64 << 20)})
}

/// A node with every connection up.
fn world(disk: &SimFs, class: &str, sinks: &[&str], now: i64) -> World {
    let mut world = World::on_disk(disk, &one_route(&["in"], sinks), &node(class, sinks), now);
    world.reconnects = true;
    world.settle();
    world
}

fn deliver(world: &mut World, numbers: std::ops::Range<u64>) {
    for number in numbers {
        world.broker("in").deliver(&format!("raw/{}", number % 3), &number.to_string(), 1);
    }
    world.settle();
}

/// Lets time pass in steps, so that frames are cut, synced and read.
fn go_on(world: &mut World, steps: usize) {
    for _ in 0..steps {
        world.pass(GAP);
        world.settle();
    }
}

fn payloads(world: &mut World, sink: &str) -> Vec<u64> {
    let seen = &world.broker(sink).seen;
    seen.iter().map(|seen| seen.payload.parse().expect("the tests send numbers")).collect()
}

/// Payloads of each topic come in order, in each of the two streams.
fn assert_order(world: &mut World, sink: &str) {
    let mut last: BTreeMap<(String, bool), u64> = BTreeMap::new();
    for seen in &world.broker(sink).seen {
        let number: u64 = seen.payload.parse().expect("the tests send numbers");
        let former = last.insert((seen.topic.clone(), seen.is_replayed), number);
        assert!(former.is_none_or(|former| former < number), "{} {number} after {former:?}", seen.topic);
    }
}

#[test]
fn a_source_is_acknowledged_when_the_disk_has_it_and_not_before() {
    let disk = SimFs::new();
    let mut world = world(&disk, "durable", &["uns"], START);
    world.broker("uns").confirms = false;
    deliver(&mut world, 0..3);
    assert_eq!((world.broker("uns").seen.len(), world.broker("in").acknowledged.len()), (3, 0), "sinks get it at once");
    go_on(&mut world, 2);
    assert_eq!(world.broker("in").acknowledged, ["0", "1", "2"], "the sink has not confirmed, the disk has it");
    assert_eq!(world.status()["logs"]["durable"]["state"], "ok");
}

#[test]
fn a_sync_that_fails_acknowledges_nothing() {
    let disk = SimFs::new();
    let mut world = world(&disk, "durable", &["uns"], START);
    deliver(&mut world, 0..3);
    go_on(&mut world, 2);
    disk.set_quota(Some(0));
    deliver(&mut world, 3..3_000);
    go_on(&mut world, 50);
    let acknowledged = world.broker("in").acknowledged.len();
    assert!(acknowledged < 3_000, "the disk is full");
    disk.set_quota(None);
    go_on(&mut world, 400);
    assert_eq!(world.broker("in").acknowledged.len(), 3_000, "{:#}", world.status());
}

#[test]
fn clocks_that_jump_hold_nothing_up() {
    const HOUR: i64 = 3_600 * SECOND;
    for jump in [-HOUR, HOUR, -10 * 365 * 24 * HOUR / 2000, 40 * 365 * 24 * HOUR] {
        let disk = SimFs::new();
        let mut world = world(&disk, "durable", &["uns"], START + HOUR);
        for round in 0..4_u64 {
            deliver(&mut world, round * 10..round * 10 + 10);
            world.now += if round % 2 == 0 { jump } else { -jump };
            world.pass(0);
            go_on(&mut world, 3);
            let wanted = usize::try_from(round * 10 + 10).expect("a small number");
            assert_eq!(world.broker("in").acknowledged.len(), wanted, "jump {jump}, round {round}");
        }
        assert_eq!(payloads(&mut world, "uns"), (0..40).collect::<Vec<_>>());
        assert_eq!(world.broker("uns").disconnects, 0);
    }
}

#[test]
fn spilled_messages_that_the_disk_does_not_take_are_counted_drops() {
    let disk = SimFs::new();
    let mut world = world(&disk, "spill", &["uns"], START);
    world.reconnects = false;
    let number = world.number("uns");
    world.cut(number);
    disk.set_quota(Some(disk.used()));
    for block in 0..50 {
        deliver(&mut world, block * 100..(block + 1) * 100);
        go_on(&mut world, 1);
    }
    let dropped = world.sink("uns", "dropped");
    assert!(dropped > 4_000, "{:#}", world.status());
    assert_eq!(world.sink("uns", "dropped") + world.sink("uns", "buffered"), 5_000);
    disk.set_quota(None);
    world.open(number);
    go_on(&mut world, 500);
    deliver(&mut world, 5_000..5_001);
    go_on(&mut world, 50);
    let mut got = payloads(&mut world, "uns");
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len() as u64, 5_001 - dropped, "what was not dropped comes");
}

#[test]
fn a_dead_sink_holds_up_no_other_and_gets_everything_later() {
    let disk = SimFs::new();
    let mut world = world(&disk, "durable", &["uns", "historian"], START);
    world.reconnects = false;
    let historian = world.number("historian");
    world.cut(historian);
    for block in 0..40 {
        deliver(&mut world, block * 50..(block + 1) * 50);
        go_on(&mut world, 1);
    }
    go_on(&mut world, 3);
    assert_eq!(world.broker("in").acknowledged.len(), 2_000);
    assert_eq!(payloads(&mut world, "uns"), (0..2_000).collect::<Vec<_>>());
    assert!(world.sink("historian", "queued_bytes") < 10_000, "what it missed is on the disk");
    assert_eq!(world.sink("historian", "buffered"), 2_000);
    world.open(historian);
    deliver(&mut world, 2_000..2_010);
    go_on(&mut world, 400);
    let mut got = payloads(&mut world, "historian");
    assert_order(&mut world, "historian");
    let live = world.broker("historian").seen.iter().filter(|seen| !seen.is_replayed).count();
    assert!(live < 200, "what came out of the log is marked: {live}");
    got.sort_unstable();
    assert_eq!(got, (0..2_010).collect::<Vec<_>>());
    assert_eq!(world.sink("historian", "buffered"), 0);
}

#[test]
fn new_messages_pass_the_backlog_unless_order_is_wanted() {
    for (order, is_first) in [("live_first", true), ("in_order", false)] {
        let disk = SimFs::new();
        let mut node = node("durable", &["uns"]);
        node["sinks"][0]["replay"] = json!({"order": order});
        let mut world = World::on_disk(&disk, &one_route(&["in"], &["uns"]), &node, START);
        world.reconnects = true;
        world.settle();
        world.reconnects = false;
        let number = world.number("uns");
        world.cut(number);
        deliver(&mut world, 0..1_000);
        go_on(&mut world, 3);
        world.broker("uns").confirms = false;
        world.open(number);
        for _ in 0..6 {
            world.broker("uns").confirm(10);
            world.settle();
            go_on(&mut world, 1);
        }
        deliver(&mut world, 1_000..1_001);
        world.broker("uns").confirms = true;
        world.broker("uns").confirm(1_000);
        world.settle();
        go_on(&mut world, 300);
        let got = payloads(&mut world, "uns");
        let behind = got.iter().position(|number| *number == 1_000).map(|at| got.len() - 1 - at);
        assert_eq!(behind.is_some_and(|behind| behind > 300), is_first, "{order}: {behind:?}");
        let mut sorted = got.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted, (0..1_001).collect::<Vec<_>>(), "{order}");
        if !is_first {
            assert_eq!(got, sorted, "in order");
        }
    }
}

#[test]
fn the_next_run_delivers_what_the_last_one_left() {
    for seed in 0..20 {
        let disk = SimFs::new();
        let mut first = world(&disk, "durable", &["uns"], START);
        first.reconnects = false;
        let number = first.number("uns");
        first.cut(number);
        deliver(&mut first, 0..500);
        go_on(&mut first, 2);
        assert_eq!(first.broker("in").acknowledged.len(), 500);
        drop(first);
        let disk = disk.crash(seed);
        let mut second = world(&disk, "durable", &["uns"], START + 100 * SECOND);
        go_on(&mut second, 200);
        let mut got = payloads(&mut second, "uns");
        assert_order(&mut second, "uns");
        got.dedup();
        assert_eq!(got, (0..500).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn where_order_is_wanted_the_last_run_comes_before_this_one() {
    let disk = SimFs::new();
    let mut first = world(&disk, "durable", &["uns"], START);
    first.reconnects = false;
    let number = first.number("uns");
    first.cut(number);
    deliver(&mut first, 0..500);
    go_on(&mut first, 2);
    drop(first);
    let disk = disk.crash(1);
    let mut node = node("durable", &["uns"]);
    node["sinks"][0]["replay"] = json!({"order": "in_order"});
    let mut second = World::on_disk(&disk, &one_route(&["in"], &["uns"]), &node, START + 100 * SECOND);
    second.broker("uns").confirms = false;
    second.reconnects = true;
    second.settle();
    deliver(&mut second, 500..510);
    second.broker("uns").confirms = true;
    second.broker("uns").confirm(1_000);
    second.settle();
    go_on(&mut second, 300);
    let mut got = payloads(&mut second, "uns");
    got.dedup();
    assert_eq!(got, (0..510).collect::<Vec<_>>());
}

#[test]
fn a_sink_that_goes_leaves_its_backlog_to_the_one_of_its_name() {
    let disk = SimFs::new();
    let mut world = world(&disk, "durable", &["uns", "historian"], START);
    world.reconnects = false;
    let historian = world.number("historian");
    world.cut(historian);
    deliver(&mut world, 0..500);
    go_on(&mut world, 3);
    let reload = |world: &mut World, sinks: &[&str]| {
        let (spec, node) = (one_route(&["in"], sinks).to_string(), node("durable", sinks).to_string());
        world.pipeline.swap(spec.as_bytes(), node.as_bytes(), world.now).expect("the new node is right");
        world.meet();
        world.settle();
    };
    reload(&mut world, &["uns"]);
    deliver(&mut world, 500..600);
    go_on(&mut world, 20);
    let log = world.status()["logs"]["durable"]["consumers"].clone();
    let orphan = log.as_array().and_then(|all| all.iter().find(|one| one["name"] == "historian")).cloned();
    assert!(orphan.is_some_and(|orphan| orphan["records_at_most"].as_u64() >= Some(500)), "{log:#}");
    assert_eq!(world.broker("in").acknowledged.len(), 600, "a backlog without a sink holds nobody up");
    reload(&mut world, &["uns", "historian"]);
    world.reconnects = true;
    world.settle();
    go_on(&mut world, 200);
    let mut got = payloads(&mut world, "historian");
    got.sort_unstable();
    got.dedup();
    assert_eq!(got, (0..500).collect::<Vec<_>>());
}

#[test]
fn what_a_sink_of_class_spill_cannot_take_goes_to_the_disk_and_comes_back() {
    let disk = SimFs::new();
    let mut first = world(&disk, "spill", &["uns"], START);
    deliver(&mut first, 0..10);
    assert_eq!(first.broker("in").acknowledged.len(), 10, "on accept");
    first.reconnects = false;
    let number = first.number("uns");
    first.cut(number);
    deliver(&mut first, 10..1_000);
    go_on(&mut first, 2);
    assert_eq!(first.sink("uns", "buffered"), 990);
    first.open(number);
    go_on(&mut first, 20);
    first.cut(number);
    deliver(&mut first, 1_000..1_005);
    first.pipeline.leave_logs(first.now).close();
    let seen = payloads(&mut first, "uns");
    drop(first);
    let mut second = world(&disk, "spill", &["uns"], START + 100 * SECOND);
    go_on(&mut second, 300);
    let mut got = [seen, payloads(&mut second, "uns")].concat();
    got.sort_unstable();
    got.dedup();
    assert_eq!(got, (0..1_005).collect::<Vec<_>>(), "what was in memory at the end is on the disk as well");
}
