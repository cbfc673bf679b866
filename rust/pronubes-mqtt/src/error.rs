//! What can be wrong with a peer's packets or with a message to publish. Every error has a stable snake_case code, the clause of
//! the standard it rests on, a sentence for people, and (for peers) the MQTT 5 reason code that goes into DISCONNECT.

use crate::reason::Reason;
use std::fmt;

/// The facts of one error, as shown to people and machines.
struct Facts {
    code: &'static str,
    clause: &'static str,
    sentence: &'static str,
    reason: Reason,
}

/// Declares an error enum together with its table of facts, so that no variant can be without them.
macro_rules! errors {
    ($(#[$meta:meta])* $name:ident { $($variant:ident, $code:literal, $reason:expr, $clause:literal, $sentence:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $sentence] $variant,)*
        }

        impl $name {
            /// Every error, for tables and documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn facts(self) -> Facts {
                match self {
                    $(Self::$variant => Facts { code: $code, clause: $clause, sentence: $sentence, reason: $reason },)*
                }
            }

            /// The stable code, for counters and logs.
            pub fn code(self) -> &'static str {
                self.facts().code
            }

            /// The clause of the standard that decides.
            pub fn clause(self) -> &'static str {
                self.facts().clause
            }

            /// What is wrong, as a sentence.
            pub fn sentence(self) -> &'static str {
                self.facts().sentence
            }

            /// The MQTT reason code nearest to this error.
            pub fn reason(self) -> Reason {
                self.facts().reason
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                let facts = self.facts();
                write!(formatter, "{} ({}; {})", facts.sentence, facts.code, facts.clause)
            }
        }

        impl std::error::Error for $name {}
    };
}

