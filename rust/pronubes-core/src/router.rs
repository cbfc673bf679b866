//! The router: a message in, outcomes out.
//!
//! It owns all memory that handling messages needs and uses it again, so that a message on a known topic costs one
//! lookup and no allocation. It is the one place where routes are run: `run`, `explain`, tests and the Python API all
//! come through here.

mod coverage;
mod explain;
mod explode;
mod finish;
mod gate;
mod hits;
mod publish;
mod recode;
mod resolve;
mod run;
mod shape;
mod single;
mod states;
mod trace;
mod work;

use std::sync::Arc;

use crate::catalog::{Catalog, RouteLabel};
use crate::contract::ContractStats;
use crate::matcher::{RouteId, TopicTable};
use crate::namespace::Namespace;
use crate::outcome::{Outlet, Resumed, Routed};
use crate::plan::{Plan, Route};
use crate::spec::CatalogSpec;
use crate::stats::{RouteStats, RouterStats, SourceStats};
use crate::tables::{Rows, TableError, TableView, Tables};
use crate::{Message, Reason};

use gate::GateWork;
use hits::{run_hits, run_resumed};
use trace::{Trace, Unwatched};
use work::{Level, Work};

pub use coverage::{Coverage, RouteCoverage, StepCoverage};
pub use single::Single;
pub use states::StateStats;

/// Runs the routes of a plan.
///
/// ```
/// use pronubes_core::{Emission, HookCall, Message, Meta, Outlet, Plan, Quarantined, RouteId, Router, SourceId};
///
/// struct Printed(Vec<String>);
/// impl Outlet for Printed {
///     fn emit(&mut self, emission: &Emission<'_>) {
///         let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
///         self.0.push(format!("{} {}", text(emission.topic), text(emission.payload)));
///     }
///     fn hook(&mut self, _: &HookCall<'_>) {}
///     fn quarantine(&mut self, fault: &Quarantined<'_>) {
///         self.0.push(fault.reason.to_string());
///     }
///     fn filtered(&mut self, _: RouteId) {}
/// }
///
/// let spec = r#"{"sources": ["plant"], "sinks": ["uns"], "routes": [{
///     "name": "temperatures", "filter": "raw/{line}/temp", "where": "payload.value > -40.0",
///     "steps": [{"scale": {"field": "value", "factor": 1.8, "offset": 32}}, {"set": {"unit": "[degF]"}}],
///     "topic": "acme/{line}/temperature", "to": [{"sink": "uns"}]}]}"#;
/// let plan = Plan::compile(&serde_json::from_str(spec).unwrap()).unwrap();
/// let mut router = Router::new(plan.into());
/// let mut printed = Printed(Vec::new());
/// for payload in [&br#"{"value": 21.5}"#[..], b"{}"] {
///     let message = Message { source: SourceId(0), topic: "raw/l1/temp", payload, meta: Meta::default() };
///     router.route(&message, &mut printed);
/// }
/// assert_eq!(printed.0, [r#"acme/l1/temperature {"value": 70.7,"unit":"[degF]"}"#, "missing_field"]);
/// ```
#[derive(Debug)]
pub struct Router {
    plan: Arc<Plan>,
    stats: RouterStats,
    table: TopicTable,
    work: Work,
    /// What was run, for tests of configurations that ask for it.
    coverage: Option<Box<Coverage>>,
}

