//! Plans: what a specification is compiled to. A plan never changes; a reload makes a new one.

mod bare;
mod choice;
mod compile;
pub(crate) mod edit;
mod failure;
mod general;
mod recode;
mod route;
mod scans;
pub(crate) mod stage;
mod targets;
mod tree;

pub(crate) use edit::EditState;
pub(crate) use failure::{About, Failure};
pub(crate) use general::TreeState;
pub(crate) use stage::{End, Judged, Recode, ScanId, ScanPlan, Stage, StageKind, StateId, StatePlan, Step};

use std::collections::HashMap;
use std::sync::Arc;

use crate::contract::Contract;
use crate::matcher::{Matcher, RouteId};
use crate::namespace::Namespace;
use crate::payload::{Limits, Literals, SlotId};
use crate::record::Shape;
use crate::spec::{CatalogSpec, LimitsSpec, RouterSpec, TableSpec};
use crate::template::Template;
use crate::topic::RouteFilter;
use crate::{HookId, SinkId, SourceId, SpecError};

/// A compiled specification.
///
/// ```
/// use pronubes_core::{Plan, spec::RouterSpec};
/// let spec = r#"{"sources": ["plant"], "sinks": ["uns"],
///     "routes": [{"name": "all", "filter": "raw/{rest#}", "topic": "acme/{rest}", "to": [{"sink": "unss"}]}]}"#;
/// let errors = Plan::compile(&serde_json::from_str::<RouterSpec>(spec).unwrap()).unwrap_err();
/// assert_eq!(errors[0].path_text(), "routes/0/to/0/sink");
/// assert_eq!(errors[0].hint.as_deref(), Some("Did you mean `uns`?"));
/// ```
#[derive(Debug)]
pub struct Plan {
    pub(crate) sources: Box<[Box<str>]>,
    /// In which shape each source hands in what it reads.
    pub(crate) shapes: Box<[Arc<Shape>]>,
    pub(crate) sinks: Box<[Box<str>]>,
    pub(crate) hooks: Box<[Box<str>]>,
    pub(crate) tables: Box<[TableSpec]>,
    pub(crate) routes: Box<[Route]>,
    pub(crate) groups: Box<[Group]>,
    /// The group of each source.
    pub(crate) source_groups: Box<[u16]>,
    pub(crate) scans: Box<[ScanPlan]>,
    /// The stateful steps of all routes.
    pub(crate) states: Box<[StatePlan]>,
    pub(crate) literals: Literals,
    pub(crate) contracts: Box<[Contract]>,
    pub(crate) named_contracts: NamedContracts,
    pub(crate) payload_limits: Limits,
    pub(crate) limits: LimitsSpec,
    pub(crate) namespace: Option<Namespace>,
    /// Always there where there is a namespace.
    pub(crate) catalog: Option<CatalogSpec>,
}

/// Sources that the same routes take from share an index and their remembered topics.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) matcher: Matcher,
    /// Routes without a filter.
    pub(crate) everywhere: Box<[RouteId]>,
}

/// Which contract a source's topics have, by their position in the plan; nothing is looked up per message.
pub(crate) type NamedContracts = Box<[HashMap<Box<str>, usize>]>;

/// The slots of several paths.
pub(crate) type Slots = Box<[SlotId]>;

/// A compiled route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: Box<str>,
    pub(crate) filter: Option<RouteFilter>,
    /// The sources that it takes from; none means every source.
    pub(crate) from: Option<Box<[SourceId]>>,
    pub(crate) is_otherwise: bool,
    pub(crate) is_final: bool,
    /// Whether a payload that is a bare scalar counts as `{"value": ...}`.
    pub(crate) wraps_scalars: bool,
    /// Whether anything but static templates looks at the captures.
    pub(crate) needs_captures: bool,
    /// Whether no template is rendered per message.
    pub(crate) has_static_names_only: bool,
    /// Whether the topic as it came says which contract is judged.
    pub(crate) has_named_contracts: bool,
    /// Whether some target keeps the name.
    pub(crate) keeps_name: bool,
    /// A number that changes when it may publish under other names.
    pub(crate) naming: u64,
    /// Each template once; the static ones have their names in the topic table.
    pub(crate) templates: Box<[Template]>,
    /// For each template, the slots of its payload fields in the last stage.
    pub(crate) template_slots: Arc<[Slots]>,
    pub(crate) targets: Box<[Target]>,
    /// At least one; the last ends with [`End::Finish`]. Shared with routes that do the same.
    pub(crate) stages: Arc<[Stage]>,
}

impl Route {
    /// Which of the contracts of the last stage a topic has; a number beyond them where it has none.
    pub(crate) fn contract_of(&self, topic: &str, named: &HashMap<Box<str>, usize>) -> usize {
        if !self.has_named_contracts {
            return 0;
        }
        let contracts = self.stages.last().map_or(&[][..], |stage| &stage.contracts);
        let wanted = named.get(topic);
        contracts.iter().position(|judged| Some(&judged.contract) == wanted).unwrap_or(usize::MAX)
    }

