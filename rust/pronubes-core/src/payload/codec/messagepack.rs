//! MessagePack.
//!
//! Own walk for the same reason as CBOR: rmp-serde drives serde, which builds values and allocates, and rmpv recurses.
//! Decoding takes every form of a value, also one that is not the shortest. Encoding writes the shortest.

use serde_json::value::RawValue;

use super::build::Form;
use super::emit::Emitter;
use super::input::Input;
use super::{Codec, CodecDoc, CodecError, CodecExample, CodecWork, Schemas, no_arguments};
use crate::Reason;
use crate::payload::limits::{Fault, Limits};

pub(super) const DOC: CodecDoc = CodecDoc {
    name: "messagepack",
    summary: "MessagePack.",
    arguments: &[],
    rules: &[
        "A `bin` becomes base64 text (RFC 4648 §4, with padding). `encode` writes text as `str`, never as `bin`.",
        "A key that is an integer becomes its digits; a key that is neither text nor integer is `not_in_json`. `encode` writes \
         all keys as text.",
        "Extension types, also the timestamp (type -1), infinities and NaN are `not_in_json`.",
        "A float of 32 bits becomes the double of the same value: 0.1 as a float32 is `0.10000000149011612`. `round` it where \
         that matters.",
        "`encode` writes everything as short as its value permits. An integer below -2^63 is `number_out_of_range`.",
    ],
    example: CodecExample {
        arguments: "{}",
        schema: None,
        payload: "82a576616c7565cb403570a3d70a3d71a4746167739201a461626364",
        json: r#"{"value":21.44,"tags":[1,"abcd"]}"#,
    },
};

pub(super) fn compile(arguments: &RawValue, _: &Schemas) -> Result<Codec, CodecError> {
    no_arguments("messagepack", arguments).map(|()| Codec::MessagePack)
}

pub(super) fn decode(payload: &[u8], limits: &Limits, work: &mut CodecWork, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut emitter = Emitter::new(out, &mut work.frames, limits);
    let mut input = Input::new(payload);
    while !item(&mut input, &mut emitter)? {}
    input.finish()
}

/// One value, or the head of one that has others in it. True when the whole value is complete.
fn item(input: &mut Input<'_>, emitter: &mut Emitter<'_>) -> Result<bool, Fault> {
    let at = input.at;
    let byte = input.byte()?;
    match byte {
        0x00..=0x7f => emitter.integer(byte.into(), at),
        0xe0..=0xff => emitter.integer(byte.cast_signed().into(), at),
        0x80..=0x8f => open(input, emitter, true, (byte & 15).into(), at),
        0x90..=0x9f => open(input, emitter, false, (byte & 15).into(), at),
        0xa0..=0xbf => emitter.text(input.take((byte & 31).into())?, at),
        0xc0 => emitter.word("null", at),
        0xc1 => Err(Fault::new(Reason::InvalidMessagepack, at)),
        0xc2 => emitter.word("false", at),
        0xc3 => emitter.word("true", at),
        0xc4..=0xc6 => {
            let length = unsigned(input, byte - 0xc4)?;
            emitter.bytes(input.take(length)?, at)
        }
        0xc7..=0xc9 => {
            let length = unsigned(input, byte - 0xc7)?;
            extension(input, length, at)
        }
        0xca => emitter.double(f32::from_be_bytes(input.array()?).into(), at),
        0xcb => emitter.double(f64::from_be_bytes(input.array()?), at),
        0xcc..=0xcf => emitter.integer(unsigned(input, byte - 0xcc)?.into(), at),
        0xd0..=0xd3 => {
            let size = byte - 0xd0;
            let unused = 64 - (8_u32 << size);
            let bits = unsigned(input, size)? << unused;
            emitter.integer((bits.cast_signed() >> unused).into(), at)
        }
        0xd4..=0xd8 => extension(input, 1 << (byte - 0xd4), at),
        0xd9..=0xdb => {
            let length = unsigned(input, byte - 0xd9)?;
            emitter.text(input.take(length)?, at)
        }
        0xdc | 0xdd => {
            let members = unsigned(input, byte - 0xdc + 1)?;
            open(input, emitter, false, members, at)
        }
        0xde | 0xdf => {
            let members = unsigned(input, byte - 0xde + 1)?;
            open(input, emitter, true, members, at)
        }
    }
}

