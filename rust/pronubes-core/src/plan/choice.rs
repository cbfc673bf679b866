//! Which stages may run on cells. Whatever is in doubt runs on a document, which is right by definition.
//!
//! 1. Steps write top-level fields only, and read what nobody has changed in a way that cells cannot show: nested reads
//!    below a field that may become another object, and reads of the whole payload after a step, do not qualify.
//! 2. A `keep` may name members of objects, once and without condition. Members stay where they are or are renamed to
//!    top-level fields; nobody else touches those objects.
//! 3. `flatten` and `nest` do not qualify.

use std::collections::BTreeSet;

use super::stage::{Narrowed, StageKind, Step};
use crate::payload::path::array_index;
use crate::payload::{Cell, FieldPath, Kind, Literals, SlotId};
use crate::transform::{Field, Op};

/// Chooses how a stage runs; `late_reads` are the slots that its topic templates read at the end.
pub(super) fn choose(steps: &[Step], late_reads: &[SlotId], paths: &[FieldPath], literals: &Literals) -> StageKind {
    if steps.is_empty() {
        return StageKind::Pass;
    }
    let mut choice = Choice { steps, paths, literals, reads: all_reads(steps, late_reads), narrowed: Vec::new() };
    match choice.is_fast(late_reads) {
        Some(()) => StageKind::Edit { narrowed: choice.narrowed.into() },
        None => StageKind::General,
    }
}

struct Choice<'a> {
    steps: &'a [Step],
    paths: &'a [FieldPath],
    literals: &'a Literals,
    /// Every slot that an expression or template reads anywhere in the stage.
    reads: BTreeSet<SlotId>,
    narrowed: Vec<Narrowed>,
}

fn all_reads(steps: &[Step], late_reads: &[SlotId]) -> BTreeSet<SlotId> {
    steps.iter().flat_map(step_reads).chain(late_reads.iter().copied()).collect()
}

fn step_reads(step: &Step) -> Vec<SlotId> {
    let condition = step.condition.iter().flat_map(|condition| condition.slots());
    let results = match &step.op {
        Op::Compute(values) => &values[..],
        _ => &[],
    };
    condition.chain(results.iter().flat_map(|(_, expression)| expression.slots())).copied().collect()
}

