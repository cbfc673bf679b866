//! One route alone: how a message goes on that was kept apart (in the quarantine) and comes back.

use super::Router;
use super::hits::{Start, run_route};
use super::resolve::{self, PackedHits};
use super::run::Flow;
use super::trace::Unwatched;
use super::work::RouteWork;
use crate::matcher::RouteId;
use crate::outcome::Outlet;
use crate::plan::Plan;
use crate::stats::RouterStats;
use crate::{Message, Reason};

/// What became of a message that was given to one route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single {
    /// The route took it, perhaps to quarantine it once more.
    Taken,
    /// Its condition was false.
    Filtered,
    /// A contract of mode `reject` threw it away, or its topic is none that can be routed.
    Rejected(Reason),
    /// The topic does not lead from this source to the route.
    NoMatch,
}

impl Router {
    /// Takes a message through one route and no other, whatever the order of routes and `final` say. The route's ledger counts it; the
    /// source's does not: it came in once, and was counted then.
    ///
    /// The topic must be a valid topic name, source and route those of the plan.
    pub fn route_single<O: Outlet>(&mut self, message: &Message<'_>, route: RouteId, outlet: &mut O) -> Single {
        let Self { plan, stats, table, work, .. } = self;
        let (group, _) = plan.group_of(message.source);
        match table.get(group, message.topic.as_bytes()) {
            Some(entry) => {
                work.routes.topic_number = Some(entry.slot);
                run_single(plan, stats, entry.blob, &mut work.routes, (message, route), outlet)
            }
            None => match resolve::learn(plan, message.source, message.topic, table, work) {
                Ok(()) => run_single(plan, stats, &work.blob, &mut work.routes, (message, route), outlet),
                Err(reason) => Single::Rejected(reason),
            },
        }
    }
}

fn run_single<O: Outlet>(
    plan: &Plan,
    stats: &mut RouterStats,
    blob: &[u8],
    work: &mut RouteWork,
    (message, route): (&Message<'_>, RouteId),
    outlet: &mut O,
) -> Single {
    let Some(hit) = PackedHits(blob).find(|hit| hit.route == route) else { return Single::NoMatch };
    if let Some(level) = work.levels.first_mut() {
        level.scanned = None;
    }
    let start = Start { stage: 0, payload: message.payload, key: None, new_topic: None };
    stats.routes[route.0 as usize].matched += 1;
    match run_route(plan, stats, &hit, work, message, &start, (outlet, &mut Unwatched)) {
        Flow::Taken => Single::Taken,
        Flow::Filtered => Single::Filtered,
        Flow::Rejected(reason) => Single::Rejected(reason),
    }
}
