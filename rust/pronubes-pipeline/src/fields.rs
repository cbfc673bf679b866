//! Reading fields out of payloads for whoever looks at them as columns: batches, charts.
//!
//! It goes through the core's scanner, so that a field means the same here as in a route. A payload that is no JSON has
//! no fields: everything is null, nothing is an error.

use pronubes_core::payload::{Cell, FieldPath, Kind, Limits, PathSet, PathSetBuilder, Raw, Scan, SlotId, TextArena};
use pronubes_core::payload::{number, scan, text};
use pronubes_core::record::{QualityForm, StatusCode, TimeForm};

/// What a field is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The payload's field `value`, or the payload itself when it is a bare scalar.
    Value,
    /// A path.
    Path(FieldPath),
}

/// Reads the same fields of many payloads with one scan each.
#[derive(Debug)]
pub struct FieldReader {
    paths: PathSet,
    places: Vec<(SlotId, bool)>,
    scan: Scan,
    is_json: bool,
    arena: TextArena,
    limits: Limits,
}

impl FieldReader {
    /// A reader; nothing when there are more places than the scanner can number.
    #[must_use]
    pub fn new(places: &[Place]) -> Option<Self> {
        let mut builder = PathSetBuilder::default();
        let value = FieldPath::from_segments(["value"]).ok()?;
        let places = places.iter().map(|place| match place {
            Place::Value => (builder.add(&value), true),
            Place::Path(path) => (builder.add(path), false),
        });
        let places = places.collect();
        let limits = Limits { payload_bytes: u32::MAX, ..Limits::default() };
        let paths = builder.build().ok()?;
        Some(Self { paths, places, scan: Scan::default(), is_json: false, arena: TextArena::default(), limits })
    }

    /// Goes to the next payload.
    pub fn read(&mut self, payload: &[u8]) {
        self.is_json = scan(payload, &self.paths, &self.limits, &mut self.scan).is_ok();
    }

    /// What stands at the n-th place of the payload that was read last.
    #[must_use]
    pub fn raw(&self, place: usize) -> Option<Raw> {
        let (slot, is_value) = *self.places.get(place).filter(|_| self.is_json)?;
        match self.scan.cell(slot) {
            Cell::Raw(raw) => Some(raw),
            _ if is_value && is_scalar(self.scan.root.kind) => Some(self.scan.root),
            _ => None,
        }
    }

    /// A time at the n-th place, in nanoseconds since 1970; nothing when it is none in this form.
    pub fn time(&mut self, payload: &[u8], place: usize, form: TimeForm) -> Option<i64> {
        let raw = self.raw(place)?;
        self.arena.clear();
        form.read_raw(payload, raw, &mut self.arena)
    }

    /// A quality at the n-th place; `silent` where the payload does not say one, nothing when it is none in this form.
    pub fn quality(
        &mut self,
        payload: &[u8],
        place: usize,
        form: QualityForm,
        silent: Option<StatusCode>,
    ) -> Option<StatusCode> {
        let Some(raw) = self.raw(place) else { return silent.filter(|_| self.is_json) };
        self.arena.clear();
        form.read_raw(payload, raw, &mut self.arena)
    }

    /// Decoded text of a value; nothing when it is no text.
    pub fn text<'a>(&'a mut self, payload: &'a [u8], raw: Raw) -> Option<&'a str> {
        match raw.kind {
            Kind::Text => text::plain(payload, raw),
            Kind::EscapedText => {
                self.arena.clear();
                let span = text::decode(payload, raw, &mut self.arena);
                Some(self.arena.get(span))
            }
            _ => None,
        }
    }

    /// The scan of the payload that was read last, if it is JSON.
    #[must_use]
    pub fn scanned(&self) -> Option<&Scan> {
        self.is_json.then_some(&self.scan)
    }
}

fn is_scalar(kind: Kind) -> bool {
    !matches!(kind, Kind::Object | Kind::Array)
}

/// A value as f64; nothing when it is no number that one can hold.
#[must_use]
pub fn as_f64(payload: &[u8], raw: Raw) -> Option<f64> {
    number::read_f64(payload, raw).ok()
}

/// A value as i64; nothing when it is no integer that one can hold.
#[must_use]
pub fn as_i64(payload: &[u8], raw: Raw) -> Option<i64> {
    match number::read(payload, raw) {
        Ok(Cell::Int(number)) => Some(number),
        _ => None,
    }
}

/// A truth value.
#[must_use]
pub fn as_bool(raw: Raw) -> Option<bool> {
    match raw.kind {
        Kind::True => Some(true),
        Kind::False => Some(false),
        _ => None,
    }
}

/// Reads the number of a payload: its field `value`, or itself. Truth values count as 1 and 0, so that a chart can show them.
#[derive(Debug)]
pub struct NumberReader(Option<FieldReader>);

impl Default for NumberReader {
    fn default() -> Self {
        Self(FieldReader::new(&[Place::Value]))
    }
}

impl NumberReader {
    /// The number, if there is one.
    pub fn number(&mut self, payload: &[u8]) -> Option<f64> {
        let reader = self.0.as_mut()?;
        reader.read(payload);
        let raw = reader.raw(0)?;
        as_f64(payload, raw).or_else(|| as_bool(raw).map(|truth| f64::from(u8::from(truth))))
    }
}
