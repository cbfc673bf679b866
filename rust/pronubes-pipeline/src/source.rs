//! Sources: where messages come from, and when they are to pause.

use pronubes_core::SourceId;
use pronubes_mqtt::Session;

use crate::node::{Delivery, MqttSpec};

/// What a source is.
pub enum SourceKind {
    /// An MQTT session.
    Mqtt {
        /// The session.
        session: Box<Session>,
        /// Its connection.
        connection: u32,
        /// Whether unacknowledged messages bound it: then a full sink need not stop its reading.
        is_bounded: bool,
    },
    /// A Python connector that hands in batches.
    Batch,
}

/// A source.
pub struct Source {
    /// Its name.
    pub name: Box<str>,
    /// What it is.
    pub kind: SourceKind,
    /// Its number in the present plan; nothing when it is not in it any more.
    pub id: Option<SourceId>,
    /// The delivery class of routes that do not say their own.
    pub delivery: Delivery,
    /// How many messages (of a batch source: batches) may be unacknowledged.
    pub unacked: usize,
    /// The sinks that hold it up when they are full, by slot.
    pub feeds: Vec<u16>,
    /// Whether its routes lead through hooks.
    pub feeds_hooks: bool,
    /// Whether its routes write to the durable log.
    pub feeds_log: bool,
    /// Whether its owner was told to pause.
    pub is_paused: bool,
    /// Whether it is to be read no more.
    pub is_stopped: bool,
    /// Its oldest open token by number, and since when no older one is open.
    pub oldest: Option<(u64, i64)>,
    /// Messages with a topic that is none, which the router never saw.
    pub invalid: u64,
    /// Tokens that failed.
    pub failed: u64,
    /// What its session was made from.
    pub mqtt: Option<MqttSpec>,
    /// It has settled everything and left.
    pub is_gone: bool,
}

/// Why sinks want a source to pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// There is room.
    None,
    /// A sink is above its high mark.
    Full,
    /// A sink is far above its high mark: also sources that are bounded by acknowledgements stop.
    Overfull,
}

impl Source {
    /// Whether it should pause, with `open` messages or batches unacknowledged.
    #[must_use]
    pub fn should_pause(&self, pressure: Pressure, open: usize) -> bool {
        // Once paused, it stays so until half of the allowance is free: a pause per message would be worse than either state.
        let allowance = if self.is_paused { self.unacked / 2 } else { self.unacked };
        let is_over = open > allowance;
        match &self.kind {
            SourceKind::Mqtt { session, is_bounded, .. } => {
                let enough = if *is_bounded { Pressure::Overfull } else { Pressure::Full };
                self.is_stopped || is_over || session.is_overrun() || pressure >= enough
            }
            SourceKind::Batch => self.is_stopped || is_over || pressure >= Pressure::Full,
        }
    }

    /// Notes which token is the oldest that is open. Told after every call, so that an age needs no time in each token.
    pub fn note_oldest(&mut self, number: Option<u64>, now_ns: i64) {
        if self.oldest.map(|(oldest, _)| oldest) != number {
            self.oldest = number.map(|number| (number, now_ns));
        }
    }

    /// The session of an MQTT source.
    pub fn session(&mut self) -> Option<&mut Session> {
        match &mut self.kind {
            SourceKind::Mqtt { session, .. } => Some(session),
            SourceKind::Batch => None,
        }
    }

    /// The connection of an MQTT source.
    #[must_use]
    pub fn connection(&self) -> Option<u32> {
        match &self.kind {
            SourceKind::Mqtt { connection, .. } => Some(*connection),
            SourceKind::Batch => None,
        }
    }
}
