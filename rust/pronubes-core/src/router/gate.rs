//! The gate: contracts judged while a route runs, and what becomes of a message that violates one.
//!
//! A good message costs the quick check on the cells that the stage has. Everything else is the cold path: the full pass
//! over the bytes, which alone decides.

use std::fmt::Write;

use super::run::{Flow, Run};
use super::trace::Trace;
use super::work::Level;
use crate::Reason;
use crate::contract::{Contract, Judge, Mode, Offender, Others, Role, View, Violation};
use crate::expr::Inputs;
use crate::outcome::{Outlet, Quarantined};
use crate::payload::{Cell, Limits, Scan, SlotId, TextArena};
use crate::plan::{About, EditState, Failure, Judged, ScanPlan, Stage, StageKind};

/// The memory that judging needs.
#[derive(Debug, Default)]
pub(super) struct GateWork {
    judge: Judge,
    /// What a marked payload gets: the field and its text.
    field: Box<str>,
    words: String,
    marked: Vec<u8>,
}

impl GateWork {
    pub(super) fn new(limits: Limits) -> Self {
        Self { judge: Judge::new(limits), ..Self::default() }
    }
}

/// How it goes on behind a contract.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// As if there were no contract.
    Good,
    /// With a mark.
    Marked,
    /// Not at all.
    Rejected(Reason),
}

/// The top level of a payload as it was scanned.
struct Written<'a>(&'a Scan);

impl Others for Written<'_> {
    fn are_within(&self, known: &[SlotId]) -> bool {
        self.0.tape.iter().all(|field| field.slot.is_some_and(|slot| known.contains(&slot)))
    }
}

/// The top level of a payload that steps have edited.
struct Edited<'a> {
    edit: &'a EditState,
    scan: &'a Scan,
    plan: &'a ScanPlan,
}

impl Others for Edited<'_> {
    fn are_within(&self, known: &[SlotId]) -> bool {
        let has_others = !self.edit.drops_others() && self.scan.tape.iter().any(|field| field.slot.is_none());
        let slots = (0..).map(SlotId).zip(&self.edit.cells);
        let mut present = slots.filter(|(slot, cell)| **cell != Cell::Missing && self.plan.slot(*slot).is_top);
        !has_others && present.all(|(slot, _)| known.contains(&slot))
    }
}

