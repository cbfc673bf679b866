//! Field paths: how configuration names a place in a payload.
//!
//! `motor.temp` is the member `temp` of the member `motor`. A segment that holds a dot or a quote, or is empty, stands
//! in double quotes: `motor."a.b"`; within the quotes `\"` and `\\` stand for the character itself. A segment names a
//! key where the value is an object; where it is an array, a segment written as a plain index (`points.0`, no leading
//! zero) names that element and any other segment names nothing. There are no wildcards, slices or negative indexes: a
//! path names at most one value, so that it can have one slot.

use std::fmt;
use std::str::FromStr;

/// The most segments a path may have: nothing deeper can be in a payload, see [`Limits`](super::Limits).
pub const MAX_SEGMENTS: usize = 64;

/// A place in a payload; the root path is the whole payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath {
    segments: Vec<Box<str>>,
}

impl FieldPath {
    /// The whole payload.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// A path of the given keys, which may hold any text.
    ///
    /// # Errors
    /// When there are more than [`MAX_SEGMENTS`].
    pub fn from_segments<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Result<Self, PathError> {
        let segments: Vec<Box<str>> = segments.into_iter().map(|segment| segment.as_ref().into()).collect();
        if segments.len() > MAX_SEGMENTS {
            return Err(PathError { offset: 0, kind: PathErrorKind::TooManySegments });
        }
        Ok(Self { segments })
    }

    /// Reads the dotted form.
    ///
    /// # Errors
    /// With the byte at which the text is no path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            let offset = text.len() - rest.len();
            if segments.len() == MAX_SEGMENTS {
                return Err(PathError { offset, kind: PathErrorKind::TooManySegments });
            }
            let (segment, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted_segment(quoted).ok_or(PathError { offset, kind: PathErrorKind::OpenQuote })?,
                None => plain_segment(rest).map_err(|(at, kind)| PathError { offset: offset + at, kind })?,
            };
            segments.push(segment);
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => return Ok(Self { segments }),
                None => {
                    let offset = text.len() - after.len();
                    return Err(PathError { offset, kind: PathErrorKind::TextAfterQuote });
                }
            }
        }
    }

    /// Its keys, outermost first.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.segments.iter().map(AsRef::as_ref)
    }

    /// Number of segments; the root has none.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether it names the whole payload.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether it has no segment: the same as [`FieldPath::is_root`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_root()
    }

    /// The outermost key; the root has none.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.segments.first().map(AsRef::as_ref)
    }

    /// The innermost key; the root has none.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.segments.last().map(AsRef::as_ref)
    }

    /// The path of the value that holds this one; the root has none.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, parents) = self.segments.split_last()?;
        Some(Self { segments: parents.to_vec() })
    }

    /// The path of a member of this one.
    ///
    /// # Errors
    /// When it would have more than [`MAX_SEGMENTS`].
    pub fn child(&self, key: &str) -> Result<Self, PathError> {
        Self::from_segments(self.segments().chain([key]))
    }

    /// Whether `other` is this path or lies below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.segments.starts_with(&self.segments)
    }
}

/// The array index that a segment names, if it is written as one.
#[must_use]
pub fn array_index(segment: &str) -> Option<u32> {
    let digits = segment.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = segment == "0" || !segment.starts_with('0');
    if digits && canonical { segment.parse().ok() } else { None }
}

fn plain_segment(rest: &str) -> Result<(Box<str>, &str), (usize, PathErrorKind)> {
    let end = rest.find('.').unwrap_or(rest.len());
    let (segment, after) = rest.split_at(end);
    if segment.is_empty() {
        return Err((0, PathErrorKind::EmptySegment));
    }
    match segment.find('"') {
        Some(at) => Err((at, PathErrorKind::QuoteInside)),
        None => Ok((segment.into(), after)),
    }
}

fn quoted_segment(quoted: &str) -> Option<(Box<str>, &str)> {
    let mut segment = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((segment.into(), characters.as_str())),
            '\\' => segment.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            other => segment.push(other),
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().enumerate() {
            if index > 0 {
                formatter.write_str(".")?;
            }
            if segment.is_empty() || segment.contains(['.', '"']) {
                write!(formatter, "\"{}\"", segment.replace('\\', "\\\\").replace('"', "\\\""))?;
            } else {
                formatter.write_str(segment)?;
            }
        }
        Ok(())
    }
}

impl FromStr for FieldPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

/// Why a text is no field path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathError {
    /// The byte of the text at which it fails.
    pub offset: usize,
    /// What is wrong there.
    pub kind: PathErrorKind,
}

/// What is wrong with a field path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathErrorKind {
    /// Nothing stands between two dots, or at an end.
    EmptySegment,
    /// A quote stands within an unquoted segment.
    QuoteInside,
    /// A quoted segment does not end, or has another escape than `\"` and `\\`.
    OpenQuote,
    /// Something other than a dot follows a closing quote.
    TextAfterQuote,
    /// There are more than [`MAX_SEGMENTS`] segments.
    TooManySegments,
}

impl fmt::Display for PathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            PathErrorKind::EmptySegment => "A field path has an empty segment; write `\"\"` for an empty key.",
            PathErrorKind::QuoteInside => "A quote stands inside a segment; put the whole segment in quotes.",
            PathErrorKind::OpenQuote => "A quoted segment does not end, or has another escape than `\\\"` and `\\\\`.",
            PathErrorKind::TextAfterQuote => "After a quoted segment only a dot may follow.",
            PathErrorKind::TooManySegments => "A field path has more than 64 segments.",
        })
    }
}

impl std::error::Error for PathError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_and_print() {
        let cases: &[(&str, &[&str])] = &[
            ("value", &["value"]),
            ("motor.temp", &["motor", "temp"]),
            ("motor.\"a.b\".c", &["motor", "a.b", "c"]),
            ("\"\"", &[""]),
            ("\"say \\\"hi\\\" \\\\\"", &["say \"hi\" \\"]),
            ("points.0", &["points", "0"]),
            ("Motor Temp.°C", &["Motor Temp", "°C"]),
            ("back\\slash", &["back\\slash"]),
        ];
        for (text, segments) in cases {
            let path = FieldPath::parse(text).unwrap();
            assert_eq!(path.segments().collect::<Vec<_>>(), *segments, "{text}");
            assert_eq!(FieldPath::parse(&path.to_string()).unwrap(), path, "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_its_place() {
        use PathErrorKind::*;
        let deep = "a.".repeat(64) + "a";
        let cases = [
            ("", 0, EmptySegment),
            ("a..b", 2, EmptySegment),
            ("a.", 2, EmptySegment),
            ("a\"b", 1, QuoteInside),
            ("a.\"b", 2, OpenQuote),
            ("\"a\\n\"", 0, OpenQuote),
            ("\"a\"b", 3, TextAfterQuote),
            (&deep, 128, TooManySegments),
        ];
        for (text, offset, kind) in cases {
            assert_eq!(FieldPath::parse(text), Err(PathError { offset, kind }), "{text}");
        }
    }

    #[test]
    fn indexes_have_one_spelling() {
        assert_eq!(array_index("0"), Some(0));
        assert_eq!(array_index("17"), Some(17));
        for segment in ["", "00", "01", "-1", "+1", "1.0", "4294967296", "x"] {
            assert_eq!(array_index(segment), None, "{segment}");
        }
    }
}
