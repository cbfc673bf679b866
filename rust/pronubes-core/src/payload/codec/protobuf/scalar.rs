//! JSON scalars as values of fields.

use super::super::read::{Token, integer as read_integer};
use super::super::{base64, integral, read_f32};
use super::schema::{Kind, Schema};
use super::wire;
use crate::Reason;
use crate::payload::{Kind as Written, TextArena, number};

/// Appends the value of a field that is no message, without its tag.
pub(super) fn write(
    kind: Kind,
    token: Token<'_>,
    schema: &Schema,
    text: &mut TextArena,
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    match (kind, token) {
        (Kind::Bool, Token::True | Token::False) => out.push(u8::from(token == Token::True)),
        (Kind::Null, Token::Null) => out.push(0),
        (Kind::String, Token::Text(word)) => write_text(word.text(text), out),
        (Kind::Bytes, Token::Text(word)) => {
            let at = out.len();
            out.push(0);
            if !base64::read(out, word.text(text)) {
                return Err(Reason::NotInFormat);
            }
            wire::close_length(out, at);
        }
        (Kind::Enum(names), Token::Text(word)) => {
            let names = schema.enums.get(names as usize);
            let found = names.and_then(|names| names.number(word.text(text))).ok_or(Reason::NotInFormat)?;
            write_integer(kind, found.into(), out)?;
        }
        (Kind::Float, Token::Integer(written) | Token::Decimal(written)) => {
            out.extend_from_slice(&read_f32(written)?.to_le_bytes());
        }
        (Kind::Double, Token::Integer(written) | Token::Decimal(written)) => {
            out.extend_from_slice(&number::parse_f64(written)?.to_le_bytes());
        }
        (Kind::Float | Kind::Double | Kind::Bool | Kind::Null | Kind::String | Kind::Bytes, _) => {
            return Err(Reason::WrongType);
        }
        (_, Token::Integer(written)) => write_integer(kind, read_integer(written)?, out)?,
        (_, Token::Decimal(written)) => write_integer(kind, integral(written)?, out)?,
        (_, Token::Text(word)) => write_integer(kind, digits(word.text(text))?, out)?,
        _ => return Err(Reason::WrongType),
    }
    Ok(())
}

/// Appends the key of an entry of a map, which JSON has as text.
pub(super) fn write_key(kind: Kind, key: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    match (kind, key) {
        (Kind::String, _) => write_text(key, out),
        (Kind::Bool, b"true") => out.push(1),
        (Kind::Bool, b"false") => out.push(0),
        (Kind::Bool, _) => return Err(Reason::NotInFormat),
        _ => write_integer(kind, digits(key)?, out)?,
    }
    Ok(())
}

/// The value of an integer that is written as text.
fn digits(text: &[u8]) -> Result<i128, Reason> {
    if number::kind_of(text) == Some(Written::Integer) { read_integer(text) } else { Err(Reason::NotInFormat) }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    wire::push_varint(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn write_integer(kind: Kind, value: i128, out: &mut Vec<u8>) -> Result<(), Reason> {
    let out_of_range = |_| Reason::NumberOutOfRange;
    let signed = |value: i128| i64::try_from(value).map_err(out_of_range);
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Enum(_) => {
            let value = i32::try_from(value).map_err(out_of_range)?;
            match kind {
                Kind::Sfixed32 => out.extend_from_slice(&value.to_le_bytes()),
                Kind::Sint32 => wire::push_varint(out, wire::zigzag(value.into())),
                _ => wire::push_varint(out, i64::from(value).cast_unsigned()),
            }
        }
        Kind::Uint32 | Kind::Fixed32 => {
            let value = u32::try_from(value).map_err(out_of_range)?;
            match kind {
                Kind::Fixed32 => out.extend_from_slice(&value.to_le_bytes()),
                _ => wire::push_varint(out, value.into()),
            }
        }
        Kind::Uint64 => wire::push_varint(out, u64::try_from(value).map_err(out_of_range)?),
        Kind::Fixed64 => out.extend_from_slice(&u64::try_from(value).map_err(out_of_range)?.to_le_bytes()),
        Kind::Sfixed64 => out.extend_from_slice(&signed(value)?.to_le_bytes()),
        Kind::Sint64 => wire::push_varint(out, wire::zigzag(signed(value)?)),
        _ => wire::push_varint(out, signed(value)?.cast_unsigned()),
    }
    Ok(())
}
