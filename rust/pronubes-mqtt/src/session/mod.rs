//! One client connection as a state machine: bytes and time in, bytes and events out.
//!
//! Rules of this folder:
//! 1. All state changes happen in [`Session`]; the other files keep one ledger each.
//! 2. Time goes through [`clock::SteadyClock`] before anything looks at it.
//! 3. After an error, a refusal or a DISCONNECT the state is [`State::Closing`]: what is in the output goes out, nothing more is read.
//! 4. Nothing is acknowledged because time has passed.

mod backoff;
mod clock;
mod config;
mod event;
mod inbound;
mod inflight;
mod keepalive;
mod opening;
mod received;
mod subscriptions;

pub use backoff::Backoff;
pub use config::{ConfigError, Limits, RetainHandling, Secret, SessionConfig, Subscription, Will};
pub use event::{Event, Incoming, Publish};
pub use received::AckHandle;

use crate::codec::{Disconnect, Packet, PacketType, Properties, PublishPacket, text, varint};
use crate::error::{ProtocolError, PublishError};
use crate::protocol::{QoS, Version};
use crate::reason::{Carrier, Reason};
use clock::SteadyClock;
use config::MAXIMUM_PACKET_BEFORE_CONNACK;
use inflight::Inflight;
use keepalive::{Due, KeepAlive};
use opening::packet_of;
use received::Received;
use subscriptions::{Line, Subscriptions};

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No transport.
    Closed,
    /// CONNECT is out, CONNACK is not in.
    Connecting,
    /// CONNACK was a success.
    Connected,
    /// Over: write what is in the output, close the transport, call [`Session::closed`].
    Closing,
}

/// Counters since construction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages received.
    pub received: u64,
    /// Messages queued, sending again not counted.
    pub published: u64,
    /// PUBACKs received with success.
    pub confirmed: u64,
    /// QoS 1 messages refused by the broker or its limits.
    pub refused: u64,
    /// Messages sent again after a reconnect.
    pub sent_again: u64,
    /// PUBACKs queued.
    pub acknowledged: u64,
    /// Acknowledgements of an earlier connection, or given twice: ignored.
    pub void_acknowledgements: u64,
    /// Messages that a 3.1.1 broker sent twice on one connection: ignored.
    pub duplicates: u64,
    /// Connections that ended by a protocol error, time-outs included.
    pub protocol_errors: u64,
    /// CONNACKs with success.
    pub connections: u64,
    /// PINGREQs queued.
    pub pings: u64,
}

/// One client connection, over all its reconnects.
pub struct Session {
    config: SessionConfig,
    client_id: String,
    state: State,
    clock: SteadyClock,
    limits: Limits,
    /// An accepted connection went before: there may be a stored session to resume.
    was_connected: bool,
    asked_clean: bool,
    connack_deadline: Option<u64>,
    output: Vec<u8>,
    partial: Vec<u8>,
    keepalive: KeepAlive,
    inflight: Inflight,
    received: Received,
    subscriptions: Subscriptions,
    stats: Stats,
    last_error: Option<ProtocolError>,
}

impl Session {
    /// A session without a transport. [`SessionConfig::check`] tells whether the configuration can work.
    pub fn new(mut config: SessionConfig) -> Self {
        let subscriptions =
            Subscriptions::new(std::mem::take(&mut config.subscriptions), std::mem::take(&mut config.stale_filters));
        Self {
            client_id: config.client_id.clone(),
            state: State::Closed,
            clock: SteadyClock::default(),
            limits: Limits::new(Properties::default(), &config),
            was_connected: false,
            asked_clean: false,
            connack_deadline: None,
            output: Vec::new(),
            partial: Vec::new(),
            keepalive: KeepAlive::default(),
            inflight: Inflight::new(config.max_inflight, config.max_inflight_bytes),
            received: Received::new(),
            subscriptions,
            stats: Stats::default(),
            last_error: None,
            config,
        }
    }

    /// The transport is up: CONNECT goes to the output.
    pub fn opened(&mut self, now_ns: u64) {
        if self.state != State::Closed {
            self.closed(now_ns);
        }
        let now = self.now(now_ns);
        self.received.reset();
        self.state = State::Connecting;
        self.connack_deadline = Some(now + self.config.answer_timeout_ns);
        self.put_connect();
    }

    /// The transport is gone. What is in flight stays; partial input, output and the acknowledgements of this connection are void.
    pub fn closed(&mut self, now_ns: u64) {
        self.now(now_ns);
        self.state = State::Closed;
        self.connack_deadline = None;
        self.output.clear();
        self.partial = Vec::new();
        self.keepalive.stop();
        self.inflight.disconnected();
        self.received.reset();
        self.subscriptions.disconnected();
    }

