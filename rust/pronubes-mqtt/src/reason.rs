//! MQTT reason codes: name, meaning, where they may stand, and whether trying again makes sense.
//!
//! MQTT 3.1.1 return codes are mapped to the MQTT 5 code with the same meaning when they are read, so that the rest of the
//! program knows one table only.

use std::fmt;

/// Whether the same attempt may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// A passing state: try again with back-off.
    Soon,
    /// A limit or a state that a person or the peer has to change: try again, at the longest delay.
    Later,
    /// The same attempt will be refused again.
    Never,
}

/// Where a reason code may stand; a bit set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carrier(u8);

impl Carrier {
    /// CONNACK.
    pub const CONNACK: Self = Self(1);
    /// PUBACK and PUBREC.
    pub const PUBACK: Self = Self(2);
    /// SUBACK.
    pub const SUBACK: Self = Self(4);
    /// UNSUBACK.
    pub const UNSUBACK: Self = Self(8);
    /// DISCONNECT, by a server.
    pub const SERVER_DISCONNECT: Self = Self(16);
    /// DISCONNECT, by a client.
    pub const CLIENT_DISCONNECT: Self = Self(32);
    /// PUBREL and PUBCOMP.
    pub const PUBREL: Self = Self(64);
    /// AUTH.
    pub const AUTH: Self = Self(128);

    const fn clause(self) -> &'static str {
        match self {
            Self::CONNACK => "MQTT 5 §3.2.2.2; 3.1.1 §3.2.2.3",
            Self::PUBACK => "MQTT 5 §3.4.2.1",
            Self::SUBACK => "MQTT 5 §3.9.3; 3.1.1 §3.9.3",
            Self::UNSUBACK => "MQTT 5 §3.11.3",
            Self::SERVER_DISCONNECT | Self::CLIENT_DISCONNECT => "MQTT 5 §3.14.2.1",
            Self::PUBREL => "MQTT 5 §3.6.2.1",
            Self::AUTH => "MQTT 5 §3.15.2.1",
            _ => "MQTT 5 §2.4",
        }
    }
}

/// A reason code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason(u8);

struct Row {
    code: u8,
    name: &'static str,
    retry: Retry,
    carriers: u8,
    sentence: &'static str,
}

