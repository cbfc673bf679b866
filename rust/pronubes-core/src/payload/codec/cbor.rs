//! CBOR (RFC 8949).
//!
//! Own walk, because it goes from bytes to JSON bytes without values in between: ciborium and its like build a value or
//! drive serde, whose writers allocate. Decoding takes every well-formed item, also one that is not in its shortest form.
//! Encoding writes the preferred form (§4.1): shortest integers, floats and lengths.

use serde_json::value::RawValue;

use super::build::Form;
use super::emit::{Emitter, OPEN};
use super::input::Input;
use super::{Codec, CodecDoc, CodecError, CodecExample, CodecWork, Schemas, no_arguments};
use crate::Reason;
use crate::payload::limits::{Fault, Limits};

pub(super) const DOC: CodecDoc = CodecDoc {
    name: "cbor",
    summary: "CBOR, RFC 8949.",
    arguments: &[],
    rules: &[
        "A byte string becomes base64 text (RFC 4648 §4, with padding). `encode` writes text as text, never as a byte string.",
        "A key that is an integer becomes its digits; a key that is neither text nor integer is `not_in_json`. `encode` writes \
         all keys as text.",
        "Tags are left out and what they stand before stays: the text of a time (tag 0), its seconds since 1970 (tag 1). Big \
         integers (tags 2 and 3) become numbers as far as they fit into 64 bits and a sign.",
        "`undefined` becomes `null`; other simple values, infinities and NaN are `not_in_json`.",
        "A float of 16 or 32 bits becomes the double of the same value: 0.1 as a float32 is `0.10000000149011612`. `round` it \
         where that matters.",
        "`encode` writes lengths in front, and integers, floats and lengths as short as their value permits.",
    ],
    example: CodecExample {
        arguments: "{}",
        schema: None,
        payload: "a26576616c7565fb403570a3d70a3d716474616773820143010203",
        json: r#"{"value":21.44,"tags":[1,"AQID"]}"#,
    },
};

pub(super) fn compile(arguments: &RawValue, _: &Schemas) -> Result<Codec, CodecError> {
    no_arguments("cbor", arguments).map(|()| Codec::Cbor)
}

/// Marks an indefinite length, and the byte that ends one.
const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

pub(super) fn decode(payload: &[u8], limits: &Limits, work: &mut CodecWork, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut emitter = Emitter::new(out, &mut work.frames, limits);
    let mut input = Input::new(payload);
    loop {
        let at = input.at;
        let is_complete = match input.peek()? {
            BREAK if emitter.may_close() => {
                input.at += 1;
                emitter.close(at)?
            }
            _ => item(&mut input, &mut emitter, &mut work.bytes)?,
        };
        if is_complete {
            return input.finish();
        }
    }
}

/// One item, or the head of one that has others in it. True when the whole value is complete.
fn item(input: &mut Input<'_>, emitter: &mut Emitter<'_>, bytes: &mut Vec<u8>) -> Result<bool, Fault> {
    let at = input.at;
    let (major, info) = head(input)?;
    if info == INDEFINITE && !(2..=5).contains(&major) {
        return Err(Fault::new(Reason::InvalidCbor, at));
    }
    match major {
        0 => emitter.integer(argument(input, info, at)?.into(), at),
        1 => emitter.integer(-1 - i128::from(argument(input, info, at)?), at),
        2 | 3 if info == INDEFINITE => {
            chunks(input, major, bytes)?;
            string(emitter, major, bytes, at)
        }
        2 | 3 => {
            let length = argument(input, info, at)?;
            string(emitter, major, input.take(length)?, at)
        }
        4 | 5 => {
            let is_object = major == 5;
            let members = if info == INDEFINITE { OPEN } else { members(input, info, is_object, at)? };
            emitter.open(is_object, members, at)
        }
        6 => {
            let number = argument(input, info, at)?;
            tag(input, number, emitter, bytes)
        }
        _ => simple(input, info, emitter, at),
    }
}

