//! What a call left to do for whoever owns the sockets and the Python side.

/// A connection to close, after its output was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Which.
    pub connection: u32,
    /// Stable code.
    pub reason: String,
    /// A sentence.
    pub sentence: String,
    /// Whether it is to be opened again.
    pub reconnect: bool,
}

/// Something that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionEvent {
    /// Which.
    pub connection: u32,
    /// Stable code.
    pub code: &'static str,
    /// More about it.
    pub detail: String,
}

/// A batch source's position that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The source.
    pub source: Box<str>,
    /// What [`crate::Pipeline::push`] was given.
    pub position: u64,
    /// Whether every target has it; otherwise the source has to send again.
    pub is_delivered: bool,
}

/// Everything that is to do, beside writing output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Connections to close.
    pub closes: Vec<Close>,
    /// Sources to stop reading.
    pub pause: Vec<Box<str>>,
    /// Sources to read again.
    pub resume: Vec<Box<str>>,
    /// Batch sinks with a batch.
    pub ready_sinks: Vec<Box<str>>,
    /// Hooks with a batch.
    pub ready_hooks: Vec<u32>,
    /// Taps with a batch.
    pub ready_taps: Vec<u64>,
    /// Whether the quarantine has a batch.
    pub ready_quarantine: bool,
    /// Positions that are done, in order.
    pub settled: Vec<Settled>,
    /// What happened to connections.
    pub events: Vec<ConnectionEvent>,
    /// What happened to logs.
    pub log_events: Vec<(crate::logs::Kind, pronubes_log::LogEvent)>,
}

impl Notes {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn close(&mut self, connection: u32, reason: &str, sentence: String, reconnect: bool) {
        self.closes.push(Close { connection, reason: reason.to_owned(), sentence, reconnect });
    }

    pub(crate) fn event(&mut self, connection: u32, code: &'static str, detail: impl Into<String>) {
        self.events.push(ConnectionEvent { connection, code, detail: detail.into() });
    }
}
