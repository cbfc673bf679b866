//! Writing payloads: an object with some of its fields changed.
//!
//! [`ObjectWriter`] follows the tape of a scan and copies the longest runs of fields that nobody touched in one go, with
//! the white space they came with: an object of which one value changes is three copies, whatever its size. White space:
//!
//! * between two neighbours that both stay, it stays, also around a value that is replaced or a key that is renamed;
//! * where fields are dropped, the fields on both sides meet at a bare `,` (or the bracket), without white space;
//! * appended fields follow at a bare `,`, and the object then ends in a bare `}`;
//! * what stands before and after the whole object is not copied.

use super::cell::{Raw, Span};
use super::json::Field;
use super::text;

/// Appends `source[start..end]`; nothing where that lies outside of the source.
///
/// Most runs are short, and a block of a fixed size takes two instructions where any other length takes a call.
#[inline]
pub(super) fn push_run(out: &mut Vec<u8>, source: &[u8], start: usize, end: usize) {
    const BLOCK: usize = 16;
    match source.get(start..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        Some(block) if end >= start && end - start <= BLOCK => {
            let length = out.len() + end - start;
            out.extend_from_slice(block);
            out.truncate(length);
        }
        _ => out.extend_from_slice(source.get(start..end).unwrap_or_default()),
    }
}

/// Writes one object: call [`keep`](Self::keep), [`rename`](Self::rename), [`replace`](Self::replace) or
/// [`drop_field`](Self::drop_field) once per field of the tape, in its order, then [`append`](Self::append), then
/// [`finish`](Self::finish). Of neighbours that stay as they are it is enough to keep the last.
///
/// # Examples
///
/// ```
/// use pronubes_core::payload::{Limits, ObjectWriter, PathSet, Scan, scan};
///
/// let payload = br#"{ "value": 21.5, "ts": 7, "quality": "GOOD" }"#;
/// let mut found = Scan::default();
/// scan(payload, &PathSet::default(), &Limits::default(), &mut found)?;
/// let mut out = Vec::new();
/// let mut writer = ObjectWriter::new(payload, found.root, &mut out);
/// writer.replace(&found.tape[0]).extend_from_slice(b"70.7");
/// writer.rename(&found.tape[1], "timestamp_ms");
/// writer.drop_field(&found.tape[2]);
/// writer.append("unit").extend_from_slice(b"\"[degF]\"");
/// writer.finish();
/// assert_eq!(out, br#"{ "value": 70.7, "timestamp_ms": 7,"unit":"[degF]"}"#);
/// # Ok::<(), pronubes_core::payload::Fault>(())
/// ```
#[derive(Debug)]
pub struct ObjectWriter<'a> {
    payload: &'a [u8],
    root: Raw,
    out: &'a mut Vec<u8>,
    /// What is due to be copied: it ends where the last field that stays ends so far.
    run: Span,
    /// Whether the run reaches back to what was written last, so that what follows goes on with the original separator.
    is_open: bool,
    is_empty: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Begins to write the object `root` of the payload, appending to `out`.
    #[inline]
    #[must_use]
    pub fn new(payload: &'a [u8], root: Raw, out: &'a mut Vec<u8>) -> Self {
        let run = Span { start: root.start, end: root.start + 1 };
        Self { payload, root, out, run, is_open: true, is_empty: true }
    }

    /// The next field stays as it is.
    #[inline(always)]
    pub fn keep(&mut self, field: &Field) {
        self.reach(field);
        self.run.end = field.value.end;
    }

    /// The next field stays and its key becomes `key`.
    #[inline]
    pub fn rename(&mut self, field: &Field, key: &str) {
        self.rename_written(field, |out| text::write(out, key));
    }

    /// The next field stays under a key that `write_key` writes, with its quotes.
    #[inline(always)]
    pub fn rename_written(&mut self, field: &Field, write_key: impl FnOnce(&mut Vec<u8>)) {
        self.reach(field);
        self.copy_up_to(field.quoted_key().start);
        write_key(self.out);
        self.run = Span { start: field.quoted_key().end, end: field.value.end };
    }

    /// The next field stays and its value becomes what the caller appends to the returned buffer.
    #[inline(always)]
    pub fn replace(&mut self, field: &Field) -> &mut Vec<u8> {
        self.reach(field);
        self.copy_up_to(field.value.start);
        self.run = Span { start: field.value.end, end: field.value.end };
        self.out
    }

    /// The next field stays under another key, and its value becomes what the caller appends to the returned buffer.
    #[inline]
    pub fn rename_and_replace(&mut self, field: &Field, key: &str) -> &mut Vec<u8> {
        self.rename(field, key);
        self.copy_up_to(field.value.start);
        self.run = Span { start: field.value.end, end: field.value.end };
        self.out
    }

    /// The next field goes.
    #[inline(always)]
    pub fn drop_field(&mut self, _field: &Field) {
        self.close_run();
    }

    /// A new field at the end, its value being what the caller appends to the returned buffer.
    #[inline]
    pub fn append(&mut self, key: &str) -> &mut Vec<u8> {
        self.append_written(|out| {
            text::write(out, key);
            out.push(b':');
        })
    }

    /// A new field at the end; `write_key` writes its key with quotes and colon.
    #[inline(always)]
    pub fn append_written(&mut self, write_key: impl FnOnce(&mut Vec<u8>)) -> &mut Vec<u8> {
        self.close_run();
        self.separate();
        write_key(self.out);
        self.out
    }

    /// Writes what is left. When the last field stayed and nothing was appended, the white space before the closing
    /// bracket stays too.
    #[inline]
    pub fn finish(mut self) {
        if self.is_open {
            self.copy_up_to(self.root.end);
        } else {
            self.out.push(b'}');
        }
    }

    /// Makes the run reach the member of `field`.
    #[inline(always)]
    fn reach(&mut self, field: &Field) {
        if !self.is_open {
            self.separate();
            self.run = Span { start: field.member().start, end: field.member().start };
            self.is_open = true;
        }
        self.is_empty = false;
    }

    #[inline(always)]
    fn copy_up_to(&mut self, end: u32) {
        push_run(self.out, self.payload, self.run.start as usize, end as usize);
    }

    #[inline(always)]
    fn close_run(&mut self) {
        if self.is_open {
            self.copy_up_to(self.run.end);
            self.is_open = false;
        }
    }

    #[inline(always)]
    fn separate(&mut self) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
    }
}
