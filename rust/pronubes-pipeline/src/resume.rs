//! Resuming: rows come back from a hook and their routes go on, in the order in which they went.

use pronubes_core::matcher::RouteId;
use pronubes_core::topic::validate_topic;
use pronubes_core::{Reason, Resumed, Router};

use crate::edit::{Editor, HookResult};
use crate::floor::{Courier, Floor, Wiring};
use crate::hooks::ReturnedBatch;
use crate::pipeline::Pipeline;
use crate::quarantine::Fault;
use crate::source::Source;

/// Rows that a hook's result sends to the quarantine for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// How many rows.
    pub count: usize,
    /// The words about the first of them.
    pub detail: String,
}

impl Pipeline {
    /// A hook's result comes back and its rows' routes go on, in order. What of it goes to the quarantine; nothing at all when there is
    /// no such hook or batch.
    pub fn hook_done(&mut self, hook: u32, batch: u64, result: &HookResult, now_ns: i64) -> Option<Vec<Refused>> {
        let entry = self.floor.hooks.get_mut(hook as usize)?;
        let generation = entry.generation;
        let mut returned = entry.queue.give_back(batch)?;
        self.now_ns = self.now_ns.max(now_ns); // It comes from another thread, whose clock was read before it waited.
        let (router, wiring) = plan_of(&mut self.router, &self.wiring, &mut self.retired, self.generation, generation);
        let floor = &mut self.floor;
        let mut resumption = Resumption { router, wiring, floor, sources: &self.sources, refused: Vec::new() };
        match result.check(returned.len()) {
            Ok(()) => resumption.resume(&mut returned, result),
            Err(detail) => resumption.fail(&mut returned, Reason::HookOutput, &detail),
        }
        Some(resumption.refused)
    }

    /// A hook gave nothing: its rows are quarantined with their original bytes; nothing when there is no such hook or batch.
    pub fn hook_failed(
        &mut self,
        hook: u32,
        batch: u64,
        reason: Reason,
        detail: &str,
        now_ns: i64,
    ) -> Option<Vec<Refused>> {
        let entry = self.floor.hooks.get_mut(hook as usize)?;
        let generation = entry.generation;
        let mut returned = entry.queue.give_back(batch)?;
        self.now_ns = self.now_ns.max(now_ns); // It comes from another thread, whose clock was read before it waited.
        let (router, wiring) = plan_of(&mut self.router, &self.wiring, &mut self.retired, self.generation, generation);
        let floor = &mut self.floor;
        let mut resumption = Resumption { router, wiring, floor, sources: &self.sources, refused: Vec::new() };
        resumption.fail(&mut returned, reason, detail);
        Some(resumption.refused)
    }
}

/// The router and the wiring of the plan that some rows belong to.
fn plan_of<'a>(
    router: &'a mut Router,
    wiring: &'a Wiring,
    retired: &'a mut [crate::reload::Retired],
    present: u32,
    generation: u32,
) -> (&'a mut Router, &'a Wiring) {
    if generation != present
        && let Some(retired) = retired.iter_mut().find(|retired| retired.generation == generation)
    {
        return (&mut retired.router, &retired.wiring);
    }
    (router, wiring)
}

/// Rows of a hook on their way back into their routes.
struct Resumption<'a> {
    router: &'a mut Router,
    wiring: &'a Wiring,
    floor: &'a mut Floor,
    sources: &'a [Source],
    refused: Vec<Refused>,
}

impl Resumption<'_> {
    fn resume(&mut self, returned: &mut ReturnedBatch, result: &HookResult) {
        let mut editor = Editor::new(result);
        for row in 0..returned.len() {
            let hold = returned.take_hold(row);
            let origin = returned.row(row);
            let route = origin.item.route;
            if !result.keeps(row) {
                self.router.hook_filtered(route);
                if let Some(hold) = hold {
                    self.floor.settle.release(hold);
                }
                continue;
            }
            if let Some(failure) = result.failure(row) {
                self.refuse(&origin, failure.reason, &failure.words, hold);
                continue;
            }
            let new_topic = result.topic(row);
            let edited = match new_topic.map(validate_topic) {
                Some(Err(_)) => Err(Reason::InvalidTopic),
                _ => editor.edit(row, origin.item.payload, origin.tape),
            };
            let payload = match edited {
                Ok(payload) => payload,
                Err(reason) => {
                    self.refuse(&origin, reason, "", hold);
                    continue;
                }
            };
            let resumed = Resumed {
                route,
                point: origin.point,
                source: origin.source,
                topic: std::str::from_utf8(origin.item.topic).unwrap_or_default(),
                new_topic: new_topic.or(origin.new_topic),
                payload,
                original: origin.original,
                key: origin.key,
                meta: origin.meta,
            };
            let source = origin.item.source;
            let delivery = self.sources[usize::from(source)].delivery;
            let mut courier = Courier::new(self.floor, self.wiring, source, delivery, origin.meta).held(hold);
            self.router.resume(&resumed, &mut courier);
            courier.done();
        }
    }

    fn fail(&mut self, returned: &mut ReturnedBatch, reason: Reason, detail: &str) {
        for row in 0..returned.len() {
            let hold = returned.take_hold(row);
            self.refuse(&returned.row(row), reason, detail, hold);
        }
    }

    fn refuse(
        &mut self,
        origin: &crate::hooks::Returned<'_>,
        reason: Reason,
        detail: &str,
        hold: Option<crate::settle::Hold>,
    ) {
        let route: RouteId = origin.item.route;
        self.router.hook_failed(route, reason);
        match self.refused.iter_mut().find(|refused| refused.reason == reason) {
            Some(refused) => refused.count += 1,
            None => self.refused.push(Refused { reason, count: 1, detail: detail.to_owned() }),
        }
        let fault = Fault {
            meta: origin.meta,
            source: origin.item.source,
            route: Some(route),
            step: Some(origin.step),
            reason,
            detail,
            topic: origin.item.topic,
            payload: origin.original,
            sink: None,
        };
        self.floor.quarantine.push(&fault, hold);
    }
}
