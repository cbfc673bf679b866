//! The router: a message in, outcomes out.
//!
//! It owns all memory that handling messages needs and uses it again, so that a message on a known topic costs one
//! lookup and no allocation. It is the one place where routes are run: `run`, `explain`, tests and the Python API all
//! come through here.

mod resolve;

use std::sync::Arc;

use crate::matcher::{Hits, RouteId};
use crate::outcome::{Emission, Outlet, Quarantined, Routed};
use crate::plan::{Plan, Route, TargetName};
use crate::stats::{RouteStats, RouterStats, SourceStats};
use crate::{Message, Reason};

use resolve::{PackedHit, PackedHits};

/// Runs the routes of a plan.
#[derive(Debug)]
pub struct Router {
    plan: Arc<Plan>,
    stats: RouterStats,
    hits: Hits,
    blob: Vec<u8>,
}

impl Router {
    /// A router without remembered topics and with empty ledgers.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let stats = RouterStats {
            sources: vec![SourceStats::default(); plan.sources.len()],
            routes: vec![RouteStats::default(); plan.routes.len()],
            emitted: vec![0; plan.sinks.len()],
        };
        Self { plan, stats, hits: Hits::new(), blob: Vec::new() }
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

    /// Takes a message through every route that wants it.
    ///
    /// The topic must be a valid topic name and the source one of the plan's: both are checked where messages come in.
    pub fn route<O: Outlet>(&mut self, message: &Message<'_>, outlet: &mut O) -> Routed {
        let source = usize::from(message.source.0);
        self.stats.sources[source].received += 1;
        let routed = match self.resolve(message) {
            Ok(()) => self.run_hits(message, outlet),
            Err(reason) => Routed::Rejected(reason),
        };
        let stats = &mut self.stats.sources[source];
        match routed {
            Routed::Taken => stats.matched += 1,
            Routed::Unrouted => stats.unrouted += 1,
            Routed::Rejected(_) => stats.rejected += 1,
        }
        routed
    }

    /// Counts a message that came back from its hook with nothing to go on with.
    pub fn hook_filtered(&mut self, route: RouteId) {
        let stats = &mut self.stats.routes[route.0 as usize];
        stats.absorbed -= 1;
        stats.filtered += 1;
    }

    /// Counts a message whose hook failed; the embedder has its original bytes and quarantines them.
    pub fn hook_failed(&mut self, route: RouteId, reason: Reason) {
        let stats = &mut self.stats.routes[route.0 as usize];
        stats.absorbed -= 1;
        stats.count_quarantined(reason);
    }

    fn resolve(&mut self, message: &Message<'_>) -> Result<(), Reason> {
        resolve::check(message)?;
        let (_, group) = self.plan.group_of(message.source);
        resolve::pack(&self.plan, group, message.topic, &mut self.hits, &mut self.blob)
    }

    fn run_hits<O: Outlet>(&mut self, message: &Message<'_>, outlet: &mut O) -> Routed {
        let mut is_taken = false;
        let mut is_taken_by_ordinary = false;
        for hit in PackedHits(&self.blob) {
            let route = self.plan.route(hit.route);
            if route.is_otherwise && is_taken_by_ordinary {
                break;
            }
            let stats = &mut self.stats.routes[hit.route.0 as usize];
            stats.matched += 1;
            match emit_all(route, &hit, message, &mut self.stats.emitted, outlet) {
                Ok(()) => stats.passed += 1,
                Err(reason) => {
                    stats.count_quarantined(reason);
                    outlet.quarantine(&Quarantined {
                        route: hit.route,
                        step: None,
                        reason,
                        detail: "",
                        message: *message,
                    });
                }
            }
            is_taken = true;
            is_taken_by_ordinary |= !route.is_otherwise;
            if route.is_final {
                break;
            }
        }
        if is_taken { Routed::Taken } else { Routed::Unrouted }
    }
}

fn emit_all<O: Outlet>(
    route: &Route,
    hit: &PackedHit<'_>,
    message: &Message<'_>,
    emitted: &mut [u64],
    outlet: &mut O,
) -> Result<(), Reason> {
    for name in hit.names() {
        name?;
    }
    for (index, target) in route.targets.iter().enumerate() {
        let topic = match target.name {
            TargetName::Kept => message.topic.as_bytes(),
            TargetName::Static(index) => hit.names().nth(index).unwrap_or(Err(Reason::InvalidTopic))?,
            TargetName::Rendered(_) => return Err(Reason::MissingField),
        };
        emitted[usize::from(target.sink.0)] += 1;
        outlet.emit(&Emission {
            route: hit.route,
            target: u16::try_from(index).unwrap_or(u16::MAX),
            sink: target.sink,
            topic,
            payload: message.payload,
            qos: target.qos,
            retain: target.retain,
        });
    }
    Ok(())
}