/// Declares the named codes and the table in one place. Carriers: C CONNACK, P PUBACK, S SUBACK, U UNSUBACK, D server DISCONNECT,
/// d client DISCONNECT, R PUBREL, A AUTH.
macro_rules! reasons {
    ($($constant:ident = $code:literal, $name:literal, $retry:ident, $carriers:literal, $sentence:literal;)*) => {
        impl Reason {
            $(#[doc = $sentence] pub const $constant: Self = Self($code);)*
        }

        const TABLE: &[Row] = &[$(Row { code: $code, name: $name, retry: Retry::$retry, carriers: carriers($carriers), sentence: $sentence },)*];
    };
}

const fn carriers(letters: &str) -> u8 {
    let bytes = letters.as_bytes();
    let (mut mask, mut at) = (0, 0);
    while at < bytes.len() {
        mask |= match bytes[at] {
            b'C' => Carrier::CONNACK.0,
            b'P' => Carrier::PUBACK.0,
            b'S' => Carrier::SUBACK.0,
            b'U' => Carrier::UNSUBACK.0,
            b'D' => Carrier::SERVER_DISCONNECT.0,
            b'd' => Carrier::CLIENT_DISCONNECT.0,
            b'R' => Carrier::PUBREL.0,
            _ => Carrier::AUTH.0,
        };
        at += 1;
    }
    mask
}

reasons! {
    SUCCESS = 0x00, "success", Soon, "CPSUDdRA", "It worked (in DISCONNECT: a normal end; in SUBACK: QoS 0 granted).";
    GRANTED_QOS_1 = 0x01, "granted_qos_1", Soon, "S", "QoS 1 is granted.";
    GRANTED_QOS_2 = 0x02, "granted_qos_2", Soon, "S", "QoS 2 is granted.";
    DISCONNECT_WITH_WILL = 0x04, "disconnect_with_will", Soon, "d", "The client leaves and wants its will to be published.";
    NO_MATCHING_SUBSCRIBERS = 0x10, "no_matching_subscribers", Soon, "P", "The message was accepted; nobody subscribes to it.";
    NO_SUBSCRIPTION_EXISTED = 0x11, "no_subscription_existed", Soon, "U", "There was no such subscription.";
    CONTINUE_AUTHENTICATION = 0x18, "continue_authentication", Soon, "A", "Authentication goes on.";
    REAUTHENTICATE = 0x19, "reauthenticate", Soon, "A", "Authentication is started again.";
    UNSPECIFIED_ERROR = 0x80, "unspecified_error", Soon, "CPSUDd", "The peer refused without giving a reason.";
    MALFORMED_PACKET = 0x81, "malformed_packet", Later, "CDd", "A packet could not be read.";
    PROTOCOL_ERROR = 0x82, "protocol_error", Later, "CDd", "A packet broke the rules of the protocol.";
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83, "implementation_specific_error", Soon, "CPSUDd", "The peer refuses for a reason of its own.";
    UNSUPPORTED_PROTOCOL_VERSION = 0x84, "unsupported_protocol_version", Later, "C", "The broker does not speak this protocol version; set the other one.";
    CLIENT_IDENTIFIER_NOT_VALID = 0x85, "client_identifier_not_valid", Later, "C", "The broker does not accept this client id.";
    BAD_USER_NAME_OR_PASSWORD = 0x86, "bad_user_name_or_password", Later, "C", "The broker does not accept the user name or the password.";
    NOT_AUTHORIZED = 0x87, "not_authorized", Never, "CPSUD", "The broker does not allow this; its access list decides.";
    SERVER_UNAVAILABLE = 0x88, "server_unavailable", Soon, "C", "The broker is not available.";
    SERVER_BUSY = 0x89, "server_busy", Soon, "CD", "The broker is busy.";
    BANNED = 0x8A, "banned", Later, "C", "The broker has banned this client.";
    SERVER_SHUTTING_DOWN = 0x8B, "server_shutting_down", Soon, "D", "The broker shuts down.";
    BAD_AUTHENTICATION_METHOD = 0x8C, "bad_authentication_method", Later, "CD", "The authentication method is not supported.";
    KEEP_ALIVE_TIMEOUT = 0x8D, "keep_alive_timeout", Soon, "D", "The broker heard nothing for one and a half times the keep-alive.";
    SESSION_TAKEN_OVER = 0x8E, "session_taken_over", Later, "D", "Another connection uses the same client id.";
    TOPIC_FILTER_INVALID = 0x8F, "topic_filter_invalid", Never, "SUD", "The topic filter is not accepted.";
    TOPIC_NAME_INVALID = 0x90, "topic_name_invalid", Never, "CPDd", "The topic is not accepted.";
    PACKET_IDENTIFIER_IN_USE = 0x91, "packet_identifier_in_use", Soon, "PSU", "The packet identifier is in use.";
    PACKET_IDENTIFIER_NOT_FOUND = 0x92, "packet_identifier_not_found", Soon, "R", "The packet identifier is not known.";
    RECEIVE_MAXIMUM_EXCEEDED = 0x93, "receive_maximum_exceeded", Soon, "Dd", "More messages were in flight than Receive Maximum allows.";
    TOPIC_ALIAS_INVALID = 0x94, "topic_alias_invalid", Later, "Dd", "The topic alias is not accepted.";
    PACKET_TOO_LARGE = 0x95, "packet_too_large", Never, "CDd", "The packet is larger than the peer accepts.";
    MESSAGE_RATE_TOO_HIGH = 0x96, "message_rate_too_high", Soon, "Dd", "Messages come faster than the peer accepts.";
    QUOTA_EXCEEDED = 0x97, "quota_exceeded", Soon, "CPSDd", "A quota of the peer is used up.";
    ADMINISTRATIVE_ACTION = 0x98, "administrative_action", Later, "Dd", "An administrator closed the connection.";
    PAYLOAD_FORMAT_INVALID = 0x99, "payload_format_invalid", Never, "CPDd", "The payload does not match its declared format.";
    RETAIN_NOT_SUPPORTED = 0x9A, "retain_not_supported", Never, "CD", "The broker does not keep retained messages.";
    QOS_NOT_SUPPORTED = 0x9B, "qos_not_supported", Never, "CD", "The QoS is not supported.";
    USE_ANOTHER_SERVER = 0x9C, "use_another_server", Later, "CD", "The broker asks to use another server for now.";
    SERVER_MOVED = 0x9D, "server_moved", Later, "CD", "The broker has moved for good.";
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E, "shared_subscriptions_not_supported", Never, "SD", "Shared subscriptions are not supported.";
    CONNECTION_RATE_EXCEEDED = 0x9F, "connection_rate_exceeded", Later, "CD", "Connections come faster than the broker accepts.";
    MAXIMUM_CONNECT_TIME = 0xA0, "maximum_connect_time", Soon, "D", "The connection has lasted as long as the broker allows.";
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1, "subscription_identifiers_not_supported", Never, "SD", "Subscription identifiers are not supported.";
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2, "wildcard_subscriptions_not_supported", Never, "SD", "Wildcards in subscriptions are not supported.";
}

/// MQTT 3.1.1 §3.2.2.3: CONNACK return codes 0 to 5 and their MQTT 5 meaning.
const CONNACK_311: [Reason; 6] = [
    Reason::SUCCESS,
    Reason::UNSUPPORTED_PROTOCOL_VERSION,
    Reason::CLIENT_IDENTIFIER_NOT_VALID,
    Reason::SERVER_UNAVAILABLE,
    Reason::BAD_USER_NAME_OR_PASSWORD,
    Reason::NOT_AUTHORIZED,
];

impl Reason {
    /// The reason for a code that may stand in `carrier`, or nothing.
    pub fn for_carrier(code: u8, carrier: Carrier) -> Option<Self> {
        TABLE.iter().find(|row| row.code == code && row.carriers & carrier.0 != 0).map(|row| Self(row.code))
    }

    /// The reason for a 3.1.1 CONNACK return code.
    pub fn from_connack_311(code: u8) -> Option<Self> {
        CONNACK_311.get(usize::from(code)).copied()
    }

    /// The nearest 3.1.1 CONNACK return code; "server unavailable" where 3.1.1 has no word.
    pub fn to_connack_311(self) -> u8 {
        CONNACK_311.iter().position(|reason| *reason == self).map_or(3, |at| at as u8)
    }

    /// The code on the wire.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// True from 0x80 on.
    pub const fn is_failure(self) -> bool {
        self.0 >= 0x80
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.code == self.0)
    }

    /// The stable snake_case name.
    pub fn name(self) -> &'static str {
        self.row().map_or("unknown_reason", |row| row.name)
    }

    /// What it means, as a sentence.
    pub fn sentence(self) -> &'static str {
        self.row().map_or("The peer gave a reason code that the standard does not know.", |row| row.sentence)
    }

    /// Whether the same attempt may succeed later.
    pub fn retry(self) -> Retry {
        self.row().map_or(Retry::Later, |row| row.retry)
    }

    /// The clause that defines the code in this packet.
    pub const fn clause(carrier: Carrier) -> &'static str {
        carrier.clause()
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Reason({:#04x} {})", self.0, self.name())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}, {:#04x})", self.sentence(), self.name(), self.0)
    }
}
