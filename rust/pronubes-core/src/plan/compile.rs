//! From names to numbers: resolves a specification and collects what is wrong with it.

use std::collections::HashMap;
use std::sync::Arc;

use super::route::RouteCompiler;
use super::scans::Scans;
use super::stage::ScanPlan;
use super::{Group, NamedContracts, Plan, Route};
use crate::SourceId;
use crate::contract::{Compiler, Contract, Declared};
use crate::error::{PathPart, SpecError, did_you_mean};
use crate::expr::{ParseCache, Vars};
use crate::matcher::{Matcher, RouteId};
use crate::namespace::Namespace;
use crate::payload::codec::Schemas;
use crate::payload::{Limits, Literals};
use crate::record::{Shape, ShapeSpec};
use crate::spec::{CatalogSpec, RouteSpec, RouterSpec};
use crate::transform::{Conversions, Shared};

pub(super) fn compile(spec: &RouterSpec, is_general: bool) -> Result<Plan, Vec<SpecError>> {
    let mut errors = Errors::default();
    let tables = spec.tables.iter().map(|table| table.name.clone()).collect();
    for (key, names) in
        [("sources", &spec.sources), ("sinks", &spec.sinks), ("hooks", &spec.hooks), ("tables", &tables)]
    {
        check_names(key, names, &mut errors);
    }
    let shapes = compile_shapes(spec, &mut errors);
    let contracts = compile_contracts(spec, &mut errors);
    let mut literals = Literals::default();
    let mut scans = Scans { is_general, ..Scans::default() };
    let routes = compile_routes(spec, &contracts, &mut literals, &mut scans, &mut errors);
    let namespace = spec.namespace.as_ref().map(|namespace| Namespace::compile(namespace, spec)).transpose();
    let namespace = namespace.unwrap_or_else(|found| {
        errors.0.extend(found);
        None
    });
    if let Some(namespace) = &namespace {
        errors.0.extend(namespace.check_routes(spec));
    }
    check_named_contracts(spec, &contracts, &mut errors);
    let (groups, source_groups) = group_sources(spec, &routes, namespace.as_ref(), &mut errors);
    let states = std::mem::take(&mut scans.states).into();
    let scans: Result<Vec<ScanPlan>, _> = scans.builders.into_iter().map(ScanPlan::new).collect();
    if let Err(error) = &scans {
        errors.push(&["routes".into()], SpecError::new(error.to_string()));
    }
    match scans {
        Ok(scans) if errors.0.is_empty() => Ok(Plan {
            sources: boxed(&spec.sources),
            shapes: shapes.into(),
            sinks: boxed(&spec.sinks),
            hooks: boxed(&spec.hooks),
            tables: spec.tables.as_slice().into(),
            routes: routes.into(),
            groups: groups.into(),
            source_groups: source_groups.into(),
            scans: scans.into(),
            states,
            literals,
            named_contracts: named_contracts(spec, &contracts),
            contracts: contracts.all.into(),
            payload_limits: payload_limits(spec),
            limits: spec.limits,
            catalog: spec.catalog.or(namespace.is_some().then(CatalogSpec::default)),
            namespace,
        }),
        _ => Err(errors.0),
    }
}

/// The shape of each source.
fn compile_shapes(spec: &RouterSpec, errors: &mut Errors) -> Vec<Arc<Shape>> {
    let usual = ShapeSpec::Named("reading".to_owned());
    let mut shapes = Vec::with_capacity(spec.sources.len());
    for (index, source) in spec.sources.iter().enumerate() {
        let own = spec.shapes.0.iter().find(|(name, _)| name == source);
        match Shape::compile(own.map_or(&usual, |(_, shape)| shape)) {
            Ok(shape) => shapes.push(Arc::new(shape)),
            Err(found) => {
                let at: [PathPart; 3] = ["sources".into(), index.into(), "shape".into()];
                found.into_iter().for_each(|error| errors.push(&at, error));
            }
        }
    }
    shapes
}

/// The contracts, and where they stand by name and version.
#[derive(Default)]
pub(super) struct Contracts {
    pub(super) all: Vec<Contract>,
    /// None for those that do not compile.
    pub(super) by_id: HashMap<String, Option<usize>>,
}

impl Contracts {
    /// What the contracts of a route say about its fields.
    pub(super) fn declared(&self, route: &RouteSpec) -> Declared<'_> {
        let find = |id: &Option<String>| {
            let position = self.by_id.get(id.as_ref()?).copied().flatten()?;
            self.all.get(position)
        };
        Declared::new(find(&route.expect), find(&route.contract))
    }
}

fn compile_contracts(spec: &RouterSpec, errors: &mut Errors) -> Contracts {
    let mut compiler = Compiler::default();
    let mut contracts = Contracts::default();
    for (index, contract) in spec.contracts.iter().enumerate() {
        let at: [PathPart; 2] = ["contracts".into(), index.into()];
        let compiled = compiler.compile(contract);
        let position = compiled.is_ok().then_some(contracts.all.len());
        if contracts.by_id.insert(contract.id(), position).is_some() {
            let error = SpecError::new("This version of the contract stands twice.");
            errors.push(&at, error.expected(contract.id(), "each version once"));
        }
        match compiled {
            Ok(contract) => contracts.all.push(contract),
            Err(found) => found.into_iter().for_each(|error| errors.push(&at, error)),
        }
    }
    contracts
}

