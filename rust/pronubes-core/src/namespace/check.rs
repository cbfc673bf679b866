//! What can be told of the names of a route before the first message: that they never fit, that nobody lets them, that they are
//! another's.

use std::collections::HashMap;

use super::{BranchId, Namespace};
use crate::error::{PathPart, SpecError};
use crate::matcher::RouteId;
use crate::spec::{RouteSpec, RouterSpec};
use crate::topic::{RouteFilter, intersects};
use crate::{Reason, SourceId};

/// A name that routes give, as a filter of all that it can become.
struct Output<'a> {
    path: Vec<PathPart>,
    text: &'a str,
    filter: RouteFilter,
}

impl Namespace {
    /// What is wrong with the names of all routes, with paths from the root of the specification.
    pub(crate) fn check_routes(&self, router: &RouterSpec) -> Vec<SpecError> {
        let mut errors = Vec::new();
        let mut fixed: HashMap<&str, (&RouteSpec, &str)> = HashMap::new();
        for (at, route) in router.routes.iter().enumerate() {
            for output in outputs(at, route) {
                let id = RouteId(u32::try_from(at).unwrap_or(u32::MAX));
                let found = self.check_levels(&output).or_else(|| self.check_rights(&output, id, route, router));
                errors.extend(found.map(|error| error.below(&output.path)));
                let from = route.filter.as_deref().filter(|filter| !filter.contains(['+', '#', '{']));
                let (Some(from), false) = (from, output.text.contains(['{', '#', '+'])) else { continue };
                let first = fixed.entry(output.text).or_insert((route, from));
                if first.1 != from && !self.has_several_publishers {
                    let message = format!("Route `{}` publishes `{}` under this name.", first.0.name, first.1);
                    let error = SpecError::new(message).expected(output.text, "a name of its own");
                    errors.push(error.below(&output.path));
                }
            }
        }
        errors
    }

    fn check_levels(&self, output: &Output<'_>) -> Option<SpecError> {
        let branches = self.meeting(&output.filter);
        if branches.iter().any(|branch| self.branch(*branch).is_free) {
            return None;
        }
        let levels: Vec<&str> = output.filter.as_str().split('/').collect();
        let fixed = levels.strip_suffix(&["#"]);
        // What `#` stands for may be one level or more.
        let fits = match fixed {
            None => self.levels.assign(levels.len()).is_some(),
            Some(fixed) => self.levels.can_begin(fixed.len() + 1),
        };
        if !fits {
            let error = SpecError::new("No name that this gives has the levels of the namespace.");
            return Some(error.expected(output.text, self.levels.expected()));
        }
        if fixed.is_some() || self.is_escaping {
            return None;
        }
        let assigned = self.levels.assign(levels.len())?.zip(&levels);
        let (level, text) = assigned.into_iter().find(|(level, text)| **text != "+" && !level.fits(text))?;
        let message = format!("The level `{}` breaks its rule ({}).", level.name, Reason::NameIllegal);
        Some(SpecError::new(message).expected(*text, format!("`{}`", level.pattern)))
    }

    fn check_rights(
        &self,
        output: &Output<'_>,
        id: RouteId,
        route: &RouteSpec,
        router: &RouterSpec,
    ) -> Option<SpecError> {
        let takes = |name: &String| route.from.as_ref().is_none_or(|from| from.contains(name));
        let sources: Vec<SourceId> =
            (0..).map(SourceId).zip(&router.sources).filter(|(_, name)| takes(name)).map(|(id, _)| id).collect();
        let branches = self.meeting(&output.filter);
        let permits = |branch: &&BranchId| {
            let branch = self.branch(**branch);
            sources.iter().any(|source| branch.permits(id, *source)) || (sources.is_empty() && branch.is_everyones)
        };
        if branches.iter().find(permits).is_some() {
            return None;
        }
        let message = "No branch of the namespace lets this route publish here: all its messages would be quarantined.";
        let filters: Vec<_> = branches.iter().take(5).map(|at| format!("`{}`", self.branch(*at).filter)).collect();
        let hint = match filters.is_empty() {
            true => "No branch covers such names: add one, or correct the name.".to_owned(),
            false => format!("Add `{}` to `publish` of {}, or correct the name.", route.name, filters.join(" or ")),
        };
        Some(SpecError::new(message).expected(output.text, "a name that a branch permits").hint(Some(hint)))
    }

    /// The branches that share names with a filter.
    fn meeting(&self, filter: &RouteFilter) -> Vec<BranchId> {
        let meets = |(_, own): &(BranchId, &RouteFilter)| intersects(own, filter);
        (0..).map(BranchId).zip(&self.filters).filter(meets).map(|(branch, _)| branch).collect()
    }
}

/// The names of a route, each once. Templates that cannot be read are reported elsewhere.
fn outputs(at: usize, route: &RouteSpec) -> Vec<Output<'_>> {
    let base: Vec<PathPart> = vec!["routes".into(), at.into()];
    let below = |parts: &[PathPart]| [&base[..], parts].concat();
    let mut found: Vec<Output<'_>> = Vec::new();
    for (number, target) in route.to.iter().enumerate() {
        let (path, text) = match (&target.topic, &route.topic, &route.filter) {
            (Some(own), ..) => (below(&["to".into(), number.into(), "topic".into()]), own.as_str()),
            (None, Some(topic), _) => (below(&["topic".into()]), topic.as_str()),
            (None, None, Some(filter)) => (below(&["filter".into()]), filter.as_str()),
            (None, None, None) => continue, // Any name may come; each is judged then.
        };
        if found.iter().any(|output| output.text == text) {
            continue;
        }
        let is_kept = target.topic.is_none() && route.topic.is_none();
        let filter = if is_kept { Some(text.to_owned()) } else { filter_of(text, route.filter.as_deref()) };
        let filter =
            filter.and_then(|filter| RouteFilter::parse(&RouteFilter::parse(&filter).ok()?.mqtt_filter()).ok());
        found.extend(filter.map(|filter| Output { path, text, filter }));
    }
    found
}

/// The filter of all that a template can give.
fn filter_of(template: &str, filter: Option<&str>) -> Option<String> {
    let tail = filter.and_then(|filter| filter.rsplit('/').next()?.strip_prefix('{')?.strip_suffix("#}"));
    let tail = tail.map(|name| format!("{{{name}}}"));
    let ends_open = tail.is_some_and(|tail| template.ends_with(&tail));
    let mut levels: Vec<&str> =
        template.split('/').map(|level| if level.contains('{') { "+" } else { level }).collect();
    if ends_open {
        // `a-{x}` begins a level that others may follow: one level at least.
        *levels.last_mut()? = "#";
    }
    Some(levels.join("/"))
}
