//! Random cuts, stalls, refusals and retries: whatever happens, a source is acknowledged only for what every sink has, nothing is lost,
//! the order per topic holds, and the ledgers balance after every step.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::json;

use crate::world::{SECOND, World, mqtt_sink, mqtt_source, one_route};

#[derive(Clone, Debug)]
enum Action {
    Deliver { count: usize },
    Arrive { from_source: bool, piece: usize },
    Cut { source: bool },
    Open { source: bool },
    Confirm { count: usize },
    Shuffle,
    Writable { is_writable: bool },
    TakeBatch,
    ConfirmBatch { retry: u8 },
    WriteQuarantine { succeeds: bool },
    Pass { milliseconds: u16 },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1..8_usize).prop_map(|count| Action::Deliver { count }),
        6 => (any::<bool>(), 1..200_usize).prop_map(|(from_source, piece)| Action::Arrive { from_source, piece }),
        1 => any::<bool>().prop_map(|source| Action::Cut { source }),
        2 => any::<bool>().prop_map(|source| Action::Open { source }),
        3 => (1..6_usize).prop_map(|count| Action::Confirm { count }),
        1 => Just(Action::Shuffle),
        1 => any::<bool>().prop_map(|is_writable| Action::Writable { is_writable }),
        2 => Just(Action::TakeBatch),
        3 => any::<u8>().prop_map(|retry| Action::ConfirmBatch { retry }),
        2 => any::<bool>().prop_map(|succeeds| Action::WriteQuarantine { succeeds }),
        1 => (0..5_000_u16).prop_map(|milliseconds| Action::Pass { milliseconds }),
    ]
}

struct Chaos {
    world: World,
    issued: usize,
    /// The batch that Python has: number and payloads.
    batch: Option<(u64, Vec<String>)>,
    /// Payloads that the batch sink has, in order, and those that it (or the broker) refused and the quarantine has written.
    stored: Vec<String>,
    written: HashSet<String>,
}

impl Chaos {
    fn new() -> Self {
        let sinks =
            [mqtt_sink("uns", 1), json!({"name": "sql", "kind": "batch", "batch_rows": 5, "queue_bytes": 2000})];
        let node = json!({"sources": [mqtt_source("in", 1)], "sinks": sinks});
        let mut world = World::new(&one_route(&["in"], &["uns", "sql"]), &node);
        world.reconnects = false;
        world.broker("uns").confirms = false;
        world.broker("uns").refuses = (0..1_000).step_by(17).map(|number| format!("m{number:04}")).collect();
        Self { world, issued: 0, batch: None, stored: Vec::new(), written: HashSet::new() }
    }

    fn apply(&mut self, action: &Action) {
        let (source, sink) = (self.world.number("in"), self.world.number("uns"));
        let side = |is_source: bool| if is_source { source } else { sink };
        match *action {
            Action::Deliver { count } => {
                for _ in 0..count {
                    let topic = format!("raw/{}", self.issued % 3);
                    self.world.broker("in").deliver(&topic, &format!("m{:04}", self.issued), 1);
                    self.issued += 1;
                }
            }
            Action::Arrive { from_source, piece } => self.world.arrive(side(from_source), piece),
            Action::Cut { source } => self.world.cut(side(source)),
            Action::Open { source } => self.world.open(side(source)),
            Action::Confirm { count } => self.world.broker("uns").confirm(count),
            Action::Shuffle => self.world.broker("uns").unconfirmed.make_contiguous().reverse(),
            Action::Writable { is_writable } => {
                self.world.pipeline.writable(sink, is_writable, self.world.now);
                self.world.work();
            }
            Action::TakeBatch => self.take_batch(),
            Action::ConfirmBatch { retry } => self.confirm_batch(retry),
            Action::WriteQuarantine { succeeds } => self.write_quarantine(succeeds),
            Action::Pass { milliseconds } => self.world.pass(i64::from(milliseconds) * 1_000_000),
        }
        self.check();
    }

    fn take_batch(&mut self) {
        if self.batch.is_some() {
            return;
        }
        if let Some(batch) = self.world.pipeline.take("sql", self.world.now, false).expect("the sink is there") {
            let payload = |item: pronubes_pipeline::queue::Item<'_>| String::from_utf8_lossy(item.payload).into_owned();
            self.batch = Some((batch.id, batch.items().map(payload).collect()));
        }
    }

