//! The pipeline: the facade over everything between the sockets of a node.
//!
//! It is fed bytes, batches and the time; [`Pipeline::work`] then hands out what is to be written and done. Rules of this file:
//! 1. Every call that brings something in ends with the caller's [`Pipeline::work`]; what is settled, flushed and announced is
//!    worked out there, once per chunk and not per message.
//! 2. Output of sinks goes out before tokens are drained, so that what a write releases is acknowledged in the same call.

use pronubes_core::matcher::RouteId;
use pronubes_core::{Message, Meta, Router};

use crate::floor::{Courier, Floor, SinkKind, Wiring, refuse, route};
use crate::logs::Opener;
use crate::notes::Notes;
use crate::queue::{Gate, Item};
use crate::settle::{Fate, ring};
use crate::sink::{MqttSink, Refusal};
use crate::source::{Pressure, Source, SourceKind};

/// What a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Source(u16),
    Sink(u16),
}

/// A connection that the owner of the sockets keeps open.
pub(crate) struct Connection {
    pub(crate) port: Port,
    /// Whether the transport is open.
    pub(crate) is_open: bool,
    /// Whether it is to be opened again after it ends.
    pub(crate) is_wanted: bool,
}

/// All that lives between the sockets of one node.
pub struct Pipeline {
    pub(crate) router: Router,
    pub(crate) wiring: Wiring,
    pub(crate) floor: Floor,
    pub(crate) sources: Vec<Source>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) notes: Notes,
    pub(crate) retired: Vec<crate::reload::Retired>,
    pub(crate) carried: crate::reload::Carried,
    pub(crate) generation: u32,
    pub(crate) hook_gate: Gate,
    pub(crate) now_ns: i64,
    /// Holds that were dropped unresolved: each is a defect, and its source was made to send again.
    pub(crate) lost_holds: u64,
    /// Whether a flush stopped short of a writable transport.
    pub(crate) has_more: bool,
    /// Opens the logs that a description asks for.
    pub(crate) opener: Option<Opener>,
    /// When more may come out of the logs, or positions are to be saved.
    pub(crate) replay_due_ns: Option<i64>,
    /// Until when stateful steps wait for a sink.
    pub(crate) states_wait_ns: i64,
    /// Whether positions have moved that no log knows of, and when they were handed over last.
    pub(crate) has_positions: bool,
    pub(crate) positions_ns: i64,
}

/// What is inside when a pipeline ends is nobody's loss: its sources were not acknowledged. The holds must not be left to the
/// next pipeline on this thread, whose tokens have the same numbers.
impl Drop for Pipeline {
    fn drop(&mut self) {
        self.floor.clear();
        self.floor.settle.collect_lost();
    }
}

/// Sessions count time from an unsigned epoch.
pub(crate) fn unsigned(now_ns: i64) -> u64 {
    u64::try_from(now_ns).unwrap_or_default()
}

impl Pipeline {
    /// MQTT connections to keep open: number, whether it is a source's, name.
    #[must_use]
    pub fn connections(&self) -> Vec<(u32, bool, &str)> {
        let wanted = self.connections.iter().enumerate().filter(|(_, connection)| connection.is_wanted);
        wanted
            .map(|(number, connection)| match connection.port {
                Port::Source(slot) => (number as u32, true, &*self.sources[usize::from(slot)].name),
                Port::Sink(slot) => (number as u32, false, &*self.floor.sinks[usize::from(slot)].name),
            })
            .collect()
    }

    fn port(&self, connection: u32) -> Option<Port> {
        self.connections.get(connection as usize).map(|connection| connection.port)
    }

    /// The transport of a connection is open.
    pub fn opened(&mut self, connection: u32, now_ns: i64) {
        self.now_ns = now_ns;
        let Some(port) = self.port(connection) else { return };
        self.connections[connection as usize].is_open = true;
        match port {
            Port::Source(slot) => {
                self.floor.settle.void(ring::source(slot));
                let source = &mut self.sources[usize::from(slot)];
                let is_paused = source.is_paused;
                if let Some(session) = source.session() {
                    session.opened(unsigned(now_ns));
                    if is_paused {
                        session.pause(unsigned(now_ns));
                    }
                }
            }
            Port::Sink(slot) => {
                if let Some(sink) = self.mqtt_sink(slot) {
                    sink.opened(unsigned(now_ns));
                }
            }
        }
    }

    /// The transport of a connection is gone. What is not confirmed is sent again on the next one.
    pub fn closed(&mut self, connection: u32, now_ns: i64) {
        self.now_ns = now_ns;
        let Some(port) = self.port(connection) else { return };
        match port {
            Port::Source(slot) => {
                // The broker sends again what was not acknowledged; the tokens of this connection can acknowledge nothing.
                self.floor.settle.void(ring::source(slot));
                if let Some(session) = self.sources[usize::from(slot)].session() {
                    session.closed(unsigned(now_ns));
                }
            }
            Port::Sink(slot) => {
                let Floor { sinks, settle, .. } = &mut self.floor;
                if let Some(SinkKind::Mqtt { sink, .. }) = sinks.get_mut(usize::from(slot)).map(|sink| &mut sink.kind) {
                    sink.closed(unsigned(now_ns), settle);
                }
            }
        }
        let entry = &mut self.connections[connection as usize];
        entry.is_open = false;
    }

