//! From the specification to a namespace; everything that is wrong at once.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use super::levels::{Level, Levels};
use super::{Branch, Namespace};
use crate::SourceId;
use crate::error::{PathPart, SpecError, did_you_mean};
use crate::matcher::{Matcher, RouteId};
use crate::spec::{BranchSpec, IllegalNames, LevelKind, LevelSpec, NamespaceSpec, RouterSpec};
use crate::topic::{self, RouteFilter};

/// What a compiled pattern may take.
const PATTERN_BYTES: usize = 256 << 10;
/// What stands before the name of a source in `publish`.
const SOURCE: &str = "source:";

impl Namespace {
    /// Compiles the namespace of a specification.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(spec: &NamespaceSpec, router: &RouterSpec) -> Result<Self, Vec<SpecError>> {
        let mut errors = Vec::new();
        let levels = compile_levels(&spec.levels, &mut errors);
        let publishers = Publishers::new(router);
        let mut branches = Vec::with_capacity(spec.branches.len());
        let mut filters = Vec::with_capacity(spec.branches.len());
        for (at, branch) in spec.branches.iter().enumerate() {
            let mut own = Vec::new();
            if let Some((compiled, filter)) = compile_branch(branch, &publishers, &mut own) {
                branches.push(compiled);
                filters.push(filter);
            }
            errors.extend(own.into_iter().map(|error| error.below(&["branches".into(), at.into()])));
        }
        find_doubles(&spec.branches, &mut errors);
        if !errors.is_empty() {
            return Err(errors.into_iter().map(|error| error.below(&["namespace".into()])).collect());
        }
        Ok(Self {
            levels: Levels::new(levels),
            branches: branches.into(),
            matcher: Matcher::new((0..).map(RouteId).zip(&filters)).with_max_levels(usize::from(u16::MAX)),
            filters: filters.into(),
            is_escaping: spec.illegal == IllegalNames::Escape,
            has_several_publishers: spec.several_publishers,
        })
    }
}

fn compile_levels(specs: &[LevelSpec], errors: &mut Vec<SpecError>) -> Vec<Level> {
    if specs.is_empty() {
        let error = SpecError::new("The namespace has no levels.").expected("[]", "at least one level");
        errors.push(error.below(&["levels".into()]));
    }
    let (mut names, mut many) = (HashMap::new(), None);
    let mut regexes: HashMap<&str, Result<Regex, String>> = HashMap::new();
    let mut levels = Vec::with_capacity(specs.len());
    for (at, spec) in specs.iter().enumerate() {
        let path: [PathPart; 2] = ["levels".into(), at.into()];
        let mut fail = |key: &str, error: SpecError| errors.push(error.below(&[&path[..], &[key.into()]].concat()));
        if let Some(first) = names.insert(&*spec.name, at) {
            let message = format!("Level {} has this name already.", first + 1);
            fail("name", SpecError::new(message).expected(&spec.name, "a name of its own"));
        }
        if spec.kind == LevelKind::Many
            && let Some(first) = many.replace(at)
        {
            let message = format!("Level {} takes many already.", first + 1);
            let hint = "Of two levels that take many nobody could say where one ends.";
            fail(
                "kind",
                SpecError::new(message).expected(format!("{}#", spec.name), "one level with `#`").hint(Some(hint)),
            );
        }
        match regexes.entry(&spec.pattern).or_insert_with(|| whole(&spec.pattern)) {
            Ok(regex) => {
                levels.push(Level::new(&spec.name, spec.kind, &spec.pattern, regex.clone(), spec.case.is_some()));
            }
            Err(message) => {
                let error = SpecError::new(format!("The pattern cannot be read: {message}."));
                fail("pattern", error.expected(&spec.pattern, "a regular expression, as in `[A-Za-z0-9_.-]+`"));
            }
        }
    }
    levels
}

/// A pattern for a whole level.
fn whole(pattern: &str) -> Result<Regex, String> {
    // Alone first: `a)|(b` must not become a pattern by what is put around it.
    let build = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_BYTES).build();
    let regex = build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z")));
    regex.map_err(|error| error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned())
}

