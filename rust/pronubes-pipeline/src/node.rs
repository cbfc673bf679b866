//! What a node is told beside the routes: connections, queues, delivery classes. JSON, by the names of the specification.

use pronubes_mqtt::codec::properties::{Place, PropertyBuffer};
use pronubes_mqtt::{ConfigError, QoS, RetainHandling, Secret, SessionConfig, Subscription, Version, Will};
use serde::Deserialize;

use crate::queue::Policy;

/// Everything beside the routes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// One per source of the specification.
    #[serde(default)]
    pub sources: Vec<SourceSpec>,
    /// One per sink of the specification.
    #[serde(default)]
    pub sinks: Vec<SinkSpec>,
    /// Routes whose delivery class is not that of their source.
    #[serde(default)]
    pub routes: std::collections::BTreeMap<String, Delivery>,
    /// Bytes of quarantined messages that nobody waits for.
    #[serde(default = "default_quarantine_bytes")]
    pub quarantine_bytes: usize,
    /// Messages in a hook's batch.
    #[serde(default = "default_hook_rows")]
    pub hook_rows: usize,
    /// High mark of a hook's queue in bytes.
    #[serde(default = "default_queue_bytes")]
    pub hook_bytes: usize,
    /// The log of class `durable`; needed where a route is of this class.
    pub log: Option<LogSpec>,
    /// The log of what class `spill` cannot keep in memory; needed where a route is of this class.
    pub spill: Option<LogSpec>,
}

/// A log on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSpec {
    /// Its folder.
    pub dir: std::path::PathBuf,
    /// How large it may become.
    pub size: u64,
    /// How long records are kept for sinks that do not take them, in seconds.
    pub age_s: u64,
    /// How long records gather before they are synced together, in milliseconds.
    pub sync_gap_ms: u32,
    /// Size of a segment.
    pub segment_bytes: u64,
    /// Whether frames are compressed.
    #[serde(default)]
    pub compression: Compression,
    /// What is left free of the file system; without it the log's own rule.
    pub reserve_bytes: Option<u64>,
    /// What may wait in memory for the disk.
    #[serde(default = "default_log_memory")]
    pub memory_bytes: usize,
}

fn default_log_memory() -> usize {
    64 << 20
}

/// How frames of a log are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// Zstandard.
    Zstd,
}

fn default_quarantine_bytes() -> usize {
    16 << 20
}

fn default_hook_rows() -> usize {
    1024
}

fn default_queue_bytes() -> usize {
    8 << 20
}

/// When a route has done its part for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// When its records lie on the disk.
    Durable,
    /// On accept; what a sink cannot take goes to the disk.
    Spill,
    /// When every sink confirmed.
    Through,
    /// On accept.
    Volatile,
}

/// A source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// Its delivery class; without it `through` for MQTT with a QoS 1 subscription, `volatile` for all else.
    pub delivery: Option<Delivery>,
    /// The session, for MQTT.
    pub mqtt: Option<MqttSpec>,
    /// How many messages (of a batch source: batches) may be unacknowledged before reading pauses: 3.1.1 has no Receive Maximum.
    #[serde(default = "default_unacked")]
    pub unacked: usize,
}

fn default_unacked() -> usize {
    20_000
}

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// An MQTT session.
    Mqtt,
    /// A Python connector that hands in batches.
    Batch,
}

/// A sink.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkSpec {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SinkKind,
    /// The session, for MQTT.
    pub mqtt: Option<MqttSpec>,
    /// Quality of service of messages whose route does not say it (MQTT).
    #[serde(default)]
    pub qos: u8,
    /// Size of the queue.
    #[serde(default = "default_queue_bytes")]
    pub queue_bytes: usize,
    /// What happens when it is full.
    #[serde(default)]
    pub policy: Policy,
    /// Messages in a batch at most.
    #[serde(default = "default_batch_rows")]
    pub batch_rows: usize,
    /// Bytes of a batch; one larger message still is a batch.
    #[serde(default = "default_batch_bytes")]
    pub batch_bytes: usize,
    /// How long a batch that is not full waits for more.
    #[serde(default)]
    pub linger_ms: u32,
    /// Memory of a latest sink.
    #[serde(default = "default_latest_bytes")]
    pub latest_bytes: usize,
    /// In which order what the sink missed comes out of the logs.
    #[serde(default)]
    pub replay: ReplaySpec,
}

/// How a sink gets what it missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaySpec {
    /// Before or beside what is new.
    #[serde(default)]
    pub order: ReplayOrder,
    /// Messages a second at most.
    pub rate: Option<u32>,
}

/// The order of what a sink missed and what is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOrder {
    /// What is new goes at once; what was missed follows beside it, marked.
    #[default]
    LiveFirst,
    /// What was missed goes first.
    InOrder,
}

fn default_batch_rows() -> usize {
    4096
}

fn default_batch_bytes() -> usize {
    1 << 20
}

fn default_latest_bytes() -> usize {
    256 << 20
}

/// Kinds of sinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    /// An MQTT session.
    Mqtt,
    /// A Python connector that takes batches.
    Batch,
    /// The newest value per topic.
    Latest,
}