    /// The transport's buffer is full, or has room again.
    pub fn writable(&mut self, connection: u32, is_writable: bool, now_ns: i64) {
        self.now_ns = now_ns;
        if let Some(Port::Sink(slot)) = self.port(connection)
            && let Some(sink) = self.mqtt_sink(slot)
        {
            sink.set_writable(is_writable);
        }
    }

    pub(crate) fn mqtt_sink(&mut self, slot: u16) -> Option<&mut MqttSink> {
        match &mut self.floor.sinks.get_mut(usize::from(slot))?.kind {
            SinkKind::Mqtt { sink, .. } => Some(sink),
            SinkKind::Batch(_) | SinkKind::Latest(_) => None,
        }
    }

    /// Timers.
    pub fn advance(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        for number in 0..self.connections.len() {
            let outcome = match self.connections[number].port {
                Port::Source(slot) => {
                    self.sources[usize::from(slot)].session().map(|session| session.advance(unsigned(now_ns)))
                }
                Port::Sink(slot) => self.mqtt_sink(slot).map(|sink| sink.session.advance(unsigned(now_ns))),
            };
            if let Some(Err(error)) = outcome {
                self.fail(number as u32, error);
            }
        }
        self.advance_states();
    }

    /// It is this late now, and nothing else has happened.
    pub fn tell_time(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
    }