fn check_named_contracts(spec: &RouterSpec, contracts: &Contracts, errors: &mut Errors) {
    let known: Vec<String> = contracts.by_id.keys().cloned().collect();
    for (source, named) in &spec.named_contracts.0 {
        let path: [PathPart; 2] = ["named_contracts".into(), source.as_str().into()];
        if !spec.sources.contains(source) {
            errors.push(&path, unknown("source", source, &spec.sources));
        }
        for (id, _) in named.0.iter().filter(|(id, _)| !contracts.by_id.contains_key(id)) {
            errors.push(&path, unknown("contract", id, &known));
        }
    }
}

fn named_contracts(spec: &RouterSpec, contracts: &Contracts) -> NamedContracts {
    let topics = |id: &String, topics: &[String]| {
        let position = contracts.by_id.get(id).copied().flatten();
        let pairs = topics.iter().map(|topic| Some((topic.as_str().into(), position?)));
        pairs.collect::<Option<Vec<_>>>().unwrap_or_default()
    };
    let of_source = spec.sources.iter().map(|source| {
        let named = spec.named_contracts.0.iter().filter(|(name, _)| name == source);
        named.flat_map(|(_, named)| &named.0).flat_map(|(id, names)| topics(id, names)).collect()
    });
    of_source.collect()
}

fn compile_routes(
    spec: &RouterSpec,
    contracts: &Contracts,
    literals: &mut Literals,
    scans: &mut Scans,
    errors: &mut Errors,
) -> Vec<Route> {
    let vars: Vars = spec.vars.0.iter().cloned().collect();
    let cache = ParseCache::default();
    let conversions = Conversions::compile(&spec.conversions).unwrap_or_else(|found| {
        found.into_iter().for_each(|error| errors.push(&["conversions".into()], error));
        Conversions::default()
    });
    let mut shared = Shared {
        vars: &vars,
        cache: &cache,
        literals,
        hooks: spec.hooks.len(),
        conversions: &conversions,
        tables: &spec.tables,
        schemas: &Schemas::new(&spec.schemas),
    };
    let mut names = HashMap::new();
    let mut routes = Vec::with_capacity(spec.routes.len());
    for (index, route) in spec.routes.iter().enumerate() {
        let mut route_errors = Errors::default();
        let id = RouteId(u32::try_from(index).unwrap_or(u32::MAX));
        if let Some(first) = names.insert(route.name.as_str(), index) {
            let message = format!("A route of this name stands at `routes/{first}` already.");
            route_errors.push(&["name".into()], SpecError::new(message).expected(&route.name, "a name of its own"));
        }
        let mut compiler = RouteCompiler { spec, contracts, shared: &mut shared, scans, errors: &mut route_errors, id };
        routes.extend(compiler.compile(route));
        errors.take(route_errors, &["routes".into(), index.into()]);
    }
    routes
}

fn payload_limits(spec: &RouterSpec) -> Limits {
    let limit = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Limits {
        payload_bytes: limit(spec.limits.payload_bytes),
        depth: limit(spec.limits.depth),
        keys: limit(spec.limits.keys),
        text_bytes: limit(spec.limits.text_bytes),
    }
}

/// What is wrong so far.
#[derive(Default)]
pub(super) struct Errors(Vec<SpecError>);

impl Errors {
    pub(super) fn push(&mut self, path: &[PathPart], error: SpecError) {
        self.0.push(error.below(path));
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
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

/// The error for a name that nobody has.
pub(super) fn unknown(what: &str, found: &str, known: &[String]) -> SpecError {
    let names: Vec<String> = known.iter().take(10).map(|name| format!("`{name}`")).collect();
    let expected = if names.is_empty() { format!("a {what} (there is none)") } else { names.join(" or ") };
    let hint = did_you_mean(found, known.iter().map(String::as_str));
    SpecError::new(format!("There is no such {what}.")).expected(found, expected).hint(hint)
}

/// The routes of a source, its rights, and the source itself where it has a group of its own.
type GroupKey = (Vec<usize>, Vec<u32>, Option<u16>);

/// Sources that the same routes take from, and that may publish the same, share a group.
fn group_sources(
    spec: &RouterSpec,
    routes: &[Route],
    namespace: Option<&Namespace>,
    errors: &mut Errors,
) -> (Vec<Group>, Vec<u16>) {
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
    // A source whose names have contracts shares its topics with no other.
    let own = |source| spec.named_contracts.0.iter().any(|(name, _)| *name == spec.sources[usize::from(source)]);
    let mut known: HashMap<GroupKey, u16> = HashMap::new();
    let source_groups = of_source.into_iter().zip(0..).map(|(members, source)| {
        let rights = namespace.map_or(Vec::new(), |namespace| namespace.rights_of(SourceId(source)));
        *known.entry((members, rights, own(source).then_some(source))).or_insert_with_key(|(members, ..)| {
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