impl<'p, O: Outlet, T: Trace> Run<'p, '_, O, T> {
    /// Judges the payload as it came.
    #[inline]
    pub(super) fn expect(
        &mut self,
        judged: &'p Judged,
        original: &[u8],
        inputs: &Inputs<'_>,
        level: &Level,
        is_read: bool,
    ) -> Result<Fate, Failure<'p>> {
        let contract = &self.plan.contracts[judged.contract];
        self.contracts[judged.contract].judged += 1;
        // A scalar that was wrapped into an object has other cells.
        let is_as_came = is_read && std::ptr::eq(original, inputs.payload);
        let view = self.view(&level.scan.cells, inputs, level);
        if is_as_came && contract.is_surely_good(&judged.binding, &view, &Written(&level.scan)) {
            return Ok(self.good(contract, Role::Expect));
        }
        self.judge(judged, Role::Expect, original, self.gate.judge.limits())
    }

    /// Judges the payload that is going to leave.
    #[inline]
    pub(super) fn promise(
        &mut self,
        stage: &'p Stage,
        judged: &'p Judged,
        output: &[u8],
        inputs: &Inputs<'_>,
        level: &Level,
        is_read: bool,
    ) -> Result<Fate, Failure<'p>> {
        let contract = &self.plan.contracts[judged.contract];
        self.contracts[judged.contract].judged += 1;
        self.names.is_violating = false;
        let is_good = match &stage.kind {
            StageKind::Pass if is_read => {
                let view = self.view(&level.scan.cells, inputs, level);
                contract.is_surely_good(&judged.binding, &view, &Written(&level.scan))
            }
            StageKind::Edit { .. } => {
                let view = self.view(&level.edit.cells, inputs, level);
                let plan = self.plan.scan_plan(stage.scan.unwrap_or(crate::plan::ScanId(0)));
                contract.is_surely_good(&judged.binding, &view, &Edited { edit: &level.edit, scan: &level.scan, plan })
            }
            StageKind::Pass | StageKind::General => false,
        };
        if is_good {
            return Ok(self.good(contract, Role::Contract));
        }
        // What steps have made is no longer bounded by what may come in.
        let limits = match stage.kind {
            StageKind::Pass => self.gate.judge.limits(),
            StageKind::Edit { .. } | StageKind::General => UNLIMITED,
        };
        self.judge(judged, Role::Contract, output, limits)
    }

    #[inline]
    fn view<'v>(&self, cells: &'v [Cell], inputs: &Inputs<'v>, level: &'v Level) -> View<'v> {
        View {
            payload: inputs.payload,
            cells,
            topic: inputs.topic,
            text: &level.text,
            literals: inputs.literals,
            root: level.scan.root.kind,
            received_ns: self.message.meta.received_ns,
        }
    }

    #[inline]
    fn good(&mut self, contract: &Contract, role: Role) -> Fate {
        if T::IS_ON {
            self.trace.verdict(contract, role, Vec::new());
        }
        Fate::Good
    }

    /// The full pass, and what the contract's mode makes of it.
    #[cold]
    #[inline(never)]
    fn judge(&mut self, judged: &'p Judged, role: Role, payload: &[u8], limits: Limits) -> Result<Fate, Failure<'p>> {
        let contract = &self.plan.contracts[judged.contract];
        let judge = &mut self.gate.judge;
        let flaws = judge.find(contract, payload, self.message.meta.received_ns, limits);
        let Some(first) = flaws.first().copied() else { return Ok(self.good(contract, role)) };
        let more = flaws.len() - 1;
        self.names.is_violating = role == Role::Contract;
        self.contracts[judged.contract].count(flaws);
        if T::IS_ON {
            self.trace.verdict(contract, role, self.gate.judge.described(contract, payload));
        }
        if let Some(violation) = self.gate.judge.first(contract, payload) {
            self.put_into_words(contract, &violation, more);
            self.sample(judged.contract, role, violation, payload);
        }
        match contract.mode() {
            Mode::Observe => Ok(Fate::Good),
            Mode::Annotate => Ok(Fate::Marked),
            Mode::Quarantine => Err(Failure::new(first.reason, About::Told)),
            Mode::Reject => {
                self.outlet.reject(&Quarantined {
                    route: self.id,
                    step: None,
                    reason: first.reason,
                    detail: &self.names.told,
                    message: *self.message,
                });
                Ok(Fate::Rejected(first.reason))
            }
        }
    }

    fn put_into_words(&mut self, contract: &Contract, violation: &Violation, more: usize) {
        let GateWork { field, words, .. } = self.gate;
        let verdict = &mut self.names.told;
        let Violation { reason, field: path, found, expected } = violation;
        verdict.clear();
        words.clear();
        // A `String` takes every write.
        let _ = write!(verdict, "contract `{}`, ", contract.id());
        let _ = match path.as_str() {
            "" => write!(verdict, "payload: found {found}, expected {expected}"),
            path => write!(verdict, "field `{path}`: found {found}, expected {expected}"),
        };
        if more > 0 {
            let _ = write!(verdict, " (and {more} more)");
        }
        let path = if path.is_empty() { "payload" } else { path };
        let _ = write!(words, "{}: {path}: {reason}", contract.id());
        *field = contract.annotation().into();
    }

    fn sample(&mut self, contract: usize, role: Role, violation: Violation, payload: &[u8]) {
        self.contracts[contract].keep(Offender {
            route: self.id.0,
            role,
            topic: Offender::topic_sample(self.message.topic),
            received_ns: self.message.meta.received_ns,
            violation,
            payload: Offender::sample(payload),
            payload_bytes: payload.len(),
        });
    }

    /// Writes the payload that was judged last with its mark; `false` where it cannot have one.
    pub(super) fn mark(&self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        self.gate.judge.mark(payload, &self.gate.field, &self.gate.words, out)
    }

    /// The payload that was judged last with its mark; none where it cannot have one.
    pub(super) fn marked(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let mut marked = std::mem::take(&mut self.gate.marked);
        if self.mark(payload, &mut marked) {
            return Some(marked);
        }
        self.gate.marked = marked;
        None
    }

    /// Keeps the memory of [`Run::marked`].
    pub(super) fn give_back(&mut self, marked: Option<Vec<u8>>) {
        if let Some(marked) = marked {
            self.gate.marked = marked;
        }
    }

    /// Emits a payload with its mark to all targets.
    #[cold]
    pub(super) fn finish_marked(
        &mut self,
        payload: &[u8],
        cells: &[Cell],
        inputs: &Inputs<'_>,
        arena: &mut TextArena,
        key: Option<&str>,
    ) -> Result<Flow, Failure<'p>> {
        let marked = self.marked(payload);
        let result = self.finish(marked.as_deref().unwrap_or(payload), cells, inputs, arena, key);
        self.give_back(marked);
        result?;
        self.tally.finished += 1;
        Ok(Flow::Taken)
    }
}

/// No bounds but those of the scanner itself.
const UNLIMITED: Limits = Limits { payload_bytes: u32::MAX, depth: u32::MAX, keys: u32::MAX, text_bytes: u32::MAX };