    /// The scan that reads the members which a stage takes apart, where they go on as they stand in the payload.
    #[inline]
    pub(crate) fn member_scan(&self, stage: usize) -> Option<ScanId> {
        let End::Explode { explode, .. } = &self.stages.get(stage)?.end else { return None };
        let is_as_written = explode.is_plain() && !self.wraps_scalars;
        self.stages.get(stage + 1).filter(|_| is_as_written)?.scan
    }

    pub(crate) fn takes_from(&self, source: SourceId) -> bool {
        self.from.as_ref().is_none_or(|from| from.contains(&source))
    }
}

/// A sink of a route.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) sink: SinkId,
    pub(crate) name: TargetName,
    pub(crate) retain: bool,
    pub(crate) qos: Option<u8>,
}

/// Where the topic of a target comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetName {
    /// The topic stays.
    Kept,
    /// The n-th static template of the route, rendered once per topic.
    Static(usize),
    /// The n-th template of the route, rendered per message.
    Rendered(usize),
}

impl Plan {
    /// Compiles a specification.
    ///
    /// # Errors
    /// Everything that is wrong with it, not only the first.
    pub fn compile(spec: &RouterSpec) -> Result<Self, Vec<SpecError>> {
        compile::compile(spec, false)
    }

    /// Compiles a specification so that every step runs on the general path: what tests compare the fast path with.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    #[doc(hidden)]
    pub fn compile_general(spec: &RouterSpec) -> Result<Self, Vec<SpecError>> {
        compile::compile(spec, true)
    }

    /// How many stages have no steps, run on cells, and run on the general path.
    #[must_use]
    pub fn stage_counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for stage in self.routes.iter().flat_map(|route| route.stages.iter()) {
            counts[match stage.kind {
                StageKind::Pass => 0,
                StageKind::Edit { .. } => 1,
                StageKind::General => 2,
            }] += 1;
        }
        counts
    }

    /// Names of the sources, by [`SourceId`].
    #[must_use]
    pub fn sources(&self) -> &[Box<str>] {
        &self.sources
    }

    /// The shape in which a source hands in what it reads.
    #[must_use]
    pub fn shape(&self, source: SourceId) -> Option<&Arc<Shape>> {
        self.shapes.get(usize::from(source.0))
    }

    /// Names of the sinks, by [`SinkId`].
    #[must_use]
    pub fn sinks(&self) -> &[Box<str>] {
        &self.sinks
    }

    /// The hooks as `module:function`, by [`HookId`].
    #[must_use]
    pub fn hooks(&self) -> &[Box<str>] {
        &self.hooks
    }

    /// How many routes there are; their ids are the numbers below.
    #[must_use]
    pub fn route_count(&self) -> usize {
        self.routes.len()
    }

    /// How many stateful steps there are.
    #[must_use]
    pub fn state_count(&self) -> usize {
        self.states.len()
    }

    /// The name of a route of this plan.
    #[must_use]
    pub fn route_name(&self, route: RouteId) -> &str {
        &self.route(route).name
    }

    /// The names of a route's captures, in the order of the spans of its [`HookCall`](crate::HookCall)s.
    #[must_use]
    pub fn captures(&self, route: RouteId) -> &[Box<str>] {
        self.route(route).filter.as_ref().map_or(&[], RouteFilter::captures)
    }

    /// The id of a source.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<SourceId> {
        position(&self.sources, name).map(SourceId)
    }

    /// The id of a sink.
    #[must_use]
    pub fn sink(&self, name: &str) -> Option<SinkId> {
        position(&self.sinks, name).map(SinkId)
    }

    /// The id of a hook.
    #[must_use]
    pub fn hook(&self, name: &str) -> Option<HookId> {
        position(&self.hooks, name).map(HookId)
    }

    /// The contracts, in the order of the specification.
    #[must_use]
    pub fn contracts(&self) -> &[Contract] {
        &self.contracts
    }

    /// Which names there may be, where the configuration says it.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// The bounds on messages and memory.
    #[must_use]
    pub fn limits(&self) -> &LimitsSpec {
        &self.limits
    }

    pub(crate) fn route(&self, route: RouteId) -> &Route {
        &self.routes[route.0 as usize]
    }

    pub(crate) fn state(&self, state: StateId) -> &StatePlan {
        &self.states[state.0 as usize]
    }

    pub(crate) fn scan_plan(&self, scan: ScanId) -> &ScanPlan {
        &self.scans[scan.0 as usize]
    }

    pub(crate) fn group_of(&self, source: SourceId) -> (u16, &Group) {
        let group = self.source_groups[usize::from(source.0)];
        (group, &self.groups[usize::from(group)])
    }
}

fn position(names: &[Box<str>], name: &str) -> Option<u16> {
    names.iter().position(|candidate| **candidate == *name).and_then(|position| u16::try_from(position).ok())
}
