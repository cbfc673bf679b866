//! What flows: one message with its topic, payload and circumstances, borrowed from wherever it arrived.

/// A source of the plan, by its position in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);

/// A sink of the plan, by its position in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SinkId(pub u16);

/// One message on its way through the router.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Where it came from.
    pub source: SourceId,
    /// Its topic: a valid topic name (MQTT 5 §4.7), checked at the edge.
    pub topic: &'a str,
    /// Its payload, any bytes.
    pub payload: &'a [u8],
    /// Circumstances that expressions can read as `meta`.
    pub meta: Meta,
}

/// Circumstances of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Quality of service it arrived with (0, 1 or 2).
    pub qos: u8,
    /// Whether the broker sent it as a retained message.
    pub retain: bool,
    /// When pronubes received it, nanoseconds since 1970 UTC.
    pub received_ns: i64,
    /// When the source says it happened, nanoseconds since 1970 UTC, where the source says so.
    pub source_ns: Option<i64>,
}
