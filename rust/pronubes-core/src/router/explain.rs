//! Why a message goes where it goes: the same run of the same plan, with somebody who looks on.
//!
//! Nothing is counted and no topic is remembered. What is shown is bounded: of an exploded payload the first members, of
//! the routes that do not match the nearest.

use std::fmt::Write;

use super::hits::{Start, run_route};
use super::resolve::{Namer, PackedHit, PackedHits, pack};
use super::run::Flow;
use super::trace::Trace;
use super::{Router, work};
use crate::catalog::TopicView;
use crate::contract::{Contract, ContractStats, Role, Violation};
use crate::explanation::{
    Captured, ConditionSeen, EmissionSeen, Explanation, NearMiss, QuarantineSeen, RouteSeen, RowSeen, StepSeen,
    VerdictSeen, ViolationSeen,
};
use crate::expr::Expr;
use crate::matcher::RouteId;
use crate::outcome::{Emission, HookCall, HookId, Outlet, Quarantined};
use crate::plan::{Plan, Route};
use crate::stats::{RouteStats, RouterStats};
use crate::topic::Level;
use crate::{Message, Reason, SinkId};

/// Steps and emissions beyond this are counted, not shown: `explode` can make thousands.
const MAX_SHOWN: usize = 100;
/// How much of a payload is shown that is no text.
const MAX_BYTES_SHOWN: usize = 256;
/// How many routes that do not match are shown.
const MAX_NEAR_MISSES: usize = 10;

/// All that left, with the name of its route.
fn emissions(explanation: &mut Explanation) -> impl Iterator<Item = (&str, &mut EmissionSeen)> {
    explanation.routes.iter_mut().flat_map(|seen| {
        let RouteSeen { route, emitted, .. } = seen;
        emitted.iter_mut().map(|emission| (route.as_str(), emission))
    })
}

impl Router {
    /// What every route does with a message, step by step.
    ///
    /// The topic must be a valid topic name and the source one of the plan's.
    pub fn explain(&mut self, message: &Message<'_>) -> Explanation {
        let catalog = self.work.routes.catalog.take(); // Who only looks leaves no note.
        let tables = self.work.routes.tables.clone(); // Nor does it count.
        let mut explanation = self.look(message);
        self.work.routes.tables = tables;
        self.work.routes.catalog = catalog;
        self.look_up_names(message, &mut explanation);
        explanation
    }

    /// Adds what namespace and catalogue know about the names.
    fn look_up_names(&self, message: &Message<'_>, explanation: &mut Explanation) {
        let source = &self.plan.sources[usize::from(message.source.0)];
        for (seen, emission) in emissions(explanation) {
            let route = (0..).map(RouteId).zip(&self.plan.routes).find(|(_, route)| *route.name == *seen);
            if let (Some(namespace), Some((route, _))) = (&self.plan.namespace, route)
                && let Ok(branch) = namespace.judge(&emission.topic, route, message.source)
            {
                let branch = namespace.branch(branch);
                emission.branch = Some(branch.filter.to_string());
                emission.owner = branch.owner.as_deref().map(str::to_owned);
            }
            let several = self.plan.namespace.as_ref().is_some_and(|namespace| namespace.has_several_publishers());
            let owner = self.catalog().filter(|_| !several).and_then(|catalog| catalog.get(&emission.topic, 0));
            let is_anothers =
                |view: &TopicView<'_>| !view.is_orphan && (view.origin != message.topic || *view.source != **source);
            emission.taken_by = owner
                .filter(is_anothers)
                .map(|view| format!("route `{}` from topic `{}` of source `{}`", view.route, view.origin, view.source));
        }
    }

