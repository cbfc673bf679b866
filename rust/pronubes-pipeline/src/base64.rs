//! Base64 (RFC 4648 §4) for payloads that are no text. Written here because it is ten lines and never hot.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `bytes` in base64 with padding.
pub(crate) fn append(bytes: &[u8], out: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for position in 0..4 {
            let sextet = (number >> (18 - 6 * position)) as usize & 63;
            out.push(if position <= group.len() { ALPHABET[sextet] } else { b'=' });
        }
    }
}

/// Reads base64 with padding; nothing when it is none.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    if !text.len().is_multiple_of(4) {
        return None;
    }
    for (at, group) in text.chunks(4).enumerate() {
        let is_last = (at + 1) * 4 == text.len();
        let padding = if is_last { group.iter().rev().take_while(|byte| **byte == b'=').count() } else { 0 };
        let digits = &group[..4 - padding];
        let digit = |byte: &u8| ALPHABET.iter().position(|known| known == byte).map(|place| place as u32);
        let number = digits.iter().try_fold(0_u32, |number, byte| Some(number << 6 | digit(byte)?))?;
        let bytes = (number << (6 * padding)).to_be_bytes();
        out.extend_from_slice(bytes[1..].get(..3_usize.checked_sub(padding).filter(|count| *count > 0)?)?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_no_base64_is_refused() {
        for wrong in ["Z", "Zg=", "Zg==Zg==", "====", "Z===", "Zm9*"] {
            assert_eq!(super::decode(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn the_vectors_of_rfc_4648() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (plain, encoded) in vectors {
            let mut out = Vec::new();
            super::append(plain.as_bytes(), &mut out);
            assert_eq!(out, encoded.as_bytes());
            assert_eq!(super::decode(&out).as_deref(), Some(plain.as_bytes()));
        }
    }
}
