//! CONNECT and CONNACK (MQTT 5 §3.1, §3.2).

use super::cursor::{Cursor, put_binary};
use super::properties::{Place, Properties};
use super::text;
use crate::error::ProtocolError;
use crate::protocol::{QoS, Version};
use crate::reason::{Carrier, Reason};

const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_QOS_SHIFT: u8 = 3;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USERNAME: u8 = 0x80;

/// CONNECT. No `Debug`: it may hold a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// Protocol version.
    pub version: Version,
    /// Clean Start, in 3.1.1 Clean Session.
    pub clean_start: bool,
    /// Keep-alive in seconds; 0 is off.
    pub keep_alive_s: u16,
    /// Client id; empty lets the broker choose.
    pub client_id: &'a [u8],
    /// The will.
    pub will: Option<LastWill<'a>>,
    /// User name.
    pub username: Option<&'a [u8]>,
    /// Password.
    pub password: Option<&'a [u8]>,
    /// Properties (version 5).
    pub properties: Properties<'a>,
}

/// The will inside CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastWill<'a> {
    /// Its topic.
    pub topic: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
    /// Its QoS.
    pub qos: QoS,
    /// Its RETAIN flag.
    pub retain: bool,
    /// Its properties (version 5).
    pub properties: Properties<'a>,
}

impl<'a> Connect<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, ProtocolError> {
        let mut cursor = Cursor::new(body);
        let protocol = cursor.binary()?;
        let version = match (protocol, cursor.byte()?) {
            (b"MQTT", 4) => Version::V311,
            (b"MQTT", 5) => Version::V5,
            _ => return Err(ProtocolError::UnknownProtocol),
        };
        let flags = cursor.byte()?;
        check_flags(flags, version)?;
        let keep_alive_s = cursor.short()?;
        let properties = read_properties(&mut cursor, version, Place::Connect)?;
        let client_id = cursor.text()?;
        let will = if flags & WILL != 0 { Some(LastWill::read(&mut cursor, flags, version)?) } else { None };
        let username = if flags & USERNAME != 0 { Some(cursor.text()?) } else { None };
        let password = if flags & PASSWORD != 0 { Some(cursor.binary()?) } else { None };
        cursor.finish()?;
        Ok(Self {
            version,
            clean_start: flags & CLEAN_START != 0,
            keep_alive_s,
            client_id,
            will,
            username,
            password,
            properties,
        })
    }

    pub(crate) fn put_body(&self, out: &mut Vec<u8>) {
        put_binary(b"MQTT", out);
        out.push(self.version.level());
        out.push(self.flags());
        out.extend_from_slice(&self.keep_alive_s.to_be_bytes());
        put_properties(self.properties, self.version, out);
        put_binary(self.client_id, out);
        if let Some(will) = &self.will {
            put_properties(will.properties, self.version, out);
            put_binary(will.topic, out);
            put_binary(will.payload, out);
        }
        for field in [self.username, self.password].into_iter().flatten() {
            put_binary(field, out);
        }
    }

    fn flags(&self) -> u8 {
        let will = self
            .will
            .map_or(0, |will| WILL | (will.qos as u8) << WILL_QOS_SHIFT | if will.retain { WILL_RETAIN } else { 0 });
        let clean_start = if self.clean_start { CLEAN_START } else { 0 };
        let username = if self.username.is_some() { USERNAME } else { 0 };
        let password = if self.password.is_some() { PASSWORD } else { 0 };
        will | clean_start | username | password
    }
}

/// MQTT 5 §3.1.2.3 to §3.1.2.9; 3.1.1 forbids a password without a user name ([MQTT-3.1.2-22]).
fn check_flags(flags: u8, version: Version) -> Result<(), ProtocolError> {
    let will_bits = flags & (WILL_RETAIN | 0b11 << WILL_QOS_SHIFT);
    let is_lone_password = flags & PASSWORD != 0 && flags & USERNAME == 0;
    if flags & 1 != 0 || (flags & WILL == 0 && will_bits != 0) || (version == Version::V311 && is_lone_password) {
        Err(ProtocolError::ReservedBits)
    } else {
        Ok(())
    }
}

impl<'a> LastWill<'a> {
    fn read(cursor: &mut Cursor<'a>, flags: u8, version: Version) -> Result<Self, ProtocolError> {
        let qos = QoS::from_bits(flags >> WILL_QOS_SHIFT & 0b11).ok_or(ProtocolError::InvalidQos)?;
        let properties = read_properties(cursor, version, Place::Will)?;
        let topic = cursor.binary()?;
        text::check_topic(topic)?;
        Ok(Self { topic, payload: cursor.binary()?, qos, retain: flags & WILL_RETAIN != 0, properties })
    }
}

/// CONNACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// The broker kept the session.
    pub session_present: bool,
    /// Success or why not; 3.1.1 return codes are translated.
    pub reason: Reason,
    /// Properties (version 5).
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    pub(crate) fn decode(body: &'a [u8], version: Version) -> Result<Self, ProtocolError> {
        let mut cursor = Cursor::new(body);
        let flags = cursor.byte()?;
        if flags > 1 {
            return Err(ProtocolError::ReservedBits);
        }
        let code = cursor.byte()?;
        // A 3.1.1 broker answers a version 5 CONNECT in its own format; that is an answer, not a malformed packet.
        let answered_as = if body.len() == 2 && matches!(code, 1..=5) { Version::V311 } else { version };
        let reason = match answered_as {
            Version::V311 => Reason::from_connack_311(code),
            Version::V5 => Reason::for_carrier(code, Carrier::CONNACK),
        };
        let reason = reason.ok_or(ProtocolError::InvalidReasonCode)?;
        let properties = read_properties(&mut cursor, answered_as, Place::ConnAck)?;
        cursor.finish()?;
        Ok(Self { session_present: flags == 1, reason, properties })
    }

    pub(crate) fn put_body(&self, version: Version, out: &mut Vec<u8>) {
        out.push(u8::from(self.session_present));
        out.push(if version == Version::V311 { self.reason.to_connack_311() } else { self.reason.code() });
        put_properties(self.properties, version, out);
    }
}

/// Properties exist in version 5 only.
pub(super) fn read_properties<'a>(
    cursor: &mut Cursor<'a>,
    version: Version,
    place: Place,
) -> Result<Properties<'a>, ProtocolError> {
    match version {
        Version::V311 => Ok(Properties::default()),
        Version::V5 => Properties::read(cursor, place),
    }
}

pub(super) fn put_properties(properties: Properties<'_>, version: Version, out: &mut Vec<u8>) {
    if version == Version::V5 {
        properties.write(out);
    }
}
