//! Stateful steps at work: a message comes to one, or time has come.

use super::run::{Flow, Run};
use super::trace::{Trace, Unwatched};
use super::work::Level;
use super::{Router, resolve};
use crate::expr::Scope;
use crate::matcher::RouteId;
use crate::outcome::{Outlet, ResumePoint, Resumed};
use crate::plan::{About, Failure, Plan, StateId};
use crate::state::{Arrival, Emissions, Key, Restored, StateCursor, Store, Took, WhenFull, read_portion, save_portion};
use crate::{Meta, Reason};

/// A stateful step's store with what is counted about it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Taken out while something leaves because time has come.
    store: Option<Box<dyn Store>>,
    refused: u64,
}

/// A stateful step, for those who watch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateStats<'a> {
    /// Its route.
    pub route: RouteId,
    /// The route's name, the verb and its arguments.
    pub identity: &'a str,
    /// How many keys it remembers.
    pub keys: usize,
    /// How many it may.
    pub max_keys: usize,
    /// What they take, in bytes.
    pub bytes: usize,
    /// Messages of keys for which there was no room.
    pub refused: u64,
}

/// Stores without keys for all stateful steps of a plan.
pub(super) fn new_slots(plan: &Plan) -> Vec<Slot> {
    let stores = plan.states.iter().map(|state| state.step.clone().store(state.settings.max_keys));
    stores.map(|store| Slot { store: Some(store), refused: 0 }).collect()
}

impl<'p, O: Outlet, T: Trace> Run<'p, '_, O, T> {
    /// A message comes to a stateful step.
    pub(super) fn keep(
        &mut self,
        state: StateId,
        number: u16,
        payload: &[u8],
        mut scope: Scope<'_>,
        member: Option<&str>,
        out: &mut Emissions,
    ) -> Result<Took, Failure<'p>> {
        let plan = self.plan.state(state);
        let failed = |reason| Failure::step(number, reason, About::Nothing);
        let message = self.message;
        let time_ns = plan.settings.time_ns(&mut scope).map_err(|reason| {
            let about = plan.settings.time.as_ref().map_or(About::Nothing, |field| About::Field(&field.path));
            Failure::step(number, reason, about)
        })?;
        let key = Key {
            by: &plan.settings.by,
            captures: self.captures,
            number: self.topic_number,
            source: message.source,
            topic: message.topic,
            member,
            new_topic: self.new_topic,
        };
        let Meta { received_ns: now_ns, .. } = message.meta;
        let has_time = plan.settings.time.is_some() || message.meta.source_ns.is_some();
        let mut arrival = Arrival { payload, scope, now_ns, time_ns, has_time, source_ns: self.source_ns };
        let Some(slot) = self.stores.get_mut(state.0 as usize) else { return Ok(Took::Pass) };
        let Some(store) = &mut slot.store else { return Ok(Took::Pass) };
        let took =
            if T::LOOKS_ONLY { store.peek(&key, &mut arrival, out) } else { store.take(&key, &mut arrival, out) };
        match (took, plan.settings.when_full.unwrap_or_default()) {
            (Some(took), _) => took.map_err(failed),
            (None, when_full) => {
                slot.refused += 1;
                if when_full == WhenFull::Pass { Ok(Took::Pass) } else { Err(failed(Reason::TooManyStates)) }
            }
        }
    }

    /// Goes on behind a stateful step with what it let go.
    pub(super) fn go_on(
        &mut self,
        took: Took,
        number: u16,
        payload: &[u8],
        emissions: &Emissions,
        (next, deeper): (usize, &mut [Level]),
        member: Option<&str>,
    ) -> Result<Flow, Failure<'p>> {
        let own = self.source_ns;
        let mut failure = None;
        let mut rejected = None;
        for (emitted, source_ns) in emissions.iter() {
            self.source_ns = source_ns.or(own);
            self.trace.step(number, true, emitted);
            match self.stage(next, deeper, emitted, member) {
                Ok(Flow::Rejected(reason)) => rejected = Some(Flow::Rejected(reason)),
                Ok(_) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        self.source_ns = own;
        match (failure, took) {
            (Some(failure), _) => Err(failure),
            (None, Took::Pass) => {
                self.trace.step(number, true, payload);
                self.stage(next, deeper, payload, member)
            }
            (None, Took::Absorb) => {
                self.tally.absorbed += 1;
                if emissions.is_empty() {
                    self.trace.absorbed(number);
                }
                let has_left = self.tally.finished > 0 || self.tally.hooks > 0;
                Ok(rejected.filter(|_| !has_left).unwrap_or(Flow::Taken))
            }
        }
    }
}

impl Router {
    /// When [`Router::advance`] is to be called: the earliest time at which a step may let something go.
    #[must_use]
    pub fn next_deadline(&self) -> Option<i64> {
        self.work.routes.stores.iter().filter_map(|slot| slot.store.as_ref()?.next_deadline()).min()
    }

