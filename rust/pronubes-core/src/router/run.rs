//! One message through one route: stage by stage, depth first.

use std::slice;

use super::explode::Whole;
use super::gate::{Fate, GateWork};
use super::recode::Leaving;
use super::resolve::PackedNames;
use super::shape::{Reshaped, failure as reshape_failure};
use super::states::Slot;
use super::trace::Trace;
use super::work::{Level, Names, key_cell};
use crate::catalog::Catalog;
use crate::contract::ContractStats;
use crate::expr::Inputs;
use crate::matcher::{RouteId, TopicSlot};
use crate::outcome::{HookCall, Outlet, ResumePoint};
use crate::payload::{Cell, PathSet, Scan, Span, scan_members};
use crate::plan::{About, End, Failure, Plan, Route, ScanId, StageKind, Step};
use crate::tables::Tables;
use crate::transform::Op;
use crate::{HookId, Message, Meta, Reason};

/// A message on its way through a route.
pub(super) struct Run<'p, 'a, O, T> {
    pub(super) plan: &'p Plan,
    pub(super) route: &'p Route,
    pub(super) id: RouteId,
    /// The message as it came.
    pub(super) message: &'a Message<'a>,
    pub(super) captures: &'a [Span],
    /// The number of the topic, where the table has it.
    pub(super) topic_number: Option<TopicSlot>,
    /// Names of the static templates.
    pub(super) static_names: PackedNames<'a>,
    /// The topic that a hook gave.
    pub(super) new_topic: Option<&'a str>,
    pub(super) names: &'a mut Names,
    pub(super) detail: &'a mut String,
    pub(super) catalog: Option<&'a mut Catalog>,
    pub(super) emitted: &'a mut [u64],
    pub(super) gate: &'a mut GateWork,
    pub(super) contracts: &'a mut [ContractStats],
    /// Which of the contracts of the last stage is judged.
    pub(super) contract: usize,
    pub(super) tally: Tally,
    /// What steps remember, by [`StateId`](crate::plan::StateId).
    pub(super) stores: &'a mut [Slot],
    pub(super) tables: &'a Tables,
    /// When what leaves was true at the source.
    pub(super) source_ns: Option<i64>,
    pub(super) outlet: &'a mut O,
    pub(super) trace: &'a mut T,
}

/// What came of a message on a route so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) finished: u64,
    /// How often a step kept the message to itself.
    pub(super) absorbed: u64,
    pub(super) hooks: u64,
}

/// How a route ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Taken,
    Filtered,
    /// By a contract of mode `reject`.
    Rejected(Reason),
}