    /// Each bit of `retry` says it for one row. What is refused is refused whenever it comes, as by a table without a column for it.
    fn confirm_batch(&mut self, retry: u8) {
        let Some((id, payloads)) = self.batch.take() else { return };
        let is = |row: usize| retry >> (row % 8) & retry >> ((row + 3) % 8) & 1 == 1;
        let is_refused = |row: usize| number_of(&payloads[row]) % 13 == 5;
        let rows = 0..payloads.len();
        let refused: Vec<(usize, String)> =
            rows.clone().filter(|row| is_refused(*row)).map(|row| (row, "no".to_owned())).collect();
        // A sink that takes a later row of a topic and not an earlier one gives the order up itself: all that follow are retried.
        let first = rows.clone().find(|row| is(*row) && !is_refused(*row)).unwrap_or(payloads.len());
        let retried: Vec<usize> = rows.filter(|row| *row >= first && !is_refused(*row)).collect();
        let taken = payloads.iter().enumerate().filter(|(row, _)| *row < first && !is_refused(*row));
        self.stored.extend(taken.map(|(_, payload)| payload.clone()));
        let (pipeline, now) = (&mut self.world.pipeline, self.world.now);
        pipeline.confirm("sql", id, &refused, &retried, now).expect("the batch is out");
        self.world.work();
    }

    fn write_quarantine(&mut self, succeeds: bool) {
        let Some((id, batch)) = self.world.pipeline.take_quarantine() else { return };
        if !succeeds {
            assert!(self.world.pipeline.retry_quarantine(id));
            return self.world.work();
        }
        for line in batch.ndjson().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let record: serde_json::Value = serde_json::from_slice(line).expect("a line is JSON");
            self.written.insert(record["payload"].as_str().expect("text").to_owned());
        }
        assert!(self.world.pipeline.confirm_quarantine(id, self.world.now));
        self.world.work();
    }

    /// What holds at any time.
    fn check(&mut self) {
        let status = self.world.status();
        assert_eq!(status["lost_holds"], json!(0));
        assert_eq!(status["sinks"][0]["dropped"], json!(0));
        let confirmed: HashSet<String> = self.world.broker("uns").confirmed.iter().cloned().collect();
        let stored: HashSet<&String> = self.stored.iter().collect();
        for payload in &self.world.broker("in").acknowledged.clone() {
            let is_written = self.written.contains(payload);
            assert!(confirmed.contains(payload) || is_written, "{payload} is acknowledged and the broker has it not");
            assert!(stored.contains(payload) || is_written, "{payload} is acknowledged and the batch sink has it not");
        }
    }

    /// Everything heals: then everything arrives.
    fn heal(&mut self) {
        let (source, sink) = (self.world.number("in"), self.world.number("uns"));
        self.world.broker("uns").confirms = true;
        for _ in 0..10_000 {
            self.world.open(source);
            self.world.open(sink);
            self.world.pipeline.writable(sink, true, self.world.now);
            self.world.pass(SECOND / 100);
            self.world.settle();
            self.world.broker("uns").confirm(usize::MAX);
            self.world.settle();
            self.take_batch();
            self.confirm_batch(0);
            self.write_quarantine(true);
            self.world.settle();
            if self.world.pipeline.drained() && self.world.broker("in").unacked.is_empty() {
                return;
            }
        }
        panic!("it does not drain: {:#}", self.world.status());
    }
}

fn number_of(payload: &str) -> usize {
    payload[1..].parse().expect("the test's payloads are numbers")
}

/// The first appearance of each payload, by the topic's number: it must rise.
fn assert_order(payloads: impl Iterator<Item = String>, who: &str) {
    let mut newest = [None; 3];
    let mut known = HashSet::new();
    for payload in payloads.filter(|payload| known.insert(payload.clone())) {
        let number = number_of(&payload);
        let newest = &mut newest[number % 3];
        assert!(newest.is_none_or(|newest| newest < number), "{who}: {payload} came too late");
        *newest = Some(number);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_and_nothing_is_acknowledged_too_early(actions in proptest::collection::vec(action(), 1..120)) {
        let mut chaos = Chaos::new();
        for action in &actions {
            chaos.apply(action);
        }
        chaos.heal();
        chaos.check();
        let all: Vec<String> = (0..chaos.issued).map(|number| format!("m{number:04}")).collect();
        let acknowledged: HashSet<&String> = chaos.world.broker("in").acknowledged.iter().collect();
        let missing: Vec<&String> = all.iter().filter(|payload| !acknowledged.contains(payload)).collect();
        prop_assert!(missing.is_empty(), "never acknowledged: {:?}", missing);
        let totals = &chaos.world.status()["totals"];
        let number = |what: &str| totals[what].as_u64().expect("a number");
        // Each message goes to two sinks: received twice over = delivered + quarantined + dropped + buffered.
        prop_assert_eq!(2 * number("received"), number("delivered") + number("quarantined") + number("dropped") + number("buffered"));
        prop_assert_eq!((number("dropped"), number("buffered")), (0, 0));
        let seen: Vec<String> = chaos.world.broker("uns").seen.iter().map(|seen| seen.payload.clone()).collect();
        assert_order(seen.into_iter(), "uns");
        assert_order(chaos.stored.iter().cloned(), "sql");
    }
}
