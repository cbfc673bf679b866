//! What is wrong with an expression, with the place in its text.

use crate::payload::Span;

/// One fault of an expression, found when it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// First byte of the faulty part in the expression's text.
    pub offset: usize,
    /// Length of the faulty part in bytes; 0 at the end of the text.
    pub length: usize,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What stands there.
    pub found: String,
    /// What could stand there.
    pub expected: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

impl ExprError {
    pub(super) fn new(source: &str, at: Span, message: impl Into<String>, expected: impl Into<String>) -> Self {
        let found = at.of_str(source);
        Self {
            offset: at.start as usize,
            length: at.len(),
            message: message.into(),
            found: if found.is_empty() { "the end of the expression".into() } else { format!("`{found}`") },
            expected: expected.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for ExprError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} Found {} at byte {}, expected {}.",
            self.message, self.found, self.offset, self.expected
        )?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(formatter, " {hint}"))
    }
}

impl std::error::Error for ExprError {}

/// The candidate that `word` was probably meant to be: at most a third of its letters, and never more than two, differ.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 2);
    let near = |candidate: &'a str| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate);
    candidates.into_iter().map(near).filter(|(edits, _)| *edits <= limit).min().map(|(_, candidate)| candidate)
}

/// Edits between two words: insert, delete or replace a letter, or exchange two neighbours.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for line in 0..=left.len() {
        for column in 0..=right.len() {
            rows[line][column] = if line == 0 || column == 0 {
                line + column
            } else {
                let is_same = left[line - 1] == right[column - 1];
                let is_exchange = line > 1
                    && column > 1
                    && left[line - 1] == right[column - 2]
                    && left[line - 2] == right[column - 1];
                let exchanged = if is_exchange { rows[line - 2][column - 2] + 1 } else { usize::MAX };
                (rows[line - 1][column] + 1)
                    .min(rows[line][column - 1] + 1)
                    .min(rows[line - 1][column - 1] + usize::from(!is_same))
                    .min(exchanged)
            };
        }
    }
    rows[left.len()][right.len()]
}
