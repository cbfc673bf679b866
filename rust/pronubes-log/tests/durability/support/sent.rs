//! Records that are known by one number: from it follow their bytes, so that whatever is read back can be checked.

use std::ops::Range;

use pronubes_log::sim::Random;
use pronubes_log::{Append, Frame, Log, NameTable, Target};

/// Names behind the numbers of routes and sources.
pub struct Names;

const ROUTES: [&str; 3] = ["route/0", "route/1", "route/2"];
const SOURCES: [&str; 2] = ["source-0", "source-1"];

impl NameTable for Names {
    fn route(&self, route: u32) -> &str {
        ROUTES[route as usize]
    }
    fn source(&self, source: u16) -> &str {
        SOURCES[source as usize]
    }
}

/// A record: its number says everything but its size and for whom it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub id: u64,
    pub size: usize,
    /// By their place in the rig: numbers in the log may change when its cursors are lost.
    pub consumers: Vec<usize>,
}

impl Sent {
    /// The payload: its number in text, then bytes that follow from it, half of them alike so that compression has work.
    pub fn payload(&self) -> Vec<u8> {
        let mut payload = format!("{}:", self.id).into_bytes();
        let filler = payload.len();
        payload.resize(filler.max(self.size), b'.');
        let middle = filler + (payload.len() - filler) / 2;
        Random::new(self.id).fill(&mut payload[middle..]);
        payload
    }

    fn route(&self) -> u32 {
        (self.id % 3) as u32
    }

    fn source(&self) -> u16 {
        (self.id % 2) as u16
    }

    fn received_ns(&self) -> i64 {
        1_000_000 + self.id as i64
    }

    fn source_ns(&self) -> Option<i64> {
        self.id.is_multiple_of(3).then_some(self.id as i64 - 5)
    }

    fn topic(&self, consumer: usize) -> Vec<u8> {
        format!("plant/{}/to/{consumer}", self.id % 7).into_bytes()
    }

    fn targets(&self, ids: &[u16]) -> Vec<(u16, Vec<u8>, u8, bool)> {
        let qos = (self.id % 3) as u8;
        let target = |index: &usize| (ids[*index], self.topic(*index), qos, self.id.is_multiple_of(5));
        self.consumers.iter().map(target).collect()
    }

    /// Appends it for consumers with these numbers; its number in the log.
    pub fn append(&self, log: &mut Log, ids: &[u16], now_ns: i64) -> u64 {
        let targets = self.targets(ids);
        let target = |index: usize| {
            let (consumer, topic, qos, retain) = &targets[index];
            Target { consumer: *consumer, topic, qos: *qos, retain: *retain }
        };
        let record = Append {
            route: self.route(),
            source: self.source(),
            received_ns: self.received_ns(),
            source_ns: self.source_ns(),
            payload: &self.payload(),
            target: target(0),
        };
        let seq = log.append(&record, now_ns).expect("a record of legal size");
        for index in 1..targets.len() {
            log.also(&target(index));
        }
        seq
    }

    /// What should be read back.
    pub fn expected(&self, ids: &[u16]) -> Got {
        Got {
            route: ROUTES[self.route() as usize].to_owned(),
            source: SOURCES[usize::from(self.source())].to_owned(),
            received_ns: self.received_ns(),
            source_ns: self.source_ns(),
            payload: self.payload(),
            targets: self.targets(ids),
        }
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    pub route: String,
    pub source: String,
    pub received_ns: i64,
    pub source_ns: Option<i64>,
    pub payload: Vec<u8>,
    pub targets: Vec<(u16, Vec<u8>, u8, bool)>,
}

/// What a pass over a log gave.
#[derive(Debug, Default)]
pub struct Reading {
    pub records: Vec<(u64, Got)>,
    /// Where its frames lie.
    pub frames: Vec<Range<u64>>,
}

impl Reading {
    /// Takes the records of a frame from a number on.
    pub fn take(&mut self, frame: &Frame, from: u64) {
        self.frames.push(frame.first()..frame.end());
        let (routes, sources) = (frame.routes(), frame.sources());
        for view in frame.records().filter(|view| view.seq >= from) {
            let target = |target: Target<'_>| (target.consumer, target.topic.to_vec(), target.qos, target.retain);
            let got = Got {
                route: routes[usize::from(view.route)].to_string(),
                source: sources[usize::from(view.source)].to_string(),
                received_ns: view.received_ns,
                source_ns: view.source_ns,
                payload: view.payload.to_vec(),
                targets: view.targets().map(target).collect(),
            };
            self.records.push((view.seq, got));
        }
    }
}