fn head(input: &mut Input<'_>) -> Result<(u8, u8), Fault> {
    let byte = input.byte()?;
    Ok((byte >> 5, byte & 31))
}

/// The number that a head has in it.
fn argument(input: &mut Input<'_>, info: u8, at: usize) -> Result<u64, Fault> {
    Ok(match info {
        0..=23 => info.into(),
        24 => input.byte()?.into(),
        25 => u16::from_be_bytes(input.array()?).into(),
        26 => u32::from_be_bytes(input.array()?).into(),
        27 => u64::from_be_bytes(input.array()?),
        _ => return Err(Fault::new(Reason::InvalidCbor, at)),
    })
}

/// How many members an array or map has. Each takes a byte at least, so a count beyond the payload is one of a payload that was cut.
fn members(input: &mut Input<'_>, info: u8, is_object: bool, at: usize) -> Result<u32, Fault> {
    let members = argument(input, info, at)?;
    let least = members.saturating_mul(1 + u64::from(is_object));
    input.members(members, least)
}

fn string(emitter: &mut Emitter<'_>, major: u8, value: &[u8], at: usize) -> Result<bool, Fault> {
    if major == 2 { emitter.bytes(value, at) } else { emitter.text(value, at) }
}

/// The pieces of a string without length, joined.
fn chunks(input: &mut Input<'_>, major: u8, joined: &mut Vec<u8>) -> Result<(), Fault> {
    joined.clear();
    loop {
        let at = input.at;
        if input.peek()? == BREAK {
            input.at += 1;
            return Ok(());
        }
        let (found, info) = head(input)?;
        if found != major || info == INDEFINITE {
            return Err(Fault::new(Reason::InvalidCbor, at));
        }
        let length = argument(input, info, at)?;
        let chunk = input.take(length)?;
        if major == 3 && simdutf8::basic::from_utf8(chunk).is_err() {
            return Err(Fault::new(Reason::InvalidUtf8, at)); // §3.2.3: no character is split between chunks.
        }
        joined.extend_from_slice(chunk);
    }
}

/// What a tag stands before. Tags before tags are skipped here, in a loop and not by recursion.
fn tag(input: &mut Input<'_>, mut tag: u64, emitter: &mut Emitter<'_>, bytes: &mut Vec<u8>) -> Result<bool, Fault> {
    loop {
        let at = input.at;
        if input.peek()? >> 5 != 6 {
            break;
        }
        let (_, info) = head(input)?;
        tag = argument(input, info, at)?;
    }
    let at = input.at;
    if !matches!(tag, 2 | 3) {
        return match input.peek()? {
            BREAK => Err(Fault::new(Reason::InvalidCbor, at)),
            _ => item(input, emitter, bytes),
        };
    }
    let (major, info) = head(input)?;
    if major != 2 {
        return Err(Fault::new(Reason::InvalidCbor, at));
    }
    let mut digits = if info == INDEFINITE {
        chunks(input, major, bytes)?;
        &bytes[..]
    } else {
        let length = argument(input, info, at)?;
        input.take(length)?
    };
    while let [0, rest @ ..] = digits {
        digits = rest;
    }
    if digits.len() > 8 {
        return Err(Fault::new(Reason::NumberOutOfRange, at));
    }
    let value = digits.iter().fold(0_i128, |value, digit| value << 8 | i128::from(*digit));
    emitter.integer(if tag == 2 { value } else { -1 - value }, at)
}

fn simple(input: &mut Input<'_>, info: u8, emitter: &mut Emitter<'_>, at: usize) -> Result<bool, Fault> {
    match info {
        20 => emitter.word("false", at),
        21 => emitter.word("true", at),
        22 | 23 => emitter.word("null", at),
        24 if input.byte()? < 32 => Err(Fault::new(Reason::InvalidCbor, at)),
        25 => emitter.double(half(u16::from_be_bytes(input.array()?)), at),
        26 => emitter.double(f32::from_be_bytes(input.array()?).into(), at),
        27 => emitter.double(f64::from_be_bytes(input.array()?), at),
        28.. => Err(Fault::new(Reason::InvalidCbor, at)),
        _ => Err(Fault::new(Reason::NotInJson, at)),
    }
}

