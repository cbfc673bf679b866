//! What is wrong with a topic, a filter or a route filter, said so that a person can repair it.

use std::fmt::{self, Write};

/// Longest excerpt of the offending level that an error carries, in characters.
const EXCERPT_CHARS: usize = 60;

/// The rule that a name or filter broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TopicErrorKind {
    /// No character at all.
    Empty,
    /// More than 65,535 bytes of UTF-8.
    TooLong,
    /// U+0000 somewhere.
    Nul,
    /// `+` or `#` in a topic name.
    WildcardInTopic,
    /// `#` not alone in the last level.
    HashPlacement,
    /// `+` beside other characters in its level.
    PlusPlacement,
    /// `$share/` without a share name.
    ShareNameMissing,
    /// A share name with `+` or `#`, or without a filter behind it.
    ShareSyntax,
    /// A route filter that starts with `$share/`.
    SharedRoute,
    /// Braces that are not one whole level.
    CaptureSyntax,
    /// A capture name that is not an identifier.
    CaptureName,
    /// A capture name that expressions use for something else.
    ReservedName,
    /// The same capture name twice.
    DuplicateName,
    /// `{name#}` before the last level.
    TailNotLast,
}

impl TopicErrorKind {
    /// The stable code of the rule, as it appears in outcomes and vectors.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.facts().0
    }

    /// The clause of the standard that states the rule.
    #[must_use]
    pub fn clause(self) -> &'static str {
        self.facts().1
    }

    /// What the rule wants to see instead.
    #[must_use]
    pub fn expected(self) -> &'static str {
        self.facts().2
    }

    fn facts(self) -> (&'static str, &'static str, &'static str) {
        const ROUTE: &str = "pronubes route filters";
        match self {
            Self::Empty => ("topic_empty", "MQTT 5 §4.7.3-1 (3.1.1 §4.7.3-1)", "at least one character is needed"),
            Self::TooLong => {
                ("topic_too_long", "MQTT 5 §4.7.3-3 (3.1.1 §4.7.3-3)", "at most 65,535 bytes of UTF-8 are allowed")
            }
            Self::Nul => {
                ("topic_has_nul", "MQTT 5 §4.7.3-2 (3.1.1 §4.7.3-2)", "the null character U+0000 must not be in it")
            }
            Self::WildcardInTopic => (
                "topic_has_wildcard",
                "MQTT 5 §4.7.0-1 (3.1.1 §4.7.1-1)",
                "a topic name has no `+` and no `#`; only filters have",
            ),
            Self::HashPlacement => (
                "filter_hash_placement",
                "MQTT 5 §4.7.1-1 (3.1.1 §4.7.1-2)",
                "`#` must be alone in the last level, as in `a/#`",
            ),
            Self::PlusPlacement => (
                "filter_plus_placement",
                "MQTT 5 §4.7.1-2 (3.1.1 §4.7.1-3)",
                "`+` must fill its whole level, as in `a/+/b`",
            ),
            Self::ShareNameMissing => (
                "share_name_missing",
                "MQTT 5 §4.8.2-1",
                "`$share/` needs a group name of at least one character, as in `$share/group/a/#`",
            ),
            Self::ShareSyntax => (
                "share_syntax",
                "MQTT 5 §4.8.2-2",
                "a group name has no `+` and no `#` and is followed by `/` and a filter, as in `$share/group/a/#`",
            ),
            Self::SharedRoute => (
                "route_shared",
                ROUTE,
                "a route filter names topics; put `$share/group/...` into the `topics` of the source",
            ),
            Self::CaptureSyntax => (
                "capture_syntax",
                ROUTE,
                "a capture fills a whole level, as in `raw/{area}/{rest#}`; other braces are not allowed",
            ),
            Self::CaptureName => (
                "capture_name",
                ROUTE,
                "a capture name is made of letters, digits and `_` and does not start with a digit",
            ),
            Self::ReservedName => (
                "capture_reserved",
                ROUTE,
                "expressions and templates use `payload`, `topic`, `meta`, `vars` and `key` themselves; take another name",
            ),
            Self::DuplicateName => ("capture_duplicate", ROUTE, "each capture of a filter needs its own name"),
            Self::TailNotLast => {
                ("capture_tail_not_last", ROUTE, "`{name#}` takes all that is left, so it must be the last level")
            }
        }
    }
}

/// A name or filter that breaks a rule: which rule, where, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicError {
    /// The rule.
    pub kind: TopicErrorKind,
    /// The clause that states the rule, for both versions of the standard.
    pub clause: &'static str,
    /// Byte offset of the first byte that breaks the rule.
    pub offset: usize,
    /// Number of the level that breaks the rule, counted from 1.
    pub level: usize,
    /// The offending level, shortened, with control characters escaped.
    pub found: Box<str>,
}

impl TopicError {
    /// An error about `text` at the byte `offset`.
    pub(crate) fn new(kind: TopicErrorKind, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('/').map_or(0, |slash| slash + 1);
        let level = text.get(start..).and_then(|rest| rest.split('/').next());
        Self {
            kind,
            clause: kind.clause(),
            offset,
            level: before.matches('/').count() + 1,
            found: excerpt(level.unwrap_or_default()),
        }
    }
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = self.kind.expected();
        match self.kind {
            TopicErrorKind::Empty => write!(f, "Found an empty text: {expected}")?,
            TopicErrorKind::TooLong => write!(f, "Found a longer text, starting with `{}`: {expected}", self.found)?,
            _ => write!(f, "Found `{}` at level {}: {expected}", self.found, self.level)?,
        }
        write!(f, " [{}].", self.clause)
    }
}

impl std::error::Error for TopicError {}

/// At most [`EXCERPT_CHARS`] characters of `text`, printable.
pub(crate) fn excerpt(text: &str) -> Box<str> {
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == EXCERPT_CHARS {
            out.push('…');
            break;
        }
        if character.is_control() {
            // A `String` takes every write.
            let _ = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
    out.into_boxed_str()
}
