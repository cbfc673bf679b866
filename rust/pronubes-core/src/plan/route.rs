//! One route: its steps cut into stages.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use super::choice::choose;
use super::compile::{Contracts, Errors, unknown};
use super::scans::Scans;
use super::stage::{End, Judged, Recode, ScanId, Stage, StageKind, StateId, StatePlan, Step};
use super::{Route, Slots, TargetName, bare, recode};
use crate::SourceId;
use crate::contract::{ContractSpec, Declared};
use crate::error::{PathPart, SpecError, did_you_mean};
use crate::expr::Expr;
use crate::matcher::RouteId;
use crate::payload::{FieldPath, PathSetBuilder, SlotId};
use crate::spec::{RouteSpec, RouterSpec, StepSpec};
use crate::state::{Settings, Step as StatefulStep, is_stateful, lasting};
use crate::template::Template;
use crate::topic::RouteFilter;
use crate::transform::{Compiled, Op, Shared, StepContext, VERBS, Verb};

/// The stages of a route, and the slots of its templates in the last one.
#[derive(Clone)]
pub(super) struct Stages {
    stages: Arc<[Stage]>,
    template_slots: Arc<[Slots]>,
}

/// What compiling a route needs.
pub(super) struct RouteCompiler<'a, 's> {
    pub(super) spec: &'a RouterSpec,
    pub(super) contracts: &'a Contracts,
    pub(super) shared: &'a mut Shared<'s>,
    pub(super) scans: &'a mut Scans,
    pub(super) errors: &'a mut Errors,
    pub(super) id: RouteId,
}

/// A stage that is being made.
struct Draft {
    scan: ScanId,
    paths: PathSetBuilder,
    gate: Option<Expr>,
    expect: Option<Judged>,
    contracts: Vec<Judged>,
    steps: Vec<Step>,
    encoding: Option<Recode>,
}

impl Draft {
    fn new((scan, paths): (ScanId, PathSetBuilder)) -> Self {
        Self { scan, paths, gate: None, expect: None, contracts: Vec::new(), steps: Vec::new(), encoding: None }
    }
}

impl RouteCompiler<'_, '_> {
    pub(super) fn compile(&mut self, route: &RouteSpec) -> Option<Route> {
        let filter = match route.filter.as_deref().map(RouteFilter::parse).transpose() {
            Ok(filter) => filter,
            Err(error) => {
                let (offset, found, expected) = (error.offset, error.found.to_string(), error.kind.expected());
                let spec_error = SpecError::new(error.to_string()).at(offset, found.len()).expected(found, expected);
                self.errors.push(&["filter".into()], spec_error);
                return None;
            }
        };
        let explodes = route.steps.iter().any(|step| step.verbs.iter().any(|(verb, _)| verb == "explode"));
        let (templates, targets) = self.compile_targets(route, filter.as_ref(), explodes);
        let captures = filter.as_ref().map_or(&[][..], RouteFilter::captures);
        let Stages { stages, template_slots } = self.stages(route, filter.as_ref(), captures, &templates);
        let is_hooked = stages.iter().any(|stage| matches!(stage.end, End::Hook { .. } | End::State { .. }));
        let is_rendered = targets.iter().any(|target| matches!(target.name, TargetName::Rendered(_)));
        let reads_captures = stages.iter().any(|stage| stage.gate.is_some() || !stage.steps.is_empty());
        let ends = stages.iter().any(recode::ends_with_condition);
        Some(Route {
            name: route.name.as_str().into(),
            needs_captures: !captures.is_empty() && (is_hooked || is_rendered || reads_captures || ends),
            filter,
            from: route.from.as_ref().map(|names| self.sources(names)),
            is_otherwise: route.otherwise,
            is_final: route.is_final,
            wraps_scalars: route.steps.iter().any(|step| step.from_scalar),
            has_static_names_only: templates.iter().all(Template::is_static),
            keeps_name: targets.iter().any(|target| target.name == TargetName::Kept),
            has_named_contracts: route.contract_from_names,
            naming: naming(route),
            templates: templates.into(),
            template_slots,
            targets: targets.into(),
            stages,
        })
    }

    /// The ids of the sources; unknown ones are reported where sources are grouped.
    fn sources(&self, names: &[String]) -> Box<[SourceId]> {
        let position = |name| self.spec.sources.iter().position(|source| source == name);
        names.iter().filter_map(|name| u16::try_from(position(name)?).ok().map(SourceId)).collect()
    }

