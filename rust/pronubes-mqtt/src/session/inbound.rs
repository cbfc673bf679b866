//! Bytes from the broker: cutting frames out of chunks and acting on each packet.

use super::event::{Event, Incoming};
use super::opening::message_of;
use super::{MAXIMUM_PACKET_BEFORE_CONNACK, Session, State};
use crate::codec::{Ack, Disconnect, Frame, Packet, PacketType, PropertyId, PublishPacket, frame_size, split_frame};
use crate::error::ProtocolError;
use crate::protocol::{QoS, Sender, Version};

/// A stitched packet's buffer above this size is given back after use.
const PARTIAL_KEPT: usize = 64 * 1024;
const PUBACK: u8 = PacketType::PubAck.first_byte();

impl Session {
    /// Takes a chunk as read from the socket and calls `handler` for each event in order. Packets inside the chunk are decoded
    /// where they lie; one that is cut at the end is kept, growing only with the bytes that arrive.
    ///
    /// # Errors
    /// The rule the broker broke: write the output (in MQTT 5 it holds DISCONNECT with the reason), close the transport.
    pub fn receive(
        &mut self,
        chunk: &[u8],
        now_ns: u64,
        handler: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ProtocolError> {
        let now = self.now(now_ns);
        if !self.is_listening() {
            return Ok(());
        }
        self.keepalive.heard();
        self.receive_chunk(chunk, now, handler).map_err(|error| self.fail(error))
    }

    fn is_listening(&self) -> bool {
        matches!(self.state, State::Connecting | State::Connected)
    }

    fn packet_limit(&self) -> u32 {
        match self.state {
            State::Connected => self.config.maximum_packet_size,
            _ => self.config.maximum_packet_size.min(MAXIMUM_PACKET_BEFORE_CONNACK),
        }
    }

    fn receive_chunk(
        &mut self,
        mut input: &[u8],
        now: u64,
        handler: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ProtocolError> {
        if !self.partial.is_empty() {
            let Some(rest) = self.complete_partial(input)? else { return Ok(()) };
            input = rest;
            let mut packet = std::mem::take(&mut self.partial);
            let outcome = self.receive_frames(&packet, now, handler);
            if packet.capacity() <= PARTIAL_KEPT {
                packet.clear();
                self.partial = packet;
            }
            outcome?;
        }
        let used = self.receive_frames(input, now, handler)?;
        if self.is_listening() {
            self.partial.extend_from_slice(&input[used..]);
        }
        Ok(())
    }

    /// Adds to the kept packet what it lacks. Returns the rest of the input once it is complete.
    fn complete_partial<'a>(&mut self, mut input: &'a [u8]) -> Result<Option<&'a [u8]>, ProtocolError> {
        let limit = self.packet_limit();
        loop {
            let missing = match frame_size(&self.partial, limit)? {
                Some((_, size)) => size - self.partial.len(),
                None => 1, // the header itself is cut
            };
            if missing == 0 {
                return Ok(Some(input));
            }
            let (taken, rest) = input.split_at(missing.min(input.len()));
            self.partial.extend_from_slice(taken);
            input = rest;
            if taken.len() < missing {
                return Ok(None);
            }
        }
    }

