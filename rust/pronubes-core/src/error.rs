//! What is wrong with a specification: where it stands, what was found, what was expected, what to do.

use std::fmt;

use serde::Serialize;

/// One step on the way to a value in the specification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PathPart {
    /// A member of an object.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

impl fmt::Display for PathPart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => formatter.write_str(key),
            Self::Index(index) => write!(formatter, "{index}"),
        }
    }
}

impl From<&str> for PathPart {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for PathPart {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// One thing that is wrong with a specification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SpecError {
    /// The value that is wrong, from the root of the specification: `routes`, 3, `steps`, 0, `compute`, `hot`.
    pub path: Vec<PathPart>,
    /// The byte inside of the string at `path`; none means the whole value.
    pub offset: Option<usize>,
    /// How many bytes from `offset` on are meant.
    pub length: Option<usize>,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What stands there.
    pub found: Option<String>,
    /// What should stand there.
    pub expected: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl SpecError {
    /// An error that says only what is wrong; where it stands is added by whoever knows.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// The same with what was found and what was expected.
    #[must_use]
    pub fn expected(self, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { found: Some(found.into()), expected: Some(expected.into()), ..self }
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(self, hint: Option<impl Into<String>>) -> Self {
        Self { hint: hint.map(Into::into), ..self }
    }

    /// The same at a place within the string.
    #[must_use]
    pub fn at(self, offset: usize, length: usize) -> Self {
        Self { offset: Some(offset), length: Some(length), ..self }
    }

    /// The same below `parts`.
    #[must_use]
    pub fn below(mut self, parts: &[PathPart]) -> Self {
        self.path.splice(0..0, parts.iter().cloned());
        self
    }

    /// The path as text: `routes/3/steps/0/compute/hot`.
    #[must_use]
    pub fn path_text(&self) -> String {
        self.path.iter().map(PathPart::to_string).collect::<Vec<_>>().join("/")
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path_text(), self.message)?;
        if let Some(expected) = &self.expected {
            write!(formatter, " Found `{}`, expected {expected}.", self.found.as_deref().unwrap_or_default())?;
        }
        self.hint.as_ref().map_or(Ok(()), |hint| write!(formatter, " {hint}"))
    }
}

impl std::error::Error for SpecError {}

/// A hint that names the known name nearest to `found`, if one is near enough to be meant.
#[must_use]
pub fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let limit = (found.chars().count() / 3).max(1);
    let nearest = known.into_iter().map(|name| (distance(found, name), name)).min()?;
    (nearest.0 <= limit).then(|| format!("Did you mean `{}`?", nearest.1))
}

/// How many characters have to be inserted, removed or replaced to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_only_what_is_near() {
        let known = ["shopfloor", "boiler"];
        assert_eq!(did_you_mean("shopflor", known).as_deref(), Some("Did you mean `shopfloor`?"));
        assert_eq!(did_you_mean("boilre", known).as_deref(), Some("Did you mean `boiler`?"));
        assert_eq!(did_you_mean("kafka", known), None);
        assert_eq!(did_you_mean("x", []), None);
    }

    #[test]
    fn an_error_reads_as_a_sentence_with_its_place() {
        let error = SpecError::new("There is no such sink.")
            .expected("uns2", "`uns` or `historian`")
            .hint(Some("Did you mean `uns`?"))
            .below(&["to".into(), 0.into(), "sink".into()])
            .below(&["routes".into(), 3.into()]);
        assert_eq!(
            error.to_string(),
            "routes/3/to/0/sink: There is no such sink. Found `uns2`, expected `uns` or `historian`. Did you mean `uns`?"
        );
    }
}
