//! The general path: the steps on a tree. It is the definition of what steps mean; the fast path gives the same bytes.

use super::stage::{ScanPlan, Step};
use super::tree::{Source, Tree};
use super::{About, Failure};
use crate::Reason;
use crate::expr::Inputs;
use crate::expr::{Expr, Tree as Part};
use crate::payload::{Cell, FieldPath, Scan, TextArena};
use crate::transform::{By, Convert, Field, Key, Lookup, Miss, Op, ValueOp, bits_of};

/// The present state of a payload on the general path.
#[derive(Debug, Default)]
pub(crate) struct TreeState {
    /// The values that somebody asked for last, by slot.
    pub(crate) cells: Vec<Cell>,
    tree: Tree,
    is_object: bool,
}

impl TreeState {
    /// Begins with a payload as it was scanned.
    pub(crate) fn begin(&mut self, scan: &Scan) {
        self.cells.clone_from(&scan.cells);
        self.tree = Tree::of(scan);
        self.is_object = scan.root.kind == crate::payload::Kind::Object;
    }

    /// Does one step, if its condition holds; tells whether it did.
    pub(crate) fn step<'p>(
        &mut self,
        step: &'p Step,
        plan: &ScanPlan,
        inputs: &Inputs<'_>,
        text: &mut TextArena,
    ) -> Result<bool, Failure<'p>> {
        if let Some(condition) = &step.condition {
            self.refresh(condition, plan, inputs, text);
            let holds = condition.eval_bool(&mut inputs.scope(&self.cells, text));
            if !holds.map_err(|reason| Failure::step(step.number, reason, About::Expression(condition.text())))? {
                return Ok(false);
            }
        }
        if !self.is_object {
            return Err(Failure::step(step.number, Reason::NotAnObject, About::Nothing));
        }
        self.apply(&step.op, plan, inputs, text)
            .map(|()| true)
            .map_err(|(reason, about)| Failure::step(step.number, reason, about))
    }

    /// Brings the cells up to date that an expression reads.
    fn refresh(&mut self, expression: &Expr, plan: &ScanPlan, inputs: &Inputs<'_>, text: &mut TextArena) {
        // A field alone is copied with all that is in it; others may look into it.
        if let Part::Slot(slot, _) = expression.tree() {
            return self.refresh_slot(*slot, plan, inputs);
        }
        for slot in expression.slots() {
            if let Some(path) = plan.paths.path(*slot) {
                self.cells[usize::from(slot.0)] = self.tree.readable(path, source_of(inputs), text);
            }
        }
    }

    /// Brings one cell up to date.
    pub(crate) fn refresh_slot(&mut self, slot: crate::payload::SlotId, plan: &ScanPlan, inputs: &Inputs<'_>) {
        if let Some(path) = plan.paths.path(slot) {
            self.cells[usize::from(slot.0)] = self.tree.cell(path, source_of(inputs));
        }
    }

    fn apply<'p>(
        &mut self,
        op: &'p Op,
        plan: &ScanPlan,
        inputs: &Inputs<'_>,
        text: &mut TextArena,
    ) -> Result<(), (Reason, About<'p>)> {
        let source = source_of(inputs);
        match op {
            Op::Keep(fields) => {
                fields.iter().try_for_each(|field| self.check_single(field, source))?;
                self.tree.keep(&fields.iter().map(|field| &field.path).collect::<Vec<_>>(), source);
                Ok(())
            }
            Op::Drop(fields) => {
                fields.iter().try_for_each(|field| self.tree.remove(&field.path, source).map_err(about(&field.path)))
            }
            Op::Rename(pairs) => {
                let paths: Vec<_> = pairs.iter().map(|(from, to)| (&from.path, &to.path)).collect();
                self.tree.rename(&paths, source).map_err(|(reason, path)| (reason, About::Field(path)))
            }
            Op::Set(values) => values.iter().try_for_each(|(field, cell)| {
                self.tree.set(&field.path, *cell, source, text).map_err(about(&field.path))
            }),
            Op::Compute(expressions) => {
                let mut values = Vec::with_capacity(expressions.len());
                for (field, expression) in expressions {
                    self.refresh(expression, plan, inputs, text);
                    let failed = |reason| (reason, About::Expression(expression.text()));
                    let value = expression.eval(&mut inputs.scope(&self.cells, text)).map_err(failed)?;
                    // What a step has changed has no cell of its own where an expression only copies it.
                    let copied = match (value, expression.tree()) {
                        (Cell::Composite, Part::Slot(slot, _)) => {
                            plan.paths.path(*slot).and_then(|path| self.tree.cut(path, source))
                        }
                        _ => None,
                    };
                    values.push((field, value, copied));
                }
                values.into_iter().try_for_each(|(field, cell, copied)| match copied {
                    Some(cutting) => self.tree.graft(&field.path, cutting, source).map_err(about(&field.path)),
                    None => self.tree.write_made(&field.path, cell, source, text).map_err(about(&field.path)),
                })
            }
            Op::Value { field, into, op } => {
                let reads = !matches!(op, ValueOp::Timestamp(timestamp) if !timestamp.reads());
                let cell = if reads { self.tree.cell(&field.path, source) } else { Cell::Missing };
                let value = op.apply(cell, &mut inputs.scope(&self.cells, text)).map_err(about(&field.path))?;
                self.tree.write(&into.path, value, source).map_err(about(&into.path))
            }
            Op::Convert(convert) => self.convert(convert, inputs, text),
            Op::Lookup(lookup) => self.look_up(lookup, inputs, text),
            Op::Bits { field, bits } => {
                let cell = self.tree.cell(&field.path, source);
                let value = bits_of(cell, inputs.payload).map_err(about(&field.path))?;
                bits.iter().try_for_each(|(bit, into)| {
                    self.tree.write(&into.path, Cell::Bool(value >> bit & 1 == 1), source).map_err(about(&into.path))
                })
            }
            Op::Flatten { field, separator } => {
                let root = FieldPath::root();
                let (path, what) = match field {
                    Some(field) => (&field.path, About::Field(&field.path)),
                    None => (&root, About::Nothing),
                };
                self.tree.flatten(path, separator, source).map_err(|reason| (reason, what))
            }
            Op::Nest { into, fields } => {
                let paths: Vec<&'p FieldPath> = fields.iter().map(|field| &field.path).collect();
                let nested = self.tree.nest(&into.path, &paths, source);
                nested.map_err(|(reason, path)| (reason, About::Field(path)))
            }
        }
    }

    fn convert<'p>(
        &mut self,
        convert: &'p Convert,
        inputs: &Inputs<'_>,
        text: &mut TextArena,
    ) -> Result<(), (Reason, About<'p>)> {
        let (Convert { field, by, unit }, source) = (convert, source_of(inputs));
        let conversion = match by {
            By::Fixed(conversion) => conversion,
            By::Named(from, names) => {
                let cell = self.tree.cell(&from.path, source);
                names.find(cell, &mut inputs.scope(&self.cells, text)).map_err(about(&from.path))?
            }
        };
        let value = conversion.apply(self.tree.cell(&field.path, source), inputs.payload);
        self.tree.write(&field.path, value.map_err(about(&field.path))?, source).map_err(about(&field.path))?;
        match unit {
            Some((unit, code)) => self.tree.write(&unit.path, *code, source).map_err(about(&unit.path)),
            None => Ok(()),
        }
    }

    fn look_up<'p>(
        &mut self,
        lookup: &'p Lookup,
        inputs: &Inputs<'_>,
        text: &mut TextArena,
    ) -> Result<(), (Reason, About<'p>)> {
        let (source, scope) = (source_of(inputs), &mut inputs.scope(&self.cells, text));
        let (row, what) = match &lookup.key {
            Key::Field(field) => {
                let row = lookup.find(self.tree.cell(&field.path, source), scope).map_err(about(&field.path))?;
                (row, About::Field(&field.path))
            }
            Key::Capture(capture) => (lookup.find_capture(*capture, scope), About::Nothing),
        };
        match (row, &lookup.miss) {
            (Some(row), _) => lookup.into.iter().try_for_each(|(field, column)| {
                let value = inputs.tables.cell(lookup.table, row, *column, text);
                self.tree.write(&field.path, value, source).map_err(about(&field.path))
            }),
            (None, Miss::Default(values)) => values.iter().try_for_each(|(field, value)| {
                self.tree.write(&field.path, *value, source).map_err(about(&field.path))
            }),
            (None, Miss::Pass) => Ok(()),
            (None, Miss::Quarantine) => Err((Reason::NotInTable, what)),
        }
    }

    fn check_single<'p>(&self, field: &'p Field, source: Source<'_>) -> Result<(), (Reason, About<'p>)> {
        match self.tree.cell(&field.path, source) {
            Cell::Duplicate => Err((Reason::DuplicateKey, About::Field(&field.path))),
            _ => Ok(()),
        }
    }

    /// Appends the present payload to `out`.
    pub(crate) fn write_to(&self, inputs: &Inputs<'_>, text: &TextArena, out: &mut Vec<u8>) {
        self.tree.write_to(inputs, text, out);
    }
}

fn about<'p>(path: &'p FieldPath) -> impl Fn(Reason) -> (Reason, About<'p>) {
    move |reason| (reason, About::Field(path))
}

fn source_of<'a>(inputs: &Inputs<'a>) -> Source<'a> {
    Source { payload: inputs.payload, literals: inputs.literals, topic: inputs.topic }
}