    /// Queues one message. At QoS 1 the encoded packet is kept until its PUBACK and `token` comes back with
    /// [`Event::Published`] or [`Event::PublishRefused`]. At QoS 0 the message is done when the output is written.
    ///
    /// # Errors
    /// `full` and `not_connected`: try the same message later. All others: this broker will never take it.
    pub fn publish(&mut self, message: Publish<'_>, token: u64) -> Result<(), PublishError> {
        if self.state != State::Connected {
            return Err(PublishError::NotConnected);
        }
        text::check_topic(message.topic).map_err(|_| PublishError::InvalidTopic)?;
        self.publish_valid(message, token)
    }

    /// Like [`Self::publish`], for a topic that the caller knows to be a valid topic name (up to its length): it is not judged again.
    ///
    /// # Errors
    /// Those of [`Self::publish`], but `invalid_topic`.
    #[inline]
    pub fn publish_valid(&mut self, message: Publish<'_>, token: u64) -> Result<(), PublishError> {
        debug_assert!(text::check_topic(message.topic).is_ok(), "the caller knows the topic to be valid");
        if self.state != State::Connected {
            return Err(PublishError::NotConnected);
        }
        let Publish { topic, payload, qos, retain, properties, label } = message;
        if qos > self.limits.maximum_qos {
            return Err(PublishError::QosNotSupported); // QoS 2 ends here too: `limits` never allow it
        }
        if retain && !self.limits.retain_available {
            return Err(PublishError::RetainNotSupported);
        }
        let packet_id = if qos == QoS::AtMostOnce { 0 } else { self.inflight.next_id().ok_or(PublishError::Full)? };
        let packet = PublishPacket { topic, payload, properties, packet_id, qos, retain, dup: false };
        let version = self.config.version;
        let body = packet.body_size(version).ok_or(PublishError::TooLarge)?;
        let size = 1 + varint::len(body) + body as usize;
        if size > self.limits.maximum_packet_size as usize
            || (qos != QoS::AtMostOnce && size > self.config.max_inflight_bytes)
        {
            return Err(PublishError::TooLarge);
        }
        if qos != QoS::AtMostOnce && !self.inflight.has_room(size) {
            return Err(PublishError::Full);
        }
        let start = self.output.len();
        packet.write(body, version, &mut self.output);
        if qos != QoS::AtMostOnce {
            self.inflight.push(&self.output[start..], token, label);
        }
        self.stats.published += 1;
        Ok(())
    }

    /// Gives up what is in flight, in order, so that another session can send it: token, label and the message. They come back with
    /// no event; whatever this session's broker still says about them is of no use. For a session that is to be dropped.
    pub fn give_up(&mut self, mut on_message: impl FnMut(u64, Publish<'_>)) {
        let version = self.config.version;
        self.inflight.give_up(|token, label, packet| {
            if let Some(PublishPacket { topic, payload, qos, retain, properties, .. }) = packet_of(packet, version) {
                on_message(token, Publish { topic, payload, qos, retain, properties, label });
            }
        });
    }

    /// True when a small QoS 1 message would be taken now.
    #[inline]
    pub fn can_publish(&self) -> bool {
        self.state == State::Connected && self.inflight.has_room(0)
    }

    /// QoS 1 messages without PUBACK.
    pub const fn inflight(&self) -> usize {
        self.inflight.len()
    }

    /// The bytes of those.
    pub const fn inflight_bytes(&self) -> usize {
        self.inflight.bytes()
    }

    /// A received QoS 1 message is safe: its PUBACK goes out, after those of all messages before it. An acknowledgement of an
    /// earlier connection is counted and ignored: the broker sends that message again.
    #[inline]
    pub fn acknowledge(&mut self, handle: AckHandle) {
        let sent = self.received.acknowledge(handle, &mut self.output);
        self.note_acknowledged(sent);
    }

    /// Like [`Self::acknowledge`] for this message and all before it, in one call.
    pub fn acknowledge_through(&mut self, handle: AckHandle) {
        let sent = self.received.acknowledge_through(handle, &mut self.output);
        self.note_acknowledged(sent);
    }

    #[inline]
    fn note_acknowledged(&mut self, sent: Option<u64>) {
        match sent {
            Some(count) => self.stats.acknowledged += count,
            None => self.stats.void_acknowledgements += 1,
        }
    }

    /// Received QoS 1 messages whose PUBACK is not queued yet, and their bytes.
    pub fn unacknowledged(&self) -> (usize, usize) {
        (self.received.len(), self.received.bytes())
    }

    /// Memory kept for a packet of which a part has arrived.
    pub fn buffered(&self) -> usize {
        self.partial.capacity()
    }

    /// True when more is unacknowledged than configured: stop reading (and call [`Self::pause`]) until it falls. Good
    /// MQTT 5 brokers are held back by Receive Maximum before it comes to this; others only by their own limits.
    pub fn is_overrun(&self) -> bool {
        self.received.bytes() > self.config.unacked_bytes_limit
            || self.received.len() > usize::from(self.config.receive_maximum)
    }

    /// The bytes to write. The caller may take or swap the vector.
    #[inline]
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// When [`Self::advance`] must be called at the latest.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadline().map(|deadline| self.clock.outside(deadline))
    }

