//! Bytes in JSON: base64 of RFC 4648 §4, with padding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appends bytes as text.
pub(super) fn write(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    let length = base64::encoded_len(bytes.len(), true).unwrap_or(0);
    out.resize(start + length, 0);
    // There is exactly as much space as it takes.
    let _ = STANDARD.encode_slice(bytes, out.get_mut(start..).unwrap_or_default());
}

/// Appends what a text stands for; false when it is no base64 text.
pub(super) fn read(out: &mut Vec<u8>, text: &[u8]) -> bool {
    STANDARD.decode_vec(text, out).is_ok()
}
