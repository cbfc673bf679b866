//! CONNECT out, CONNACK in.

use super::config::{Limits, Secret};
use super::event::Event;
use super::subscriptions::Line;
use super::{Session, State};
use crate::codec::{
    ConnAck, Connect, LastWill, Packet, Place, PropertyBuffer, PropertyId, PublishPacket, Value, next_frame,
};
use crate::error::ProtocolError;
use crate::protocol::{Sender, Version};
use crate::reason::{Carrier, Reason};

impl Session {
    pub(super) fn put_connect(&mut self) {
        let config = &self.config;
        let resumes = config.version == Version::V5 && config.session_expiry_s > 0 && self.was_connected;
        self.asked_clean = config.clean_start && !resumes;
        let properties = self.connect_properties();
        let will = config.will.as_ref().map(|will| LastWill {
            topic: &will.topic,
            payload: &will.payload,
            qos: will.qos,
            retain: will.retain,
            properties: will.properties.properties(),
        });
        let connect = Connect {
            version: config.version,
            clean_start: self.asked_clean,
            keep_alive_s: config.keep_alive_s,
            client_id: self.client_id.as_bytes(),
            will,
            username: config.username.as_deref().map(str::as_bytes),
            password: config.password.as_ref().map(Secret::expose),
            properties: properties.properties(),
        };
        Packet::Connect(connect).encode(config.version, &mut self.output);
    }

    fn connect_properties(&self) -> PropertyBuffer {
        let config = &self.config;
        let mut buffer = PropertyBuffer::new(Place::Connect);
        let mut values = vec![(PropertyId::MaximumPacketSize, Value::Long(config.maximum_packet_size.max(1)))];
        if config.session_expiry_s > 0 {
            values.push((PropertyId::SessionExpiryInterval, Value::Long(config.session_expiry_s)));
        }
        if config.receive_maximum < u16::MAX {
            values.push((PropertyId::ReceiveMaximum, Value::Short(config.receive_maximum.max(1))));
        }
        let user = config
            .user_properties
            .iter()
            .map(|(name, value)| (PropertyId::UserProperty, Value::Pair(name.as_bytes(), value.as_bytes())));
        for (id, value) in values.into_iter().chain(user) {
            // Only an impossible user property can fail, and `SessionConfig::check` reports those: it is left out here.
            let _ = buffer.push(id, value);
        }
        buffer
    }

    pub(super) fn on_connack(
        &mut self,
        connack: ConnAck<'_>,
        now: u64,
        handler: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ProtocolError> {
        if self.state != State::Connecting {
            return Err(ProtocolError::UnexpectedConnack);
        }
        if connack.session_present && (self.asked_clean || connack.reason.is_failure()) {
            return Err(ProtocolError::UnexpectedSession);
        }
        if connack.reason.is_failure() {
            self.state = State::Closing;
            handler(refused(&connack));
            return Ok(());
        }
        self.accept(&connack, now);
        handler(Event::Connected { session_present: connack.session_present, limits: &self.limits });
        let deadline = now + self.config.answer_timeout_ns;
        let mut line = Line { version: self.config.version, limits: &self.limits, out: &mut self.output, deadline };
        self.subscriptions.connected(connack.session_present, &mut line, handler);
        self.send_waiting(handler);
        Ok(())
    }

    fn accept(&mut self, connack: &ConnAck<'_>, now: u64) {
        self.state = State::Connected;
        self.connack_deadline = None;
        self.was_connected = true;
        self.stats.connections += 1;
        self.limits = Limits::new(connack.properties, &self.config);
        if let Some(assigned) = &self.limits.assigned_client_id {
            self.client_id.clone_from(assigned);
        }
        self.keepalive.start(self.limits.keep_alive_s, now);
        self.inflight.connected(self.limits.receive_maximum, connack.session_present);
    }

    /// Sends in-flight messages of an earlier connection as far as the quota goes.
    pub(super) fn send_waiting(&mut self, handler: &mut impl FnMut(Event<'_>)) {
        let mut refused = 0;
        let version = self.config.version;
        self.stats.sent_again +=
            self.inflight.send_waiting(&self.limits, &mut self.output, |token, label, reason, packet| {
                refused += 1;
                let (topic, payload, retain) = message_of(packet, version);
                handler(Event::PublishRefused { token, label, reason, topic, payload, retain });
            });
        self.stats.refused += refused;
    }
}

/// A packet that this client encoded.
pub(super) fn packet_of(packet: &[u8], version: Version) -> Option<PublishPacket<'_>> {
    let frame = next_frame(packet, u32::MAX).ok().flatten()?;
    PublishPacket::decode(frame.first, frame.body, version, Sender::Client).ok()
}

/// Topic and payload of a packet that this client encoded.
pub(super) fn message_of(packet: &[u8], version: Version) -> (&[u8], &[u8], bool) {
    packet_of(packet, version).map_or((&[], &[], false), |publish| (publish.topic, publish.payload, publish.retain))
}

fn refused<'a>(connack: &ConnAck<'a>) -> Event<'a> {
    Event::Refused {
        reason: connack.reason,
        clause: Reason::clause(Carrier::CONNACK),
        retry: match connack.reason.retry() {
            // A refused connection is tried again for ever, but slowly: a person may correct the cause at the broker.
            crate::reason::Retry::Never => crate::reason::Retry::Later,
            retry => retry,
        },
        reason_string: connack.properties.bytes(PropertyId::ReasonString),
        server_reference: connack.properties.bytes(PropertyId::ServerReference),
    }
}
