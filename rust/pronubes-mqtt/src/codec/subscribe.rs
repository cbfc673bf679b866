//! SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK (MQTT 5 §3.8 to §3.11).

use super::connect::{put_properties, read_properties};
use super::cursor::{Cursor, put_binary};
use super::properties::{Place, Properties};
use super::text;
use crate::error::ProtocolError;
use crate::protocol::{QoS, Version};
use crate::reason::{Carrier, Reason};

/// The options of one filter in SUBSCRIBE; 3.1.1 knows the QoS only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FilterOptions {
    /// The highest QoS wanted.
    pub qos: QoS,
    /// Do not deliver this client's own messages.
    pub no_local: bool,
    /// Keep the RETAIN flag as the publisher set it.
    pub retain_as_published: bool,
    /// 0: send retained messages; 1: only when the subscription is new; 2: never.
    pub retain_handling: u8,
}

impl FilterOptions {
    fn from_bits(bits: u8, version: Version) -> Result<Self, ProtocolError> {
        let qos = QoS::from_bits(bits & 0b11).ok_or(ProtocolError::InvalidQos)?;
        let options = Self {
            qos,
            no_local: bits & 4 != 0,
            retain_as_published: bits & 8 != 0,
            retain_handling: bits >> 4 & 0b11,
        };
        let is_reserved =
            if version == Version::V311 { bits > 2 } else { bits & 0xC0 != 0 || options.retain_handling == 3 };
        if is_reserved { Err(ProtocolError::ReservedBits) } else { Ok(options) }
    }

    fn bits(self, version: Version) -> u8 {
        match version {
            Version::V311 => self.qos as u8,
            Version::V5 => {
                self.qos as u8
                    | u8::from(self.no_local) << 2
                    | u8::from(self.retain_as_published) << 3
                    | (self.retain_handling & 3) << 4
            }
        }
    }
}

/// Appends one filter with its options, as SUBSCRIBE carries it; the other way to get [`Filters`] is to decode.
pub fn put_filter(filter: &[u8], options: Option<FilterOptions>, version: Version, out: &mut Vec<u8>) {
    put_binary(filter, out);
    out.extend(options.map(|options| options.bits(version)));
}

/// The filters of a SUBSCRIBE or UNSUBSCRIBE, as encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filters<'a> {
    bytes: &'a [u8],
    has_options: bool,
    version: Version,
}

impl<'a> Filters<'a> {
    /// Checks encoded filters; `has_options` tells SUBSCRIBE from UNSUBSCRIBE.
    ///
    /// # Errors
    /// `empty_filter_list`, or what is wrong with a filter.
    pub fn check(bytes: &'a [u8], has_options: bool, version: Version) -> Result<Self, ProtocolError> {
        let filters = Self { bytes, has_options, version };
        let mut cursor = Cursor::new(bytes);
        if cursor.is_empty() {
            return Err(ProtocolError::EmptyFilterList);
        }
        while !cursor.is_empty() {
            let (filter, options) = filters.read(&mut cursor)?;
            text::check_filter(filter)?;
            if options.no_local && filter.starts_with(b"$share/") {
                return Err(ProtocolError::ReservedBits); // [MQTT-3.8.3-4]
            }
        }
        Ok(filters)
    }

    fn read(&self, cursor: &mut Cursor<'a>) -> Result<(&'a [u8], FilterOptions), ProtocolError> {
        let filter = cursor.binary()?;
        let options = if self.has_options {
            FilterOptions::from_bits(cursor.byte()?, self.version)?
        } else {
            FilterOptions::default()
        };
        Ok((filter, options))
    }

    /// Each filter with its options (which are the defaults for UNSUBSCRIBE).
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], FilterOptions)> {
        let mut cursor = Cursor::new(self.bytes);
        std::iter::from_fn(move || if cursor.is_empty() { None } else { self.read(&mut cursor).ok() })
    }
}

/// SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Packet identifier.
    pub packet_id: u16,
    /// Properties (version 5).
    pub properties: Properties<'a>,
    /// At least one filter.
    pub filters: Filters<'a>,
}

/// UNSUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Packet identifier.
    pub packet_id: u16,
    /// Properties (version 5).
    pub properties: Properties<'a>,
    /// At least one filter.
    pub filters: Filters<'a>,
}

/// SUBACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// Packet identifier of the SUBSCRIBE.
    pub packet_id: u16,
    /// Properties (version 5).
    pub properties: Properties<'a>,
    /// One code for each filter.
    pub codes: &'a [u8],
}

/// UNSUBACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// Packet identifier of the UNSUBSCRIBE.
    pub packet_id: u16,
    /// Properties (version 5).
    pub properties: Properties<'a>,
    /// One code for each filter; none in 3.1.1.
    pub codes: &'a [u8],
}

macro_rules! filter_request {
    ($name:ident, $place:expr, $has_options:literal) => {
        impl<'a> $name<'a> {
            pub(crate) fn decode(body: &'a [u8], version: Version) -> Result<Self, ProtocolError> {
                let mut cursor = Cursor::new(body);
                let packet_id = cursor.packet_id()?;
                let properties = read_properties(&mut cursor, version, $place)?;
                let filters = Filters::check(cursor.rest(), $has_options, version)?;
                Ok(Self { packet_id, properties, filters })
            }

            pub(crate) fn put_body(&self, version: Version, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.packet_id.to_be_bytes());
                put_properties(self.properties, version, out);
                out.extend_from_slice(self.filters.bytes);
            }
        }
    };
}

filter_request!(Subscribe, Place::Subscribe, true);
filter_request!(Unsubscribe, Place::Unsubscribe, false);

impl<'a> SubAck<'a> {
    pub(crate) fn decode(body: &'a [u8], version: Version) -> Result<Self, ProtocolError> {
        let (packet_id, properties, codes) = read_answer(body, version)?;
        let is_known = |code: &u8| match version {
            Version::V311 => matches!(code, 0..=2 | 0x80), // [MQTT-3.9.3-2]
            Version::V5 => Reason::for_carrier(*code, Carrier::SUBACK).is_some(),
        };
        if codes.is_empty() {
            return Err(ProtocolError::EmptyFilterList);
        }
        if codes.iter().all(is_known) {
            Ok(Self { packet_id, properties, codes })
        } else {
            Err(ProtocolError::InvalidReasonCode)
        }
    }

    pub(crate) fn put_body(&self, version: Version, out: &mut Vec<u8>) {
        put_answer(self.packet_id, self.properties, self.codes, version, out);
    }
}

impl<'a> UnsubAck<'a> {
    pub(crate) fn decode(body: &'a [u8], version: Version) -> Result<Self, ProtocolError> {
        let (packet_id, properties, codes) = read_answer(body, version)?;
        if version == Version::V311 {
            return if codes.is_empty() {
                Ok(Self { packet_id, properties, codes })
            } else {
                Err(ProtocolError::TrailingBytes)
            };
        }
        if codes.is_empty() {
            return Err(ProtocolError::EmptyFilterList);
        }
        let is_known = codes.iter().all(|code| Reason::for_carrier(*code, Carrier::UNSUBACK).is_some());
        if is_known { Ok(Self { packet_id, properties, codes }) } else { Err(ProtocolError::InvalidReasonCode) }
    }

    pub(crate) fn put_body(&self, version: Version, out: &mut Vec<u8>) {
        put_answer(
            self.packet_id,
            self.properties,
            if version == Version::V5 { self.codes } else { &[] },
            version,
            out,
        );
    }
}

fn read_answer(body: &[u8], version: Version) -> Result<(u16, Properties<'_>, &[u8]), ProtocolError> {
    let mut cursor = Cursor::new(body);
    let packet_id = cursor.packet_id()?;
    let properties = read_properties(&mut cursor, version, Place::SubAck)?;
    Ok((packet_id, properties, cursor.rest()))
}

fn put_answer(packet_id: u16, properties: Properties<'_>, codes: &[u8], version: Version, out: &mut Vec<u8>) {
    out.extend_from_slice(&packet_id.to_be_bytes());
    put_properties(properties, version, out);
    out.extend_from_slice(codes);
}
