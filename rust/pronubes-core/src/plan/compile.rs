//! From names to numbers: resolves a specification, route by route, and collects what is wrong with it.

use std::collections::HashMap;

use crate::SinkId;
use crate::error::{PathPart, SpecError, did_you_mean};
use crate::matcher::{Matcher, RouteId};
use crate::plan::{Group, Plan, Route, Target, TargetName};
use crate::spec::{RouteSpec, RouterSpec, TargetSpec};
use crate::template::{Template, TemplateOptions};
use crate::topic::RouteFilter;

pub(super) fn compile(spec: &RouterSpec) -> Result<Plan, Vec<SpecError>> {
    let mut errors = Errors::default();
    for (key, names) in [("sources", &spec.sources), ("sinks", &spec.sinks), ("hooks", &spec.hooks)] {
        check_names(key, names, &mut errors);
    }
    if spec.routes.len() > u32::MAX as usize {
        errors.push(&["routes".into()], SpecError::new("There are more routes than can be numbered."));
    }
    let mut names = HashMap::new();
    let mut routes = Vec::with_capacity(spec.routes.len());
    for (index, route) in spec.routes.iter().enumerate() {
        let mut route_errors = Errors::default();
        if let Some(first) = names.insert(route.name.as_str(), index) {
            let message = format!("A route of this name stands at `routes/{first}` already.");
            route_errors.push(&["name".into()], SpecError::new(message).expected(&route.name, "a name of its own"));
        }
        routes.extend(compile_route(spec, route, &mut route_errors));
        errors.take(route_errors, &["routes".into(), index.into()]);
    }
    let (groups, source_groups) = group_sources(spec, &routes, &mut errors);
    if !errors.0.is_empty() {
        return Err(errors.0);
    }
    Ok(Plan {
        sources: boxed(&spec.sources),
        sinks: boxed(&spec.sinks),
        hooks: boxed(&spec.hooks),
        routes: routes.into(),
        groups: groups.into(),
        source_groups: source_groups.into(),
        limits: spec.limits,
    })
}

/// What is wrong so far.
#[derive(Default)]
pub(super) struct Errors(Vec<SpecError>);

impl Errors {
    pub(super) fn push(&mut self, path: &[PathPart], error: SpecError) {
        self.0.push(error.below(path));
    }

    fn take(&mut self, other: Self, path: &[PathPart]) {
        self.0.extend(other.0.into_iter().map(|error| error.below(path)));
    }
}

fn boxed(names: &[String]) -> Box<[Box<str>]> {
    names.iter().map(|name| name.as_str().into()).collect()
}

fn check_names(key: &str, names: &[String], errors: &mut Errors) {
    if names.len() > usize::from(u16::MAX) {
        errors.push(&[key.into()], SpecError::new(format!("There are more than 65,535 {key}.")));
    }
    let mut seen = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        if seen.insert(name, index).is_some() {
            let error = SpecError::new("The name stands twice.").expected(name, "a name of its own");
            errors.push(&[key.into(), index.into()], error);
        }
    }
}

fn compile_route(spec: &RouterSpec, route: &RouteSpec, errors: &mut Errors) -> Option<Route> {
    let filter = match route.filter.as_deref().map(RouteFilter::parse).transpose() {
        Ok(filter) => filter,
        Err(error) => {
            let found = error.found.to_string();
            let length = error.found.len();
            let text = error.to_string();
            let error = SpecError::new(text).expected(found, error.kind.expected()).at(error.offset, length);
            errors.push(&["filter".into()], error);
            return None;
        }
    };
    let (templates, targets) = compile_targets(spec, route, filter.as_ref(), errors);
    Some(Route {
        name: route.name.as_str().into(),
        filter,
        is_otherwise: route.otherwise,
        is_final: route.is_final,
        templates: templates.into(),
        targets: targets.into(),
    })
}

fn compile_targets(
    spec: &RouterSpec,
    route: &RouteSpec,
    filter: Option<&RouteFilter>,
    errors: &mut Errors,
) -> (Vec<Template>, Vec<Target>) {
    let mut templates = Templates { filter, allow_key: false, found: Vec::new() };
    let route_name = route.topic.as_deref().and_then(|topic| templates.add(topic, &["topic".into()], errors));
    let mut targets = Vec::with_capacity(route.to.len());
    for (index, target) in route.to.iter().enumerate() {
        let path: [PathPart; 2] = ["to".into(), index.into()];
        let own = target.topic.as_deref();
        let own =
            own.and_then(|topic| templates.add(topic, &[path[0].clone(), path[1].clone(), "topic".into()], errors));
        let sink = resolve_sink(spec, target, &path, errors);
        targets.push((sink, own.or(route_name), target));
    }
    let statics: Vec<usize> = (0..templates.found.len()).filter(|index| templates.found[*index].is_static()).collect();
    let name = |template: Option<usize>| match template {
        None => TargetName::Kept,
        Some(index) => statics
            .iter()
            .position(|candidate| *candidate == index)
            .map_or(TargetName::Rendered(index), TargetName::Static),
    };
    let targets = targets.into_iter().filter_map(|(sink, template, target)| {
        Some(Target { sink: sink?, name: name(template), retain: target.retain == Some(true), qos: target.qos })
    });
    let targets = targets.collect();
    (templates.found, targets)
}