    /// The stages of a route. Routes that do the same share them: plants have thousands of routes of a few kinds, and
    /// what many share stays in the caches of the processor.
    fn stages(
        &mut self,
        route: &RouteSpec,
        filter: Option<&RouteFilter>,
        captures: &[Box<str>],
        templates: &[Template],
    ) -> Stages {
        let paths: Vec<_> = templates.iter().map(Template::payload_paths).collect();
        let key = format!(
            "{captures:?} {:?} {:?} {paths:?} {:?} {:?} {:?}",
            route.condition,
            route.steps,
            route.vars.0,
            route.expect,
            self.promised(route)
        );
        if let Some(known) = self.scans.known.get(&key) {
            return known.clone();
        }
        let (before, states_before) = (self.errors.count(), self.scans.states.len());
        let (stages, template_slots) = if route.vars.0.is_empty() {
            self.compile_stages(route, filter, captures, templates)
        } else {
            let mut vars = self.shared.vars.clone();
            vars.extend(route.vars.0.iter().cloned());
            let Shared { cache, hooks, conversions, tables, schemas, .. } = *self.shared;
            let literals = &mut *self.shared.literals;
            let mut shared = Shared { vars: &vars, cache, literals, hooks, conversions, tables, schemas };
            let mut compiler = RouteCompiler {
                spec: self.spec,
                contracts: self.contracts,
                shared: &mut shared,
                scans: self.scans,
                errors: self.errors,
                id: self.id,
            };
            compiler.compile_stages(route, filter, captures, templates)
        };
        let stages = Stages { stages: stages.into(), template_slots: template_slots.into() };
        // What a route remembers is its own.
        if self.errors.count() == before && self.scans.states.len() == states_before {
            self.scans.known.insert(key, stages.clone());
        }
        stages
    }

    fn compile_stages(
        &mut self,
        route: &RouteSpec,
        filter: Option<&RouteFilter>,
        captures: &[Box<str>],
        templates: &[Template],
    ) -> (Vec<Stage>, Box<[Slots]>) {
        let leading = recode::leading_decodes(route);
        let is_json = leading == 0;
        let mut draft = Draft::new(if is_json { self.scans.take_shared(filter) } else { self.scans.own() });
        let mut declared = self.contracts.declared(route);
        let has_gate = !is_json && self.has_early_gate(route, &mut draft, captures);
        let mut stages = Vec::new();
        let mut allow_key = false;
        for index in 0..=route.steps.len() {
            if index == leading {
                if !has_gate && let Some(gate) = &route.condition {
                    draft.gate = self.expression(gate, &mut draft, captures, false, &["where".into()]);
                    self.check_types(&declared, draft.gate.as_ref(), None, &["where".into()]);
                }
                draft.expect = route.expect.as_ref().and_then(|id| self.judged("expect", id, &mut draft.paths));
            }
            let Some(step) = route.steps.get(index) else { break };
            let path: [PathPart; 2] = ["steps".into(), index.into()];
            let Some((verb, arguments)) = self.verb(step, &path) else { continue };
            let number = u16::try_from(index).unwrap_or(u16::MAX);
            let reads_anew = match verb.doc.verb {
                "explode" | "shape" => true,
                "python" | "encode" => step.condition.is_some(),
                _ => step.condition.is_some() && is_stateful(verb.doc),
            };
            if reads_anew && !draft.steps.is_empty() {
                stages.push(self.cut(&mut draft, End::Continue));
            }
            let condition_path = [&path[..], &["where".into()]].concat();
            let condition = step.condition.as_deref();
            let condition =
                condition.and_then(|text| self.expression(text, &mut draft, captures, allow_key, &condition_path));
            self.check_types(&declared, condition.as_ref(), None, &condition_path);
            let mut errors = Vec::new();
            let mut context =
                StepContext { shared: self.shared, paths: &mut draft.paths, captures, allow_key, errors: &mut errors };
            let compiled = (verb.compile)(arguments, &mut context);
            errors.into_iter().for_each(|error| self.errors.push(&path, error));
            match compiled {
                None => {}
                Some(Compiled::Op(op)) => {
                    self.check_results(&declared, &op, &path);
                    declared.write(&op, condition.is_some());
                    draft.steps.push(Step { number, condition, op });
                }
                Some(Compiled::Explode(explode)) => {
                    declared.forget();
                    allow_key = true;
                    stages.push(self.cut(&mut draft, End::Explode { number, condition, explode }));
                }
                Some(Compiled::Shape(shape)) => {
                    declared.forget();
                    let error = bare::check(route, index, &shape);
                    error.into_iter().for_each(|error| self.errors.push(&path, error));
                    stages.push(self.cut(&mut draft, End::Shape { number, condition, shape }));
                }
                Some(Compiled::Hook(hook)) => {
                    declared.forget();
                    stages.push(self.cut(&mut draft, End::Hook { number, condition, hook }));
                }
                Some(Compiled::State(settings, step)) => {
                    if step.reshapes() {
                        declared.forget();
                    }
                    let state = self.remember(route, stages.len(), (verb.doc.verb, arguments), settings, step);
                    stages.push(self.cut(&mut draft, End::State { number, condition, state }));
                }
                Some(Compiled::Decode(codec)) => {
                    let error = recode::check_decode(route, index, condition.as_ref());
                    error.into_iter().for_each(|error| self.errors.push(&path, error));
                    stages.push(self.cut(&mut draft, End::Decode(Recode { number, condition, codec })));
                }
                Some(Compiled::Encode(codec)) => {
                    let error = recode::check_encode(route, index);
                    error.into_iter().for_each(|error| self.errors.push(&path, error));
                    draft.encoding = Some(Recode { number, condition, codec });
                }
            }
        }
        declared.check_leaving().into_iter().for_each(|error| self.errors.push(&["contract".into()], error));
        let template_slots = self.template_slots(templates, &mut draft);
        for id in self.promised(route) {
            draft.contracts.extend(self.judged("contract", &id, &mut draft.paths));
        }
        let late_reads: Vec<SlotId> = template_slots.iter().flat_map(|slots| slots.iter().copied()).collect();
        stages.push(self.finish(draft, End::Finish, &late_reads));
        (stages, template_slots)
    }

