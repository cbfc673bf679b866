//! Variable byte integers (MQTT 5 §1.5.5): 7 bits a byte, at most four bytes, never more bytes than needed.

use crate::error::ProtocolError;

/// The largest value, 268,435,455.
pub const MAXIMUM: u32 = 0x0FFF_FFFF;

/// Reads one integer: its value and its size in bytes. `None` when the bytes end inside it.
///
/// # Errors
/// `malformed_length` when a fifth byte is announced or the encoding is longer than needed.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Option<(u32, usize)>, ProtocolError> {
    match bytes {
        [first, ..] if *first < 0x80 => Ok(Some((u32::from(*first), 1))),
        [first, second @ 1..0x80, ..] => Ok(Some((u32::from(first & 0x7F) | u32::from(*second) << 7, 2))),
        _ => decode_long(bytes),
    }
}

fn decode_long(bytes: &[u8]) -> Result<Option<(u32, usize)>, ProtocolError> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * at);
        if *byte < 0x80 {
            // [MQTT-1.5.5-1]: a last byte of zero means that fewer bytes would have done.
            return if at > 0 && *byte == 0 { Err(ProtocolError::MalformedLength) } else { Ok(Some((value, at + 1))) };
        }
    }
    if bytes.len() >= 4 { Err(ProtocolError::MalformedLength) } else { Ok(None) }
}

/// The size of `value` in bytes when encoded; values above [`MAXIMUM`] must have been refused before.
#[inline]
pub const fn len(value: u32) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// Appends `value`, which is at most [`MAXIMUM`].
#[inline]
pub fn encode(mut value: u32, out: &mut Vec<u8>) {
    debug_assert!(value <= MAXIMUM, "callers check the limit");
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_borders_of_each_size_round_trip() {
        let borders =
            [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (2_097_151, 3), (2_097_152, 4), (MAXIMUM, 4)];
        for (value, size) in borders {
            let mut out = Vec::new();
            encode(value, &mut out);
            assert_eq!((out.len(), len(value)), (size, size), "{value}");
            assert_eq!(decode(&out), Ok(Some((value, size))), "{value}");
            for cut in 0..size {
                assert_eq!(decode(&out[..cut]), Ok(None), "{value} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_fifth_byte_and_padding_are_malformed() {
        for bytes in
            [&[0x80, 0x80, 0x80, 0x80][..], &[0xFF, 0xFF, 0xFF, 0xFF, 0x01], &[0x80, 0x00], &[0x81, 0x80, 0x00]]
        {
            assert_eq!(decode(bytes), Err(ProtocolError::MalformedLength), "{bytes:x?}");
        }
    }
}