fn resolve_sink(spec: &RouterSpec, target: &TargetSpec, path: &[PathPart], errors: &mut Errors) -> Option<SinkId> {
    if target.qos.is_some_and(|qos| qos > 2) {
        let error = SpecError::new("There is no such quality of service.");
        let error = error.expected(target.qos.unwrap_or_default().to_string(), "0, 1 or 2");
        errors.push(&[path, &["qos".into()]].concat(), error);
    }
    let position = spec.sinks.iter().position(|sink| *sink == target.sink);
    if position.is_none() {
        let error = unknown("sink", &target.sink, &spec.sinks);
        errors.push(&[path, &["sink".into()]].concat(), error);
    }
    position.and_then(|position| u16::try_from(position).ok()).map(SinkId)
}

/// The error for a name that nobody has.
pub(super) fn unknown(what: &str, found: &str, known: &[String]) -> SpecError {
    let names: Vec<String> = known.iter().take(10).map(|name| format!("`{name}`")).collect();
    let expected = if names.is_empty() { format!("a {what} (there is none)") } else { names.join(" or ") };
    let hint = did_you_mean(found, known.iter().map(String::as_str));
    SpecError::new(format!("There is no such {what}.")).expected(found, expected).hint(hint)
}

struct Templates<'a> {
    filter: Option<&'a RouteFilter>,
    allow_key: bool,
    found: Vec<Template>,
}

impl Templates<'_> {
    /// The index of a template.
    fn add(&mut self, text: &str, path: &[PathPart], errors: &mut Errors) -> Option<usize> {
        if let Some(index) = self.found.iter().position(|known| known.as_str() == text) {
            return Some(index);
        }
        let captures = self.filter.map_or(&[][..], RouteFilter::captures);
        let options = match self.filter {
            Some(filter) => TemplateOptions::for_route(filter, self.allow_key),
            None => TemplateOptions { allow_key: self.allow_key, has_tail_capture: false },
        };
        match Template::parse(text, captures, options) {
            Ok(template) => {
                self.found.push(template);
                Some(self.found.len() - 1)
            }
            Err(error) => {
                let length = error.found.len();
                let found = SpecError::new("The topic template cannot be read.").expected(error.found, error.expected);
                errors.push(path, found.at(error.offset, length).hint(error.hint));
                None
            }
        }
    }
}

/// Sources that the same routes take from share a group.
fn group_sources(spec: &RouterSpec, routes: &[Route], errors: &mut Errors) -> (Vec<Group>, Vec<u16>) {
    let mut of_source: Vec<Vec<usize>> = vec![Vec::new(); spec.sources.len()];
    for (index, route) in spec.routes.iter().enumerate() {
        let Some(from) = &route.from else {
            of_source.iter_mut().for_each(|routes| routes.push(index));
            continue;
        };
        for (place, name) in from.iter().enumerate() {
            match spec.sources.iter().position(|source| source == name) {
                Some(source) if of_source[source].last() == Some(&index) => {}
                Some(source) => of_source[source].push(index),
                None => {
                    let path = ["routes".into(), index.into(), "from".into(), place.into()];
                    errors.push(&path, unknown("source", name, &spec.sources));
                }
            }
        }
    }
    if routes.len() < spec.routes.len() {
        return (Vec::new(), Vec::new()); // The numbers would be wrong; there are errors to report.
    }
    let mut groups = Vec::new();
    let mut known: HashMap<Vec<usize>, u16> = HashMap::new();
    let source_groups = of_source.into_iter().map(|members| {
        *known.entry(members).or_insert_with_key(|members| {
            groups.push(make_group(members, routes, spec.limits.topic_levels));
            u16::try_from(groups.len() - 1).unwrap_or(u16::MAX)
        })
    });
    let source_groups = source_groups.collect();
    (groups, source_groups)
}

fn make_group(members: &[usize], routes: &[Route], topic_levels: usize) -> Group {
    let ids = members.iter().filter_map(|index| Some((RouteId(u32::try_from(*index).ok()?), routes.get(*index)?)));
    let filters = ids.clone().filter_map(|(id, route)| Some((id, route.filter.as_ref()?)));
    let everywhere = ids.filter(|(_, route)| route.filter.is_none()).map(|(id, _)| id).collect();
    Group { matcher: Matcher::new(filters).with_max_levels(topic_levels), everywhere }
}