    /// Whether the route's `where` can be judged before the payload is decoded; it then is.
    fn has_early_gate(&mut self, route: &RouteSpec, draft: &mut Draft, captures: &[Box<str>]) -> bool {
        let Some(gate) = &route.condition else { return true };
        let gate = self.expression(gate, draft, captures, false, &["where".into()]);
        if gate.as_ref().is_some_and(|gate| !gate.slots().is_empty()) {
            return false;
        }
        draft.gate = gate;
        true
    }

    /// Checks an expression by what the route's contracts say about fields.
    fn check_types(
        &mut self,
        declared: &Declared<'_>,
        expression: Option<&Expr>,
        into: Option<&FieldPath>,
        path: &[PathPart],
    ) {
        let errors = expression.map(|expression| declared.check(expression, into)).unwrap_or_default();
        errors.into_iter().for_each(|error| self.errors.push(path, error));
    }

    fn check_results(&mut self, declared: &Declared<'_>, op: &Op, path: &[PathPart]) {
        if let Some(error) = declared.check_conversion(op) {
            self.errors.push(&[path, &["convert".into(), "field".into()]].concat(), error);
        }
        let Op::Compute(values) = op else { return };
        for (field, expression) in values {
            let at = [path, &["compute".into(), field.path.to_string().as_str().into()]].concat();
            self.check_types(declared, Some(expression), Some(&field.path), &at);
        }
    }

    fn expression(
        &mut self,
        text: &str,
        draft: &mut Draft,
        captures: &[Box<str>],
        allow_key: bool,
        path: &[PathPart],
    ) -> Option<Expr> {
        let mut errors = Vec::new();
        let mut context =
            StepContext { shared: self.shared, paths: &mut draft.paths, captures, allow_key, errors: &mut errors };
        let expression = context.expression(text, path);
        errors.into_iter().for_each(|error| self.errors.push(&[], error));
        expression
    }

