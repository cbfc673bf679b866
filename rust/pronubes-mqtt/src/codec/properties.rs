//! MQTT 5 properties (§2.2.2): one table says the type of each and where it may stand. A [`Properties`] is a slice that was
//! checked once against the table; reading it later cannot fail.

use super::cursor::{Cursor, put_binary};
use super::{text, varint};
use crate::error::ProtocolError;

/// The packet (and direction) a list of properties stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// CONNECT.
    Connect = 1,
    /// CONNACK.
    ConnAck = 1 << 1,
    /// PUBLISH sent by a client.
    Publish = 1 << 2,
    /// PUBLISH sent by a server: may carry subscription identifiers.
    Delivery = 1 << 3,
    /// The will inside CONNECT.
    Will = 1 << 4,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP.
    Ack = 1 << 5,
    /// SUBSCRIBE.
    Subscribe = 1 << 6,
    /// SUBACK and UNSUBACK.
    SubAck = 1 << 7,
    /// UNSUBSCRIBE.
    Unsubscribe = 1 << 8,
    /// DISCONNECT sent by a client.
    ClientDisconnect = 1 << 9,
    /// DISCONNECT sent by a server.
    ServerDisconnect = 1 << 10,
    /// AUTH.
    Auth = 1 << 11,
}

/// How a property's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A byte that is 0 or 1.
    Flag,
    Short,
    /// A short that must not be 0.
    ShortNotZero,
    Long,
    LongNotZero,
    VarintNotZero,
    Text,
    /// A text that must be a topic name without wildcards.
    Topic,
    Binary,
    Pair,
}

