//! What a session is told at construction, and what the broker allows afterwards.

use crate::codec::properties::{Properties, PropertyBuffer, PropertyId};
use crate::codec::text;
use crate::protocol::{QoS, Version};
use std::fmt;

/// Before CONNACK nobody is known on the other side: no packet above this size is taken.
pub(super) const MAXIMUM_PACKET_BEFORE_CONNACK: u32 = 256 * 1024;

/// A password. It has no `Debug`, `Display` or comparison, so that it cannot end up in a log by accident.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps the bytes.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// When the broker sends retained messages for a subscription (MQTT 5; 3.1.1 always sends them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetainHandling {
    /// At each subscribe.
    #[default]
    Send = 0,
    /// When the subscription did not exist before.
    SendIfNew = 1,
    /// Never.
    Never = 2,
}

/// One subscription. QoS 2 is refused with a reason; `$share/...` too (both have their place in `subscriptions.rs`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topic filter.
    pub filter: String,
    /// The highest QoS wanted, 0 or 1.
    pub qos: QoS,
    /// Do not deliver this client's own messages (MQTT 5).
    pub no_local: bool,
    /// Keep RETAIN as the publisher set it (MQTT 5).
    pub retain_as_published: bool,
    /// When retained messages come (MQTT 5).
    pub retain_handling: RetainHandling,
}

impl Subscription {
    /// A subscription with the defaults of 3.1.1.
    pub fn new(filter: impl Into<String>, qos: QoS) -> Self {
        Self {
            filter: filter.into(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        }
    }
}

/// What the broker publishes when this client vanishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Topic, without wildcards.
    pub topic: Vec<u8>,
    /// Payload.
    pub payload: Vec<u8>,
    /// QoS 0 or 1.
    pub qos: QoS,
    /// RETAIN flag.
    pub retain: bool,
    /// Properties for [`crate::codec::Place::Will`], will delay included (MQTT 5).
    pub properties: PropertyBuffer,
}

/// Everything a session needs to know. No `Debug`: it holds a password.
#[derive(Clone)]
pub struct SessionConfig {
    /// Protocol version.
    pub version: Version,
    /// Client id; empty lets the broker choose (3.1.1: with `clean_start` only).
    pub client_id: String,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Keep-alive in seconds; 0 turns it off, and a dead connection is then not noticed.
    pub keep_alive_s: u16,
    /// Forget an earlier session. With MQTT 5 and a session expiry this holds for the first connection only, so that
    /// reconnects resume; in 3.1.1 it holds for each.
    pub clean_start: bool,
    /// How long the broker keeps the session after a loss (MQTT 5).
    pub session_expiry_s: u32,
    /// How many QoS 1 messages this client takes unacknowledged; announced in MQTT 5, 1 or more.
    pub receive_maximum: u16,
    /// The largest packet taken from the broker; announced in MQTT 5.
    pub maximum_packet_size: u32,
    /// The will.
    pub will: Option<Will>,
    /// Subscriptions, made at each connection that needs them.
    pub subscriptions: Vec<Subscription>,
    /// Filters that an earlier run subscribed to in this stored session and that are no longer wanted.
    pub stale_filters: Vec<String>,
    /// How many QoS 1 messages may be on their way to the broker; the broker's Receive Maximum may lower it.
    pub max_inflight: u16,
    /// How many bytes those messages may take.
    pub max_inflight_bytes: usize,
    /// Above this many received and unacknowledged bytes the session reports an overrun (3.1.1 has no Receive Maximum).
    pub unacked_bytes_limit: usize,
    /// User properties for CONNECT (MQTT 5).
    pub user_properties: Vec<(String, String)>,
    /// How long CONNACK, SUBACK and UNSUBACK may take.
    pub answer_timeout_ns: u64,
}

/// Why a configuration cannot work. `Display` is a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigError {
    /// 3.1.1 [MQTT-3.1.3-7]: an empty client id needs a clean session.
    EmptyClientId,
    /// 3.1.1 [MQTT-3.1.2-22]: a password needs a user name.
    PasswordWithoutUser,
    /// MQTT 5 §3.1.2.11.3: Receive Maximum 0 does not exist.
    ReceiveMaximumZero,
    /// Client id, user name, password, will topic or will payload above 65,535 bytes or with U+0000.
    InvalidText,
    /// The will's topic has wildcards or is empty.
    InvalidWillTopic,
    /// QoS 2 is not there yet.
    QosNotSupported,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::EmptyClientId => "In MQTT 3.1.1 a stored session needs a client id [MQTT-3.1.3-7].",
            Self::PasswordWithoutUser => "In MQTT 3.1.1 a password needs a user name [MQTT-3.1.2-22].",
            Self::ReceiveMaximumZero => "Receive Maximum must be at least 1 (MQTT 5 §3.1.2.11.3).",
            Self::InvalidText => "A text of CONNECT is longer than 65,535 bytes or holds U+0000 [MQTT-1.5.4-2].",
            Self::InvalidWillTopic => {
                "The topic of the will is empty or holds a wildcard [MQTT-3.1.3-11, MQTT-4.7.0-1]."
            }
            Self::QosNotSupported => "QoS 2 is not supported: use QoS 1.",
        })
    }
}

