//! The rules of MQTT for topic names and filters, and the matching of one against the other.
//!
//! This is the slow, plain form that reads like the standard. The trie is tested against it.

use super::error::{TopicError, TopicErrorKind};

/// The longest topic or filter that MQTT can carry, in bytes (MQTT 5 §4.7.3-3).
pub const MAX_TOPIC_BYTES: usize = 65_535;

const SHARE_PREFIX: &str = "$share/";

/// Checks a topic name (a name without wildcards).
///
/// # Errors
/// The first rule that `topic` breaks.
pub fn validate_topic(topic: &str) -> Result<(), TopicError> {
    validate_text(topic)?;
    match topic.find(['+', '#']) {
        Some(offset) => Err(TopicError::new(TopicErrorKind::WildcardInTopic, topic, offset)),
        None => Ok(()),
    }
}

/// Checks a subscription filter, `$share/{group}/{filter}` included.
///
/// # Errors
/// The first rule that `filter` breaks.
pub fn validate_filter(filter: &str) -> Result<(), TopicError> {
    validate_text(filter)?;
    let start = shared_filter_start(filter)?;
    for (offset, level) in levels_with_offset(filter, start) {
        validate_filter_level(filter, offset, level)?;
    }
    Ok(())
}

/// Tells whether a message on `topic` reaches a subscription to `filter`; a `$share/{group}/` in front is not part of
/// the match.
///
/// # Errors
/// The first rule that `filter` or `topic` breaks.
///
/// ```
/// use pronubes_core::topic::topic_matches;
/// assert_eq!(topic_matches("raw/+/temp/#", "raw/l1/temp"), Ok(true));
/// assert_eq!(topic_matches("#", "$SYS/uptime"), Ok(false));
/// assert!(topic_matches("raw/#/temp", "raw/l1/temp").is_err());
/// ```
pub fn topic_matches(filter: &str, topic: &str) -> Result<bool, TopicError> {
    validate_filter(filter)?;
    validate_topic(topic)?;
    let start = shared_filter_start(filter)?;
    Ok(matches_valid(&filter[start..], topic))
}

/// Where the filter proper starts: behind `$share/{group}/`, or at 0.
///
/// `$share` alone, and `$SHARE/...`, do not start with `$share/` and are ordinary filters.
fn shared_filter_start(filter: &str) -> Result<usize, TopicError> {
    let Some(rest) = filter.strip_prefix(SHARE_PREFIX) else {
        return Ok(0);
    };
    let fail = |kind, offset| Err(TopicError::new(kind, filter, offset));
    let group = rest.split('/').next().unwrap_or_default();
    if group.is_empty() {
        return fail(TopicErrorKind::ShareNameMissing, SHARE_PREFIX.len());
    }
    if let Some(at) = group.find(['+', '#']) {
        return fail(TopicErrorKind::ShareSyntax, SHARE_PREFIX.len() + at);
    }
    let start = SHARE_PREFIX.len() + group.len() + 1;
    if start >= filter.len() {
        return fail(TopicErrorKind::ShareSyntax, filter.len());
    }
    Ok(start)
}

/// The rules that topics and filters share: not empty, not too long, no U+0000.
pub(super) fn validate_text(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::new(TopicErrorKind::Empty, text, 0));
    }
    if text.len() > MAX_TOPIC_BYTES {
        let offset = MAX_TOPIC_BYTES; // may lie inside a character, so nothing is sliced by it
        return Err(TopicError { offset, ..TopicError::new(TopicErrorKind::TooLong, text, 0) });
    }
    match text.find('\0') {
        Some(offset) => Err(TopicError::new(TopicErrorKind::Nul, text, offset)),
        None => Ok(()),
    }
}

/// The placement rules of `#` and `+` within one level of `filter`.
pub(super) fn validate_filter_level(filter: &str, offset: usize, level: &str) -> Result<(), TopicError> {
    if let Some(at) = level.find('#') {
        let is_last = offset + level.len() == filter.len();
        if level != "#" || !is_last {
            return Err(TopicError::new(TopicErrorKind::HashPlacement, filter, offset + at));
        }
    }
    if level != "+"
        && let Some(at) = level.find('+')
    {
        return Err(TopicError::new(TopicErrorKind::PlusPlacement, filter, offset + at));
    }
    Ok(())
}

/// The levels of `text` from the byte `start` on, each with its byte offset in `text`.
pub(super) fn levels_with_offset(text: &str, start: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = start;
    text[start..].split('/').map(move |level| {
        let at = offset;
        offset += level.len() + 1;
        (at, level)
    })
}

/// Level by level, as the standard says it; both arguments are valid.
pub(crate) fn matches_valid(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false; // MQTT 5 §4.7.2-1
    }
    let mut topic_levels = topic.split('/');
    for level in filter.split('/') {
        if level == "#" {
            return true; // the parent level included
        }
        match topic_levels.next() {
            Some(name) if level == "+" || level == name => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}
