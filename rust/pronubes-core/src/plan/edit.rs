//! The fast path: steps on the cells of a scan.
//!
//! A top-level field has a slot (its name) and a place (where a field stood in the payload, or behind the last one). Steps
//! move slots between places and change their cells; writing follows the tape and asks each place who stands there now.
//! Nothing is allocated once the vectors have grown.
//!
//! Which stages may run here is decided in `choice.rs`. The rules there make sure that the answer is that of the general
//! path, to the byte.

mod output;

use super::stage::{ScanPlan, Step};
use super::{About, Failure};
use crate::Reason;
use crate::expr::{Expr, Inputs};
use crate::payload::{Cell, Kind, Scan, SlotId, TextArena};
use crate::transform::{By, Convert, Field, Key, Lookup, Miss, Op, ValueOp, bits_of};

pub(crate) use output::write_cell;

/// Nobody, nowhere.
const NONE: u16 = u16::MAX;

/// Why a step fails and about what: small enough for a register, because every step of every message gives one back.
type Fault = (Reason, At);

/// What a fault is about.
#[derive(Clone, Copy, Debug)]
enum At {
    Nothing,
    Field(SlotId),
    /// The n-th expression of the step.
    Expression(u16),
}

#[cold]
fn failure<'p>(step: &'p Step, plan: &'p ScanPlan, (reason, at): Fault) -> Failure<'p> {
    let about = match (at, &step.op) {
        (At::Field(slot), _) => plan.paths.path(slot).map(About::Field),
        (At::Expression(index), Op::Compute(values)) => {
            values.get(usize::from(index)).map(|(_, expression)| About::Expression(expression.text()))
        }
        _ => None,
    };
    Failure::step(step.number, reason, about.unwrap_or(About::Nothing))
}

/// Where the field of a slot stands, and who stands where it stood in the payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// The place of that slot, or, from the number of slots on, one among the appended.
    place: u16,
    occupant: u16,
}

impl Standing {
    /// As a payload comes: each field stands at its own place.
    pub(crate) fn at_first(slot: u16) -> Self {
        Self { place: slot, occupant: slot }
    }
}

/// The present state of a payload that is being edited.
#[derive(Debug, Default)]
pub(crate) struct EditState {
    /// The present values, by slot.
    pub(crate) cells: Vec<Cell>,
    /// By slot, where its field stands and who stands at its place.
    standings: Vec<Standing>,
    /// Who stands behind the last field.
    appended: Vec<u16>,
    /// Whether fields without a slot are dropped.
    drops_others: bool,
    moved: Vec<(u16, Cell)>,
}

impl EditState {
    /// Begins with a payload as it was scanned.
    #[inline]
    pub(crate) fn begin(&mut self, scan: &Scan, plan: &ScanPlan) {
        self.cells.clear();
        self.cells.extend_from_slice(&scan.cells);
        self.standings.clear();
        self.standings.extend_from_slice(&plan.standings);
        self.appended.clear();
        self.drops_others = false;
    }

