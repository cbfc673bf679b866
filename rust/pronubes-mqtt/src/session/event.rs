//! What a session tells its caller, and what the caller hands it to publish.

use super::config::Limits;
use super::received::AckHandle;
use crate::codec::properties::{Properties, PropertyId};
use crate::protocol::QoS;
use crate::reason::{Reason, Retry};

/// One message to publish. Topic and payload are copied into the output once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Publish<'a> {
    /// The topic, checked before it is sent.
    pub topic: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// QoS 0 or 1.
    pub qos: QoS,
    /// RETAIN flag.
    pub retain: bool,
    /// Properties built once with a [`crate::codec::PropertyBuffer`] for [`crate::codec::Place::Publish`]; left out in 3.1.1.
    pub properties: Properties<'a>,
    /// Whatever the caller wants to hear with [`Event::PublishRefused`]; it says nothing to the broker.
    pub label: u64,
}

/// One message from the broker, borrowed from the chunk it came in.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The topic: valid UTF-8, not empty, no wildcard, no U+0000.
    pub topic: &'a [u8],
    /// The payload, any bytes.
    pub payload: &'a [u8],
    /// QoS 0 or 1.
    pub qos: QoS,
    /// RETAIN flag.
    pub retain: bool,
    /// DUP flag.
    pub dup: bool,
    /// Checked properties; empty in 3.1.1.
    pub properties: Properties<'a>,
    /// For QoS 1: what [`super::Session::acknowledge`] wants once the message is safe.
    pub ack: Option<AckHandle>,
}

impl<'a> Incoming<'a> {
    /// The topic as text. It was checked, so nothing is lost; the check of `from_utf8` costs a few nanoseconds.
    #[inline]
    pub fn topic_text(&self) -> &'a str {
        std::str::from_utf8(self.topic).unwrap_or_default()
    }

    /// Content type.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.properties.bytes(PropertyId::ContentType)
    }

    /// Response topic.
    pub fn response_topic(&self) -> Option<&'a [u8]> {
        self.properties.bytes(PropertyId::ResponseTopic)
    }

    /// Correlation data.
    pub fn correlation_data(&self) -> Option<&'a [u8]> {
        self.properties.bytes(PropertyId::CorrelationData)
    }

    /// Seconds until the message is worthless, as the broker sent it.
    pub fn expiry_s(&self) -> Option<u32> {
        self.properties.number(PropertyId::MessageExpiryInterval)
    }

    /// True when the sender says that the payload is UTF-8 text.
    pub fn is_text(&self) -> bool {
        self.properties.number(PropertyId::PayloadFormatIndicator) == Some(1)
    }

    /// Name and value of each user property, in order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.properties.user_properties()
    }
}

/// What happened, in the order it happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// CONNACK: the session is up. Subscriptions and messages in flight are being sent.
    Connected {
        /// The broker kept the session.
        session_present: bool,
        /// What it allows.
        limits: &'a Limits,
    },
    /// CONNACK with a failure: close the transport.
    Refused {
        /// Why.
        reason: Reason,
        /// The clause that defines the reason.
        clause: &'static str,
        /// Whether and how soon to try again.
        retry: Retry,
        /// The broker's own sentence, if any (UTF-8).
        reason_string: Option<&'a [u8]>,
        /// Another server to use, if the broker names one.
        server_reference: Option<&'a [u8]>,
    },
    /// A message.
    Publish(Incoming<'a>),
    /// The broker took a QoS 1 message.
    Published {
        /// The token given with it.
        token: u64,
    },
    /// The broker (or, after a reconnect, its new limits) refused a QoS 1 message for good: it is no longer in flight.
    PublishRefused {
        /// The token given with it.
        token: u64,
        /// The label given with it.
        label: u64,
        /// Why.
        reason: Reason,
        /// Its topic, for whoever keeps what is refused.
        topic: &'a [u8],
        /// Its payload.
        payload: &'a [u8],
        /// Whether the broker was to keep it.
        retain: bool,
    },
    /// A subscription is in force.
    Subscribed {
        /// Its place in the configured list.
        index: usize,
        /// The QoS granted, perhaps lower than asked for.
        qos: QoS,
    },
    /// A subscription was refused, by the broker or because its limits forbid to ask.
    SubscribeRefused {
        /// Its place in the configured list.
        index: usize,
        /// The filter.
        filter: &'a str,
        /// Why.
        reason: Reason,
    },
    /// A filter that is no longer wanted was removed at the broker (or could not be: then a failure).
    Unsubscribed {
        /// The filter.
        filter: &'a str,
        /// The broker's answer; success in 3.1.1.
        reason: Reason,
    },
    /// The broker ends the connection (MQTT 5): close the transport.
    Disconnected {
        /// Why.
        reason: Reason,
        /// The broker's own sentence, if any (UTF-8).
        reason_string: Option<&'a [u8]>,
        /// Another server to use, if the broker names one.
        server_reference: Option<&'a [u8]>,
    },
}