    fn look(&mut self, message: &Message<'_>) -> Explanation {
        let Self { plan, work, .. } = self;
        let mut explanation = Explanation {
            source: plan.sources[usize::from(message.source.0)].to_string(),
            topic: message.topic.to_owned(),
            payload: text_of(message.payload),
            ..Explanation::default()
        };
        let work::Work { hits, blob, routes: work, .. } = work;
        let (_, group) = plan.group_of(message.source);
        let namer = &mut Namer { plan, source: message.source, catalog: None };
        if let Err(reason) = pack(plan, group, message.topic, namer, hits, blob) {
            explanation.rejected = Some(reason.code());
            return explanation;
        }
        let mut stats = RouterStats {
            routes: vec![RouteStats::default(); plan.routes.len()],
            emitted: vec![0; plan.sinks.len()],
            sources: Vec::new(),
            contracts: vec![ContractStats::default(); plan.contracts.len()],
        };
        let mut stop: Option<String> = None;
        let mut taken_by_ordinary: Option<String> = None;
        for hit in PackedHits(blob) {
            let route = plan.route(hit.route);
            let mut seen = begin(plan, &hit, message);
            let skipped = match (&stop, &taken_by_ordinary) {
                (Some(name), _) => Some(format!("Route `{name}` is final and took the message.")),
                (None, Some(name)) if route.is_otherwise => Some(format!("Route `{name}` took the message.")),
                _ => None,
            };
            if skipped.is_some() {
                explanation.routes.push(RouteSeen { fate: "skipped", skipped, ..seen });
                continue;
            }
            if let Some(level) = work.levels.first_mut() {
                level.scanned = None;
            }
            let start = Start { stage: 0, payload: message.payload, key: None, new_topic: None };
            let mut observer = Observer { plan, seen: &mut seen, current: text_of(message.payload), key: None };
            let mut watcher = Watcher::default();
            let flow = run_route(plan, &mut stats, &hit, work, message, &start, (&mut watcher, &mut observer));
            finish(&mut seen, route, watcher.quarantined, flow);
            if flow != Flow::Filtered {
                stop = stop.or_else(|| route.is_final.then(|| route.name.to_string()));
                if !route.is_otherwise {
                    taken_by_ordinary.get_or_insert_with(|| route.name.to_string());
                }
            }
            explanation.routes.push(seen);
        }
        explanation.is_taken = explanation.routes.iter().any(|seen| !matches!(seen.fate, "filtered" | "skipped"));
        explanation.near_misses = near_misses(plan, message, &explanation);
        explanation
    }
}

fn begin(plan: &Plan, hit: &PackedHit<'_>, message: &Message<'_>) -> RouteSeen {
    let route = plan.route(hit.route);
    let mut spans = Vec::new();
    hit.captures(&mut spans);
    let captures = plan
        .captures(hit.route)
        .iter()
        .zip(spans)
        .map(|(name, span)| Captured { name: name.to_string(), value: span.of_str(message.topic).to_owned() });
    RouteSeen {
        route: route.name.to_string(),
        filter: route.filter.as_ref().map(|filter| filter.as_str().to_owned()),
        captures: captures.collect(),
        ..RouteSeen::default()
    }
}

fn finish(seen: &mut RouteSeen, route: &Route, quarantined: Option<QuarantineSeen>, flow: Flow) {
    seen.fate = match (&quarantined, &seen.condition) {
        (Some(_), _) => "quarantined",
        (None, Some(condition)) if condition.holds == Some(false) => "filtered",
        _ if matches!(flow, Flow::Rejected(_)) => "rejected",
        _ if seen.hook.is_some() => "hook",
        _ if seen.absorbed_at.is_some() && seen.emitted.is_empty() => "absorbed",
        _ => "passed",
    };
    if let Some(quarantine) = &quarantined
        && let Some(step) = quarantine.step
        && seen.steps.last().is_none_or(|last| last.step != step)
    {
        // The step that failed has no output, but where it stands and what it got is what people ask for.
        let input = seen.steps.last().map_or_else(String::new, |last| last.output.clone().unwrap_or_default());
        seen.steps.push(StepSeen { step, key: None, held: true, input, output: None, row: None });
    }
    seen.quarantine = quarantined;
    seen.is_final = route.is_final;
}

/// Takes note of what a run says.
struct Observer<'a> {
    plan: &'a Plan,
    seen: &'a mut RouteSeen,
    /// The payload as the step before left it.
    current: String,
    key: Option<String>,
}

