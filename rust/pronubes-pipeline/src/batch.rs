//! Batches: messages as rows and columns, for batch sinks, hooks and taps.
//!
//! A batch shares the queue's segment; nothing is copied until a column is asked for. Columns that come from payloads are read
//! with one scan per row, however many there are.

use std::sync::{Arc, OnceLock};

use pronubes_core::payload::{FieldPath, Kind, ObjectWriter, Span};
use pronubes_core::record::{Member, QualityForm, Shape, StatusCode, TimeForm};

use crate::base64;
use crate::column::{Column, Dtype};
use crate::fields::{self, FieldReader, Place};
use crate::queue::{Item, Segment};
use crate::tape::Tapes;

/// Captures of a hook's rows: per row the spans into its topic.
#[derive(Debug, Default)]
pub struct Captures {
    /// End of each row's spans in `spans`.
    pub ends: Vec<u32>,
    /// The spans of all rows.
    pub spans: Vec<Span>,
}

impl Captures {
    /// The captures of a row.
    pub(crate) fn of(&self, row: usize) -> &[Span] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let end = self.ends.get(row).map_or(start, |end| *end as usize);
        self.spans.get(start..end).unwrap_or_default()
    }

    /// The n-th capture of a row.
    fn get(&self, row: usize, capture: usize) -> Option<Span> {
        self.of(row).get(capture).copied()
    }
}

/// Messages as rows and columns.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The number to confirm it by.
    pub id: u64,
    /// The messages.
    pub segment: Arc<Segment>,
    /// The captures, for hooks.
    pub captures: Option<Arc<Captures>>,
    /// Where fields stand, for hooks: filled by the first scan.
    pub tapes: Option<Arc<OnceLock<Tapes>>>,
}

/// Why there is no such column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnError {
    /// No route has this capture, or the batch is not a hook's.
    UnknownCapture(String),
    /// The name is no path.
    InvalidPath(String),
    /// The column cannot have this type.
    InvalidDtype(String, &'static str),
    /// More columns than the scanner can number.
    TooMany,
}

impl std::fmt::Display for ColumnError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownCapture(name) => write!(formatter, "No route of this batch has the capture `{name}`."),
            Self::InvalidPath(name) => write!(formatter, "`{name}` is no path into a payload."),
            Self::InvalidDtype(name, dtype) => write!(formatter, "The column `{name}` cannot be read as `{dtype}`."),
            Self::TooMany => formatter.write_str("These are more columns than one scan can read."),
        }
    }
}

impl std::error::Error for ColumnError {}

/// Where a column's values come from.
enum Origin {
    Topic,
    Payload,
    Received,
    SourceTime {
        timestamp: Option<(usize, TimeForm)>,
        or_received: bool,
    },
    /// A quality that is a number, by its name.
    Quality {
        place: usize,
        form: QualityForm,
        silent: Option<StatusCode>,
    },
    /// The shape does not say it.
    Nowhere,
    QoS,
    Retain,
    Replayed,
    Source,
    Route,
    Capture(String),
    Field(usize),
}

/// Columns on their way.
struct Wanted {
    origin: Origin,
    column: Column,
}

impl Batch {
    /// A batch of a sink or a tap.
    #[must_use]
    pub fn new(id: u64, segment: Arc<Segment>) -> Self {
        Self { id, segment, captures: None, tapes: None }
    }