/// Routes and sources by name.
struct Publishers<'a> {
    router: &'a RouterSpec,
    routes: HashMap<&'a str, RouteId>,
}

impl<'a> Publishers<'a> {
    fn new(router: &'a RouterSpec) -> Self {
        let routes = router.routes.iter().map(|route| route.name.as_str()).zip((0..).map(RouteId)).collect();
        Self { router, routes }
    }

    fn source(&self, name: &str) -> Option<SourceId> {
        let at = self.router.sources.iter().position(|source| source == name)?;
        u16::try_from(at).ok().map(SourceId)
    }

    fn unknown(&self, found: &str) -> SpecError {
        let sources = self.router.sources.iter().map(|name| format!("{SOURCE}{name}"));
        let known: Vec<String> = self.routes.keys().map(ToString::to_string).chain(sources).collect();
        let hint = did_you_mean(found, known.iter().map(String::as_str));
        let expected = "the name of a route, `source:` and the name of a source, or `*`";
        SpecError::new("There is no such route or source.").expected(found, expected).hint(hint)
    }
}

fn compile_branch(
    spec: &BranchSpec,
    publishers: &Publishers<'_>,
    errors: &mut Vec<SpecError>,
) -> Option<(Branch, RouteFilter)> {
    let (mut routes, mut sources, mut is_everyones) = (Vec::new(), Vec::new(), false);
    for (at, name) in spec.publish.iter().enumerate() {
        let source = name.strip_prefix(SOURCE).and_then(|name| publishers.source(name));
        match (name.as_str(), source, publishers.routes.get(name.as_str())) {
            ("*", ..) => is_everyones = true,
            (_, Some(source), _) => sources.push(source),
            (_, None, Some(route)) => routes.push(*route),
            _ => errors.push(publishers.unknown(name).below(&["publish".into(), at.into()])),
        }
    }
    routes.sort_unstable();
    let literal_levels = spec.filter.split('/').take_while(|level| !matches!(*level, "+" | "#")).count();
    let filter = subtree(&spec.filter, errors)?;
    let branch = Branch {
        filter: spec.filter.as_str().into(),
        owner: spec.owner.as_deref().map(Into::into),
        description: spec.description.as_deref().map(Into::into),
        is_free: spec.free,
        literal_levels,
        is_everyones,
        routes: routes.into(),
        sources: sources.into(),
    };
    Some((branch, filter))
}

/// The filter of a branch and all below.
fn subtree(text: &str, errors: &mut Vec<SpecError>) -> Option<RouteFilter> {
    if text.contains(['{', '}']) {
        let error = SpecError::new("A branch has no captures.");
        errors.push(error.expected(text, "an MQTT filter, as in `acme/+/packaging`").below(&["filter".into()]));
        return None;
    }
    let is_open = text == "#" || text.ends_with("/#");
    let whole = if is_open { text.to_owned() } else { format!("{text}/#") };
    // What stands there is judged, not what was made of it.
    match topic::validate_filter(text).and_then(|()| RouteFilter::parse(&whole)) {
        Ok(filter) => Some(filter),
        Err(error) => {
            let (found, expected) = (error.found.to_string(), error.kind.expected());
            let error = SpecError::new(error.to_string()).at(error.offset, found.len()).expected(found, expected);
            errors.push(error.below(&["filter".into()]));
            None
        }
    }
}

/// Two branches of one filter would be one.
fn find_doubles(branches: &[BranchSpec], errors: &mut Vec<SpecError>) {
    let mut seen = HashMap::new();
    for (at, branch) in branches.iter().enumerate() {
        let filter = branch.filter.strip_suffix("/#").unwrap_or(&branch.filter);
        if let Some(first) = seen.insert(filter, at) {
            let message = format!("Branch `{}` covers the same names.", branches[first].filter);
            let error = SpecError::new(message).expected(&*branch.filter, "a filter of its own");
            errors.push(error.below(&["branches".into(), at.into(), "filter".into()]));
        }
    }
}