/// A number of 1, 2, 4 or 8 bytes: 2 to the power of `size`.
fn unsigned(input: &mut Input<'_>, size: u8) -> Result<u64, Fault> {
    Ok(match size {
        0 => input.byte()?.into(),
        1 => u16::from_be_bytes(input.array()?).into(),
        2 => u32::from_be_bytes(input.array()?).into(),
        _ => u64::from_be_bytes(input.array()?),
    })
}

/// Opens an array or map. Each member takes a byte at least, so a count beyond the payload is one of a payload that was cut.
fn open(input: &Input<'_>, emitter: &mut Emitter<'_>, is_object: bool, members: u64, at: usize) -> Result<bool, Fault> {
    let least = members.saturating_mul(1 + u64::from(is_object));
    emitter.open(is_object, input.members(members, least)?, at)
}

/// A type of its own, which JSON has no word for; when it is there as a whole.
fn extension(input: &mut Input<'_>, length: u64, at: usize) -> Result<bool, Fault> {
    input.take(length.saturating_add(1))?;
    Err(Fault::new(Reason::NotInJson, at))
}

/// MessagePack as the builder writes it.
pub(super) struct MessagePack;

impl Form for MessagePack {
    fn head(is_object: bool, members: u32, out: &mut [u8; 9]) -> usize {
        let (short, long) = if is_object { (0x80, 0xde) } else { (0x90, 0xdc) };
        let bytes = members.to_be_bytes();
        let length = match members {
            0..=15 => {
                out[0] = short | bytes[3];
                return 1;
            }
            16..=0xffff => 2,
            _ => 4,
        };
        out[0] = long + u8::from(length == 4);
        out[1..=length].copy_from_slice(&bytes[4 - length..]);
        1 + length
    }

    fn text(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Reason> {
        let length = u32::try_from(text.len()).map_err(|_| Reason::NotInFormat)?;
        let [.., third, last] = length.to_be_bytes();
        match length {
            0..=31 => out.push(0xa0 | last),
            32..=0xff => out.extend_from_slice(&[0xd9, last]),
            0x100..=0xffff => out.extend_from_slice(&[0xda, third, last]),
            _ => {
                out.push(0xdb);
                out.extend_from_slice(&length.to_be_bytes());
            }
        }
        out.extend_from_slice(text);
        Ok(())
    }

    fn integer(out: &mut Vec<u8>, value: i128) -> Result<(), Reason> {
        let (first, size) = match value {
            -32..=0x7f => {
                out.push(value.to_be_bytes()[15]);
                return Ok(());
            }
            0x80..=0xff => (0xcc, 1),
            0x100..=0xffff => (0xcd, 2),
            0x1_0000..=0xffff_ffff => (0xce, 4),
            0x1_0000_0000.. => (0xcf, 8),
            -0x80..=-33 => (0xd0, 1),
            -0x8000..=-0x81 => (0xd1, 2),
            -0x8000_0000..=-0x8001 => (0xd2, 4),
            -0x8000_0000_0000_0000..=-0x8000_0001 => (0xd3, 8),
            _ => return Err(Reason::NumberOutOfRange),
        };
        out.push(first);
        out.extend_from_slice(&value.to_be_bytes()[16 - size..]);
        Ok(())
    }

    fn double(out: &mut Vec<u8>, value: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whether the shorter one has the same value is what is asked"
        )]
        let short = value as f32;
        if f64::from(short).to_bits() == value.to_bits() {
            out.push(0xca);
            out.extend_from_slice(&short.to_be_bytes());
        } else {
            out.push(0xcb);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }

    fn word(value: Option<bool>) -> u8 {
        match value {
            None => 0xc0,
            Some(false) => 0xc2,
            Some(true) => 0xc3,
        }
    }
}
