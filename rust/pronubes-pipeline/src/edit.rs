//! What a hook's result does to its batch: fields replaced and added, payloads and topics exchanged, rows ended.
//!
//! A result is checked as a whole before any row is touched: one of the wrong shape is refused. Numbers that JSON cannot say are
//! the fault of their row alone.

use pronubes_core::Reason;
use pronubes_core::payload::{Field, FieldPath, Kind, ObjectWriter, number, text};

use crate::fields::{FieldReader, Place};
use crate::tape::Tape;

/// The values of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers.
    F64(Vec<f64>),
    /// Integers.
    I64(Vec<i64>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Texts; nothing is null.
    Text(Vec<Option<String>>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }
}

/// A top-level field to replace or add.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldEdit {
    /// Its key.
    pub name: String,
    /// One value per row.
    pub values: Values,
    /// When given, one truth per row: false makes the field null.
    pub valid: Option<Vec<bool>>,
}

/// A row that a hook failed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which row.
    pub row: usize,
    /// Why.
    pub reason: Reason,
    /// The hook's words.
    pub words: String,
}

/// What a hook made of its batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HookResult {
    /// Fields, in the order in which new ones are appended.
    pub fields: Vec<FieldEdit>,
    /// New payloads; nothing for a row keeps its own.
    pub payloads: Option<Vec<Option<Vec<u8>>>>,
    /// New topics; nothing for a row keeps its own.
    pub topics: Option<Vec<Option<String>>>,
    /// Which rows go on.
    pub keep: Option<Vec<bool>>,
    /// Rows that the hook failed on, in order, each once.
    pub failed: Vec<Failure>,
}

impl HookResult {
    /// Checks the shape against a batch of `rows`.
    ///
    /// # Errors
    /// A sentence about what does not fit.
    pub fn check(&self, rows: usize) -> Result<(), String> {
        let fits = |what: &str, len: usize| {
            let sentence = || format!("The batch has {rows} rows and {what} has {len}.");
            (len == rows).then_some(()).ok_or_else(sentence)
        };
        for (at, field) in self.fields.iter().enumerate() {
            fits(&format!("field `{}`", field.name), field.values.len())?;
            if let Some(valid) = &field.valid {
                fits(&format!("the validity of field `{}`", field.name), valid.len())?;
            }
            if self.fields[..at].iter().any(|earlier| earlier.name == field.name) {
                return Err(format!("Field `{}` is given twice.", field.name));
            }
        }
        self.payloads.as_ref().map_or(Ok(()), |payloads| fits("the list of payloads", payloads.len()))?;
        self.topics.as_ref().map_or(Ok(()), |topics| fits("the list of topics", topics.len()))?;
        self.keep.as_ref().map_or(Ok(()), |keep| fits("the mask of rows", keep.len()))?;
        match self.failed.last().filter(|failure| failure.row >= rows) {
            Some(Failure { row, .. }) => {
                Err(format!("The batch has {rows} rows and row {row} is said to have failed."))
            }
            None => Ok(()),
        }
    }

    /// Why the hook failed on a row.
    #[must_use]
    pub fn failure(&self, row: usize) -> Option<&Failure> {
        let at = self.failed.binary_search_by_key(&row, |failure| failure.row).ok()?;
        self.failed.get(at)
    }

    /// Whether a row goes on.
    #[must_use]
    pub fn keeps(&self, row: usize) -> bool {
        self.keep.as_ref().is_none_or(|keep| keep.get(row).copied().unwrap_or(false))
    }

    /// A row's new topic.
    #[must_use]
    pub fn topic(&self, row: usize) -> Option<&str> {
        self.topics.as_ref()?.get(row)?.as_deref()
    }

    fn payload(&self, row: usize) -> Option<&[u8]> {
        self.payloads.as_ref()?.get(row)?.as_deref()
    }
}