/// The value of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// One byte.
    Byte(u8),
    /// Two bytes.
    Short(u16),
    /// Four bytes.
    Long(u32),
    /// A variable byte integer.
    Varint(u32),
    /// UTF-8 text.
    Text(&'a [u8]),
    /// Any bytes.
    Binary(&'a [u8]),
    /// A name and a value, both UTF-8.
    Pair(&'a [u8], &'a [u8]),
}

macro_rules! properties {
    ($($(#[$meta:meta])* $variant:ident = $id:literal, $kind:ident, $($place:ident)|+;)*) => {
        /// The property identifiers of MQTT 5 §2.2.2.2.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum PropertyId {
            $($(#[$meta])* $variant = $id,)*
        }

        impl PropertyId {
            /// Every identifier.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($id => Some(Self::$variant),)*
                    _ => None,
                }
            }

            const fn rule(self) -> (Kind, u16) {
                match self {
                    $(Self::$variant => (Kind::$kind, $(Place::$place as u16)|+),)*
                }
            }
        }
    };
}

properties! {
    /// Payload is UTF-8 text (1) or unspecified (0).
    PayloadFormatIndicator = 0x01, Flag, Publish | Delivery | Will;
    /// Seconds until the message is worthless. Kept and reported; ageing is not done here.
    MessageExpiryInterval = 0x02, Long, Publish | Delivery | Will;
    /// What the payload is.
    ContentType = 0x03, Text, Publish | Delivery | Will;
    /// Where an answer goes.
    ResponseTopic = 0x08, Topic, Publish | Delivery | Will;
    /// What an answer must repeat.
    CorrelationData = 0x09, Binary, Publish | Delivery | Will;
    /// The subscription(s) that matched.
    SubscriptionIdentifier = 0x0B, VarintNotZero, Delivery | Subscribe;
    /// Seconds the broker keeps the session.
    SessionExpiryInterval = 0x11, Long, Connect | ConnAck | ClientDisconnect;
    /// The client id the broker chose.
    AssignedClientIdentifier = 0x12, Text, ConnAck;
    /// The keep-alive the broker wants.
    ServerKeepAlive = 0x13, Short, ConnAck;
    /// Enhanced authentication.
    AuthenticationMethod = 0x15, Text, Connect | ConnAck | Auth;
    /// Enhanced authentication.
    AuthenticationData = 0x16, Binary, Connect | ConnAck | Auth;
    /// Whether reason strings are wanted.
    RequestProblemInformation = 0x17, Flag, Connect;
    /// Seconds between connection loss and the will.
    WillDelayInterval = 0x18, Long, Will;
    /// Whether response information is wanted.
    RequestResponseInformation = 0x19, Flag, Connect;
    /// A prefix for response topics.
    ResponseInformation = 0x1A, Text, ConnAck;
    /// Another server to use.
    ServerReference = 0x1C, Text, ConnAck | ServerDisconnect;
    /// A sentence for people.
    ReasonString = 0x1F, Text, ConnAck | Ack | SubAck | ClientDisconnect | ServerDisconnect | Auth;
    /// How many QoS 1 and 2 messages the sender takes unacknowledged.
    ReceiveMaximum = 0x21, ShortNotZero, Connect | ConnAck;
    /// The highest topic alias the sender takes.
    TopicAliasMaximum = 0x22, Short, Connect | ConnAck;
    /// A number instead of a topic.
    TopicAlias = 0x23, ShortNotZero, Publish | Delivery;
    /// The highest QoS the broker takes (0 or 1).
    MaximumQos = 0x24, Flag, ConnAck;
    /// Whether the broker keeps retained messages.
    RetainAvailable = 0x25, Flag, ConnAck;
    /// A name and a value of the user; the only one that may repeat anywhere.
    UserProperty = 0x26, Pair, Connect | ConnAck | Publish | Delivery | Will | Ack | Subscribe | SubAck | Unsubscribe | ClientDisconnect | ServerDisconnect | Auth;
    /// The largest packet the sender takes.
    MaximumPacketSize = 0x27, LongNotZero, Connect | ConnAck;
    /// Whether wildcards may be subscribed to.
    WildcardSubscriptionAvailable = 0x28, Flag, ConnAck;
    /// Whether subscription identifiers work.
    SubscriptionIdentifierAvailable = 0x29, Flag, ConnAck;
    /// Whether shared subscriptions work.
    SharedSubscriptionAvailable = 0x2A, Flag, ConnAck;
}

impl PropertyId {
    /// §3.3.2.3.8: a delivery names every subscription that matched; user properties may repeat everywhere.
    fn may_repeat(self, place: Place) -> bool {
        self == Self::UserProperty || (self == Self::SubscriptionIdentifier && place == Place::Delivery)
    }
}

/// Properties that were checked for their place; reading them cannot fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    bytes: &'a [u8],
    /// One bit for each identifier that occurs: most questions are about absent ones.
    present: u64,
}

impl<'a> Properties<'a> {
    /// Reads length and properties at the cursor.
    #[inline]
    pub(crate) fn read(cursor: &mut Cursor<'a>, place: Place) -> Result<Self, ProtocolError> {
        let length = cursor.varint()?;
        if length == 0 {
            return Ok(Self::default());
        }
        Self::check(cursor.take(length as usize)?, place)
    }

    /// Checks encoded properties (without their length) for a place.
    ///
    /// # Errors
    /// The first rule of §2.2.2 that is broken.
    pub fn check(bytes: &'a [u8], place: Place) -> Result<Self, ProtocolError> {
        let mut cursor = Cursor::new(bytes);
        let mut seen = 0_u64;
        while !cursor.is_empty() {
            let id = read_id(&mut cursor)?;
            let (kind, places) = id.rule();
            if places & place as u16 == 0 {
                return Err(ProtocolError::PropertyNotAllowed);
            }
            let bit = 1 << id as u8;
            if seen & bit != 0 && !id.may_repeat(place) {
                return Err(ProtocolError::DuplicateProperty);
            }
            seen |= bit;
            check_value(kind, read_value(kind, &mut cursor)?)?;
        }
        Ok(Self { bytes, present: seen })
    }

    /// The encoded bytes, without their length.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// True when there is none.
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// All properties, in order.
    pub fn iter(self) -> impl Iterator<Item = (PropertyId, Value<'a>)> {
        let mut cursor = Cursor::new(self.bytes);
        std::iter::from_fn(move || {
            // Checked at construction: the errors cannot occur here.
            let id = read_id(&mut cursor).ok()?;
            Some((id, read_value(id.rule().0, &mut cursor).ok()?))
        })
    }

    /// Whether this identifier occurs.
    #[inline]
    pub const fn has(self, id: PropertyId) -> bool {
        self.present & 1 << id as u8 != 0
    }

    /// The first property with this identifier.
    pub fn get(self, id: PropertyId) -> Option<Value<'a>> {
        if !self.has(id) {
            return None;
        }
        self.iter().find(|(found, _)| *found == id).map(|(_, value)| value)
    }

    /// A number (byte, short, long or varint), by identifier.
    pub fn number(self, id: PropertyId) -> Option<u32> {
        match self.get(id)? {
            Value::Byte(number) => Some(u32::from(number)),
            Value::Short(number) => Some(u32::from(number)),
            Value::Long(number) | Value::Varint(number) => Some(number),
            Value::Text(_) | Value::Binary(_) | Value::Pair(..) => None,
        }
    }

    /// Text or bytes, by identifier.
    pub fn bytes(self, id: PropertyId) -> Option<&'a [u8]> {
        match self.get(id)? {
            Value::Text(bytes) | Value::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Name and value of each user property, in order.
    pub fn user_properties(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.iter().filter_map(|(_, value)| if let Value::Pair(name, text) = value { Some((name, text)) } else { None })
    }

    /// Size on the wire, with the length in front.
    #[inline]
    pub(crate) fn size(self) -> usize {
        varint::len(self.bytes.len() as u32) + self.bytes.len()
    }

    #[inline]
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        varint::encode(self.bytes.len() as u32, out);
        out.extend_from_slice(self.bytes);
    }
}

