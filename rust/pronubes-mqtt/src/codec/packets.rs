//! All packets in one enum, and the small ones: PUBACK and its relatives, PINGREQ, PINGRESP, DISCONNECT, AUTH.

use super::cursor::Cursor;
use super::properties::{Place, Properties};
use super::{ConnAck, Connect, Frame, PacketType, PublishPacket, SubAck, Subscribe, UnsubAck, Unsubscribe, varint};
use crate::error::ProtocolError;
use crate::protocol::{Sender, Version};
use crate::reason::{Carrier, Reason};

/// PUBACK, PUBREC, PUBREL or PUBCOMP (MQTT 5 §3.4 to §3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Packet identifier.
    pub packet_id: u16,
    /// Always success in 3.1.1.
    pub reason: Reason,
    /// Properties (version 5).
    pub properties: Properties<'a>,
}

/// DISCONNECT (MQTT 5 §3.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Always success (a normal end) in 3.1.1.
    pub reason: Reason,
    /// Properties (version 5).
    pub properties: Properties<'a>,
}

/// AUTH (MQTT 5 §3.15): known to the codec, refused by the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auth<'a> {
    /// How authentication goes on.
    pub reason: Reason,
    /// Method and data.
    pub properties: Properties<'a>,
}

/// Any packet. No `Debug`: CONNECT may hold a password.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the standard, MQTT 5 §2.1.2")]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(PublishPacket<'a>),
    PubAck(Ack<'a>),
    PubRec(Ack<'a>),
    PubRel(Ack<'a>),
    PubComp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(UnsubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Decodes a frame. `version` is the connection's; CONNECT brings its own.
    ///
    /// # Errors
    /// The first rule of the standard that is broken.
    pub fn decode(frame: Frame<'a>, version: Version, sender: Sender) -> Result<Self, ProtocolError> {
        let packet_type = PacketType::of(frame.first).ok_or(ProtocolError::UnknownPacketType)?;
        if packet_type == PacketType::Auth && version == Version::V311 {
            return Err(ProtocolError::UnknownPacketType);
        }
        if !packet_type.is_sent_by(sender, version) {
            return Err(ProtocolError::WrongDirection);
        }
        let body = frame.body;
        Ok(match packet_type {
            PacketType::Connect => Self::Connect(Connect::decode(body)?),
            PacketType::ConnAck => Self::ConnAck(ConnAck::decode(body, version)?),
            PacketType::Publish => Self::Publish(PublishPacket::decode(frame.first, body, version, sender)?),
            PacketType::PubAck => Self::PubAck(Ack::decode(body, version, Carrier::PUBACK)?),
            PacketType::PubRec => Self::PubRec(Ack::decode(body, version, Carrier::PUBACK)?),
            PacketType::PubRel => Self::PubRel(Ack::decode(body, version, Carrier::PUBREL)?),
            PacketType::PubComp => Self::PubComp(Ack::decode(body, version, Carrier::PUBREL)?),
            PacketType::Subscribe => Self::Subscribe(Subscribe::decode(body, version)?),
            PacketType::SubAck => Self::SubAck(SubAck::decode(body, version)?),
            PacketType::Unsubscribe => Self::Unsubscribe(Unsubscribe::decode(body, version)?),
            PacketType::UnsubAck => Self::UnsubAck(UnsubAck::decode(body, version)?),
            PacketType::PingReq => Cursor::new(body).finish().map(|()| Self::PingReq)?,
            PacketType::PingResp => Cursor::new(body).finish().map(|()| Self::PingResp)?,
            PacketType::Disconnect => Self::Disconnect(Disconnect::decode(body, version, sender)?),
            PacketType::Auth => Self::Auth(Auth::decode(body)?),
        })
    }

    /// Appends the packet. Returns its size, or nothing (and appends nothing) when it is longer than the wire can say.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Option<usize> {
        let (packet_type, mut body) = (self.packet_type(), Vec::new());
        match self {
            Self::Publish(publish) => return publish.encode(version, out),
            Self::Connect(connect) => connect.put_body(&mut body),
            Self::ConnAck(connack) => connack.put_body(version, &mut body),
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => {
                ack.put_body(version, &mut body)
            }
            Self::Subscribe(subscribe) => subscribe.put_body(version, &mut body),
            Self::SubAck(suback) => suback.put_body(version, &mut body),
            Self::Unsubscribe(unsubscribe) => unsubscribe.put_body(version, &mut body),
            Self::UnsubAck(unsuback) => unsuback.put_body(version, &mut body),
            Self::PingReq | Self::PingResp => {}
            Self::Disconnect(disconnect) => put_reason(disconnect.reason, disconnect.properties, version, &mut body),
            Self::Auth(auth) => put_reason(auth.reason, auth.properties, version, &mut body),
        }
        let length = u32::try_from(body.len()).ok().filter(|length| *length <= varint::MAXIMUM)?;
        out.push(packet_type.first_byte());
        varint::encode(length, out);
        out.extend_from_slice(&body);
        Some(1 + varint::len(length) + body.len())
    }

    /// The packet's type.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

impl<'a> Ack<'a> {
    /// Version 5 leaves out the reason when it is success, and the properties' length when there are none (§3.4.2.1).
    pub(crate) fn decode(body: &'a [u8], version: Version, carrier: Carrier) -> Result<Self, ProtocolError> {
        let mut cursor = Cursor::new(body);
        let packet_id = cursor.packet_id()?;
        let (reason, properties) = read_reason(cursor, version, carrier, Place::Ack)?;
        Ok(Self { packet_id, reason, properties })
    }

    fn put_body(&self, version: Version, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.packet_id.to_be_bytes());
        put_reason(self.reason, self.properties, version, out);
    }
}

impl<'a> Disconnect<'a> {
    fn decode(body: &'a [u8], version: Version, sender: Sender) -> Result<Self, ProtocolError> {
        let (carrier, place) = match sender {
            Sender::Client => (Carrier::CLIENT_DISCONNECT, Place::ClientDisconnect),
            Sender::Server => (Carrier::SERVER_DISCONNECT, Place::ServerDisconnect),
        };
        let (reason, properties) = read_reason(Cursor::new(body), version, carrier, place)?;
        Ok(Self { reason, properties })
    }
}

impl<'a> Auth<'a> {
    fn decode(body: &'a [u8]) -> Result<Self, ProtocolError> {
        let (reason, properties) = read_reason(Cursor::new(body), Version::V5, Carrier::AUTH, Place::Auth)?;
        Ok(Self { reason, properties })
    }
}

/// The end of a packet that may leave out reason and properties.
fn read_reason<'a>(
    mut cursor: Cursor<'a>,
    version: Version,
    carrier: Carrier,
    place: Place,
) -> Result<(Reason, Properties<'a>), ProtocolError> {
    let mut reason = Reason::SUCCESS;
    let mut properties = Properties::default();
    if version == Version::V5 && !cursor.is_empty() {
        reason = Reason::for_carrier(cursor.byte()?, carrier).ok_or(ProtocolError::InvalidReasonCode)?;
        if !cursor.is_empty() {
            properties = Properties::read(&mut cursor, place)?;
        }
    }
    cursor.finish()?;
    Ok((reason, properties))
}

fn put_reason(reason: Reason, properties: Properties<'_>, version: Version, out: &mut Vec<u8>) {
    if version == Version::V5 && (reason != Reason::SUCCESS || !properties.is_empty()) {
        out.push(reason.code());
        if !properties.is_empty() {
            properties.write(out);
        }
    }
}
