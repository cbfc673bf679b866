//! The namespace: which names there may be, and who may publish under them.
//!
//! A name is judged where it comes up first, and what was found is remembered beside it: nothing here runs once per message.
//! Three questions, in this order: which branch covers the name, do its levels fit, may this route or source publish there. The
//! branch whose filter begins with the most literal levels counts; of several such, each counts. What no branch covers is
//! denied. It refuses to repair: an illegal name is refused, or escaped so that it can be read back, never changed for good.

mod check;
mod compile;
mod escape;
mod levels;

pub use escape::unescape;

use std::fmt;

use crate::matcher::{Hits, Matcher, RouteId};
use crate::topic::RouteFilter;
use crate::{Reason, SourceId};

use levels::Levels;

/// A branch of the namespace, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchId(pub u32);

/// A part of the namespace with its owner and rights.
#[derive(Debug)]
pub struct Branch {
    /// The filter: it covers what matches and all below.
    pub filter: Box<str>,
    /// Who answers for it.
    pub owner: Option<Box<str>>,
    /// What it is for.
    pub description: Option<Box<str>>,
    /// Outside of the scheme of levels.
    is_free: bool,
    /// How many levels of the filter are literal before the first wildcard.
    literal_levels: usize,
    is_everyones: bool,
    /// Sorted.
    routes: Box<[RouteId]>,
    sources: Box<[SourceId]>,
}

impl Branch {
    fn permits(&self, route: RouteId, source: SourceId) -> bool {
        self.is_everyones || self.routes.binary_search(&route).is_ok() || self.sources.contains(&source)
    }
}

/// Why there may be no such name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub reason: Reason,
    /// The level or branch that it is about.
    pub place: Option<String>,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub expected: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        write!(formatter, "found {}, expected {}", self.found, self.expected)
    }
}

/// What MQTT forbids in names, whatever a pattern says.
fn is_never_legal(character: char) -> bool {
    matches!(character, '+' | '#' | '\0')
}

/// A compiled namespace.
#[derive(Debug)]
pub struct Namespace {
    levels: Levels,
    branches: Box<[Branch]>,
    /// Of the branches, each with all below.
    filters: Box<[RouteFilter]>,
    /// Of these filters; the ids are those of branches.
    matcher: Matcher,
    is_escaping: bool,
    has_several_publishers: bool,
}

impl Namespace {
    /// Whether `route` may publish `source`'s messages under `name`, and the branch that says so.
    ///
    /// # Errors
    /// What is wrong.
    pub fn judge(&self, name: &str, route: RouteId, source: SourceId) -> Result<BranchId, Refusal> {
        if let Some(character) = name.chars().find(|character| is_never_legal(*character)) {
            let (found, expected) = (format!("`{}`", character.escape_debug()), "a name without it".to_owned());
            return Err(Refusal { reason: Reason::NameIllegal, place: Some(format!("`{name}`")), found, expected });
        }
        let covering = self.covering(name);
        if !self.is_free(&covering) {
            self.judge_levels(name)?;
        }
        let permitted = covering.iter().find(|branch| self.branch(**branch).permits(route, source));
        permitted.copied().ok_or_else(|| self.not_permitted(name, &covering))
    }

    fn judge_levels(&self, name: &str) -> Result<(), Refusal> {
        let count = name.split('/').count();
        let Some(levels) = self.levels.assign(count) else {
            let found = format!("{count} in `{name}`");
            return Err(Refusal { reason: Reason::NameLevels, place: None, found, expected: self.levels.expected() });
        };
        for (level, text) in levels.zip(name.split('/')) {
            if level.fits(text) {
                continue;
            }
            let reason = if text.is_empty() { Reason::NameLevels } else { Reason::NameIllegal };
            let case = if level.is_lower { " in lower case" } else { "" };
            return Err(Refusal {
                reason,
                place: Some(format!("level `{}` of `{name}`", level.name)),
                found: format!("`{text}`"),
                expected: format!("`{}`{case}", level.pattern),
            });
        }
        Ok(())
    }

    fn not_permitted(&self, name: &str, covering: &[BranchId]) -> Refusal {
        let filters: Vec<_> = covering.iter().map(|branch| format!("`{}`", self.branch(*branch).filter)).collect();
        let (place, expected) = if filters.is_empty() {
            (None, "a name that a branch covers".to_owned())
        } else {
            (Some(format!("branch {}", filters.join(", "))), "a route or source that `publish` names".to_owned())
        };
        Refusal { reason: Reason::NameNotPermitted, place, found: format!("`{name}`"), expected }
    }

    /// The branches that count for a name: those that begin with the most literal levels.
    #[must_use]
    pub fn covering(&self, name: &str) -> Vec<BranchId> {
        let mut hits = Hits::new();
        if self.matcher.matches(name, &mut hits).is_err() {
            return Vec::new();
        }
        let ids = || hits.iter().map(|(id, _)| BranchId(id.0));
        let most = ids().map(|id| self.branch(id).literal_levels).max();
        ids().filter(|id| Some(self.branch(*id).literal_levels) == most).collect()
    }

    /// A branch of this namespace.
    #[must_use]
    pub fn branch(&self, branch: BranchId) -> &Branch {
        &self.branches[branch.0 as usize]
    }

    /// Whether a name may have several publishers.
    #[must_use]
    pub fn has_several_publishers(&self) -> bool {
        self.has_several_publishers
    }

    /// Whether illegal names are escaped; they are refused otherwise.
    #[must_use]
    pub fn is_escaping(&self) -> bool {
        self.is_escaping
    }

    /// Escapes the levels of a name that are illegal; nothing when it stays as it is. In free branches, where no pattern
    /// counts, only what MQTT forbids is escaped. The number of levels stays.
    #[must_use]
    pub fn escape(&self, name: &str) -> Option<String> {
        if !self.is_escaping {
            return None;
        }
        let is_free = self.is_free(&self.covering(name));
        let levels = self.levels.assign(name.split('/').count()).filter(|_| !is_free);
        let mut levels = levels.into_iter().flatten();
        let mut out = String::with_capacity(name.len() + 8);
        for (at, text) in name.split('/').enumerate() {
            if at > 0 {
                out.push('/');
            }
            let level = levels.next();
            // A pattern of several parts allows no character alone; what fits it is legal nevertheless.
            let fits = level.is_none_or(|level| level.fits(text));
            let allows = |character| fits || level.is_some_and(|level| level.is_legal(character));
            let is_dollar = |character| at == 0 && character == '$';
            let is_legal = |character| !is_never_legal(character) && !is_dollar(character) && allows(character);
            escape::escape_level(text, is_legal, level.is_some_and(|level| level.is_lower), &mut out);
        }
        (out != name).then_some(out)
    }

    fn is_free(&self, covering: &[BranchId]) -> bool {
        !covering.is_empty() && covering.iter().all(|branch| self.branch(*branch).is_free)
    }

    /// What a source may more than another: the branches that name it.
    pub(crate) fn rights_of(&self, source: SourceId) -> Vec<u32> {
        (0..).zip(&self.branches).filter(|(_, branch)| branch.sources.contains(&source)).map(|(at, _)| at).collect()
    }
}
