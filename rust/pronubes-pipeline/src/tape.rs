//! What the first look into a hook's batch found: the top-level fields of each payload.
//!
//! A hook reads a column and gives one back, mostly for the same field. The scan that read it has seen where the field stands, so
//! that writing the result is a splice and no second scan. Payloads with many fields are not remembered: they cost more memory
//! than a scan saves.

use pronubes_core::payload::{Field, Raw, Scan};

/// Fields that are remembered per row, on average.
const FIELDS_PER_ROW: usize = 16;

#[derive(Clone, Copy, Debug)]
struct Row {
    root: Raw,
    /// Where its fields end.
    end: u32,
    is_usable: bool,
}

/// The fields of many payloads.
#[derive(Clone, Debug, Default)]
pub struct Tapes {
    rows: Vec<Row>,
    fields: Vec<Field>,
}

/// The fields of one payload; no key of theirs has escapes. Slots in it mean nothing.
#[derive(Clone, Copy, Debug)]
pub struct Tape<'a> {
    /// The whole value.
    pub root: Raw,
    /// The top-level fields.
    pub fields: &'a [Field],
}

impl Tapes {
    /// With room for `rows`.
    #[must_use]
    pub fn sized(rows: usize) -> Self {
        Self { rows: Vec::with_capacity(rows), fields: Vec::with_capacity(4 * rows) }
    }

    /// Remembers the next payload's fields; nothing where it is no JSON. False when there are too many to remember.
    #[must_use]
    pub fn push(&mut self, scan: Option<&Scan>) -> bool {
        let Some(scan) = scan.filter(|scan| scan.tape.iter().all(|field| !field.key_escaped)) else {
            let root = Raw { start: 0, end: 0, kind: pronubes_core::payload::Kind::Null };
            self.rows.push(Row { root, end: self.fields.len() as u32, is_usable: false });
            return true;
        };
        self.fields.extend_from_slice(&scan.tape);
        self.rows.push(Row { root: scan.root, end: self.fields.len() as u32, is_usable: true });
        self.fields.len() <= FIELDS_PER_ROW * self.rows.len().max(64)
    }

    /// A row's fields, if they are remembered.
    #[must_use]
    pub fn row(&self, row: usize) -> Option<Tape<'_>> {
        let found = self.rows.get(row).filter(|row| row.is_usable)?;
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before].end);
        let fields = self.fields.get(start as usize..found.end as usize)?;
        Some(Tape { root: found.root, fields })
    }
}