    /// The messages in order.
    pub fn items(&self) -> impl ExactSizeIterator<Item = Item<'_>> {
        self.segment.records().iter().map(|record| self.segment.item(record))
    }

    /// Columns by name and type; without a type the column's own.
    ///
    /// # Errors
    /// A name or a type that this batch cannot give.
    pub fn columns(&self, wanted: &[(&str, Option<Dtype>)]) -> Result<Vec<Column>, ColumnError> {
        self.columns_of(None, wanted)
    }

    /// The same, with value, quality, unit and time where a shape has them.
    ///
    /// # Errors
    /// As [`Batch::columns`].
    pub fn columns_of(
        &self,
        shape: Option<&Shape>,
        wanted: &[(&str, Option<Dtype>)],
    ) -> Result<Vec<Column>, ColumnError> {
        let mut places = Vec::new();
        let mut columns = Vec::with_capacity(wanted.len());
        for (name, dtype) in wanted {
            let (origin, dtype) = self.origin(name, *dtype, shape, &mut places)?;
            columns.push(Wanted { origin, column: Column::new(dtype, self.segment.len()) });
        }
        let mut reader =
            if places.is_empty() { None } else { Some(FieldReader::new(&places).ok_or(ColumnError::TooMany)?) };
        let unread = self.tapes.as_deref().filter(|tapes| reader.is_some() && tapes.get().is_none());
        let mut tapes = unread.map(|_| Tapes::sized(self.segment.len()));
        for (row, item) in self.items().enumerate() {
            if let Some(reader) = &mut reader {
                reader.read(item.payload);
                tapes = tapes.and_then(|mut tapes| tapes.push(reader.scanned()).then_some(tapes));
            }
            for wanted in &mut columns {
                self.push(row, &item, wanted, reader.as_mut());
            }
        }
        if let (Some(unread), Some(tapes)) = (unread, tapes) {
            unread.get_or_init(|| tapes);
        }
        Ok(columns.into_iter().map(|wanted| wanted.column).collect())
    }

    fn origin(
        &self,
        name: &str,
        dtype: Option<Dtype>,
        shape: Option<&Shape>,
        places: &mut Vec<Place>,
    ) -> Result<(Origin, Dtype), ColumnError> {
        let mut field = |place: Place| {
            let known = places.iter().position(|other| *other == place);
            known.unwrap_or_else(|| {
                places.push(place);
                places.len() - 1
            })
        };
        let path =
            |name: &str| FieldPath::parse(name).map(Place::Path).map_err(|_| ColumnError::InvalidPath(name.to_owned()));
        let member = |name: &str| match name {
            "value" | "text" => Some(Member::Value),
            "quality" => Some(Member::Quality),
            "unit" => Some(Member::Unit),
            "source_ns" | "time_ns" => Some(Member::Time),
            _ => None,
        };
        if let Some((shape, member)) = shape.filter(|shape| !shape.is_bare()).zip(member(name)) {
            let place = shape.path(member).map(|path| field(Place::Path(path.clone())));
            return shaped((name, dtype), place, shape);
        }
        let (origin, own) = match name {
            "topic" => (Origin::Topic, Dtype::Text),
            "payload" => (Origin::Payload, Dtype::Binary),
            "received_ns" => (Origin::Received, Dtype::I64),
            "qos" => (Origin::QoS, Dtype::I64),
            "retain" => (Origin::Retain, Dtype::Bool),
            "replayed" => (Origin::Replayed, Dtype::Bool),
            "source" => (Origin::Source, Dtype::Text),
            "route" => (Origin::Route, Dtype::Text),
            "source_ns" | "time_ns" => {
                let timestamp = field(path("timestamp_ms")?);
                let timestamp = Some((timestamp, TimeForm::UnixMs)).filter(|_| shape.is_none());
                (Origin::SourceTime { timestamp, or_received: name == "time_ns" }, Dtype::I64)
            }
            "value" => (Origin::Field(field(Place::Value)), dtype.unwrap_or(Dtype::F64)),
            "text" => (Origin::Field(field(Place::Value)), Dtype::Text),
            "quality" | "unit" if shape.is_some() => (Origin::Nowhere, Dtype::Text),
            "quality" | "unit" => (Origin::Field(field(path(name)?)), dtype.unwrap_or(Dtype::Text)),
            _ => match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(capture) => (self.capture_origin(capture)?, Dtype::Text),
                None => (Origin::Field(field(path(name)?)), dtype.unwrap_or(Dtype::Json)),
            },
        };
        let is_field = matches!(origin, Origin::Field(_));
        match dtype {
            Some(dtype) if dtype != own || (is_field && dtype == Dtype::Binary) => {
                Err(ColumnError::InvalidDtype(name.to_owned(), dtype.name()))
            }
            _ => Ok((origin, own)),
        }
    }

    fn capture_origin(&self, name: &str) -> Result<Origin, ColumnError> {
        let is_known = self.captures.is_some() && self.segment.names().has_capture(name);
        let origin = is_known.then(|| Origin::Capture(name.to_owned()));
        origin.ok_or_else(|| ColumnError::UnknownCapture(name.to_owned()))
    }

    fn push(&self, row: usize, item: &Item<'_>, wanted: &mut Wanted, reader: Option<&mut FieldReader>) {
        let column = &mut wanted.column;
        match &wanted.origin {
            Origin::Topic => column.push_bytes(Some(item.topic)),
            Origin::Payload => column.push_bytes(Some(item.payload)),
            Origin::Received => column.push_i64(Some(item.meta.received_ns)),
            Origin::QoS => column.push_i64(Some(i64::from(item.meta.qos))),
            Origin::Retain => column.push_bool(Some(item.meta.retain)),
            Origin::Replayed => column.push_bool(Some(item.is_replayed)),
            Origin::Source => column.push_bytes(Some(self.segment.names().source(item.source).as_bytes())),
            Origin::Route => column.push_bytes(Some(self.segment.names().route(item.route).as_bytes())),
            Origin::Capture(name) => column.push_bytes(self.capture(row, item, name)),
            Origin::SourceTime { timestamp, or_received } => {
                let read = || {
                    let ((place, form), reader) = (*timestamp.as_ref()?, reader?);
                    reader.time(item.payload, place, form)
                };
                let time = item.meta.source_ns.or_else(read);
                column.push_i64(time.or(or_received.then_some(item.meta.received_ns)));
            }
            Origin::Quality { place, form, silent } => {
                let Some(reader) = reader else { return push_null(column) };
                let status = reader.quality(item.payload, *place, *form, *silent);
                match status.map(|status| (status.name(), status)) {
                    Some((Some(name), _)) => column.push_bytes(Some(name.as_bytes())),
                    Some((None, status)) => column.push_bytes(Some(status.to_string().as_bytes())),
                    // Unknown stays unknown, and as it was written.
                    None => {
                        let raw = reader.raw(*place).filter(|raw| raw.kind != Kind::Null);
                        column.push_bytes(raw.map(|raw| raw.span().of(item.payload)));
                    }
                }
            }
            Origin::Nowhere => push_null(column),
            Origin::Field(place) => push_field(column, item.payload, *place, reader),
        }
    }

    fn capture<'a>(&self, row: usize, item: &Item<'a>, name: &str) -> Option<&'a [u8]> {
        let place = self.segment.names().capture(item.route, name)?;
        Some(self.captures.as_ref()?.get(row, place)?.of(item.topic))
    }

    /// Per row the payload's top-level fields other than those named, as an object's text; null when none are left.
    #[must_use]
    pub fn rest(&self, without: &[&str]) -> Column {
        let places: Vec<Place> =
            without.iter().filter_map(|key| FieldPath::from_segments([*key]).ok().map(Place::Path)).collect();
        let mut column = Column::new(Dtype::Json, self.segment.len());
        let mut reader = FieldReader::new(&places);
        let mut text = Vec::new();
        for item in self.items() {
            text.clear();
            let is_any = reader.as_mut().is_some_and(|reader| {
                reader.read(item.payload);
                write_rest(item.payload, reader, &mut text)
            });
            column.push_bytes(is_any.then_some(&text));
        }
        column
    }

    /// One JSON line per row.
    #[must_use]
    pub fn ndjson(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.segment.size() + 96 * self.segment.len());
        let Some(mut reader) = FieldReader::new(&[Place::Value]) else { return out };
        let names = self.segment.names();
        for item in self.items() {
            reader.read(item.payload);
            out.extend_from_slice(b"{\"topic\":");
            write_text(std::str::from_utf8(item.topic).unwrap_or_default(), &mut out);
            write_payload(item.payload, reader.scanned().is_some(), "payload_", &mut out);
            let time_ns = item.meta.source_ns.unwrap_or(item.meta.received_ns);
            out.extend_from_slice(format!(",\"time_ns\":{time_ns},\"source\":").as_bytes());
            write_text(names.source(item.source), &mut out);
            out.extend_from_slice(b",\"route\":");
            write_text(names.route(item.route), &mut out);
            if item.is_replayed {
                out.extend_from_slice(b",\"replayed\":true");
            }
            out.extend_from_slice(b"}\n");
        }
        out
    }
}