errors! {
    /// The peer broke the protocol (or fell silent): the connection cannot go on.
    ProtocolError {
        MalformedLength, "malformed_length", Reason::MALFORMED_PACKET, "MQTT 5 §1.5.5 [MQTT-1.5.5-1]; 3.1.1 §2.2.3",
            "A length was encoded in more than four bytes or in more bytes than needed.";
        PacketTooLarge, "packet_too_large", Reason::PACKET_TOO_LARGE, "MQTT 5 §3.1.2.11.4 [MQTT-3.1.2-24]",
            "The peer announced a packet larger than the agreed maximum.";
        UnknownPacketType, "unknown_packet_type", Reason::MALFORMED_PACKET, "MQTT 5 §2.1.2; 3.1.1 §2.2.1",
            "The packet type does not exist in this protocol version.";
        InvalidFlags, "invalid_flags", Reason::MALFORMED_PACKET, "MQTT 5 §2.1.3 [MQTT-2.1.3-1]; 3.1.1 §2.2.2 [MQTT-2.2.2-2]",
            "The flag bits of the fixed header are not the ones this packet must have.";
        ReservedBits, "reserved_bits", Reason::MALFORMED_PACKET, "MQTT 5 §3.1.2.3 [MQTT-3.1.2-3], §3.2.2.1 [MQTT-3.2.2-1], §3.8.3.1 [MQTT-3.8.3-5]",
            "Bits that must be zero are set.";
        TruncatedPacket, "truncated_packet", Reason::MALFORMED_PACKET, "MQTT 5 §2.1.4, §4.13; 3.1.1 §2.2.3",
            "A field reaches beyond the end of its packet.";
        TrailingBytes, "trailing_bytes", Reason::MALFORMED_PACKET, "MQTT 5 §2.1.4, §4.13; 3.1.1 §2.2.3",
            "The packet is longer than its fields.";
        InvalidUtf8, "invalid_utf8", Reason::MALFORMED_PACKET, "MQTT 5 §1.5.4 [MQTT-1.5.4-1]; 3.1.1 §1.5.3 [MQTT-1.5.3-1]",
            "A text field is not well-formed UTF-8.";
        NulInText, "nul_in_text", Reason::MALFORMED_PACKET, "MQTT 5 §1.5.4 [MQTT-1.5.4-2]; 3.1.1 §1.5.3 [MQTT-1.5.3-2]",
            "A text field holds the character U+0000.";
        EmptyTopic, "empty_topic", Reason::PROTOCOL_ERROR, "MQTT 5 §4.7.3 [MQTT-4.7.3-1], §3.3.2.1; 3.1.1 §4.7.3 [MQTT-4.7.3-1]",
            "The topic is empty and no topic alias stands in for it.";
        WildcardInTopic, "wildcard_in_topic", Reason::TOPIC_NAME_INVALID, "MQTT 5 §3.3.2.1 [MQTT-3.3.2-2]; 3.1.1 §3.3.2.1 [MQTT-3.3.2-2]",
            "The topic of a message holds a wildcard (`+` or `#`).";
        InvalidFilter, "invalid_filter", Reason::TOPIC_FILTER_INVALID, "MQTT 5 §4.7.1 [MQTT-4.7.1-1], [MQTT-4.7.1-2], §4.8.2 [MQTT-4.8.2-1]",
            "A topic filter is empty or has a wildcard or a share name where none may stand.";
        PacketIdZero, "packet_id_zero", Reason::MALFORMED_PACKET, "MQTT 5 §2.2.1 [MQTT-2.2.1-3]; 3.1.1 §2.3.1 [MQTT-2.3.1-1]",
            "The packet identifier is 0.";
        InvalidQos, "invalid_qos", Reason::MALFORMED_PACKET, "MQTT 5 §3.3.1.2 [MQTT-3.3.1-4]; 3.1.1 §3.3.1.2 [MQTT-3.3.1-4]",
            "Both QoS bits are set.";
        DupWithoutQos, "dup_without_qos", Reason::MALFORMED_PACKET, "MQTT 5 §3.3.1.1 [MQTT-3.3.1-2]; 3.1.1 §3.3.1.1 [MQTT-3.3.1-2]",
            "The DUP flag is set on a QoS 0 message.";
        UnknownProperty, "unknown_property", Reason::MALFORMED_PACKET, "MQTT 5 §2.2.2.2",
            "A property identifier does not exist.";
        PropertyNotAllowed, "property_not_allowed", Reason::PROTOCOL_ERROR, "MQTT 5 §2.2.2.2",
            "A property does not belong into this packet.";
        DuplicateProperty, "duplicate_property", Reason::PROTOCOL_ERROR, "MQTT 5 §2.2.2.2, §4.13",
            "A property that may stand once stands twice.";
        InvalidPropertyValue, "invalid_property_value", Reason::PROTOCOL_ERROR, "MQTT 5 §2.2.2.2, §4.13",
            "A property has a value that the standard forbids.";
        UnknownProtocol, "unknown_protocol", Reason::UNSUPPORTED_PROTOCOL_VERSION, "MQTT 5 §3.1.2.1 [MQTT-3.1.2-1], §3.1.2.2 [MQTT-3.1.2-2]",
            "CONNECT names a protocol or a version that is neither 3.1.1 nor 5.0.";
        InvalidReasonCode, "invalid_reason_code", Reason::MALFORMED_PACKET, "MQTT 5 §2.4; 3.1.1 §3.2.2.3, §3.9.3 [MQTT-3.9.3-2]",
            "A reason code does not exist for this packet.";
        EmptyFilterList, "empty_filter_list", Reason::PROTOCOL_ERROR, "MQTT 5 §3.8.3 [MQTT-3.8.3-2], §3.10.3 [MQTT-3.10.3-2]",
            "A SUBSCRIBE or UNSUBSCRIBE names no filter, or its answer holds no result.";
        WrongDirection, "wrong_direction", Reason::PROTOCOL_ERROR, "MQTT 5 §2.1.2; 3.1.1 §2.2.1",
            "The packet may only be sent in the other direction.";
        ConnackExpected, "connack_expected", Reason::PROTOCOL_ERROR, "MQTT 5 §3.2 [MQTT-3.2.0-1]; 3.1.1 §3.2 [MQTT-3.2.0-1]",
            "The broker sent another packet before CONNACK.";
        UnexpectedConnack, "unexpected_connack", Reason::PROTOCOL_ERROR, "MQTT 5 §3.2 [MQTT-3.2.0-2]",
            "The broker sent CONNACK a second time.";
        UnexpectedSession, "unexpected_session", Reason::PROTOCOL_ERROR, "MQTT 5 §3.2.2.1.1 [MQTT-3.2.2-2], [MQTT-3.2.2-6]; 3.1.1 §3.2.2.2 [MQTT-3.2.2-1], [MQTT-3.2.2-4]",
            "The broker reports a stored session although a clean start was asked for or the connection is refused.";
        QosNotSupported, "qos_not_supported", Reason::PROTOCOL_ERROR, "MQTT 5 §3.8.4 [MQTT-3.8.4-8]; 3.1.1 §3.8.4 [MQTT-3.8.4-6]",
            "The broker used QoS 2 although no subscription of this client asks for more than QoS 1.";
        TopicAliasInvalid, "topic_alias_invalid", Reason::TOPIC_ALIAS_INVALID, "MQTT 5 §3.3.2.3.4 [MQTT-3.3.2-9]",
            "The broker used a topic alias although this client announced none.";
        PacketIdInUse, "packet_id_in_use", Reason::PROTOCOL_ERROR, "MQTT 5 §2.2.1 [MQTT-2.2.1-4], §4.4 [MQTT-4.4.0-1]; 3.1.1 §2.3.1",
            "The broker used a packet identifier again that is not yet acknowledged.";
        UnknownPacketId, "unknown_packet_id", Reason::PROTOCOL_ERROR, "MQTT 5 §2.2.1 [MQTT-2.2.1-5], [MQTT-2.2.1-6]; 3.1.1 §2.3.1 [MQTT-2.3.1-6], [MQTT-2.3.1-7]",
            "The broker acknowledged a packet identifier that is not in flight on this connection.";
        SubackCount, "suback_count", Reason::PROTOCOL_ERROR, "MQTT 5 §3.8.4 [MQTT-3.8.4-6], §3.11.3 [MQTT-3.11.3-1]; 3.1.1 §3.8.4 [MQTT-3.8.4-5]",
            "The answer to a SUBSCRIBE or UNSUBSCRIBE has another number of results than the request had filters.";
        GrantedTooMuch, "granted_too_much", Reason::PROTOCOL_ERROR, "MQTT 5 §3.8.4 [MQTT-3.8.4-7], §3.9.3; 3.1.1 §3.9.3",
            "The broker granted a higher QoS than the subscription asked for.";
        UnexpectedAuth, "unexpected_auth", Reason::PROTOCOL_ERROR, "MQTT 5 §4.12 [MQTT-4.12.0-6]",
            "The broker started enhanced authentication, which this client did not offer.";
        ConnackTimeout, "connack_timeout", Reason::UNSPECIFIED_ERROR, "MQTT 5 §3.1.4, §4.13; 3.1.1 §3.1.4",
            "The broker did not answer CONNECT in time.";
        SubackTimeout, "suback_timeout", Reason::UNSPECIFIED_ERROR, "MQTT 5 §3.8.4 [MQTT-3.8.4-1]; 3.1.1 §3.8.4 [MQTT-3.8.4-1]",
            "The broker did not answer SUBSCRIBE or UNSUBSCRIBE in time.";
        PingTimeout, "ping_timeout", Reason::UNSPECIFIED_ERROR, "MQTT 5 §3.1.2.10; 3.1.1 §3.1.2.10",
            "The broker sent nothing, not even an answer to PINGREQ: the connection is dead.";
    }
}

