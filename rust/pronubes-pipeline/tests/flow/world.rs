//! A pipeline with a broker at the end of each connection, on a virtual clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use pronubes_core::SpecError;
use pronubes_log::sim::SimFs;
use pronubes_log::{Log, Overflow, Runner, Settings};
use pronubes_mqtt::Version;
use pronubes_pipeline::logs::{Kind, Opener};
use pronubes_pipeline::{Notes, Pipeline};
use serde_json::{Value, json};

use crate::broker::Broker;

/// One second.
pub const SECOND: i64 = 1_000_000_000;

/// A pipeline and its brokers.
pub struct World {
    pub pipeline: Pipeline,
    pub brokers: BTreeMap<u32, Broker>,
    names: BTreeMap<String, u32>,
    pub now: i64,
    /// Everything the pipeline asked for, summed up.
    pub notes: Notes,
    /// Connections that are open.
    open: BTreeMap<u32, bool>,
    /// Whether lost connections come back by themselves.
    pub reconnects: bool,
}

/// An MQTT source in a node description.
pub fn mqtt_source(name: &str, qos: u8) -> Value {
    json!({"name": name, "kind": "mqtt", "mqtt": {
        "client_id": name, "clean_start": qos == 0, "session_expiry_s": 3600, "keep_alive_s": 60,
        "subscriptions": [{"filter": "raw/#", "qos": qos}]}})
}

/// An MQTT sink in a node description.
pub fn mqtt_sink(name: &str, qos: u8) -> Value {
    json!({"name": name, "kind": "mqtt", "qos": qos, "mqtt": {"client_id": name}})
}

/// A log in a node description, small enough to have many segments.
pub fn log(dir: &str, size: u64) -> Value {
    json!({"dir": dir, "size": size, "age_s": 1_000_000, "sync_gap_ms": 20, "segment_bytes": 16 << 10})
}

/// A specification with one route from everywhere under `raw/` to all sinks, under `out/`.
pub fn one_route(sources: &[&str], sinks: &[&str]) -> Value {
    let targets: Vec<Value> = sinks.iter().map(|sink| json!({"sink": sink})).collect();
    json!({"sources": sources, "sinks": sinks, "routes": [
        {"name": "all", "filter": "raw/{rest#}", "topic": "out/{rest}", "to": targets}]})
}

impl World {
    /// A node whose connections all come up at once.
    pub fn new(spec: &Value, node: &Value) -> Self {
        let mut world = Self::unconnected(spec, node);
        world.reconnects = true;
        world.settle();
        world
    }

    pub fn unconnected(spec: &Value, node: &Value) -> Self {
        let now = 1_000 * SECOND;
        Self::of(Pipeline::new(spec.to_string().as_bytes(), node.to_string().as_bytes(), now), now)
    }

    /// A node with logs on a simulated disk; no connection comes up by itself at first.
    pub fn on_disk(disk: &SimFs, spec: &Value, node: &Value, now: i64) -> Self {
        let disk = disk.clone();
        let opener: Opener = Box::new(move |spec, kind, names, now_ns| {
            let overflow = if kind == Kind::Durable { Overflow::Block } else { Overflow::DropOldest };
            let settings = Settings {
                segment_bytes: spec.segment_bytes,
                max_bytes: spec.size,
                overflow,
                sync_gap_ns: i64::from(spec.sync_gap_ms) * 1_000_000,
                reserve_bytes: Some(0),
                memory_bytes: spec.memory_bytes,
                ..Settings::default()
            };
            Log::open(Arc::new(disk.clone()), &spec.dir, settings, Runner::Inline, names, now_ns)
                .map_err(|error| error.to_string())
        });
        let (spec, node) = (spec.to_string(), node.to_string());
        Self::of(Pipeline::with_logs(spec.as_bytes(), node.as_bytes(), Some(opener), now), now)
    }

    fn of(pipeline: Result<Pipeline, Vec<SpecError>>, now: i64) -> Self {
        let pipeline = pipeline.unwrap_or_else(|errors| panic!("the test's node is right: {errors:?}"));
        let (brokers, names, open) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let notes = Notes::default();
        let mut world = Self { pipeline, brokers, names, now, notes, open, reconnects: false };
        world.meet();
        world
    }

    /// A broker for each connection that has none yet.
    pub fn meet(&mut self) {
        for (number, _, name) in self.pipeline.connections() {
            self.brokers.entry(number).or_insert_with(|| Broker::new(Version::V5));
            self.names.insert(name.to_owned(), number);
        }
    }

    pub fn number(&self, name: &str) -> u32 {
        self.names[name]
    }