impl Router {
    /// A router without remembered topics and with empty ledgers.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let stats = RouterStats {
            sources: vec![SourceStats::default(); plan.sources.len()],
            routes: vec![RouteStats::default(); plan.routes.len()],
            emitted: vec![0; plan.sinks.len()],
            contracts: vec![ContractStats::default(); plan.contracts.len()],
        };
        let stages = plan.routes.iter().map(|route| route.stages.len()).max().unwrap_or_default();
        let mut work = Work::default();
        work.routes.gate = GateWork::new(plan.payload_limits);
        work.routes.levels.resize_with(stages, Level::default);
        work.routes.catalog = plan.catalog.map(|spec| Box::new(new_catalog(&plan, &spec)));
        work.routes.stores = states::new_slots(&plan);
        work.routes.tables = Tables::new(&plan.tables);
        let table = TopicTable::new(plan.limits.topic_table_bytes);
        Self { plan, stats, table, work, coverage: None }
    }

    /// The plan that it runs.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The ledgers.
    #[must_use]
    pub fn stats(&self) -> &RouterStats {
        &self.stats
    }

    /// The remembered topics.
    #[must_use]
    pub fn topics(&self) -> &TopicTable {
        &self.table
    }

    /// What leaves under which name, where the plan wants it kept.
    #[must_use]
    pub fn catalog(&self) -> Option<&Catalog> {
        self.work.routes.catalog.as_deref()
    }

    /// Begins to note what of the routes is run: for tests, since it costs time.
    pub fn cover(&mut self) {
        self.coverage = Some(Box::new(Coverage::new(self.plan.routes.len())));
    }

    /// What of the routes was run since [`Router::cover`].
    #[must_use]
    pub fn coverage(&self) -> Option<&Coverage> {
        self.coverage.as_deref()
    }

    /// Puts the rows of a table in force, from the next message on.
    ///
    /// # Errors
    /// The plan has no such table, or its steps use other columns; the rows before stay then.
    pub fn set_table(&mut self, name: &str, rows: Arc<Rows>) -> Result<(), TableError> {
        self.work.routes.tables.set(name, rows)
    }

    /// The tables that steps look up.
    pub fn tables(&self) -> impl Iterator<Item = TableView<'_>> {
        self.work.routes.tables.views()
    }

    /// Takes over the catalogue of the router before it, its tables, and what its steps remember. That one goes on without: its last messages are not noted.
    pub fn inherit(&mut self, before: &mut Self) {
        self.inherit_states(before);
        self.work.routes.tables.inherit(&mut before.work.routes.tables);
        let (Some(spec), Some(mut catalog)) = (self.plan.catalog, before.work.routes.catalog.take()) else { return };
        catalog.reconfigure(spec.bytes, spec.payload_bytes, has_several_publishers(&self.plan));
        let (routes, sources) = labels(&self.plan);
        catalog.reload(routes, sources);
        self.work.routes.catalog = Some(catalog);
    }

    /// Takes a message through every route that wants it.
    ///
    /// The topic must be a valid topic name and the source one of the plan's: both are checked where messages come in.
    pub fn route<O: Outlet>(&mut self, message: &Message<'_>, outlet: &mut O) -> Routed {
        if self.coverage.is_some() {
            return self.route_covered(message, outlet);
        }
        self.route_watched(message, (outlet, &mut Unwatched))
    }

    /// The same, noting what is run.
    #[cold]
    fn route_covered<O: Outlet>(&mut self, message: &Message<'_>, outlet: &mut O) -> Routed {
        let mut coverage = self.coverage.take().unwrap_or_default();
        let routed = self.route_watched(message, (outlet, &mut *coverage));
        self.coverage = Some(coverage);
        routed
    }

    #[inline]
    fn route_watched<O: Outlet, T: Trace>(&mut self, message: &Message<'_>, watched: (&mut O, &mut T)) -> Routed {
        let source = usize::from(message.source.0);
        self.stats.sources[source].received += 1;
        let Self { plan, stats, table, work, .. } = self;
        let (group, _) = plan.group_of(message.source);
        let routed = match table.get(group, message.topic.as_bytes()) {
            Some(entry) => {
                work.routes.topic_number = Some(entry.slot);
                run_hits(plan, stats, entry.blob, &mut work.routes, message, watched)
            }
            None => match resolve::learn(plan, message.source, message.topic, table, work) {
                Ok(()) => run_hits(plan, stats, &work.blob, &mut work.routes, message, watched),
                Err(reason) => Routed::Rejected(reason),
            },
        };
        let stats = &mut self.stats.sources[source];
        match routed {
            Routed::Taken => stats.matched += 1,
            Routed::Unrouted => stats.unrouted += 1,
            Routed::Rejected(_) => stats.rejected += 1,
        }
        routed
    }

    /// Goes on with a message that comes back from its hook.
    ///
    /// A hook that makes several messages of one is not provided for: each call of a hook is resumed, filtered or failed
    /// exactly once.
    pub fn resume<O: Outlet>(&mut self, resumed: &Resumed<'_>, outlet: &mut O) {
        let route_stats = &mut self.stats.routes[resumed.route.0 as usize];
        route_stats.in_hooks = route_stats.in_hooks.saturating_sub(1);
        self.go_on(resumed, outlet);
    }

    /// Counts a message that came back from its hook with nothing to go on with.
    pub fn hook_filtered(&mut self, route: RouteId) {
        let stats = &mut self.stats.routes[route.0 as usize];
        stats.in_hooks = stats.in_hooks.saturating_sub(1);
        stats.filtered += 1;
    }

    /// Counts a message whose hook failed; the embedder has its original bytes and quarantines them.
    pub fn hook_failed(&mut self, route: RouteId, reason: Reason) {
        let stats = &mut self.stats.routes[route.0 as usize];
        stats.in_hooks = stats.in_hooks.saturating_sub(1);
        stats.count_quarantined(reason);
    }
}

fn new_catalog(plan: &Plan, spec: &CatalogSpec) -> Catalog {
    let mut catalog = Catalog::new(spec.bytes, spec.payload_bytes);
    catalog.reconfigure(spec.bytes, spec.payload_bytes, has_several_publishers(plan));
    let (routes, sources) = labels(plan);
    catalog.reload(routes, sources);
    catalog
}

fn has_several_publishers(plan: &Plan) -> bool {
    plan.namespace().is_some_and(Namespace::has_several_publishers)
}

/// Routes and sources as the catalogue shows them.
fn labels(plan: &Plan) -> (Vec<RouteLabel>, Vec<Box<str>>) {
    let own = |route: &&Route| !route.has_named_contracts;
    let contract = |route: &Route| Some(Some(route).filter(own)?.stages.last()?.contracts.first()?.contract);
    let label = |route: &Route| RouteLabel {
        name: route.name.clone(),
        contract: contract(route).map(|number| plan.contracts[number].id().into()),
        naming: route.naming,
    };
    (plan.routes.iter().map(label).collect(), plan.sources.to_vec())
}