    fn deadline(&self) -> Option<u64> {
        if matches!(self.state, State::Closed | State::Closing) {
            return None;
        }
        [self.connack_deadline, self.keepalive.deadline(), self.subscriptions.deadline()].into_iter().flatten().min()
    }

    fn now(&mut self, outside_ns: u64) -> u64 {
        let deadline = self.deadline();
        self.clock.read(outside_ns, deadline)
    }

    /// Lets timers fire: PINGREQ goes out, answers that do not come end the connection. A call that comes more than five
    /// seconds after [`Self::next_deadline`] is taken for a clock jump or a suspended machine: the deadline is then one more
    /// second away (tests on a virtual clock go from deadline to deadline).
    ///
    /// # Errors
    /// `connack_timeout`, `suback_timeout` or `ping_timeout`: close the transport.
    pub fn advance(&mut self, now_ns: u64) -> Result<(), ProtocolError> {
        let now = self.now(now_ns);
        if matches!(self.state, State::Closed | State::Closing) {
            return Ok(());
        }
        let is_late = |deadline: Option<u64>| deadline.is_some_and(|deadline| now >= deadline);
        if is_late(self.connack_deadline) {
            return Err(self.fail(ProtocolError::ConnackTimeout));
        }
        if is_late(self.subscriptions.deadline()) {
            return Err(self.fail(ProtocolError::SubackTimeout));
        }
        match self.keepalive.poll(now) {
            Due::Nothing => Ok(()),
            Due::Ping => {
                self.output.extend_from_slice(&[PacketType::PingReq.first_byte(), 0]);
                self.stats.pings += 1;
                Ok(())
            }
            Due::Dead => Err(self.fail(ProtocolError::PingTimeout)),
        }
    }

    /// The caller stops reading for a while: PINGREQ goes on, judging the answers waits.
    pub fn pause(&mut self, now_ns: u64) {
        self.now(now_ns);
        self.keepalive.pause();
    }

    /// The caller reads again.
    pub fn resume(&mut self, now_ns: u64) {
        let now = self.now(now_ns);
        self.keepalive.resume(now);
    }

    /// Replaces the subscriptions: new and changed ones are asked for, those no longer wanted are given back, now or at the next
    /// connection. Indexes in later events mean the new list.
    pub fn set_subscriptions(&mut self, wanted: Vec<Subscription>, now_ns: u64, handler: &mut impl FnMut(Event<'_>)) {
        let now = self.now(now_ns);
        self.subscriptions.set_wanted(wanted);
        if self.state == State::Connected {
            let deadline = now + self.config.answer_timeout_ns;
            let mut line = Line { version: self.config.version, limits: &self.limits, out: &mut self.output, deadline };
            self.subscriptions.reconcile(&mut line, handler);
        }
    }

    /// Ends the connection cleanly: the broker drops the will. Write the output, then close the transport.
    pub fn disconnect(&mut self) {
        if matches!(self.state, State::Connecting | State::Connected) {
            self.put_disconnect(Reason::SUCCESS);
            self.state = State::Closing;
        }
    }

    /// An error ends the connection; a version 5 broker is told why.
    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        if self.config.version == Version::V5 && matches!(self.state, State::Connecting | State::Connected) {
            let reason = Reason::for_carrier(error.reason().code(), Carrier::CLIENT_DISCONNECT)
                .unwrap_or(Reason::PROTOCOL_ERROR);
            self.put_disconnect(reason);
        }
        self.state = State::Closing;
        self.stats.protocol_errors += 1;
        self.last_error = Some(error);
        error
    }

    fn put_disconnect(&mut self, reason: Reason) {
        let packet = Packet::Disconnect(Disconnect { reason, properties: Properties::default() });
        packet.encode(self.config.version, &mut self.output);
    }

    /// Where the session is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// What the broker allows, as of the last CONNACK.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The protocol version.
    pub const fn version(&self) -> Version {
        self.config.version
    }

    /// The counters.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// The error that ended a connection most recently.
    pub const fn last_error(&self) -> Option<ProtocolError> {
        self.last_error
    }
}