/// The value of a float of 16 bits.
fn half(bits: u16) -> f64 {
    let mantissa = f64::from(bits & 0x3ff);
    let value = match i32::from(bits >> 10 & 31) {
        0 => mantissa * (-24_f64).exp2(),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (mantissa + 1024.0) * f64::from(exponent - 25).exp2(),
    };
    if bits & 0x8000 == 0 { value } else { -value }
}

/// The float of 16 bits that has the value of one of 32, if there is one.
fn as_half(value: f32) -> Option<u16> {
    let bits = value.to_bits();
    let sign = u16::try_from(bits >> 16 & 0x8000).ok()?;
    let mantissa = bits & 0x7f_ffff;
    let (kept, lost) = match bits >> 23 & 0xff {
        0 if mantissa == 0 => (0, 0),
        // The bits of a normal number stay, with the bias of the shorter exponent.
        exponent @ 113..=142 => ((exponent - 112) << 10 | mantissa >> 13, mantissa & 0x1fff),
        exponent @ 103..=112 => {
            let (whole, shift) = (mantissa | 0x80_0000, 126 - exponent);
            (whole >> shift, whole & ((1 << shift) - 1))
        }
        _ => return None,
    };
    if lost == 0 { Some(sign | u16::try_from(kept).ok()?) } else { None }
}

/// CBOR as the builder writes it.
pub(super) struct Cbor;

impl Form for Cbor {
    fn head(is_object: bool, members: u32, out: &mut [u8; 9]) -> usize {
        head_bytes(if is_object { 5 } else { 4 }, members.into(), out)
    }

    fn text(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Reason> {
        write_head(out, 3, text.len() as u64);
        out.extend_from_slice(text);
        Ok(())
    }

    fn integer(out: &mut Vec<u8>, value: i128) -> Result<(), Reason> {
        let (major, argument) = if value < 0 { (1, -1 - value) } else { (0, value) };
        write_head(out, major, u64::try_from(argument).unwrap_or(u64::MAX));
        Ok(())
    }

    fn double(out: &mut Vec<u8>, value: f64) {
        write_double(out, value);
    }

    fn word(value: Option<bool>) -> u8 {
        match value {
            Some(false) => 0xf4,
            Some(true) => 0xf5,
            None => 0xf6,
        }
    }
}

/// The shortest head of an item; how many bytes it has.
fn head_bytes(major: u8, argument: u64, out: &mut [u8; 9]) -> usize {
    let major = major << 5;
    let bytes = argument.to_be_bytes();
    let (info, length) = match argument {
        0..=23 => (bytes[7], 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out[0] = major | info;
    out[1..=length].copy_from_slice(&bytes[8 - length..]);
    1 + length
}

fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let mut head = [0; 9];
    let length = head_bytes(major, argument, &mut head);
    out.extend_from_slice(&head[..length]);
}

fn write_double(out: &mut Vec<u8>, value: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "whether the shorter one has the same value is what is asked")]
    let short = value as f32;
    if f64::from(short).to_bits() != value.to_bits() {
        out.push(0xfb);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Some(half) = as_half(short) {
        out.push(0xf9);
        out.extend_from_slice(&half.to_be_bytes());
    } else {
        out.push(0xfa);
        out.extend_from_slice(&short.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_of_16_bits_has_its_value_and_comes_back() {
        for bits in 0..=u16::MAX {
            let value = half(bits);
            if value.is_nan() {
                continue;
            }
            #[expect(clippy::cast_possible_truncation, reason = "16 bits fit")]
            let short = value as f32;
            if value.is_infinite() {
                assert_eq!(as_half(short), None);
            } else {
                assert_eq!(as_half(short), Some(bits), "{bits:04x}");
            }
        }
        assert_eq!((half(0x3c00), half(0x7bff), half(0x0001)), (1.0, 65504.0, 5.960_464_477_539_063e-8));
    }
}
