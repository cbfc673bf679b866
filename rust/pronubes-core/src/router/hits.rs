//! A message and the routes that its topic leads to; each fate is counted here.

use super::resolve::{PackedHit, PackedHits};
use super::run::{Flow, Run, Tally};
use super::trace::Trace;
use super::work::RouteWork;
use crate::Message;
use crate::outcome::{Outlet, Quarantined, Resumed, Routed};
use crate::plan::Plan;
use crate::stats::RouterStats;

/// Where a route begins: at its first stage with the message, or behind a hook.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) stage: usize,
    pub(super) payload: &'a [u8],
    pub(super) key: Option<&'a str>,
    pub(super) new_topic: Option<&'a str>,
}

/// Takes a message through the routes of a packed topic.
pub(super) fn run_hits<O: Outlet, T: Trace>(
    plan: &Plan,
    stats: &mut RouterStats,
    blob: &[u8],
    work: &mut RouteWork,
    message: &Message<'_>,
    (outlet, trace): (&mut O, &mut T),
) -> Routed {
    if let Some(level) = work.levels.first_mut() {
        level.scanned = None;
    }
    let start = Start { stage: 0, payload: message.payload, key: None, new_topic: None };
    let mut is_taken = false;
    let mut is_taken_by_ordinary = false;
    for hit in PackedHits(blob) {
        let route = plan.route(hit.route);
        if route.is_otherwise && is_taken_by_ordinary {
            break;
        }
        stats.routes[hit.route.0 as usize].matched += 1;
        if run_route(plan, stats, &hit, work, message, &start, (outlet, trace)) == Flow::Filtered {
            continue;
        }
        is_taken = true;
        is_taken_by_ordinary |= !route.is_otherwise;
        if route.is_final {
            break;
        }
    }
    if is_taken { Routed::Taken } else { Routed::Unrouted }
}

/// Goes on with a message behind its hook; false when its topic does not lead to that route.
pub(super) fn run_resumed<O: Outlet, T: Trace>(
    plan: &Plan,
    stats: &mut RouterStats,
    blob: &[u8],
    work: &mut RouteWork,
    (message, resumed): (&Message<'_>, &Resumed<'_>),
    watched: (&mut O, &mut T),
) -> bool {
    let Some(hit) = PackedHits(blob).find(|hit| hit.route == resumed.route) else { return false };
    let Resumed { point, payload, key, new_topic, .. } = *resumed;
    let start = Start { stage: usize::from(point.0), payload, key, new_topic };
    run_route(plan, stats, &hit, work, message, &start, watched);
    true
}

/// Takes a message through one route and counts what came of it.
pub(super) fn run_route<O: Outlet, T: Trace>(
    plan: &Plan,
    stats: &mut RouterStats,
    hit: &PackedHit<'_>,
    work: &mut RouteWork,
    message: &Message<'_>,
    start: &Start<'_>,
    (outlet, trace): (&mut O, &mut T),
) -> Flow {
    let route = plan.route(hit.route);
    let RouteWork { topic_number, captures, levels, names, detail, catalog, gate, stores, tables } = work;
    if route.needs_captures {
        hit.captures(captures);
    }
    if start.stage > 0
        && let Some(level) = levels.first_mut()
    {
        level.scanned = None;
    }
    detail.clear();
    names.is_violating = false;
    names.heads.spans.clear();
    trace.begin(hit.route, start.stage == 0);
    let mut run = Run {
        plan,
        route,
        id: hit.route,
        message,
        captures,
        topic_number: *topic_number,
        static_names: hit.names(),
        new_topic: start.new_topic,
        names: &mut *names,
        detail: &mut *detail,
        catalog: catalog.as_deref_mut(),
        emitted: &mut stats.emitted,
        gate,
        contracts: &mut stats.contracts,
        contract: hit.contract,
        tally: Tally::default(),
        stores,
        tables,
        source_ns: message.meta.source_ns,
        outlet,
        trace,
    };
    let result = run.stage(start.stage, levels, start.payload, start.key);
    let tally = run.tally;
    if let Err(failure) = &result {
        run.trace.failed(failure.step);
    }
    let stats = &mut stats.routes[hit.route.0 as usize];
    stats.in_hooks += tally.hooks;
    match result {
        Ok(Flow::Filtered) => {
            stats.filtered += 1;
            outlet.filtered(hit.route);
            return Flow::Filtered;
        }
        Ok(Flow::Rejected(reason)) => {
            stats.count_rejected(reason);
            return Flow::Rejected(reason);
        }
        Ok(Flow::Taken) if tally.hooks > 0 && tally.finished == 0 => stats.forked += tally.hooks - 1,
        Ok(Flow::Taken) if tally.finished == 0 && tally.absorbed > 0 => {
            stats.absorbed += 1;
            outlet.absorbed(hit.route);
        }
        Ok(Flow::Taken) => {
            stats.passed += 1;
            stats.forked += tally.hooks;
        }
        Err(failure) => {
            stats.count_quarantined(failure.reason);
            stats.forked += tally.hooks;
            failure.describe(&names.told, detail);
            outlet.quarantine(&Quarantined {
                route: hit.route,
                step: failure.step,
                reason: failure.reason,
                detail,
                message: *message,
            });
        }
    }
    Flow::Taken
}