impl<'p, 'a, O: Outlet, T: Trace> Run<'p, 'a, O, T> {
    /// Runs a stage and all that follow on it.
    pub(super) fn stage(
        &mut self,
        index: usize,
        levels: &mut [Level],
        payload: &[u8],
        key: Option<&str>,
    ) -> Result<Flow, Failure<'p>> {
        let stage = &self.route.stages[index];
        let Some((level, deeper)) = levels.split_first_mut() else {
            return Err(Failure::new(Reason::TooDeep, About::Nothing)); // There is a level for each stage.
        };
        level.text.clear();
        let key_cell = key_cell(key, &mut level.text);
        let original = payload;
        let mut payload = payload;
        let mut is_read = true;
        if let Some(scan_id) = stage.scan {
            match self.read(scan_id, index, (payload, key), level) {
                Ok(false) => {}
                Ok(true) => payload = &level.wrapped,
                // The contract has a say in what becomes of it.
                Err(_) if !stage.needs_json => is_read = false,
                Err(failure) => return Err(failure),
            }
        }
        // What a step before has read as the time of the value is the source's time from here on.
        let meta = Meta { source_ns: self.source_ns, ..self.message.meta };
        let mut inputs = self.inputs(payload, key_cell, &meta);
        if let Some(gate) = &stage.gate {
            let holds = gate.eval_bool(&mut inputs.scope(&level.scan.cells, &mut level.text));
            self.trace.gate(gate, holds);
            if !holds.map_err(|reason| Failure::new(reason, About::Expression(gate.text())))? {
                return Ok(Flow::Filtered);
            }
        }
        if let Some(judged) = &stage.expect {
            match self.expect(judged, original, &inputs, level, is_read)? {
                Fate::Good => {}
                Fate::Rejected(reason) => return Ok(Flow::Rejected(reason)),
                Fate::Marked => {
                    if is_read && self.mark(original, &mut level.marked) {
                        level.scanned = None;
                        self.scan(
                            (&self.plan.scan_plan(stage.scan.unwrap_or(ScanId(0))).paths, None),
                            &level.marked,
                            &mut level.scan,
                        )?;
                        payload = &level.marked;
                        inputs = self.inputs(payload, key_cell, &meta);
                    }
                }
            }
        }
        let (cells, output) = match &stage.kind {
            StageKind::Pass => (&level.scan.cells, payload),
            StageKind::Edit { narrowed } => {
                let plan = self.plan.scan_plan(stage.scan.unwrap_or(ScanId(0)));
                let root = level.scan.root.kind;
                level.edit.begin(&level.scan, plan);
                if T::IS_ON {
                    for step in &stage.steps {
                        let held = level.edit.run(slice::from_ref(step), plan, root, &inputs, &mut level.text)?;
                        level.out.clear();
                        level.edit.write_to(&level.scan, plan, narrowed, &inputs, &level.text, &mut level.out);
                        self.trace.step(step.number, held, &level.out);
                        self.tell_row(step, held);
                    }
                } else {
                    level.edit.run(&stage.steps, plan, root, &inputs, &mut level.text)?;
                }
                level.out.clear();
                level.edit.write_to(&level.scan, plan, narrowed, &inputs, &level.text, &mut level.out);
                (&level.edit.cells, level.out.as_slice())
            }
            StageKind::General => {
                let plan = self.plan.scan_plan(stage.scan.unwrap_or(ScanId(0)));
                level.tree.begin(&level.scan);
                for step in &stage.steps {
                    let held = level.tree.step(step, plan, &inputs, &mut level.text)?;
                    if T::IS_ON {
                        level.out.clear();
                        level.tree.write_to(&inputs, &level.text, &mut level.out);
                        self.trace.step(step.number, held, &level.out);
                        self.tell_row(step, held);
                    }
                }
                level.out.clear();
                level.tree.write_to(&inputs, &level.text, &mut level.out);
                if matches!(stage.end, End::Finish) {
                    for slot in self.route.template_slots.iter().flatten() {
                        level.tree.refresh_slot(*slot, plan, &inputs);
                    }
                }
                if let End::State { state, .. } = &stage.end {
                    for slot in self.plan.state(*state).slots() {
                        level.tree.refresh_slot(slot, plan, &inputs);
                    }
                }
                (&level.tree.cells, level.out.as_slice())
            }
        };
        match &stage.end {
            End::Finish => {
                let mut is_marked = false;
                if let Some(judged) = stage.contracts.get(self.contract) {
                    match self.promise(stage, judged, output, &inputs, level, is_read)? {
                        Fate::Good => {}
                        Fate::Rejected(reason) => return Ok(Flow::Rejected(reason)),
                        Fate::Marked if stage.encoding.is_some() => is_marked = true,
                        Fate::Marked => return self.finish_marked(output, cells, &inputs, &mut level.text, key),
                    }
                }
                if let Some(recode) = &stage.encoding {
                    let (inputs, text) = (&inputs, &mut level.text);
                    let leaving = Leaving { payload: output, cells, inputs, text, key, is_marked };
                    return self.finish_encoded(recode, leaving, &mut level.recoding);
                }
                self.finish(output, cells, &inputs, &mut level.text, key)?;
                self.tally.finished += 1;
                Ok(Flow::Taken)
            }
            End::Continue => self.stage(index + 1, deeper, output, key),
            End::Decode(recode) => {
                let recoding = &mut level.recoding;
                let is_decoded = self.decode(recode, output, &inputs, &mut level.text, recoding)?;
                self.stage(index + 1, deeper, if is_decoded { &recoding.out } else { output }, key)
            }
            End::Hook { number, condition, hook } => {
                if let Some(condition) = condition {
                    let holds = condition.eval_bool(&mut inputs.scope(cells, &mut level.text));
                    let failed = |reason| Failure::step(*number, reason, About::Expression(condition.text()));
                    if !holds.map_err(failed)? {
                        self.trace.step(*number, false, output);
                        return self.stage(index + 1, deeper, output, key);
                    }
                }
                self.hook(*hook, *number, index + 1, output, key);
                Ok(Flow::Taken)
            }
            End::State { number, condition, state } => {
                if let Some(condition) = condition {
                    let holds = condition.eval_bool(&mut inputs.scope(cells, &mut level.text));
                    let failed = |reason| Failure::step(*number, reason, About::Expression(condition.text()));
                    if !holds.map_err(failed)? {
                        self.trace.step(*number, false, output);
                        return self.stage(index + 1, deeper, output, key);
                    }
                }
                let scope = inputs.scope(cells, &mut level.text);
                level.emissions.clear();
                let took = self.keep(*state, *number, output, scope, key, &mut level.emissions)?;
                self.go_on(took, *number, output, &level.emissions, (index + 1, deeper), key)
            }
            End::Shape { number, condition, shape } => {
                if let Some(condition) = condition {
                    let holds = condition.eval_bool(&mut inputs.scope(cells, &mut level.text));
                    let failed = |reason| Failure::step(*number, reason, About::Expression(condition.text()));
                    if !holds.map_err(failed)? {
                        self.trace.step(*number, false, output);
                        return self.stage(index + 1, deeper, output, key);
                    }
                }
                level.out.clear();
                let mut scope = inputs.scope(cells, &mut level.text);
                let time_ns = shape
                    .apply(&level.scan, self.source_ns, &mut scope, &mut level.out)
                    .map_err(|fault| reshape_failure(*number, fault))?;
                let reshaped = Reshaped { number: *number, payload: &level.out, time_ns };
                self.go_on_in_shape(&reshaped, (index + 1, deeper), key)
            }
            End::Explode { number, condition, explode } => {
                if let Some(condition) = condition {
                    let holds = condition.eval_bool(&mut inputs.scope(cells, &mut level.text));
                    let failed = |reason| Failure::step(*number, reason, About::Expression(condition.text()));
                    if !holds.map_err(failed)? {
                        self.trace.step(*number, false, output);
                        return self.stage(index + 1, deeper, output, key);
                    }
                }
                let (scan, members) = (&level.scan, level.members);
                let whole = Whole { explode, payload: output, scan, members, cells };
                self.explode(*number, &whole, &mut level.exploded, deeper, index + 1)
            }
        }
    }

    /// Tells which row a step has used.
    fn tell_row(&mut self, step: &Step, held: bool) {
        if held
            && matches!(step.op, Op::Lookup(_))
            && let Some((table, line)) = self.tables.found()
        {
            self.trace.row(table, line);
        }
    }

    fn inputs<'i>(&self, payload: &'i [u8], key: Cell, meta: &'i Meta) -> Inputs<'i>
    where
        'a: 'i,
        'p: 'i,
    {
        Inputs {
            payload,
            topic: self.message.topic,
            captures: self.captures,
            meta,
            source: &self.plan.sources[usize::from(self.message.source.0)],
            key,
            literals: &self.plan.literals,
            tables: self.tables,
        }
    }

    /// Scans a payload, unless a route or stage before has done so; tells whether it was wrapped into an object.
    fn read(
        &self,
        id: ScanId,
        index: usize,
        (payload, key): (&[u8], Option<&str>),
        level: &mut Level,
    ) -> Result<bool, Failure<'p>> {
        if std::mem::take(&mut level.is_read) {
            return Ok(false);
        }
        let is_original = index == 0 && key.is_none();
        if self.route.wraps_scalars && is_scalar(payload) {
            level.scanned = None;
            self.scan((&PathSet::default(), None), payload, &mut level.scan)?;
            level.wrapped.clear();
            level.wrapped.extend_from_slice(b"{\"value\":");
            level.wrapped.extend_from_slice(level.scan.root.span().of(payload));
            level.wrapped.push(b'}');
            self.scan((&self.plan.scan_plan(id).paths, None), &level.wrapped, &mut level.scan)?;
            return Ok(true);
        }
        if !is_original || level.scanned != Some(id) {
            level.scanned = None;
            level.members = self.route.member_scan(index);
            let members = level.members.map(|id| &self.plan.scan_plan(id).paths);
            self.scan((&self.plan.scan_plan(id).paths, members), payload, &mut level.scan)?;
            level.scanned = is_original.then_some(id);
        }
        Ok(false)
    }

    fn scan(&self, paths: (&PathSet, Option<&PathSet>), payload: &[u8], out: &mut Scan) -> Result<(), Failure<'p>> {
        scan_members(payload, paths, &self.plan.payload_limits, out)
            .map_err(|fault| Failure::new(fault.reason, About::Byte(fault.offset)))
    }

    fn hook(&mut self, hook: HookId, number: u16, next: usize, payload: &[u8], key: Option<&str>) {
        self.tally.hooks += 1;
        self.trace.hook(number, hook);
        self.outlet.hook(&HookCall {
            hook,
            route: self.id,
            step: number,
            point: ResumePoint(u16::try_from(next).unwrap_or(u16::MAX)),
            source: self.message.source,
            topic: self.message.topic,
            new_topic: self.new_topic,
            payload,
            original: self.message.payload,
            captures: self.captures,
            key,
            meta: Meta { source_ns: self.source_ns, ..self.message.meta },
        });
    }
}

/// Whether a payload is meant to be a bare scalar; whether it is one, the scan tells.
fn is_scalar(payload: &[u8]) -> bool {
    let first = payload.iter().find(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(|first| !matches!(first, b'{' | b'['))
}