impl Trace for Observer<'_> {
    const IS_ON: bool = true;
    const LOOKS_ONLY: bool = true;

    fn gate(&mut self, condition: &Expr, holds: Result<bool, Reason>) {
        self.seen.condition = Some(ConditionSeen {
            text: condition.text().to_owned(),
            holds: holds.ok(),
            reason: holds.err().map(Reason::code),
        });
    }

    fn step(&mut self, number: u16, held: bool, payload: &[u8]) {
        let output = text_of(payload);
        let input = std::mem::replace(&mut self.current, output.clone());
        if self.seen.steps.len() < MAX_SHOWN {
            self.seen.steps.push(StepSeen {
                step: number,
                key: self.key.clone(),
                held,
                input,
                output: Some(output),
                row: None,
            });
        } else {
            self.seen.not_shown += 1;
        }
    }

    fn row(&mut self, table: &str, line: Option<u32>) {
        if let Some(step) = self.seen.steps.last_mut() {
            step.row = Some(RowSeen { table: table.to_owned(), line });
        }
    }

    fn absorbed(&mut self, number: u16) {
        self.seen.absorbed_at = Some(number);
    }

    fn member(&mut self, key: &str, payload: &[u8]) {
        self.key = Some(key.to_owned());
        self.current = text_of(payload);
    }

    fn hook(&mut self, number: u16, hook: HookId) {
        self.seen.hook = Some(self.plan.hooks[usize::from(hook.0)].to_string());
        self.seen.hook_step = Some(number);
    }

    fn verdict(&mut self, contract: &Contract, role: Role, violations: Vec<Violation>) {
        if self.seen.verdicts.len() >= MAX_SHOWN {
            self.seen.not_shown += 1;
            return;
        }
        let violation = |one: Violation| ViolationSeen {
            reason: one.reason.code(),
            field: one.field,
            found: one.found,
            expected: one.expected,
        };
        self.seen.verdicts.push(VerdictSeen {
            role: role.name(),
            contract: contract.id().to_owned(),
            mode: contract.mode().name(),
            key: self.key.clone(),
            violations: violations.into_iter().map(violation).collect(),
        });
    }

    fn emit(&mut self, _: usize, sink: SinkId, topic: &[u8], payload: &[u8]) {
        if self.seen.emitted.len() < MAX_SHOWN {
            let sink = self.plan.sinks[usize::from(sink.0)].to_string();
            self.seen.emitted.push(EmissionSeen {
                sink,
                topic: text_of(topic),
                payload: text_of(payload),
                ..EmissionSeen::default()
            });
        } else {
            self.seen.not_shown += 1;
        }
    }
}

/// An outlet that keeps the reason only; the rest comes by the trace.
#[derive(Default)]
struct Watcher {
    quarantined: Option<QuarantineSeen>,
}

impl Outlet for Watcher {
    fn emit(&mut self, _: &Emission<'_>) {}

    fn hook(&mut self, _: &HookCall<'_>) {}

    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        self.quarantined = Some(QuarantineSeen {
            step: fault.step,
            reason: fault.reason.code(),
            text: fault.reason.text(),
            action: fault.reason.action(),
            detail: fault.detail.to_owned(),
        });
    }

    fn filtered(&mut self, _: RouteId) {}
}

/// A payload as people can read it: text as it is, other bytes as hexadecimal digits.
fn text_of(bytes: &[u8]) -> String {
    let is_text = |text: &&str| !text.chars().any(|one| one.is_control() && !matches!(one, '\t' | '\n' | '\r'));
    if let Some(text) = std::str::from_utf8(bytes).ok().filter(is_text) {
        return text.to_owned();
    }
    let mut shown = String::from("0x");
    for byte in bytes.iter().take(MAX_BYTES_SHOWN) {
        // A `String` takes every write.
        let _ = write!(shown, "{byte:02x}");
    }
    if bytes.len() > MAX_BYTES_SHOWN {
        let _ = write!(shown, "… ({} bytes)", bytes.len());
    }
    shown
}

/// The routes of the source that come nearest to the topic without matching it.
fn near_misses(plan: &Plan, message: &Message<'_>, explanation: &Explanation) -> Vec<NearMiss> {
    let source = message.source;
    let mut misses: Vec<NearMiss> = plan
        .routes
        .iter()
        .filter(|route| route.takes_from(source) && !explanation.routes.iter().any(|seen| *seen.route == *route.name))
        .filter_map(|route| near_miss(route, message.topic))
        .collect();
    misses.sort_by_key(|miss| std::cmp::Reverse(miss.level));
    misses.truncate(MAX_NEAR_MISSES);
    misses
}

/// The first level at which the filter of a route and a topic part.
fn near_miss(route: &Route, topic: &str) -> Option<NearMiss> {
    let filter = route.filter.as_ref()?;
    let mut names = topic.split('/');
    let mut number = 0;
    let texts = filter.as_str().split('/');
    let parting = filter.levels().iter().zip(texts).find_map(|(level, text)| {
        number += 1;
        let name = names.next();
        let fits = match (level, name) {
            (Level::Literal(literal), Some(name)) => **literal == *name,
            (Level::Rest, _) => true,
            (_, name) => name.is_some_and(|name| number > 1 || !name.starts_with('$')),
        };
        (!fits).then(|| (text.to_owned(), name.map(str::to_owned)))
    });
    let (expected, found) = parting.unwrap_or_else(|| (String::new(), names.next().map(str::to_owned)));
    let level = if expected.is_empty() { number + 1 } else { number };
    Some(NearMiss { route: route.name.to_string(), filter: filter.as_str().to_owned(), level, expected, found })
}