fn read_id(cursor: &mut Cursor<'_>) -> Result<PropertyId, ProtocolError> {
    let code = u8::try_from(cursor.varint()?).map_err(|_| ProtocolError::UnknownProperty)?;
    PropertyId::from_code(code).ok_or(ProtocolError::UnknownProperty)
}

fn read_value<'a>(kind: Kind, cursor: &mut Cursor<'a>) -> Result<Value<'a>, ProtocolError> {
    Ok(match kind {
        Kind::Flag => Value::Byte(cursor.byte()?),
        Kind::Short | Kind::ShortNotZero => Value::Short(cursor.short()?),
        Kind::Long | Kind::LongNotZero => Value::Long(cursor.long()?),
        Kind::VarintNotZero => Value::Varint(cursor.varint()?),
        Kind::Text | Kind::Topic => Value::Text(cursor.binary()?),
        Kind::Binary => Value::Binary(cursor.binary()?),
        Kind::Pair => Value::Pair(cursor.binary()?, cursor.binary()?),
    })
}

fn check_value(kind: Kind, value: Value<'_>) -> Result<(), ProtocolError> {
    let is_allowed = match (kind, value) {
        (Kind::Topic, Value::Text(topic)) => return text::check_topic(topic),
        (Kind::Flag, Value::Byte(number)) => number <= 1,
        (Kind::ShortNotZero, Value::Short(number)) => number != 0,
        (Kind::LongNotZero, Value::Long(number)) | (Kind::VarintNotZero, Value::Varint(number)) => number != 0,
        (_, Value::Text(bytes)) => return text::check_text(bytes),
        (_, Value::Pair(name, bytes)) => return text::check_text(name).and_then(|()| text::check_text(bytes)),
        _ => true,
    };
    if is_allowed { Ok(()) } else { Err(ProtocolError::InvalidPropertyValue) }
}

/// Builds properties for one place; what it holds is always valid there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyBuffer {
    bytes: Vec<u8>,
    present: u64,
    place: Place,
}

impl PropertyBuffer {
    /// An empty list for `place`.
    pub const fn new(place: Place) -> Self {
        Self { bytes: Vec::new(), present: 0, place }
    }

    /// Appends one property.
    ///
    /// # Errors
    /// What [`Properties::check`] would say about the list with it; the list then stays as it was.
    pub fn push(&mut self, id: PropertyId, value: Value<'_>) -> Result<(), ProtocolError> {
        let longest = match value {
            Value::Text(bytes) | Value::Binary(bytes) => bytes.len(),
            Value::Pair(name, text) => name.len().max(text.len()),
            _ => 0,
        };
        if longest > usize::from(u16::MAX) {
            return Err(ProtocolError::InvalidPropertyValue);
        }
        let before = self.bytes.len();
        self.bytes.push(id as u8);
        match value {
            Value::Byte(number) => self.bytes.push(number),
            Value::Short(number) => self.bytes.extend_from_slice(&number.to_be_bytes()),
            Value::Long(number) => self.bytes.extend_from_slice(&number.to_be_bytes()),
            Value::Varint(number) => varint::encode(number.min(varint::MAXIMUM), &mut self.bytes),
            Value::Text(bytes) | Value::Binary(bytes) => put_binary(bytes, &mut self.bytes),
            Value::Pair(name, text) => {
                put_binary(name, &mut self.bytes);
                put_binary(text, &mut self.bytes);
            }
        }
        match Properties::check(&self.bytes, self.place).map(|checked| checked.present) {
            Ok(present) => {
                self.present = present;
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(before);
                Err(error)
            }
        }
    }

    /// The properties, without another check.
    #[inline]
    pub fn properties(&self) -> Properties<'_> {
        Properties { bytes: &self.bytes, present: self.present }
    }
}
