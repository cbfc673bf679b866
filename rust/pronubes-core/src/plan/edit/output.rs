//! Writing what the steps have left: the tape, with edits, and what was appended behind it.

use super::super::stage::{Narrowed, ScanPlan};
use super::{EditState, NONE};
use crate::expr::Inputs;
use crate::payload::{
    Cell, Field as TapeField, Kind, LiteralId, Literals, ObjectWriter, Scan, SlotId, Span, TextArena, number, text,
};

impl EditState {
    /// Appends the present payload to `out`.
    pub(crate) fn write_to(
        &self,
        scan: &Scan,
        plan: &ScanPlan,
        narrowed: &[Narrowed],
        inputs: &Inputs<'_>,
        text: &TextArena,
        out: &mut Vec<u8>,
    ) {
        if scan.root.kind != Kind::Object {
            return out.extend_from_slice(scan.root.span().of(inputs.payload));
        }
        let values = Values { cells: &self.cells, plan, narrowed, inputs, text };
        let mut writer = ObjectWriter::new(inputs.payload, scan.root, out);
        for field in &scan.tape {
            match field.slot {
                None if self.drops_others => writer.drop_field(field),
                None => writer.keep(field),
                Some(slot) => self.write_place(slot, field, &values, &mut writer),
            }
        }
        for slot in self.appended.iter().filter(|slot| **slot != NONE) {
            let slot = SlotId(*slot);
            let key = &plan.slot(slot).key;
            let out = writer.append_written(|out| {
                out.extend_from_slice(key);
                out.push(b':');
            });
            values.write(slot, out);
        }
        writer.finish();
    }

    #[inline]
    fn write_place(&self, place: SlotId, field: &TapeField, values: &Values<'_>, writer: &mut ObjectWriter<'_>) {
        let occupant = self.standings[usize::from(place.0)].occupant;
        if occupant == NONE {
            return writer.drop_field(field);
        }
        let slot = SlotId(occupant);
        let is_as_written = match self.cell(slot) {
            Cell::Raw(raw) => raw == field.value,
            Cell::Duplicate => true,
            Cell::Composite if values.is_emptied(slot) => return writer.drop_field(field),
            _ => false,
        };
        if occupant != place.0 {
            writer.rename_written(field, |out| out.extend_from_slice(&values.plan.slot(slot).key));
        } else if is_as_written {
            writer.keep(field);
        }
        if !is_as_written {
            values.write(slot, writer.replace(field));
        }
    }
}

/// What writing a value needs.
struct Values<'a> {
    cells: &'a [Cell],
    plan: &'a ScanPlan,
    narrowed: &'a [Narrowed],
    inputs: &'a Inputs<'a>,
    text: &'a TextArena,
}

impl Values<'_> {
    fn members(&self, object: SlotId) -> impl Iterator<Item = SlotId> {
        let narrowed = self.narrowed.iter().find(|narrowed| narrowed.object == object);
        let members = narrowed.map_or(&[][..], |narrowed| &narrowed.members);
        members.iter().copied().filter(|member| self.cells[usize::from(member.0)] != Cell::Missing)
    }

    /// Whether renames have moved everything out of a narrowed object.
    fn is_emptied(&self, object: SlotId) -> bool {
        self.members(object).next().is_none()
    }

    #[inline(always)]
    fn write(&self, slot: SlotId, out: &mut Vec<u8>) {
        match self.cells[usize::from(slot.0)] {
            Cell::Composite => self.write_narrowed(slot, out),
            cell => write_cell(cell, self.inputs, self.text, out),
        }
    }

    /// The members that stay, in the order of the payload.
    #[inline(never)]
    fn write_narrowed(&self, object: SlotId, out: &mut Vec<u8>) {
        let start_of = |slot: SlotId| match self.cells[usize::from(slot.0)] {
            Cell::Raw(raw) => raw.start,
            _ => u32::MAX,
        };
        out.push(b'{');
        let mut written_up_to = 0;
        while let Some(next) =
            self.members(object).filter(|slot| start_of(*slot) > written_up_to).min_by_key(|slot| start_of(*slot))
        {
            if written_up_to > 0 {
                out.push(b',');
            }
            written_up_to = start_of(next);
            out.extend_from_slice(&self.plan.slot(next).key);
            out.push(b':');
            write_cell(self.cells[usize::from(next.0)], self.inputs, self.text, out);
        }
        out.push(b'}');
    }
}

/// Appends a value as JSON.
#[inline]
pub(crate) fn write_cell(cell: Cell, inputs: &Inputs<'_>, arena: &TextArena, out: &mut Vec<u8>) {
    match cell {
        Cell::Raw(raw) => out.extend_from_slice(raw.span().of(inputs.payload)),
        Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Cell::Int(value) => number::write_int(out, value),
        Cell::UInt(value) => number::write_uint(out, value),
        // Steps and expressions refuse what JSON cannot say before it gets here.
        Cell::Double(value) if number::write_f64(out, value).is_ok() => {}
        Cell::Text(span) => text::write(out, arena.get(span)),
        Cell::Topic(span) => text::write(out, span.of_str(inputs.topic)),
        Cell::Literal(id) => out.extend_from_slice(literal_json(inputs.literals, id)),
        Cell::List(span) => write_list(span, inputs, arena, out),
        Cell::Map(span) => write_map(span, inputs, arena, out),
        Cell::Null | Cell::Missing | Cell::Duplicate | Cell::Composite | Cell::Double(_) => {
            out.extend_from_slice(b"null")
        }
        // An expression gives its times as text.
        Cell::Time(..) | Cell::Duration(_) => out.extend_from_slice(b"null"),
    }
}

/// A list that an expression made; lists nest no deeper than expressions do.
#[inline(never)]
fn write_list(elements: Span, inputs: &Inputs<'_>, arena: &TextArena, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, element) in arena.cells(elements).iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_cell(*element, inputs, arena, out);
    }
    out.push(b']');
}

/// An object that an expression made.
#[inline(never)]
fn write_map(members: Span, inputs: &Inputs<'_>, arena: &TextArena, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, cell) in arena.cells(members).iter().enumerate() {
        match index {
            0 => {}
            _ if index % 2 == 1 => out.push(b':'),
            _ => out.push(b','),
        }
        write_cell(*cell, inputs, arena, out);
    }
    out.push(b'}');
}

fn literal_json(literals: &Literals, id: LiteralId) -> &[u8] {
    literals.get(id).map_or(b"null", |literal| literal.json.as_bytes())
}