/// Appends a member with the payload, a comma before it. JSON stands as it is under `payload`; JSON that spans lines goes as text, so
/// that one line stays one record. Text that is no JSON goes under `{prefix}text`, other bytes under `{prefix}base64`.
pub(crate) fn write_payload(payload: &[u8], is_json: bool, prefix: &str, out: &mut Vec<u8>) {
    if is_json && !payload.contains(&b'\n') {
        out.extend_from_slice(b",\"payload\":");
        out.extend_from_slice(payload);
        return;
    }
    out.extend_from_slice(b",\"");
    out.extend_from_slice(prefix.as_bytes());
    match std::str::from_utf8(payload) {
        Ok(text) => {
            out.extend_from_slice(b"text\":");
            write_text(text, out);
        }
        Err(_) => {
            out.extend_from_slice(b"base64\":\"");
            base64::append(payload, out);
            out.push(b'"');
        }
    }
}

pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    pronubes_core::payload::text::write(out, text);
}

/// Where a column comes from that a shape says.
fn shaped(
    (name, dtype): (&str, Option<Dtype>),
    place: Option<usize>,
    shape: &Shape,
) -> Result<(Origin, Dtype), ColumnError> {
    let (origin, own) = match (name, place, shape.quality_form()) {
        ("source_ns" | "time_ns", ..) => {
            let timestamp = place.zip(shape.time_form());
            (Origin::SourceTime { timestamp, or_received: name == "time_ns" }, Dtype::I64)
        }
        ("quality", Some(place), Some(form)) if form.is_number() => {
            (Origin::Quality { place, form, silent: shape.silent() }, Dtype::Text)
        }
        ("value", Some(place), _) => (Origin::Field(place), dtype.unwrap_or(Dtype::F64)),
        ("text", Some(place), _) => (Origin::Field(place), Dtype::Text),
        (_, Some(place), _) => (Origin::Field(place), dtype.unwrap_or(Dtype::Text)),
        (_, None, _) => (Origin::Nowhere, Dtype::Text),
    };
    match dtype {
        Some(dtype) if dtype != own => Err(ColumnError::InvalidDtype(name.to_owned(), dtype.name())),
        _ => Ok((origin, own)),
    }
}

