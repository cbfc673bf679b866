//! Route filters: MQTT filters whose wildcards may have names, `raw/{area}/+/{rest#}`.

use super::error::{TopicError, TopicErrorKind};
use super::validate::{levels_with_offset, validate_filter_level, validate_text};
use crate::payload::Span;

/// Names that a capture may not take, because expressions and templates use them.
pub const RESERVED_NAMES: [&str; 5] = ["payload", "topic", "meta", "vars", "key"];

/// One level of a route filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Level {
    /// Exactly this text.
    Literal(Box<str>),
    /// `+`: any one level.
    Any,
    /// `{name}`: any one level, captured.
    Capture,
    /// `#`: all that is left, also nothing.
    Rest,
    /// `{name#}`: all that is left, at least one level, captured.
    CaptureRest,
}

/// A parsed, valid route filter.
///
/// ```
/// use pronubes_core::topic::RouteFilter;
/// let filter = RouteFilter::parse("raw/{area}/+/{rest#}").unwrap();
/// let mut spans = Vec::new();
/// assert!(filter.matches("raw/filling/l1/temp/t7", &mut spans));
/// assert_eq!(spans[0].of_str("raw/filling/l1/temp/t7"), "filling");
/// assert_eq!(spans[1].of_str("raw/filling/l1/temp/t7"), "temp/t7");
/// assert_eq!(filter.mqtt_filter(), "raw/+/+/#");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteFilter {
    text: Box<str>,
    levels: Box<[Level]>,
    captures: Box<[Box<str>]>,
}

impl RouteFilter {
    /// Parses and checks a route filter.
    ///
    /// # Errors
    /// The first rule of MQTT or of captures that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        validate_text(text)?;
        if text.starts_with("$share/") {
            return Err(TopicError::new(TopicErrorKind::SharedRoute, text, 0));
        }
        let mut captures = Vec::new();
        let mut levels = Vec::new();
        for (offset, level) in levels_with_offset(text, 0) {
            levels.push(parse_level(text, offset, level, &mut captures)?);
        }
        Ok(Self { text: text.into(), levels: levels.into(), captures: captures.into() })
    }

    /// The filter as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the captures, in the order of their levels (which is the order of the spans).
    #[must_use]
    pub fn captures(&self) -> &[Box<str>] {
        &self.captures
    }

    /// Whether the last capture is a `{name#}` that may hold several levels.
    #[must_use]
    pub fn has_tail_capture(&self) -> bool {
        matches!(self.levels.last(), Some(Level::CaptureRest))
    }

    /// The narrowest MQTT filter that lets every topic of this one through. It is wider in one case: `a/{x#}` becomes
    /// `a/#`, which also lets `a` through.
    #[must_use]
    pub fn mqtt_filter(&self) -> String {
        let mut out = String::with_capacity(self.text.len());
        for (index, level) in self.levels.iter().enumerate() {
            if index > 0 {
                out.push('/');
            }
            out.push_str(match level {
                Level::Literal(text) => text,
                Level::Any | Level::Capture => "+",
                Level::Rest | Level::CaptureRest => "#",
            });
        }
        out
    }

    /// Whether a valid `topic` matches; `spans` then holds one span per capture, otherwise nothing.
    ///
    /// This is the plain form, level by level, for checks, `explain` and as the oracle of the trie.
    pub fn matches(&self, topic: &str, spans: &mut Vec<Span>) -> bool {
        spans.clear();
        let is_match = self.match_levels(topic, spans);
        if !is_match {
            spans.clear();
        }
        is_match
    }

    fn match_levels(&self, topic: &str, spans: &mut Vec<Span>) -> bool {
        if topic.starts_with('$') && !matches!(self.levels.first(), Some(Level::Literal(_))) {
            return false; // MQTT 5 §4.7.2-1
        }
        let mut names = levels_with_offset(topic, 0);
        for level in &self.levels {
            if matches!(level, Level::Rest) {
                return true;
            }
            let Some((offset, name)) = names.next() else {
                return false;
            };
            match level {
                Level::Literal(text) if **text != *name => return false,
                Level::Capture => spans.push(span(offset, offset + name.len())),
                Level::CaptureRest => {
                    spans.push(span(offset, topic.len()));
                    return true;
                }
                Level::Literal(_) | Level::Any | Level::Rest => {}
            }
        }
        names.next().is_none()
    }

    pub(crate) fn levels(&self) -> &[Level] {
        &self.levels
    }
}

fn parse_level(text: &str, offset: usize, level: &str, captures: &mut Vec<Box<str>>) -> Result<Level, TopicError> {
    let Some(brace) = level.find(['{', '}']) else {
        validate_filter_level(text, offset, level)?;
        return Ok(match level {
            "+" => Level::Any,
            "#" => Level::Rest,
            literal => Level::Literal(literal.into()),
        });
    };
    let fail = |kind, at| Err(TopicError::new(kind, text, offset + at));
    let Some(inside) = level.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return fail(TopicErrorKind::CaptureSyntax, brace);
    };
    if inside.contains(['{', '}']) {
        return fail(TopicErrorKind::CaptureSyntax, brace);
    }
    let (name, is_tail) = match inside.strip_suffix('#') {
        Some(name) => (name, true),
        None => (inside, false),
    };
    if !is_identifier(name) {
        return fail(TopicErrorKind::CaptureName, 1);
    }
    if RESERVED_NAMES.contains(&name) {
        return fail(TopicErrorKind::ReservedName, 1);
    }
    if captures.iter().any(|taken| **taken == *name) {
        return fail(TopicErrorKind::DuplicateName, 1);
    }
    if is_tail && offset + level.len() != text.len() {
        return fail(TopicErrorKind::TailNotLast, 0);
    }
    captures.push(name.into());
    Ok(if is_tail { Level::CaptureRest } else { Level::Capture })
}

/// `[A-Za-z_][A-Za-z0-9_]*`
fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A piece of a topic; topics are far shorter than `u32` reaches.
pub(crate) fn span(start: usize, end: usize) -> Span {
    let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    Span { start: clamp(start), end: clamp(end) }
}