    /// The one verb of a step.
    fn verb<'r>(
        &mut self,
        step: &'r StepSpec,
        path: &[PathPart],
    ) -> Option<(&'static Verb, &'r serde_json::value::RawValue)> {
        let [(name, arguments)] = &step.verbs[..] else {
            let names: Vec<String> = step.verbs.iter().map(|(name, _)| format!("`{name}`")).collect();
            let found = if names.is_empty() { "no verb".to_owned() } else { names.join(" and ") };
            let error = SpecError::new("A step has one verb.").expected(found, "one verb, as in `drop: [quality]`");
            self.errors.push(path, error);
            return None;
        };
        let verb = VERBS.iter().find(|verb| verb.doc.verb == name);
        if verb.is_none() {
            let names: Vec<String> = VERBS.iter().map(|verb| format!("`{}`", verb.doc.verb)).collect();
            let error = SpecError::new("There is no such step.").expected(name, names.join(", "));
            let hint = did_you_mean(name, VERBS.iter().map(|verb| verb.doc.verb));
            self.errors.push(&[path, &[name.as_str().into()]].concat(), error.hint(hint));
        }
        verb.map(|verb| (verb, &**arguments))
    }

    /// Ends a stage and leaves the draft of the next one behind.
    fn cut(&mut self, draft: &mut Draft, end: End) -> Stage {
        let done = std::mem::replace(draft, Draft::new(self.scans.own()));
        let reads = match &end {
            End::State { state, .. } => self.scans.states[state.0 as usize].slots(),
            _ => Vec::new(),
        };
        self.finish(done, end, &reads)
    }

    /// Notes a stateful step.
    fn remember(
        &mut self,
        route: &RouteSpec,
        stage: usize,
        (verb, arguments): (&str, &serde_json::value::RawValue),
        settings: Settings,
        step: Arc<dyn StatefulStep>,
    ) -> StateId {
        let states = &mut self.scans.states;
        let text = format!("{} {verb} {}", route.name, lasting(arguments));
        let is_same = |other: &&StatePlan| other.identity.starts_with(&*text);
        let number = states.iter().filter(|other| other.route == self.id).filter(is_same).count();
        let identity = if number == 0 { text } else { format!("{text} {number}") };
        states.push(StatePlan { route: self.id, stage, identity: identity.into(), settings, step });
        StateId(u32::try_from(states.len() - 1).unwrap_or(u32::MAX))
    }

    /// The contracts that what leaves is judged by: the route's own, or all that names of its sources have.
    fn promised(&self, route: &RouteSpec) -> Vec<String> {
        if !route.contract_from_names {
            return route.contract.iter().cloned().collect();
        }
        let takes = |source: &String| route.from.as_ref().is_none_or(|from| from.contains(source));
        let named = self.spec.named_contracts.0.iter().filter(|(source, _)| takes(source));
        let ids: BTreeSet<&String> = named.flat_map(|(_, named)| named.0.iter().map(|(id, _)| id)).collect();
        ids.into_iter().cloned().collect()
    }

    /// A contract, with its fields among the paths of a scan.
    fn judged(&mut self, key: &str, id: &String, paths: &mut PathSetBuilder) -> Option<Judged> {
        let Some(position) = self.contracts.by_id.get(id) else {
            let known: Vec<String> = self.spec.contracts.iter().map(ContractSpec::id).collect();
            self.errors.push(&[key.into()], unknown("contract", id, &known));
            return None;
        };
        let contract = (*position)?;
        Some(Judged { contract, binding: self.contracts.all[contract].bind(paths) })
    }

    /// Ends a stage; `late_reads` are the slots of its topic templates.
    fn finish(&mut self, mut draft: Draft, end: End, late_reads: &[SlotId]) -> Stage {
        if draft.steps.iter().any(|step| matches!(step.op, Op::Keep(_))) {
            // `keep` clears what is read below the fields that it drops, so it has to know them.
            let tops: Vec<FieldPath> = draft.paths.paths().iter().filter_map(top_of).collect();
            tops.iter().for_each(|top| {
                draft.paths.add(top);
            });
        }
        let judged = draft.contracts.iter().flat_map(|judged| judged.binding.slots());
        let all_late: Vec<SlotId> = late_reads.iter().copied().chain(judged).collect();
        let chosen = choose(&draft.steps, &all_late, draft.paths.paths(), self.shared.literals);
        let kind = match chosen {
            StageKind::Edit { .. } if self.scans.is_general => StageKind::General,
            chosen => chosen,
        };
        let reads_payload = |condition: &Expr| !condition.slots().is_empty();
        let end_reads = match &end {
            End::Explode { .. } | End::Shape { .. } => true,
            End::Hook { condition, .. } => condition.as_ref().is_some_and(reads_payload),
            End::State { condition, .. } => condition.as_ref().is_some_and(reads_payload) || !late_reads.is_empty(),
            End::Finish | End::Continue => !late_reads.is_empty() || draft.encoding.is_some(),
            End::Decode(_) => false,
        };
        let needs_json =
            !matches!(kind, StageKind::Pass) || draft.gate.as_ref().is_some_and(reads_payload) || end_reads;
        let needs_scan = needs_json || draft.expect.is_some() || !draft.contracts.is_empty();
        let Draft { scan, paths, gate, expect, contracts, steps, encoding } = draft;
        self.scans.give_back(scan, paths);
        let scan = needs_scan.then_some(scan);
        Stage { scan, gate, expect, contracts: contracts.into(), needs_json, steps: steps.into(), kind, end, encoding }
    }

    fn template_slots(&mut self, templates: &[Template], draft: &mut Draft) -> Box<[Slots]> {
        let slots = templates.iter().map(|template| {
            let paths = template.payload_paths().iter();
            paths.filter_map(|path| FieldPath::parse(path).ok()).map(|path| draft.paths.add(&path)).collect()
        });
        slots.collect()
    }
}

/// A hash of all that says under which names a route publishes.
fn naming(route: &RouteSpec) -> u64 {
    let targets: Vec<_> = route.to.iter().map(|target| &target.topic).collect();
    let parts = format!("{:?} {:?} {:?} {targets:?}", route.from, route.filter, route.topic);
    foldhash::fast::FixedState::default().hash_one(parts)
}

fn top_of(path: &FieldPath) -> Option<FieldPath> {
    if path.len() > 1 { FieldPath::from_segments(path.first()).ok() } else { None }
}
