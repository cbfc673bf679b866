//! Raw scalars: a payload that is one value and nothing else, as PLCs and sensors send registers.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::{Reader, Token, integer};
use super::{Codec, CodecDoc, CodecError, CodecExample, CodecWork, Schemas, arguments, base64};
use crate::Reason;
use crate::payload::limits::{Fault, Limits};
use crate::payload::{TextArena, number, text};
use crate::transform::Argument;

pub(super) const DOC: CodecDoc = CodecDoc {
    name: "scalar",
    summary: "One value without a frame: a register, a text, bytes.",
    arguments: &[
        Argument {
            name: "type",
            kind: "`int8`, `int16`, `int32`, `int64`, `uint8`, `uint16`, `uint32`, `uint64`, `float32`, `float64`, `bool`, `utf8`, \
                   `latin1`, `hex` or `base64`",
            text: "How the bytes are read. `hex` and `base64` take any bytes and give text.",
        },
        Argument {
            name: "byte_order",
            kind: "`big` or `little`",
            text: "The order of the bytes of a number; `big` when left out.",
        },
        Argument { name: "field", kind: "a name", text: "The field that has the value; `value` when left out." },
    ],
    rules: &[
        "`decode` gives an object with this one field. The payload has exactly as many bytes as the type: fewer are `truncated`, \
         more are `trailing_bytes`.",
        "A float32 becomes the shortest decimal that is read back as the same float32: 0.1 stays `0.1`.",
        "A bool is one byte, 0 or 1; others are `invalid_scalar`.",
        "`encode` takes the field out of an object, or a bare value; other fields are not written. An integer type takes `21` and \
         `21.0`; `21.5` and a character that the encoding does not have are `not_in_format`. A float32 is rounded to the nearest.",
    ],
    example: CodecExample {
        arguments: r#"{"type": "float32", "byte_order": "little"}"#,
        schema: None,
        payload: "cdccac41",
        json: r#"{"value":21.6}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(rename = "type")]
    kind: ScalarType,
    #[serde(default)]
    byte_order: ByteOrder,
    #[serde(default = "value")]
    field: String,
}

fn value() -> String {
    "value".to_owned()
}

/// How the bytes of a scalar are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScalarType {
    /// A signed integer of one byte.
    Int8,
    /// A signed integer of two bytes.
    Int16,
    /// A signed integer of four bytes.
    Int32,
    /// A signed integer of eight bytes.
    Int64,
    /// An unsigned integer of one byte.
    Uint8,
    /// An unsigned integer of two bytes.
    Uint16,
    /// An unsigned integer of four bytes.
    Uint32,
    /// An unsigned integer of eight bytes.
    Uint64,
    /// A float of four bytes.
    Float32,
    /// A float of eight bytes.
    Float64,
    /// One byte, 0 or 1.
    Bool,
    /// Text in UTF-8.
    Utf8,
    /// Text in ISO 8859-1.
    Latin1,
    /// Any bytes, as hexadecimal digits.
    Hex,
    /// Any bytes, as base64.
    Base64,
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ByteOrder {
    /// The most significant byte first.
    #[default]
    Big,
    /// The least significant byte first.
    Little,
}

/// A compiled scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    kind: ScalarType,
    order: ByteOrder,
    field: Box<str>,
    /// What stands before the value, as JSON.
    before: Box<[u8]>,
}

pub(super) fn compile(raw: &RawValue, _: &Schemas) -> Result<Codec, CodecError> {
    let Arguments { kind, byte_order, field } = arguments(&DOC, raw)?;
    let mut before = vec![b'{'];
    text::write(&mut before, &field);
    before.push(b':');
    Ok(Codec::Scalar(Scalar { kind, order: byte_order, field: field.into(), before: before.into() }))
}

impl ScalarType {
    /// How many bytes a number has; none for types of any length.
    fn size(self) -> Option<usize> {
        Some(match self {
            Self::Int8 | Self::Uint8 | Self::Bool => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 => 4,
            Self::Int64 | Self::Uint64 | Self::Float64 => 8,
            Self::Utf8 | Self::Latin1 | Self::Hex | Self::Base64 => return None,
        })
    }

    fn is_signed(self) -> bool {
        matches!(self, Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64)
    }
}

impl Scalar {
    pub(super) fn decode(&self, payload: &[u8], limits: &Limits, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(&self.before);
        let start = out.len();
        match self.kind.size() {
            Some(size) => self.decode_number(payload, size, out)?,
            None => self.decode_text(payload, out)?,
        }
        if out.len() - start > limits.text_bytes as usize + 2 {
            return Err(Fault::new(Reason::TextTooLong, 0));
        }
        out.push(b'}');
        Ok(())
    }