impl std::error::Error for ConfigError {}

impl SessionConfig {
    /// A client with default limits, no subscriptions and a clean start.
    pub fn new(version: Version, client_id: impl Into<String>) -> Self {
        Self {
            version,
            client_id: client_id.into(),
            username: None,
            password: None,
            keep_alive_s: 60,
            clean_start: true,
            session_expiry_s: 0,
            receive_maximum: 65_535,
            maximum_packet_size: 1024 * 1024,
            will: None,
            subscriptions: Vec::new(),
            stale_filters: Vec::new(),
            max_inflight: 1_000,
            max_inflight_bytes: 64 * 1024 * 1024,
            unacked_bytes_limit: 64 * 1024 * 1024,
            user_properties: Vec::new(),
            answer_timeout_ns: 10_000_000_000,
        }
    }

    /// Checks what the session relies on; call it where configuration errors are shown.
    ///
    /// # Errors
    /// The first thing that cannot work.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.version == Version::V311 && self.client_id.is_empty() && !self.clean_start {
            return Err(ConfigError::EmptyClientId);
        }
        if self.version == Version::V311 && self.password.is_some() && self.username.is_none() {
            return Err(ConfigError::PasswordWithoutUser);
        }
        if self.receive_maximum == 0 || self.max_inflight == 0 {
            return Err(ConfigError::ReceiveMaximumZero);
        }
        let properties = self.user_properties.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let mut texts = properties.chain(self.username.as_deref()).chain([self.client_id.as_str()]);
        let binaries =
            [self.password.as_ref().map(Secret::expose), self.will.as_ref().map(|will| will.payload.as_slice())];
        let is_long = |bytes: &[u8]| bytes.len() > usize::from(u16::MAX);
        if texts.any(|text| is_long(text.as_bytes()) || text.contains('\0'))
            || binaries.into_iter().flatten().any(is_long)
        {
            return Err(ConfigError::InvalidText);
        }
        match &self.will {
            Some(will) if is_long(&will.topic) || text::check_topic(&will.topic).is_err() => {
                Err(ConfigError::InvalidWillTopic)
            }
            Some(will) if will.qos == QoS::ExactlyOnce => Err(ConfigError::QosNotSupported),
            _ => Ok(()),
        }
    }
}

/// What the broker allows on this connection (CONNACK; MQTT 5 §3.2.2.3). In 3.1.1 everything is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many QoS 1 messages it takes unacknowledged.
    pub receive_maximum: u16,
    /// The largest packet it takes.
    pub maximum_packet_size: u32,
    /// The highest QoS it takes; QoS 2 is never used by this client.
    pub maximum_qos: QoS,
    /// It keeps retained messages.
    pub retain_available: bool,
    /// Subscriptions may hold wildcards.
    pub wildcards_available: bool,
    /// Subscriptions may be shared.
    pub shared_available: bool,
    /// Subscription identifiers work.
    pub subscription_ids_available: bool,
    /// Topic aliases it takes; reported, not used yet.
    pub topic_alias_maximum: u16,
    /// The keep-alive in force, in seconds.
    pub keep_alive_s: u16,
    /// The session expiry in force, in seconds.
    pub session_expiry_s: u32,
    /// The client id the broker chose, used from now on.
    pub assigned_client_id: Option<String>,
}

impl Limits {
    pub(super) fn new(properties: Properties<'_>, config: &SessionConfig) -> Self {
        let flag = |id| properties.number(id) != Some(0);
        let short = |id| properties.number(id).and_then(|number| u16::try_from(number).ok());
        let assigned = properties.bytes(PropertyId::AssignedClientIdentifier);
        Self {
            receive_maximum: short(PropertyId::ReceiveMaximum).unwrap_or(u16::MAX),
            maximum_packet_size: properties.number(PropertyId::MaximumPacketSize).unwrap_or(u32::MAX),
            maximum_qos: if properties.number(PropertyId::MaximumQos) == Some(0) {
                QoS::AtMostOnce
            } else {
                QoS::AtLeastOnce
            },
            retain_available: flag(PropertyId::RetainAvailable),
            wildcards_available: flag(PropertyId::WildcardSubscriptionAvailable),
            shared_available: flag(PropertyId::SharedSubscriptionAvailable),
            subscription_ids_available: flag(PropertyId::SubscriptionIdentifierAvailable),
            topic_alias_maximum: short(PropertyId::TopicAliasMaximum).unwrap_or(0),
            keep_alive_s: short(PropertyId::ServerKeepAlive).unwrap_or(config.keep_alive_s),
            session_expiry_s: properties.number(PropertyId::SessionExpiryInterval).unwrap_or(config.session_expiry_s),
            assigned_client_id: assigned.map(|id| String::from_utf8_lossy(id).into_owned()),
        }
    }
}
