//! The wire format: tags, variable-length integers, and what stands between two fields.

use super::super::input::Input;
use super::schema::Kind;
use crate::Reason;
use crate::payload::limits::{Fault, Limits};

/// How the value of a field is delimited.
pub(super) const VARINT: u8 = 0;
pub(super) const FIXED64: u8 = 1;
pub(super) const LENGTH: u8 = 2;
pub(super) const GROUP: u8 = 3;
pub(super) const GROUP_END: u8 = 4;
pub(super) const FIXED32: u8 = 5;

/// The greatest number of a field.
const MAX_NUMBER: u32 = (1 << 29) - 1;

impl Kind {
    /// How a value of this type is delimited.
    pub(super) fn wire(self) -> u8 {
        match self {
            Self::Fixed64 | Self::Sfixed64 | Self::Double => FIXED64,
            Self::Fixed32 | Self::Sfixed32 | Self::Float => FIXED32,
            Self::String | Self::Bytes | Self::Message(_) => LENGTH,
            Self::Group(_) => GROUP,
            _ => VARINT,
        }
    }
}

/// A variable-length integer: seven bits per byte, ten bytes at most.
pub(super) fn varint(input: &mut Input<'_>) -> Result<u64, Fault> {
    let at = input.at;
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = input.byte()?;
        if shift == 63 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Fault::new(Reason::InvalidProtobuf, at))
}

/// What stands before a value: the number of its field, and how it is delimited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    pub(super) number: u32,
    pub(super) wire: u8,
    /// Where it begins.
    pub(super) at: usize,
}

impl Tag {
    pub(super) fn fault(&self) -> Fault {
        Fault::new(Reason::InvalidProtobuf, self.at)
    }
}

pub(super) fn tag(input: &mut Input<'_>) -> Result<Tag, Fault> {
    let at = input.at;
    let tag = varint(input)?;
    match u32::try_from(tag >> 3) {
        Ok(number @ 1..=MAX_NUMBER) => Ok(Tag { number, wire: tag.to_le_bytes()[0] & 7, at }),
        _ => Err(Fault::new(Reason::InvalidProtobuf, at)),
    }
}

/// Skips the value of a field; where it begins and ends, without its length or the tag that ends a group.
pub(super) fn skip(
    input: &mut Input<'_>,
    tag: &Tag,
    limits: &Limits,
    open: &mut Vec<u32>,
) -> Result<(usize, usize), Fault> {
    if tag.wire == GROUP {
        let start = input.at;
        return skip_group(input, tag.number, limits, open).map(|end| (start, end));
    }
    skip_value(input, tag).map(|start| (start, input.at))
}

/// Skips a value that is no group; where it begins.
fn skip_value(input: &mut Input<'_>, tag: &Tag) -> Result<usize, Fault> {
    let mut start = input.at;
    match tag.wire {
        VARINT => _ = varint(input)?,
        FIXED64 => _ = input.take(8)?,
        FIXED32 => _ = input.take(4)?,
        LENGTH => {
            let length = varint(input)?;
            start = input.at;
            input.take(length)?;
        }
        _ => return Err(tag.fault()),
    }
    Ok(start)
}

/// Skips to the end of a group; groups in it are followed with a stack.
fn skip_group(input: &mut Input<'_>, number: u32, limits: &Limits, open: &mut Vec<u32>) -> Result<usize, Fault> {
    open.clear();
    open.push(number);
    loop {
        let tag = tag(input)?;
        match tag.wire {
            GROUP if open.len() >= limits.depth as usize => return Err(Fault::new(Reason::TooDeep, tag.at)),
            GROUP => open.push(tag.number),
            GROUP_END if open.pop() != Some(tag.number) => return Err(tag.fault()),
            GROUP_END if open.is_empty() => return Ok(tag.at),
            GROUP_END => {}
            _ => _ = skip_value(input, &tag)?,
        }
    }
}

/// Appends a variable-length integer.
pub(super) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Puts the length of all that is behind it into the byte that was kept free at `at`, and in front of it what that does not hold.
pub(super) fn close_length(out: &mut Vec<u8>, at: usize) {
    let mut rest = (out.len() - at - 1) as u64;
    let mut bytes = [0; 10];
    let mut length = 0;
    for byte in &mut bytes {
        length += 1;
        let more = u8::from(rest >= 0x80) << 7;
        *byte = rest.to_le_bytes()[0] & 0x7f | more;
        rest >>= 7;
        if rest == 0 {
            break;
        }
    }
    super::super::insert(out, at, bytes.get(..length).unwrap_or_default());
}

/// Appends the tag of a field.
pub(super) fn push_tag(out: &mut Vec<u8>, number: u32, wire: u8) {
    push_varint(out, u64::from(number) << 3 | u64::from(wire));
}

/// An integer whose small values of both signs are short.
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// What [`zigzag`] has made a number of.
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