impl Choice<'_> {
    /// `None` as soon as a rule is broken.
    fn is_fast(&mut self, late_reads: &[SlotId]) -> Option<()> {
        for (index, step) in self.steps.iter().enumerate() {
            self.check_reads(&step_reads(step), index > 0)?;
            self.check_op(index, step)?;
        }
        self.check_reads(late_reads, true)
    }

    fn check_reads(&self, slots: &[SlotId], is_changed: bool) -> Option<()> {
        slots
            .iter()
            .all(|slot| {
                let path = self.path(*slot);
                (!path.is_root() || !is_changed) && (self.narrowed_around(path).is_none() || self.is_member(*slot))
            })
            .then_some(())
    }

    fn check_op(&mut self, index: usize, step: &Step) -> Option<()> {
        match &step.op {
            Op::Keep(fields) => self.check_keep(index, step, fields),
            Op::Drop(fields) => fields.iter().try_for_each(|field| self.check_write(field, false)),
            Op::Rename(pairs) => pairs.iter().try_for_each(|(from, to)| {
                if !self.is_member(from.slot) {
                    self.check_write(from, false)?;
                }
                self.check_write(to, true)
            }),
            Op::Set(values) => values.iter().try_for_each(|(field, cell)| {
                let is_composite = self.is_composite(*cell);
                // Cells take a literal for a text; nobody may look at one that is none.
                let is_touched_later = || self.reads.contains(&field.slot) || self.is_input_from(index + 1, field.slot);
                if is_composite && is_touched_later() { None } else { self.check_write(field, is_composite) }
            }),
            Op::Compute(values) => values.iter().try_for_each(|(field, expression)| {
                self.check_write(field, expression.tree().result().can_be_container())
            }),
            Op::Value { field, into, .. } => {
                self.check_write(field, false)?;
                self.check_write(into, false)
            }
            Op::Convert(convert) => convert.fields().try_for_each(|field| self.check_write(field, false)),
            Op::Lookup(lookup) => lookup.fields().try_for_each(|field| self.check_write(field, false)),
            Op::Bits { field, bits } => {
                self.check_write(field, false)?;
                bits.iter().try_for_each(|(_, into)| self.check_write(into, false))
            }
            Op::Flatten { .. } | Op::Nest { .. } => None,
        }
    }

    /// A write is fast at the top level, outside of narrowed objects, and where it cannot put an object below which
    /// somebody reads.
    fn check_write(&self, field: &Field, may_be_composite: bool) -> Option<()> {
        let is_read_below =
            || self.reads.iter().any(|slot| self.path(*slot) != &field.path && field.path.contains(self.path(*slot)));
        let is_fast = field.path.len() == 1
            && self.narrowed_around(&field.path).is_none()
            && !(may_be_composite && is_read_below());
        is_fast.then_some(())
    }

    fn check_keep(&mut self, index: usize, step: &Step, fields: &[Field]) -> Option<()> {
        let nested: Vec<&Field> = fields.iter().filter(|field| field.path.len() != 1).collect();
        if nested.is_empty() {
            return Some(());
        }
        if step.condition.is_some() || !self.narrowed.is_empty() {
            return None;
        }
        for field in nested {
            let top = FieldPath::from_segments(field.path.first()).ok()?;
            let object = SlotId(u16::try_from(self.paths.iter().position(|path| *path == top)?).ok()?);
            let is_written_before = self.steps.iter().take(index).any(|step| writes(&step.op, object));
            let is_indexed = field.path.segments().any(|segment| array_index(segment).is_some());
            let is_movable = field.path.len() == 2 || self.is_moved_from(index + 1, field.slot);
            if is_written_before || is_indexed || !is_movable {
                return None;
            }
            match self.narrowed.iter_mut().find(|narrowed| narrowed.object == object) {
                Some(narrowed) => narrowed.members = [&narrowed.members[..], &[field.slot]].concat().into(),
                None => self.narrowed.push(Narrowed { object, members: Box::new([field.slot]) }),
            }
        }
        Some(())
    }

    /// Whether a later step moves a member to the top level in any case.
    fn is_moved_from(&self, start: usize, member: SlotId) -> bool {
        self.steps.iter().skip(start).filter(|step| step.condition.is_none()).any(|step| {
            matches!(&step.op, Op::Rename(pairs) if pairs.iter().any(|(from, to)| from.slot == member && to.path.len() == 1))
        })
    }

    fn narrowed_around(&self, path: &FieldPath) -> Option<&Narrowed> {
        self.narrowed.iter().find(|narrowed| self.path(narrowed.object).contains(path))
    }

    fn is_member(&self, slot: SlotId) -> bool {
        self.narrowed.iter().any(|narrowed| narrowed.members.contains(&slot))
    }

    /// Whether a step from `start` on takes the value of a slot as its input.
    fn is_input_from(&self, start: usize, slot: SlotId) -> bool {
        self.steps.iter().skip(start).any(|step| match &step.op {
            Op::Rename(pairs) => pairs.iter().any(|(from, _)| from.slot == slot),
            Op::Value { field, .. } | Op::Bits { field, .. } => field.slot == slot,
            Op::Convert(convert) => convert.fields().any(|field| field.slot == slot),
            Op::Lookup(lookup) => lookup.fields().any(|field| field.slot == slot),
            _ => false,
        })
    }

    fn is_composite(&self, cell: Cell) -> bool {
        matches!(cell, Cell::Literal(id) if self.literals.get(id).is_some_and(|literal| literal.kind != Kind::Text))
    }

    fn path(&self, slot: SlotId) -> &FieldPath {
        &self.paths[usize::from(slot.0)]
    }
}

/// Whether an op writes a top-level field.
fn writes(op: &Op, slot: SlotId) -> bool {
    let is = |field: &Field| field.slot == slot;
    match op {
        Op::Keep(_) => false,
        Op::Drop(fields) => fields.iter().any(is),
        Op::Rename(pairs) => pairs.iter().any(|(from, to)| is(from) || is(to)),
        Op::Set(values) => values.iter().any(|(field, _)| is(field)),
        Op::Compute(values) => values.iter().any(|(field, _)| is(field)),
        Op::Value { field, into, .. } => is(field) || is(into),
        Op::Convert(convert) => convert.fields().any(is),
        Op::Lookup(lookup) => lookup.written().any(is),
        Op::Bits { bits, .. } => bits.iter().any(|(_, field)| is(field)),
        Op::Flatten { .. } | Op::Nest { .. } => true,
    }
}