    /// Lets go for what time has come, at most `limit` keys; whether there are more.
    ///
    /// What leaves is announced to the outlet with [`Outlet::timed`]. In the ledger of its route it counts as forked.
    pub fn advance<O: Outlet>(&mut self, now_ns: i64, limit: usize, outlet: &mut O) -> bool {
        let mut left = limit;
        let mut emissions = std::mem::take(&mut self.work.emissions);
        for number in 0..self.plan.states.len() {
            let Some(mut store) = self.work.routes.stores[number].store.take() else { continue };
            while left > 0 {
                emissions.clear();
                let Some(name) = store.due(now_ns, &mut emissions) else { break };
                left -= 1;
                for (payload, source_ns) in emissions.iter() {
                    let meta = Meta { received_ns: now_ns, source_ns, ..Meta::default() };
                    let state = &self.plan.states[number];
                    let resumed = Resumed {
                        route: state.route,
                        point: ResumePoint(u16::try_from(state.stage + 1).unwrap_or(u16::MAX)),
                        source: name.source,
                        topic: &name.topic,
                        new_topic: name.new_topic.as_deref(),
                        payload,
                        original: payload,
                        key: name.member.as_deref(),
                        meta,
                    };
                    outlet.timed(name.source, meta);
                    self.stats.routes[resumed.route.0 as usize].forked += 1;
                    self.go_on(&resumed, outlet);
                }
            }
            self.work.routes.stores[number].store = Some(store);
        }
        self.work.emissions = emissions;
        left == 0
    }

    /// What steps remember.
    pub fn states(&self) -> impl Iterator<Item = StateStats<'_>> {
        self.plan.states.iter().zip(&self.work.routes.stores).filter_map(|(state, slot)| {
            let store = slot.store.as_ref()?;
            Some(StateStats {
                route: state.route,
                identity: &state.identity,
                keys: store.len(),
                max_keys: state.settings.max_keys,
                bytes: store.bytes(),
                refused: slot.refused,
            })
        })
    }

    /// Writes a portion of what steps remember, of about `limit` bytes; where to go on, or nothing when all is written.
    pub fn save_state(&self, at: StateCursor, limit: usize, out: &mut Vec<u8>) -> Option<StateCursor> {
        let store = |number: usize| {
            let store = self.work.routes.stores.get(number)?.store.as_deref()?;
            Some((&*self.plan.states.get(number)?.identity, store))
        };
        save_portion(store, at, limit, out)
    }

    /// Takes a portion that was saved, perhaps by another process. Deadlines that have gone by are due at once.
    pub fn restore_state(&mut self, portion: &[u8]) -> Restored {
        let Some((identity, keys)) = read_portion(portion) else { return Restored { keys: 0, refused: 1 } };
        let number = self.plan.states.iter().position(|state| *state.identity == *identity);
        let store = number.and_then(|number| self.work.routes.stores[number].store.as_mut());
        let Some(store) = store else { return Restored { keys: 0, refused: usize::from(!keys.is_empty()) } };
        let (keys, refused) = store.restore(keys);
        Restored { keys, refused }
    }

    /// Takes over what the steps of an older router remember, where they say the same.
    pub(super) fn inherit_states(&mut self, before: &mut Self) {
        for (number, state) in self.plan.states.iter().enumerate() {
            let older = before.plan.states.iter().position(|older| older.identity == state.identity);
            let Some(older) = older else { continue };
            let fresh = before.plan.states[older].step.clone().store(before.plan.states[older].settings.max_keys);
            let taken = before.work.routes.stores[older].store.replace(fresh);
            if let (Some(taken), Some(store)) = (taken, &mut self.work.routes.stores[number].store) {
                store.adopt(taken);
            }
        }
    }

    /// Goes on with a message behind a hook, or with what a stateful step let go.
    pub(super) fn go_on<O: Outlet>(&mut self, resumed: &Resumed<'_>, outlet: &mut O) {
        match self.coverage.take() {
            None => self.go_on_watched(resumed, outlet, &mut Unwatched),
            Some(mut coverage) => {
                self.go_on_watched(resumed, outlet, &mut *coverage);
                self.coverage = Some(coverage);
            }
        }
    }

    fn go_on_watched<O: Outlet, T: Trace>(&mut self, resumed: &Resumed<'_>, outlet: &mut O, trace: &mut T) {
        let Self { plan, stats, table, work, .. } = self;
        let watched = (&mut *outlet, trace);
        let message = crate::Message {
            source: resumed.source,
            topic: resumed.topic,
            payload: resumed.original,
            meta: resumed.meta,
        };
        let (group, _) = plan.group_of(message.source);
        let is_valid = resumed.new_topic.is_none_or(|topic| crate::topic::validate_topic(topic).is_ok());
        let is_taken = is_valid
            && match table.get(group, message.topic.as_bytes()) {
                Some(entry) => {
                    work.routes.topic_number = Some(entry.slot);
                    super::run_resumed(plan, stats, entry.blob, &mut work.routes, (&message, resumed), watched)
                }
                None => {
                    resolve::learn(plan, message.source, message.topic, table, work).is_ok()
                        && super::run_resumed(plan, stats, &work.blob, &mut work.routes, (&message, resumed), watched)
                }
            };
        if !is_taken {
            stats.routes[resumed.route.0 as usize].count_quarantined(Reason::InvalidTopic);
            let detail = resumed.new_topic.unwrap_or(resumed.topic);
            let reason = Reason::InvalidTopic;
            let (route, step) = (resumed.route, None);
            outlet.quarantine(&crate::Quarantined { route, step, reason, detail, message });
        }
    }
}