    fn decode_number(&self, payload: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        if payload.len() != size {
            let reason = if payload.len() < size { Reason::Truncated } else { Reason::TrailingBytes };
            return Err(Fault::new(reason, payload.len().min(size)));
        }
        let mut bits = [0; 8];
        match self.order {
            ByteOrder::Big => bits[8 - size..].copy_from_slice(payload),
            ByteOrder::Little => payload.iter().zip(bits.iter_mut().rev()).for_each(|(byte, bit)| *bit = *byte),
        }
        let bits = u64::from_be_bytes(bits);
        let fault = |reason| Fault::new(reason, 0);
        match self.kind {
            ScalarType::Bool if bits > 1 => return Err(fault(Reason::InvalidScalar)),
            ScalarType::Bool => out.extend_from_slice(if bits == 1 { b"true" } else { b"false" }),
            ScalarType::Float64 => {
                number::write_f64(out, f64::from_bits(bits)).map_err(|_| fault(Reason::NotInJson))?
            }
            ScalarType::Float32 => {
                let value = f32::from_bits(u32::try_from(bits).unwrap_or_default());
                super::write_f32(out, value).map_err(fault)?;
            }
            kind if kind.is_signed() => {
                let unused = 64 - 8 * size;
                number::write_int(out, (bits << unused).cast_signed() >> unused);
            }
            _ => number::write_uint(out, bits),
        }
        Ok(())
    }

    fn decode_text(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        match self.kind {
            ScalarType::Utf8 => match std::str::from_utf8(payload) {
                Ok(value) => text::write(out, value),
                Err(error) => return Err(Fault::new(Reason::InvalidUtf8, error.valid_up_to())),
            },
            ScalarType::Latin1 => {
                out.push(b'"');
                for byte in payload {
                    // A byte of ISO 8859-1 is the code point of the same number.
                    let mut character = [0; 4];
                    let quoted = char::from(*byte).encode_utf8(&mut character);
                    text::write_inner(out, quoted);
                }
                out.push(b'"');
            }
            ScalarType::Hex => {
                out.push(b'"');
                payload.iter().for_each(|byte| out.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)])));
                out.push(b'"');
            }
            _ => {
                out.push(b'"');
                base64::write(out, payload);
                out.push(b'"');
            }
        }
        Ok(())
    }

    pub(super) fn encode(&self, json: &[u8], work: &mut CodecWork, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut reader = Reader::new(json, &mut work.open, &mut work.stack);
        let mut is_here = false;
        let mut found = None;
        while let Some(token) = reader.next()? {
            let depth = reader.depth();
            match token {
                Token::Key(key) if depth == 1 => is_here = key.text(&mut work.text) == self.field.as_bytes(),
                Token::Array if depth == 1 => return Err(reader.fault(Reason::WrongType)),
                Token::Object | Token::Array if is_here && depth == 2 => return Err(reader.fault(Reason::WrongType)),
                Token::Key(_) | Token::Object | Token::Array | Token::Close => {}
                value if depth == 0 || is_here && depth == 1 => match found {
                    None => found = Some((value, reader.start())),
                    Some(_) => return Err(reader.fault(Reason::DuplicateKey)),
                },
                _ => {}
            }
        }
        let (value, at) = found.ok_or_else(|| Fault::new(Reason::MissingField, 0))?;
        self.write(value, &mut work.text, out).map_err(|reason| Fault::new(reason, at))
    }

    fn write(&self, value: Token<'_>, arena: &mut TextArena, out: &mut Vec<u8>) -> Result<(), Reason> {
        let bits = match (self.kind.size(), value) {
            (None, Token::Text(word)) => return self.write_text(word.text(arena), out),
            (Some(_), Token::True | Token::False) if self.kind == ScalarType::Bool => u64::from(value == Token::True),
            (Some(size), Token::Integer(written) | Token::Decimal(written)) => {
                self.bits(size, matches!(value, Token::Integer(_)), written)?
            }
            _ => return Err(Reason::WrongType),
        };
        let size = self.kind.size().unwrap_or_default();
        let bytes = bits.to_be_bytes();
        match self.order {
            ByteOrder::Big => out.extend_from_slice(&bytes[8 - size..]),
            ByteOrder::Little => out.extend(bytes[8 - size..].iter().rev()),
        }
        Ok(())
    }

    /// A number as the bits of this type.
    fn bits(&self, size: usize, is_integer: bool, written: &[u8]) -> Result<u64, Reason> {
        match self.kind {
            ScalarType::Bool => return Err(Reason::WrongType),
            ScalarType::Float64 => return number::parse_f64(written).map(f64::to_bits),
            ScalarType::Float32 => return super::read_f32(written).map(|value| value.to_bits().into()),
            _ => {}
        }
        let value = if is_integer { integer(written)? } else { super::integral(written)? };
        let bits = 8 * size - usize::from(self.kind.is_signed());
        let least = if self.kind.is_signed() { -(1_i128 << bits) } else { 0 };
        if value < least || value >= 1 << bits {
            return Err(Reason::NumberOutOfRange);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is within 64 bits, in two's complement"
        )]
        Ok(value as u64)
    }

    fn write_text(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
        let start = out.len();
        match self.kind {
            ScalarType::Latin1 => {
                let text = std::str::from_utf8(text).map_err(|_| Reason::InvalidUtf8)?;
                for character in text.chars() {
                    out.push(u8::try_from(u32::from(character)).map_err(|_| Reason::NotInFormat)?);
                }
            }
            ScalarType::Hex => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (pairs, rest) = text.as_chunks::<2>();
                out.extend(pairs.iter().map_while(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)));
                if !rest.is_empty() || out.len() - start != pairs.len() {
                    return Err(Reason::NotInFormat);
                }
            }
            ScalarType::Base64 => {
                if !base64::read(out, text) {
                    return Err(Reason::NotInFormat);
                }
            }
            _ => out.extend_from_slice(text),
        }
        Ok(())
    }
}
