//! The levels of the namespace: how many a name has, which is which, and what may stand in each.
//!
//! The number of levels alone says which is which, never what stands in them: levels that must be there take one each, what is
//! left over goes to the optional ones from left to right, and what is still left to the one that takes many. So the
//! answer is the same for all names of a length and takes one pass.

use regex::Regex;

use crate::spec::LevelKind;

/// A level of the scheme.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) name: Box<str>,
    pub(super) kind: LevelKind,
    pub(super) pattern: Box<str>,
    pub(super) regex: Regex,
    pub(super) is_lower: bool,
    /// ASCII characters that may stand in it alone.
    legal: u128,
}

impl Level {
    pub(super) fn new(name: &str, kind: LevelKind, pattern: &str, regex: Regex, is_lower: bool) -> Self {
        let mut level = Self { name: name.into(), kind, pattern: pattern.into(), regex, is_lower, legal: 0 };
        level.legal = (0..128_u8).filter(|byte| level.allows(char::from(*byte))).fold(0, |bits, byte| bits | 1 << byte);
        level
    }

    /// Whether a level has this name.
    pub(super) fn fits(&self, name: &str) -> bool {
        self.regex.is_match(name) && !(self.is_lower && name.chars().any(char::is_uppercase))
    }

    /// Whether a character may stand in a name, as far as the character alone can tell.
    pub(super) fn is_legal(&self, character: char) -> bool {
        match u8::try_from(character) {
            Ok(byte) if byte < 128 => self.legal >> byte & 1 == 1,
            _ => self.allows(character),
        }
    }

    fn allows(&self, character: char) -> bool {
        self.fits(character.encode_utf8(&mut [0; 4]))
    }
}

/// The levels in their order.
#[derive(Debug)]
pub(super) struct Levels {
    levels: Box<[Level]>,
    required: usize,
    optional: usize,
    takes_many: bool,
}

impl Levels {
    pub(super) fn new(levels: Vec<Level>) -> Self {
        let count = |kind| levels.iter().filter(|level| level.kind == kind).count();
        let (optional, many) = (count(LevelKind::Optional), count(LevelKind::Many));
        Self { required: levels.len() - optional, optional, takes_many: many > 0, levels: levels.into() }
    }

    /// The level that each level of a name of this many levels is; `None` when there is no such name.
    pub(super) fn assign(&self, count: usize) -> Option<impl Iterator<Item = &Level>> {
        let over = count.checked_sub(self.required)?;
        let filled = over.min(self.optional);
        let further = over - filled;
        if further > 0 && !self.takes_many {
            return None;
        }
        let mut left = filled;
        Some(self.levels.iter().flat_map(move |level| {
            let times = match level.kind {
                LevelKind::One => 1,
                LevelKind::Many => 1 + further,
                LevelKind::Optional if left > 0 => {
                    left -= 1;
                    1
                }
                LevelKind::Optional => 0,
            };
            std::iter::repeat_n(level, times)
        }))
    }

    /// Whether names of so many levels, or of more, are possible.
    pub(super) fn can_begin(&self, count: usize) -> bool {
        self.takes_many || count <= self.required + self.optional
    }

    /// How many levels a name has, as a text.
    pub(super) fn expected(&self) -> String {
        let names: Vec<String> = self.levels.iter().map(Level::to_string).collect();
        let (least, most) = (self.required, self.required + self.optional);
        let range = match (self.takes_many, least == most) {
            (true, _) => format!("{least} or more"),
            (false, true) => least.to_string(),
            (false, false) => format!("{least} to {most}"),
        };
        format!("{range} levels: `{}`", names.join("/"))
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = match self.kind {
            LevelKind::One => "",
            LevelKind::Optional => "?",
            LevelKind::Many => "#",
        };
        write!(formatter, "{}{mark}", self.name)
    }
}