/// An MQTT session.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MqttSpec {
    /// Client id.
    pub client_id: String,
    /// 4 for 3.1.1, 5 for 5.0.
    #[serde(default = "default_protocol")]
    pub protocol: u8,
    /// Whether the broker forgets an earlier session.
    #[serde(default = "default_true")]
    pub clean_start: bool,
    /// How long the broker keeps the session.
    #[serde(default)]
    pub session_expiry_s: u32,
    /// Keep-alive; 0 turns it off.
    #[serde(default = "default_keep_alive")]
    pub keep_alive_s: u16,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// How many unacknowledged messages the broker may send.
    #[serde(default = "default_receive_maximum")]
    pub receive_maximum: u16,
    /// The largest packet taken.
    #[serde(default = "default_max_packet")]
    pub max_packet: u32,
    /// How many messages may be on their way to the broker.
    #[serde(default = "default_max_inflight")]
    pub max_inflight: u16,
    /// The last will.
    pub will: Option<WillSpec>,
    /// What to subscribe to.
    #[serde(default)]
    pub subscriptions: Vec<SubscriptionSpec>,
    /// Filters of an earlier run in this stored session that are no longer wanted.
    #[serde(default)]
    pub stale_filters: Vec<String>,
    /// User properties for CONNECT.
    #[serde(default)]
    pub user_properties: Vec<(String, String)>,
}

fn default_protocol() -> u8 {
    5
}

fn default_true() -> bool {
    true
}

fn default_keep_alive() -> u16 {
    60
}

fn default_receive_maximum() -> u16 {
    20_000
}

fn default_max_packet() -> u32 {
    1 << 20
}

fn default_max_inflight() -> u16 {
    20_000
}

/// No derived `Debug`: it would print the password.
impl std::fmt::Debug for MqttSpec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MqttSpec").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// A last will.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WillSpec {
    /// Topic.
    pub topic: String,
    /// Payload.
    #[serde(default)]
    pub payload: String,
    /// Quality of service.
    #[serde(default)]
    pub qos: u8,
    /// Whether to retain it.
    #[serde(default)]
    pub retain: bool,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionSpec {
    /// MQTT filter.
    pub filter: String,
    /// Quality of service wanted.
    #[serde(default)]
    pub qos: u8,
    /// 0 send retained messages, 1 only for a new subscription, 2 never.
    #[serde(default)]
    pub retain_handling: u8,
    /// Keep RETAIN as published.
    #[serde(default)]
    pub retain_as_published: bool,
    /// Do not deliver this client's own messages.
    #[serde(default)]
    pub no_local: bool,
}

/// A quality of service as a number; QoS 2 is refused by [`SessionConfig::check`] or by the session.
fn qos(number: u8) -> Result<QoS, String> {
    QoS::from_bits(number).ok_or_else(|| format!("QoS is 0 or 1, not `{number}`."))
}

impl MqttSpec {
    /// The session's configuration.
    ///
    /// # Errors
    /// A sentence about what cannot work.
    pub fn session_config(&self) -> Result<SessionConfig, String> {
        let version = match self.protocol {
            4 => Version::V311,
            5 => Version::V5,
            other => return Err(format!("`protocol` is 4 (MQTT 3.1.1) or 5, not `{other}`.")),
        };
        let mut config = SessionConfig::new(version, self.client_id.clone());
        config.username.clone_from(&self.username);
        config.password = self.password.as_ref().map(|password| Secret::new(password.clone().into_bytes()));
        config.keep_alive_s = self.keep_alive_s;
        config.clean_start = self.clean_start;
        config.session_expiry_s = self.session_expiry_s;
        config.receive_maximum = self.receive_maximum;
        config.maximum_packet_size = self.max_packet;
        config.max_inflight = self.max_inflight;
        config.stale_filters.clone_from(&self.stale_filters);
        config.will = self.will.as_ref().map(WillSpec::will).transpose()?;
        config.subscriptions =
            self.subscriptions.iter().map(SubscriptionSpec::subscription).collect::<Result<_, String>>()?;
        config.user_properties.clone_from(&self.user_properties);
        config.check().map_err(|error: ConfigError| error.to_string())?;
        Ok(config)
    }

    /// Whether some subscription asks for more than QoS 0.
    #[must_use]
    pub fn wants_acknowledgement(&self) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.qos > 0)
    }
}

impl WillSpec {
    fn will(&self) -> Result<Will, String> {
        Ok(Will {
            topic: self.topic.clone().into_bytes(),
            payload: self.payload.clone().into_bytes(),
            qos: qos(self.qos)?,
            retain: self.retain,
            properties: PropertyBuffer::new(Place::Will),
        })
    }
}

impl SubscriptionSpec {
    fn subscription(&self) -> Result<Subscription, String> {
        let retain_handling = match self.retain_handling {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::Never,
            other => return Err(format!("`retain_handling` is 0, 1 or 2, not `{other}`.")),
        };
        Ok(Subscription {
            filter: self.filter.clone(),
            qos: qos(self.qos)?,
            no_local: self.no_local,
            retain_as_published: self.retain_as_published,
            retain_handling,
        })
    }
}

impl SourceSpec {
    /// The delivery class of routes that do not say their own.
    #[must_use]
    pub fn default_delivery(&self) -> Delivery {
        let is_acknowledged = self.mqtt.as_ref().is_some_and(MqttSpec::wants_acknowledgement);
        self.delivery.unwrap_or(if is_acknowledged { Delivery::Through } else { Delivery::Volatile })
    }
}

impl Delivery {
    /// Whether sinks that are behind hold the sources up: nothing else keeps what they cannot take.
    #[must_use]
    pub fn waits_for_sinks(self) -> bool {
        matches!(self, Self::Through | Self::Volatile)
    }

    /// Whether a source waits for the route.
    #[must_use]
    pub fn is_confirmed(self) -> bool {
        matches!(self, Self::Through | Self::Durable)
    }
}

impl MqttSpec {
    /// Whether another one differs in its subscriptions alone.
    #[must_use]
    pub fn but_for_subscriptions(&self, other: &Self) -> bool {
        let other = Self {
            subscriptions: self.subscriptions.clone(),
            stale_filters: self.stale_filters.clone(),
            ..other.clone()
        };
        *self == other
    }
}