    /// Does some steps, each if its condition holds; tells whether the last one was done.
    pub(crate) fn run<'p>(
        &mut self,
        steps: &'p [Step],
        plan: &'p ScanPlan,
        root: Kind,
        inputs: &Inputs<'_>,
        text: &mut TextArena,
    ) -> Result<bool, Failure<'p>> {
        let mut is_done = false;
        for step in steps {
            is_done = self.step(step, plan, root, inputs, text)?;
        }
        Ok(is_done)
    }

    #[inline(always)]
    fn step<'p>(
        &mut self,
        step: &'p Step,
        plan: &'p ScanPlan,
        root: Kind,
        inputs: &Inputs<'_>,
        text: &mut TextArena,
    ) -> Result<bool, Failure<'p>> {
        if let Some(condition) = &step.condition {
            let holds = condition.eval_bool(&mut inputs.scope(&self.cells, text));
            if !holds.map_err(|reason| Failure::step(step.number, reason, About::Expression(condition.text())))? {
                return Ok(false);
            }
        }
        if root != Kind::Object {
            return Err(Failure::step(step.number, Reason::NotAnObject, About::Nothing));
        }
        match self.apply(&step.op, plan, inputs, text) {
            Ok(()) => Ok(true),
            Err(fault) => Err(failure(step, plan, fault)),
        }
    }

    #[inline(always)]
    fn apply(&mut self, op: &Op, plan: &ScanPlan, inputs: &Inputs<'_>, text: &mut TextArena) -> Result<(), Fault> {
        match op {
            Op::Keep(fields) => self.keep(fields, plan),
            Op::Drop(fields) => {
                for field in fields {
                    self.check_single(field)?;
                    self.remove(field.slot, plan);
                }
                Ok(())
            }
            Op::Rename(pairs) => self.rename(pairs, plan),
            Op::Set(values) => values.iter().try_for_each(|(field, cell)| self.write(field, *cell, plan)),
            Op::Compute(expressions) => self.compute(expressions, plan, inputs, text),
            Op::Value { field, into, op } => {
                let cell = self.cell(field.slot);
                let value = match op {
                    ValueOp::Scale(scale) => scale.apply(cell, inputs.payload),
                    ValueOp::Convert(conversion) => conversion.apply(cell, inputs.payload),
                    ValueOp::Timestamp(timestamp) if !timestamp.reads() => {
                        op.apply(Cell::Missing, &mut inputs.scope(&self.cells, text))
                    }
                    _ => op.apply(cell, &mut inputs.scope(&self.cells, text)),
                };
                self.write(into, value.map_err(|reason| (reason, At::Field(field.slot)))?, plan)
            }
            Op::Convert(convert) => self.convert(convert, plan, inputs, text),
            Op::Lookup(lookup) => self.look_up(lookup, plan, inputs, text),
            Op::Bits { field, bits } => self.bits(field, bits, plan, inputs),
            // `choice.rs` sends these to the general path.
            Op::Flatten { .. } | Op::Nest { .. } => Err((Reason::WrongType, At::Nothing)),
        }
    }

    #[inline(never)]
    fn compute(
        &mut self,
        expressions: &[(Field, Expr)],
        plan: &ScanPlan,
        inputs: &Inputs<'_>,
        text: &mut TextArena,
    ) -> Result<(), Fault> {
        self.moved.clear();
        for (index, (field, expression)) in (0..).zip(expressions) {
            let value = expression.eval(&mut inputs.scope(&self.cells, text));
            let value = value.map_err(|reason| (reason, At::Expression(index)))?;
            self.moved.push((field.slot.0, value));
        }
        for (index, (field, _)) in expressions.iter().enumerate() {
            self.write(field, self.moved[index].1, plan)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn convert(
        &mut self,
        convert: &Convert,
        plan: &ScanPlan,
        inputs: &Inputs<'_>,
        text: &mut TextArena,
    ) -> Result<(), Fault> {
        let Convert { field, by, unit } = convert;
        let conversion = match by {
            By::Fixed(conversion) => conversion,
            By::Named(from, names) => {
                let found = names.find(self.cell(from.slot), &mut inputs.scope(&self.cells, text));
                found.map_err(|reason| (reason, At::Field(from.slot)))?
            }
        };
        let value = conversion.apply(self.cell(field.slot), inputs.payload);
        self.write(field, value.map_err(|reason| (reason, At::Field(field.slot)))?, plan)?;
        unit.as_ref().map_or(Ok(()), |(unit, code)| self.write(unit, *code, plan))
    }

    #[inline(never)]
    fn look_up(
        &mut self,
        lookup: &Lookup,
        plan: &ScanPlan,
        inputs: &Inputs<'_>,
        text: &mut TextArena,
    ) -> Result<(), Fault> {
        let scope = &mut inputs.scope(&self.cells, text);
        let (row, at) = match &lookup.key {
            Key::Field(field) => {
                let at = At::Field(field.slot);
                (lookup.find(self.cell(field.slot), scope).map_err(|reason| (reason, at))?, at)
            }
            Key::Capture(capture) => (lookup.find_capture(*capture, scope), At::Nothing),
        };
        match (row, &lookup.miss) {
            (Some(row), _) => lookup.into.iter().try_for_each(|(field, column)| {
                let value = inputs.tables.cell(lookup.table, row, *column, text);
                self.write(field, value, plan)
            }),
            (None, Miss::Default(values)) => {
                values.iter().try_for_each(|(field, value)| self.write(field, *value, plan))
            }
            (None, Miss::Pass) => Ok(()),
            (None, Miss::Quarantine) => Err((Reason::NotInTable, at)),
        }
    }

    #[inline(never)]
    fn bits(&mut self, field: &Field, bits: &[(u8, Field)], plan: &ScanPlan, inputs: &Inputs<'_>) -> Result<(), Fault> {
        let value = bits_of(self.cell(field.slot), inputs.payload).map_err(|reason| (reason, At::Field(field.slot)))?;
        bits.iter().try_for_each(|(bit, into)| self.write(into, Cell::Bool(value >> bit & 1 == 1), plan))
    }

    /// Whether fields without a slot are dropped.
    pub(crate) fn drops_others(&self) -> bool {
        self.drops_others
    }

    #[inline]
    fn cell(&self, slot: SlotId) -> Cell {
        self.cells[usize::from(slot.0)]
    }

    #[inline]
    fn check_single(&self, field: &Field) -> Result<(), Fault> {
        if matches!(self.cell(field.slot), Cell::Duplicate) {
            Err((Reason::DuplicateKey, At::Field(field.slot)))
        } else {
            Ok(())
        }
    }

    /// Who stands at the place of `slot` leaves it.
    #[inline]
    fn leave(&mut self, slot: SlotId) -> u16 {
        let place = self.standings[usize::from(slot.0)].place;
        self.occupy(place, NONE);
        place
    }

    #[inline]
    fn occupy(&mut self, place: u16, slot: u16) {
        match self.standings.get_mut(usize::from(place)) {
            Some(standing) => standing.occupant = slot,
            None => self.appended[usize::from(place) - self.standings.len()] = slot,
        }
    }

    #[inline]
    fn remove(&mut self, slot: SlotId, plan: &ScanPlan) {
        if !matches!(self.cell(slot), Cell::Missing) {
            self.leave(slot);
            self.cells[usize::from(slot.0)] = Cell::Missing;
            self.forget_below(slot, plan);
        }
    }

    #[inline]
    fn forget_below(&mut self, slot: SlotId, plan: &ScanPlan) {
        for below in &plan.slot(slot).below {
            self.cells[usize::from(below.0)] = Cell::Missing;
        }
    }

    #[inline]
    fn append(&mut self, slot: SlotId) {
        let place = self.cells.len() + self.appended.len();
        self.appended.push(slot.0);
        self.standings[usize::from(slot.0)].place = u16::try_from(place).unwrap_or(NONE);
    }

    #[inline(always)]
    fn write(&mut self, field: &Field, value: Cell, plan: &ScanPlan) -> Result<(), Fault> {
        self.check_single(field)?;
        if matches!(self.cell(field.slot), Cell::Missing) {
            self.append(field.slot);
        }
        self.cells[usize::from(field.slot.0)] = value;
        self.forget_below(field.slot, plan);
        Ok(())
    }

    fn rename(&mut self, pairs: &[(Field, Field)], plan: &ScanPlan) -> Result<(), Fault> {
        self.moved.clear();
        for (from, _) in pairs {
            self.check_single(from)?;
            let cell = self.cell(from.slot);
            // A member of a narrowed object has no place of its own.
            let has_place = cell != Cell::Missing && plan.slot(from.slot).is_top;
            let place = if has_place { self.leave(from.slot) } else { NONE };
            self.cells[usize::from(from.slot.0)] = Cell::Missing;
            if cell != Cell::Missing {
                self.forget_below(from.slot, plan);
            }
            self.moved.push((place, cell));
        }
        for (index, (_, to)) in pairs.iter().enumerate() {
            let (place, cell) = self.moved[index];
            if cell == Cell::Missing {
                continue;
            }
            self.check_single(to)?;
            self.remove(to.slot, plan);
            self.cells[usize::from(to.slot.0)] = cell;
            if place == NONE {
                self.append(to.slot);
                continue;
            }
            self.standings[usize::from(to.slot.0)].place = place;
            self.occupy(place, to.slot.0);
        }
        Ok(())
    }

    #[inline(never)]
    fn keep(&mut self, fields: &[Field], plan: &ScanPlan) -> Result<(), Fault> {
        self.drops_others = true;
        fields.iter().try_for_each(|field| self.check_single(field))?;
        for (slot, slot_plan) in (0..).map(SlotId).zip(&plan.slots) {
            if !slot_plan.is_top || self.cell(slot) == Cell::Missing || fields.iter().any(|field| field.slot == slot) {
                continue;
            }
            let is_named = |below: &&SlotId| fields.iter().any(|field| field.slot == **below);
            let mut is_narrowed = false;
            for below in &slot_plan.below {
                if is_named(&below) {
                    is_narrowed |= self.cell(*below) != Cell::Missing;
                } else {
                    self.cells[usize::from(below.0)] = Cell::Missing;
                }
            }
            if is_narrowed {
                self.cells[usize::from(slot.0)] = Cell::Composite;
            } else {
                self.remove(slot, plan);
            }
        }
        Ok(())
    }
}
