//! Checks of text, topics and filters. The topic check runs once per message and is written for plain ASCII topics.

use crate::error::ProtocolError;
use memchr::{memchr, memchr2};

/// A vector register: compilers turn a loop over it into a few instructions.
const BLOCK: usize = 16;

/// Marks each of 16 bytes that is not ASCII, is NUL, `+` or `#`. (`+` and `#` differ in bit 3 only: one comparison finds both.)
#[inline(always)]
fn mark(block: &[u8; BLOCK], marks: &mut [u8; BLOCK]) {
    for (mark, byte) in marks.iter_mut().zip(block) {
        *mark |= (byte & 0x80) | u8::from(*byte == 0) | u8::from(byte | 0x08 == b'+');
    }
}

/// Whether a topic is one that needs no closer look: ASCII, not empty, no NUL, no wildcard.
#[inline]
pub(crate) fn is_plain(topic: &[u8]) -> bool {
    let Some(last) = topic.last_chunk::<BLOCK>() else {
        return !topic.is_empty() && topic.iter().all(|byte| matches!(byte, 1..0x80) && !matches!(byte, b'+' | b'#'));
    };
    let mut marks = [0; BLOCK];
    mark(last, &mut marks);
    topic.as_chunks::<BLOCK>().0.iter().for_each(|block| mark(block, &mut marks));
    u128::from_ne_bytes(marks) == 0
}

/// Checks the topic name of a message, which must not be empty.
///
/// # Errors
/// `empty_topic`, `invalid_utf8`, `nul_in_text` or `wildcard_in_topic`.
#[inline]
pub fn check_topic(topic: &[u8]) -> Result<(), ProtocolError> {
    if is_plain(topic) { Ok(()) } else { check_unusual_topic(topic) }
}

#[cold]
fn check_unusual_topic(topic: &[u8]) -> Result<(), ProtocolError> {
    if topic.is_empty() {
        return Err(ProtocolError::EmptyTopic);
    }
    check_text(topic)?;
    if memchr2(b'+', b'#', topic).is_some() { Err(ProtocolError::WildcardInTopic) } else { Ok(()) }
}

/// Checks any text field: well-formed UTF-8 without U+0000. U+FEFF is kept (MQTT 5 [MQTT-1.5.4-3]).
///
/// # Errors
/// `invalid_utf8` or `nul_in_text`.
pub fn check_text(text: &[u8]) -> Result<(), ProtocolError> {
    if simdutf8::basic::from_utf8(text).is_err() {
        Err(ProtocolError::InvalidUtf8)
    } else if memchr(0, text).is_some() {
        Err(ProtocolError::NulInText)
    } else {
        Ok(())
    }
}

/// Checks a topic filter, with or without `$share/<name>/` in front.
///
/// # Errors
/// `invalid_utf8`, `nul_in_text` or `invalid_filter`.
pub fn check_filter(filter: &[u8]) -> Result<(), ProtocolError> {
    check_text(filter)?;
    let inner = match filter.strip_prefix(b"$share/") {
        None => filter,
        Some(rest) => {
            let end = memchr(b'/', rest).ok_or(ProtocolError::InvalidFilter)?;
            if end == 0 || memchr2(b'+', b'#', &rest[..end]).is_some() {
                return Err(ProtocolError::InvalidFilter);
            }
            &rest[end + 1..]
        }
    };
    let mut levels = inner.split(|byte| *byte == b'/').peekable();
    while let Some(level) = levels.next() {
        let is_whole = level.len() == 1 && (level[0] == b'+' || levels.peek().is_none());
        if !is_whole && memchr2(b'+', b'#', level).is_some() {
            return Err(ProtocolError::InvalidFilter);
        }
    }
    if inner.is_empty() || filter.len() > usize::from(u16::MAX) { Err(ProtocolError::InvalidFilter) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_by_the_table() {
        let long = "x".repeat(70);
        let cases: [(&[u8], Result<(), ProtocolError>); 12] = [
            (b"a", Ok(())),
            (b"/", Ok(())),
            (b"acme/cologne/press-4/temp", Ok(())),
            (long.as_bytes(), Ok(())),
            ("köln/wärme/\u{feff}x".as_bytes(), Ok(())),
            (b"", Err(ProtocolError::EmptyTopic)),
            (b"a/+", Err(ProtocolError::WildcardInTopic)),
            (b"acme/cologne/#", Err(ProtocolError::WildcardInTopic)),
            ("köln/#/long enough".as_bytes(), Err(ProtocolError::WildcardInTopic)),
            (b"a\0b", Err(ProtocolError::NulInText)),
            (b"acme/co\xFFlogne", Err(ProtocolError::InvalidUtf8)),
            (b"acme/\xED\xA0\x80", Err(ProtocolError::InvalidUtf8)),
        ];
        for (topic, expected) in cases {
            assert_eq!(check_topic(topic), expected, "{}", topic.escape_ascii());
        }
    }

    #[test]
    fn every_byte_at_every_place_is_judged_as_the_slow_check_does() {
        for length in 1..40 {
            for at in 0..length {
                for byte in 0..=255_u8 {
                    let mut topic = vec![b'a'; length];
                    topic[at] = byte;
                    assert_eq!(check_topic(&topic), check_unusual_topic(&topic), "byte {byte} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn filters_by_the_table() {
        for filter in
            ["#", "+", "a/#", "a/+/b", "/", "//", "+/+", "$SYS/#", "$share/g/a/#", "$share/g/#", "a b/c", "$share"]
        {
            assert_eq!(check_filter(filter.as_bytes()), Ok(()), "{filter}");
        }
        for filter in [
            "",
            "a#",
            "#/a",
            "a/#/b",
            "a+",
            "+a/b",
            "a/b+/c",
            "##",
            "$share/",
            "$share/g",
            "$share//a",
            "$share/+/a",
            "$share/g/",
        ] {
            assert_eq!(check_filter(filter.as_bytes()), Err(ProtocolError::InvalidFilter), "{filter}");
        }
    }
}