fn push_field(column: &mut Column, payload: &[u8], place: usize, reader: Option<&mut FieldReader>) {
    let Some((reader, raw)) = reader.and_then(|reader| reader.raw(place).map(|raw| (reader, raw))) else {
        return push_null(column);
    };
    match column.dtype {
        Dtype::F64 => column.push_f64(fields::as_f64(payload, raw)),
        Dtype::I64 => column.push_i64(fields::as_i64(payload, raw)),
        Dtype::Bool => column.push_bool(fields::as_bool(raw)),
        Dtype::Text => column.push_bytes(reader.text(payload, raw).map(str::as_bytes)),
        Dtype::Json | Dtype::Binary => column.push_bytes(Some(raw.span().of(payload))),
    }
}

fn push_null(column: &mut Column) {
    match column.dtype {
        Dtype::F64 => column.push_f64(None),
        Dtype::I64 => column.push_i64(None),
        Dtype::Bool => column.push_bool(None),
        Dtype::Text | Dtype::Json | Dtype::Binary => column.push_bytes(None),
    }
}

/// Writes the fields that have no slot (those with one are the ones to leave out); whether there are any.
fn write_rest(payload: &[u8], reader: &FieldReader, out: &mut Vec<u8>) -> bool {
    let Some(scan) = reader.scanned().filter(|scan| !scan.tape.is_empty()) else { return false };
    let mut writer = ObjectWriter::new(payload, scan.root, out);
    let mut is_any = false;
    for field in &scan.tape {
        match field.slot {
            Some(_) => writer.drop_field(field),
            None => {
                writer.keep(field);
                is_any = true;
            }
        }
    }
    writer.finish();
    is_any
}