/// Writes edited payloads of one result; built once per batch.
#[derive(Debug)]
pub struct Editor<'a> {
    result: &'a HookResult,
    reader: Option<FieldReader>,
    /// Keys as they are appended: quoted, escaped, with colon.
    keys: Vec<Vec<u8>>,
    is_written: Vec<bool>,
    out: Vec<u8>,
}

impl<'a> Editor<'a> {
    /// For a result that has passed [`HookResult::check`].
    #[must_use]
    pub fn new(result: &'a HookResult) -> Self {
        let place = |field: &FieldEdit| FieldPath::from_segments([&field.name]).ok().map(Place::Path);
        let places: Option<Vec<Place>> = result.fields.iter().map(place).collect();
        let reader = places.filter(|places| !places.is_empty()).and_then(|places| FieldReader::new(&places));
        let key = |field: &FieldEdit| {
            let mut key = Vec::new();
            text::write(&mut key, &field.name);
            key.push(b':');
            key
        };
        let keys = result.fields.iter().map(key).collect();
        Self { result, reader, keys, is_written: vec![false; result.fields.len()], out: Vec::new() }
    }

    /// A row's payload after the hook; `tape` says where the fields of `payload` stand, if somebody has looked.
    ///
    /// # Errors
    /// The reason why there is none: the payload is no object, or a number is not finite.
    pub fn edit<'b>(&'b mut self, row: usize, payload: &'b [u8], tape: Option<Tape<'_>>) -> Result<&'b [u8], Reason> {
        let replaced = self.result.payload(row);
        let tape = tape.filter(|_| replaced.is_none());
        let payload = replaced.unwrap_or(payload);
        let edits = &self.result.fields;
        if edits.is_empty() {
            return Ok(payload);
        }
        let Some(reader) = &mut self.reader else { return Err(Reason::HookOutput) };
        let (root, fields) = match &tape {
            Some(tape) => (tape.root, tape.fields),
            None => {
                reader.read(payload);
                let scan = reader.scanned().ok_or(Reason::InvalidJson)?;
                (scan.root, scan.tape.as_slice())
            }
        };
        if root.kind != Kind::Object {
            return Err(Reason::NotAnObject);
        }
        let slot_of = |field: &Field| match tape {
            Some(_) => edits.iter().position(|edit| edit.name.as_bytes() == field.key.of(payload)),
            None => field.slot.map(|slot| usize::from(slot.0)),
        };
        self.out.clear();
        self.is_written.fill(false);
        let mut writer = ObjectWriter::new(payload, root, &mut self.out);
        for field in fields {
            let Some(slot) = slot_of(field) else {
                writer.keep(field);
                continue;
            };
            if std::mem::replace(&mut self.is_written[slot], true) {
                return Err(Reason::DuplicateKey);
            }
            write_value(&edits[slot], row, writer.replace(field))?;
        }
        append_missing(edits, &self.keys, &self.is_written, row, &mut writer)?;
        writer.finish();
        Ok(&self.out)
    }
}

/// Appends the fields that the payload does not have.
fn append_missing(
    edits: &[FieldEdit],
    keys: &[Vec<u8>],
    is_written: &[bool],
    row: usize,
    writer: &mut ObjectWriter<'_>,
) -> Result<(), Reason> {
    for ((edit, key), _) in edits.iter().zip(keys).zip(is_written).filter(|(_, is_written)| !**is_written) {
        write_value(edit, row, writer.append_written(|out| out.extend_from_slice(key)))?;
    }
    Ok(())
}

fn write_value(field: &FieldEdit, row: usize, out: &mut Vec<u8>) -> Result<(), Reason> {
    let is_valid = field.valid.as_ref().is_none_or(|valid| valid.get(row).copied().unwrap_or(false));
    if !is_valid {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match &field.values {
        Values::F64(values) => number::write_f64(out, values[row])?,
        Values::I64(values) => number::write_int(out, values[row]),
        Values::Bool(values) => out.extend_from_slice(if values[row] { b"true" } else { b"false" }),
        Values::Text(values) => match &values[row] {
            Some(value) => text::write(out, value),
            None => out.extend_from_slice(b"null"),
        },
    }
    Ok(())
}