    /// When [`Pipeline::advance`] is to be called at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<i64> {
        let signed = |deadline: u64| i64::try_from(deadline).unwrap_or(i64::MAX);
        let sources = self.sources.iter().filter_map(|source| match &source.kind {
            SourceKind::Mqtt { session, .. } => session.next_deadline().map(signed),
            SourceKind::Batch => None,
        });
        let sinks = self.floor.sinks.iter().filter_map(|sink| match &sink.kind {
            SinkKind::Mqtt { sink, .. } => sink.session.next_deadline().map(signed),
            SinkKind::Batch(sink) => sink.unannounced_deadline_ns(),
            SinkKind::Latest(_) => None,
        });
        let logs = self.floor.logs.next_deadline().into_iter().chain(self.replay_due_ns);
        let logs = logs.chain(self.states_due_ns());
        sources.chain(sinks).chain(logs).chain(self.has_more.then_some(self.now_ns)).min()
    }

    /// Works out what is to do: `on_write` gets each connection's output, which counts as handed to its transport.
    pub fn work(&mut self, mut on_write: impl FnMut(u32, &[u8])) -> Option<Notes> {
        self.poll_logs();
        self.flush_sinks(&mut on_write);
        self.lost_holds += self.floor.settle.collect_lost() as u64;
        self.drain_lanes();
        self.drain_tokens();
        for source in &mut self.sources {
            if let SourceKind::Mqtt { session, connection, .. } = &mut source.kind
                && !session.output().is_empty()
            {
                on_write(*connection, session.output());
                session.output().clear();
            }
        }
        self.update_pauses();
        self.announce();
        self.retire();
        self.flush_logs();
        if self.notes.is_empty() { None } else { Some(std::mem::take(&mut self.notes)) }
    }

    fn flush_sinks(&mut self, on_write: &mut impl FnMut(u32, &[u8])) {
        self.has_more = false;
        let Floor { sinks, settle, quarantine, .. } = &mut self.floor;
        for sink in sinks {
            sink.release_dropped(settle);
            let name = &*sink.name;
            let SinkKind::Mqtt { sink, connection } = &mut sink.kind else { continue };
            self.has_more |= sink.flush(&mut |item, refusal: Refusal| refuse(quarantine, item, name, refusal));
            if !sink.session.output().is_empty() {
                on_write(*connection, sink.session.output());
                sink.session.output().clear();
                sink.written(settle);
            }
        }
    }

    fn drain_tokens(&mut self) {
        for slot in 0..self.sources.len() {
            let slot = slot as u16;
            if self.floor.settle.has_failed(ring::source(slot)) {
                self.on_failed(slot);
            }
            if self.floor.settle.is_dirty(ring::source(slot)) {
                self.drain_source(slot);
            }
        }
    }

    fn drain_source(&mut self, slot: u16) {
        let source = &mut self.sources[usize::from(slot)];
        match &mut source.kind {
            SourceKind::Mqtt { session, .. } => {
                // Tokens leave in arrival order, so the last one stands for all.
                let mut last = None;
                self.floor.settle.drain(ring::source(slot), |mark, _| last = Some(mark));
                if let Some(mark) = last {
                    session.acknowledge_through(pronubes_mqtt::AckHandle::from_raw(mark));
                }
            }
            SourceKind::Batch => {
                let (name, settled) = (&source.name, &mut self.notes.settled);
                self.floor.settle.drain(ring::source(slot), |position, fate| {
                    let is_delivered = fate == Fate::Done;
                    settled.push(crate::notes::Settled { source: name.clone(), position, is_delivered });
                });
            }
        }
    }

    /// A token failed: an MQTT source reconnects, so that the broker sends again what is not acknowledged. (Batch sources get
    /// their position back as not delivered.)
    fn on_failed(&mut self, slot: u16) {
        let source = &mut self.sources[usize::from(slot)];
        let Some(connection) = source.connection() else { return };
        source.failed += 1;
        self.floor.settle.void(ring::source(slot));
        if let Some(session) = self.sources[usize::from(slot)].session() {
            session.disconnect();
        }
        let sentence = "A message was lost before every sink had it; the broker is to send it again.".to_owned();
        self.notes.close(connection, "unresolved", sentence, true);
    }

    fn update_pauses(&mut self) {
        for sink in &mut self.floor.sinks {
            (sink.is_full, sink.is_overfull) = match &mut sink.kind {
                SinkKind::Mqtt { sink, .. } => (sink.update_gate(), sink.is_overfull()),
                SinkKind::Batch(sink) => (sink.update_gate(), sink.is_overfull()),
                SinkKind::Latest(_) => (false, false),
            };
        }
        let hook_bytes: usize = self.floor.hooks.iter().map(|hook| hook.queue.bytes()).sum();
        let is_hook_full = self.hook_gate.update(hook_bytes);
        let is_hook_overfull = hook_bytes > 2 * self.hook_gate.high();
        let now = unsigned(self.now_ns);
        let is_log_behind = self.floor.logs.is_behind();
        let of_quarantine = self.floor.quarantine.update_gate();
        for (slot, source) in self.sources.iter_mut().enumerate() {
            source.note_oldest(self.floor.settle.oldest_number(ring::source(slot as u16)), self.now_ns);
            let sinks = &self.floor.sinks;
            let any = |what: fn(&crate::floor::Sink) -> bool| {
                source.feeds.iter().any(|slot| sinks.get(usize::from(*slot)).is_some_and(what))
            };
            let is_disk_slow = source.feeds_log && is_log_behind;
            let pressure = if is_disk_slow || any(|sink| sink.is_overfull) || (source.feeds_hooks && is_hook_overfull) {
                Pressure::Overfull
            } else if any(|sink| sink.is_full) || (source.feeds_hooks && is_hook_full) {
                Pressure::Full
            } else {
                Pressure::None
            };
            let open_tokens = self.floor.settle.open_tokens(ring::source(slot as u16));
            // A source that waits for nothing, and whose messages no log promises, has its bad messages evicted instead.
            let is_awaited = source.feeds_log || open_tokens > 0;
            let pressure = if is_awaited { pressure.max(of_quarantine) } else { pressure };
            let should_pause = source.should_pause(pressure, open_tokens);
            if should_pause == source.is_paused {
                continue;
            }
            source.is_paused = should_pause;
            if should_pause {
                self.notes.pause.push(source.name.clone());
            } else {
                self.notes.resume.push(source.name.clone());
            }
            if let Some(session) = source.session() {
                if should_pause { session.pause(now) } else { session.resume(now) }
            }
        }
    }

    fn announce(&mut self) {
        for sink in &mut self.floor.sinks {
            if let SinkKind::Batch(batch) = &mut sink.kind
                && batch.announce(self.now_ns)
            {
                self.notes.ready_sinks.push(sink.name.clone());
            }
        }
        self.announce_hooks();
        self.notes.ready_quarantine = self.floor.quarantine.announce();
        let ready_taps = &mut self.notes.ready_taps;
        self.floor.taps.announce(|tap| ready_taps.push(tap));
    }
}

/// One message of a source on its way in.
pub(crate) struct Arrival<'a> {
    pub(crate) slot: u16,
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) meta: Meta,
    pub(crate) hold: Option<crate::settle::Hold>,
}

/// Everything that handling a message needs, apart from the source's own session.
pub(crate) struct Inside<'a> {
    pub(crate) router: &'a mut Router,
    pub(crate) wiring: &'a Wiring,
    pub(crate) floor: &'a mut Floor,
}

impl Inside<'_> {
    #[inline]
    pub(crate) fn route(&mut self, id: pronubes_core::SourceId, delivery: crate::node::Delivery, arrival: Arrival<'_>) {
        let Arrival { slot, topic, payload, meta, hold } = arrival;
        if self.floor.taps.has_inputs {
            let (topic, route) = (topic.as_bytes(), RouteId(u32::MAX));
            let item = Item { topic, payload, route, source: slot, meta, is_replayed: false };
            self.floor.taps.offer_input(&item);
        }
        let courier = Courier::new(self.floor, self.wiring, slot, delivery, meta).held(hold);
        route(self.router, &Message { source: id, topic, payload, meta }, courier);
    }
}