    /// Acts on the complete packets at the start of `bytes`; returns their size.
    fn receive_frames(
        &mut self,
        bytes: &[u8],
        now: u64,
        handler: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, ProtocolError> {
        if !self.is_listening() {
            return Ok(0);
        }
        let mut rest = bytes;
        let mut limit = self.packet_limit();
        while let Some((frame, after)) = split_frame(rest, limit)? {
            rest = after;
            if frame.first >> 4 == PacketType::Publish as u8 {
                self.on_publish(frame, handler)?;
            } else if let (PUBACK, [high, low], State::Connected) = (frame.first, frame.body, self.state) {
                self.on_plain_puback(u16::from_be_bytes([*high, *low]), handler)?;
            } else {
                self.on_control(frame, now, handler)?;
                // Only these packets change the state, and with it the limit.
                if !self.is_listening() {
                    break;
                }
                limit = self.packet_limit();
            }
        }
        Ok(bytes.len() - rest.len())
    }

    #[inline]
    fn on_publish(&mut self, frame: Frame<'_>, handler: &mut impl FnMut(Event<'_>)) -> Result<(), ProtocolError> {
        if self.state != State::Connected {
            return Err(ProtocolError::ConnackExpected);
        }
        let version = self.config.version;
        let packet = match PublishPacket::decode_plain(frame.first, frame.body, version) {
            Some(packet) => packet,
            None => PublishPacket::decode(frame.first, frame.body, version, Sender::Server)?,
        };
        // Place for topic aliases: resolve here. None was announced, so none may come.
        if packet.properties.has(PropertyId::TopicAlias) {
            return Err(ProtocolError::TopicAliasInvalid);
        }
        let ack = match packet.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => match self.note_received(&packet, frame.size)? {
                None => return Ok(()),
                handle => handle,
            },
            QoS::ExactlyOnce => return Err(ProtocolError::QosNotSupported), // place for QoS 2
        };
        self.stats.received += 1;
        let PublishPacket { topic, payload, properties, qos, retain, dup, .. } = packet;
        handler(Event::Publish(Incoming { topic, payload, qos, retain, dup, properties, ack }));
        Ok(())
    }

    /// Enters a QoS 1 message into the ledger; nothing for a repetition that is to be ignored.
    #[inline]
    fn note_received(
        &mut self,
        packet: &PublishPacket<'_>,
        size: usize,
    ) -> Result<Option<super::AckHandle>, ProtocolError> {
        if self.received.is_in_use(packet.packet_id) {
            // Some 3.1.1 brokers repeat after a while on the same connection; version 5 forbids it ([MQTT-4.4.0-1]).
            if self.config.version == Version::V311 && packet.dup {
                self.stats.duplicates += 1;
                return Ok(None);
            }
            return Err(ProtocolError::PacketIdInUse);
        }
        // A broker may send more than Receive Maximum allows (mosquitto 2.0.11 does, when a session comes back with a long queue). To
        // disconnect for it, as MQTT 5 §4.13 permits, would repeat for ever: `is_overrun` stops the reading instead, as for 3.1.1.
        Ok(Some(self.received.push(packet.packet_id, size)))
    }

    fn on_control(
        &mut self,
        frame: Frame<'_>,
        now: u64,
        handler: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ProtocolError> {
        let packet = Packet::decode(frame, self.config.version, Sender::Server)?;
        match packet {
            Packet::ConnAck(connack) => return self.on_connack(connack, now, handler),
            Packet::Auth(_) => return Err(ProtocolError::UnexpectedAuth), // place for enhanced authentication
            _ if self.state != State::Connected => return Err(ProtocolError::ConnackExpected),
            Packet::PubAck(ack) => return self.on_puback(ack, handler),
            Packet::SubAck(suback) => return self.subscriptions.granted(suback.packet_id, suback.codes, handler),
            Packet::UnsubAck(unsuback) => {
                return self.subscriptions.removed(unsuback.packet_id, unsuback.codes, handler);
            }
            Packet::Disconnect(disconnect) => self.on_disconnect(disconnect, handler),
            Packet::PingResp => {}
            Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_) => return Err(ProtocolError::QosNotSupported), // place for QoS 2
            // The codec refuses these from a server.
            Packet::Connect(_)
            | Packet::Publish(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq => {
                return Err(ProtocolError::WrongDirection);
            }
        }
        Ok(())
    }

    /// PUBACK without reason and properties: almost all of them.
    #[inline]
    fn on_plain_puback(&mut self, packet_id: u16, handler: &mut impl FnMut(Event<'_>)) -> Result<(), ProtocolError> {
        if packet_id == 0 {
            return Err(ProtocolError::PacketIdZero);
        }
        let token = self.inflight.acknowledge(packet_id).ok_or(ProtocolError::UnknownPacketId)?;
        self.stats.confirmed += 1;
        handler(Event::Published { token });
        if self.inflight.has_waiting() {
            self.send_waiting(handler);
        }
        Ok(())
    }

    fn on_puback(&mut self, ack: Ack<'_>, handler: &mut impl FnMut(Event<'_>)) -> Result<(), ProtocolError> {
        let is_refused = ack.reason.is_failure();
        let packet = if is_refused { self.inflight.packet(ack.packet_id) } else { None };
        let token = self.inflight.acknowledge(ack.packet_id).ok_or(ProtocolError::UnknownPacketId)?;
        if is_refused {
            self.stats.refused += 1;
            let (packet, label) = packet.unwrap_or_default();
            let (topic, payload, retain) = message_of(&packet, self.config.version);
            handler(Event::PublishRefused { token, label, reason: ack.reason, topic, payload, retain });
        } else {
            self.stats.confirmed += 1;
            handler(Event::Published { token });
        }
        self.send_waiting(handler);
        Ok(())
    }

    fn on_disconnect(&mut self, disconnect: Disconnect<'_>, handler: &mut impl FnMut(Event<'_>)) {
        self.state = State::Closing;
        handler(Event::Disconnected {
            reason: disconnect.reason,
            reason_string: disconnect.properties.bytes(PropertyId::ReasonString),
            server_reference: disconnect.properties.bytes(PropertyId::ServerReference),
        });
    }
}