errors! {
    /// Why [`crate::Session::publish`] did not take a message. Only `full` and `not_connected` are worth a retry of the same message.
    PublishError {
        NotConnected, "not_connected", Reason::UNSPECIFIED_ERROR, "MQTT 5 §3.1.4",
            "There is no connection at the moment.";
        Full, "full", Reason::RECEIVE_MAXIMUM_EXCEEDED, "MQTT 5 §3.3.4 [MQTT-3.3.4-7], §4.9 [MQTT-4.9.0-2]",
            "As many messages are in flight as the broker or the configuration allows.";
        TooLarge, "too_large", Reason::PACKET_TOO_LARGE, "MQTT 5 §3.2.2.3.6 [MQTT-3.2.2-15]",
            "The message is larger than the broker (or the protocol) accepts.";
        InvalidTopic, "invalid_topic", Reason::TOPIC_NAME_INVALID, "MQTT 5 §4.7 [MQTT-4.7.0-1], [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3]",
            "The topic is empty, too long, not UTF-8, or holds a wildcard or U+0000.";
        QosNotSupported, "qos_not_supported", Reason::QOS_NOT_SUPPORTED, "MQTT 5 §3.2.2.3.4 [MQTT-3.2.2-11]",
            "The broker (or this client, for QoS 2) does not support the QoS of the message.";
        RetainNotSupported, "retain_not_supported", Reason::RETAIN_NOT_SUPPORTED, "MQTT 5 §3.2.2.3.5 [MQTT-3.2.2-14]",
            "The broker does not keep retained messages.";
    }
}