    pub fn broker(&mut self, name: &str) -> &mut Broker {
        let number = self.names[name];
        self.brokers.get_mut(&number).expect("each connection has a broker")
    }

    /// Writes what is to be written and notes what is to be done.
    pub fn work(&mut self) {
        let (brokers, open) = (&mut self.brokers, &self.open);
        let notes = self.pipeline.work(|connection, bytes| {
            assert!(open.get(&connection).copied().unwrap_or(false), "nothing is written to a closed connection");
            brokers.get_mut(&connection).expect("each connection has a broker").receive(bytes);
        });
        let Some(notes) = notes else { return };
        let closes: Vec<u32> = notes.closes.iter().map(|close| close.connection).collect();
        self.gather(notes);
        for connection in closes {
            self.cut(connection);
        }
    }

    fn gather(&mut self, notes: Notes) {
        let Notes {
            closes,
            pause,
            resume,
            ready_sinks,
            ready_hooks,
            ready_taps,
            ready_quarantine,
            settled,
            events,
            ..
        } = notes;
        self.notes.closes.extend(closes);
        self.notes.pause.extend(pause);
        self.notes.resume.extend(resume);
        self.notes.ready_sinks.extend(ready_sinks);
        self.notes.ready_hooks.extend(ready_hooks);
        self.notes.ready_taps.extend(ready_taps);
        self.notes.ready_quarantine |= ready_quarantine;
        self.notes.settled.extend(settled);
        self.notes.events.extend(events);
    }

    /// What was asked for since the last call.
    pub fn take_notes(&mut self) -> Notes {
        std::mem::take(&mut self.notes)
    }

    /// Opens a connection's transport.
    pub fn open(&mut self, connection: u32) {
        if self.open.insert(connection, true) != Some(true) {
            self.pipeline.opened(connection, self.now);
            self.work();
        }
    }

    /// Cuts a connection; bytes under way are lost.
    pub fn cut(&mut self, connection: u32) {
        if self.open.insert(connection, false) == Some(true) {
            self.brokers.get_mut(&connection).expect("each connection has a broker").cut();
            self.pipeline.closed(connection, self.now);
            self.work();
        }
    }

    /// What a broker has to send arrives, in pieces of `piece` bytes.
    pub fn arrive(&mut self, connection: u32, piece: usize) {
        let bytes = std::mem::take(&mut self.brokers.get_mut(&connection).expect("a broker").outbox);
        for chunk in bytes.chunks(piece.max(1)) {
            if self.open.get(&connection).copied().unwrap_or(false) {
                self.pipeline.received(connection, chunk, self.now);
                self.work();
            }
        }
    }

    /// Lets everything happen that can happen without time passing; connections that are due come up (all, when `reconnects`).
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            self.work();
            if self.reconnects {
                for connection in self.lost() {
                    self.open(connection);
                }
            }
            let busy: Vec<u32> = self
                .brokers
                .iter()
                .filter(|(_, broker)| !broker.outbox.is_empty())
                .map(|(number, _)| *number)
                .collect();
            if busy.is_empty() && (self.lost().is_empty() || !self.reconnects) {
                return;
            }
            for connection in busy {
                self.arrive(connection, usize::MAX);
            }
        }
        panic!("the world does not come to rest");
    }

    /// Connections that should be open and are not.
    fn lost(&self) -> Vec<u32> {
        let is_lost = |number: &u32| !self.open.get(number).copied().unwrap_or(false);
        self.pipeline.connections().iter().map(|(number, ..)| *number).filter(is_lost).collect()
    }

    /// Lets time pass, firing timers.
    pub fn pass(&mut self, nanoseconds: i64) {
        self.now += nanoseconds;
        self.pipeline.advance(self.now);
        self.work();
    }

    /// The ledgers, which must add up.
    pub fn status(&self) -> Value {
        let status = serde_json::to_value(self.pipeline.status(self.now)).expect("a status is JSON");
        assert_eq!(status["balanced"], json!(true), "{status:#}");
        status
    }

    /// A number of a sink's ledger.
    pub fn sink(&self, name: &str, what: &str) -> u64 {
        let status = self.status();
        let sinks = status["sinks"].as_array().expect("a list");
        let sink = sinks.iter().find(|sink| sink["name"] == name).expect("the sink");
        sink[what].as_u64().expect("a number")
    }

    /// A number of a source's ledger.
    pub fn source(&self, name: &str, what: &str) -> u64 {
        let status = self.status();
        let sources = status["sources"].as_array().expect("a list");
        let source = sources.iter().find(|source| source["name"] == name).expect("the source");
        source[what].as_u64().expect("a number")
    }
}
