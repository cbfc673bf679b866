//! Consumers and how far they have come: two files written by turns, so that one of them is always whole.
//!
//! Rules of this file:
//! 1. A position is saved before anything that it covers is removed.
//! 2. A file that cannot be read is as good as none; the other one counts then. Without both, consumers begin with the oldest record:
//!    messages may come twice, none is missing.
//! 3. No number at or above `reserved` of a saved file has ever been given to a record: a start begins there, whatever has become of the segments.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::format::VERSION;
use crate::fs::{Access, File, Fs};
use crate::scan::{patient, read_full, write_full};

const MAGIC: [u8; 8] = *b"PNcur\r\n\x1a";
pub(crate) const NAMES: [&str; 2] = ["cursor.a", "cursor.b"];
/// Numbers that are reserved at a time. A process that dies leaves them out: its last records may have reached a sink under them.
pub(crate) const LEAP: u64 = 1 << 24;
/// A cursor file is never longer: more is damage.
const MAX_BYTES: u64 = 64 << 20;

/// How far a consumer has come. Everything in `pending` and from `next` on is not delivered yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Ranges below `next`, ascending and apart.
    pub pending: Vec<Range<u64>>,
    /// The first number behind all that is known.
    pub next: u64,
}

impl Position {
    /// The oldest record that is not delivered.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.pending.first().map_or(self.next, |range| range.start.min(self.next))
    }

    /// The parts of a range that are not delivered.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let open = self.next..u64::MAX;
        let clip = move |part: Range<u64>| part.start.max(range.start)..part.end.min(range.end);
        self.pending.iter().cloned().chain([open]).map(clip).filter(|part| !part.is_empty())
    }

    /// Forgets what lies below a number.
    pub(crate) fn clamp(&mut self, to: u64) {
        self.next = self.next.max(to);
        self.pending.retain_mut(|range| {
            range.start = range.start.max(to);
            !range.is_empty()
        });
    }
}

/// A consumer.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub(crate) name: Box<str>,
    pub(crate) position: Position,
    /// An operator has dropped it: its number stays taken.
    pub(crate) is_forgotten: bool,
}

/// All consumers, by number.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    pub(crate) consumers: Vec<Consumer>,
    by_name: BTreeMap<Box<str>, u16>,
    generation: u64,
    /// The log that the files are of; 0 when there was none.
    pub(crate) log: u64,
    /// Numbers below this may have been used.
    pub(crate) reserved: u64,
    /// The number behind the last record that was durable when this was saved.
    pub(crate) end: u64,
    /// Positions were lost in some start: a consumer that is new begins with the oldest record.
    pub(crate) is_lost: bool,
    files: [Option<Arc<dyn File>>; 2],
    /// Files of a later version, to be set aside.
    pub(crate) later: Vec<&'static str>,
    pub(crate) is_dirty: bool,
    /// A consumer that no file knows yet: it is saved before its first record.
    pub(crate) has_new: bool,
    /// What the file that was written last says.
    saved: Vec<Position>,
}

impl std::fmt::Debug for dyn File {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("File")
    }
}

impl Cursors {
    /// Reads both files; without `log`, those of the log that they name.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path, log: Option<u64>) -> Self {
        let mut cursors = Self::default();
        for name in NAMES {
            let Ok(bytes) = patient(|| read(fs, &dir.join(name))) else { continue };
            if bytes.starts_with(&MAGIC) && bytes.get(8).is_some_and(|version| *version > VERSION) {
                cursors.later.push(name); // Of a later version: it is kept, and a new one takes its place.
                continue;
            }
            if let Some(read) = decode(&bytes)
                && log.is_none_or(|log| log == read.log)
                && read.generation > cursors.generation
            {
                cursors = Self { later: std::mem::take(&mut cursors.later), ..read };
            }
        }
        let named = cursors.consumers.iter().enumerate();
        cursors.by_name = named.map(|(number, consumer)| (consumer.name.clone(), number as u16)).collect();
        cursors.saved = cursors.consumers.iter().map(|consumer| consumer.position.clone()).collect();
        cursors
    }

    /// Whether a file could be read.
    pub(crate) fn is_known(&self) -> bool {
        self.generation > 0
    }

    /// The number behind all that positions speak of.
    pub(crate) fn newest(&self) -> u64 {
        self.consumers.iter().map(|consumer| consumer.position.next).max().unwrap_or(1).max(self.end)
    }

    /// The parts of a range that some consumer has not got, ascending and apart.
    pub(crate) fn undelivered(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let kept = self.consumers.iter().filter(|consumer| !consumer.is_forgotten);
        let mut parts: Vec<_> = kept.flat_map(|consumer| consumer.position.within(range.clone())).collect();
        parts.sort_by_key(|part| part.start);
        let mut union: Vec<Range<u64>> = Vec::new();
        for part in parts {
            match union.last_mut() {
                Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
                _ => union.push(part),
            }
        }
        union
    }

    /// Whether a consumer has come so far that it is to be saved before its time.
    pub(crate) fn has_leapt(&self, records: u64) -> bool {
        let pairs = self.consumers.iter().zip(&self.saved);
        pairs.into_iter().any(|(consumer, saved)| consumer.position.next.saturating_sub(saved.next) >= records)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u16> {
        self.by_name.get(name).copied()
    }

    /// The number of a consumer; a new one begins at `start`.
    pub(crate) fn register(&mut self, name: &str, start: u64) -> u16 {
        if let Some(number) = self.number(name) {
            if let Some(consumer) = self.consumers.get_mut(usize::from(number))
                && consumer.is_forgotten
            {
                consumer.is_forgotten = false;
                consumer.position = Position { pending: Vec::new(), next: start };
                (self.is_dirty, self.has_new) = (true, true);
            }
            return number;
        }
        let number = self.consumers.len() as u16;
        let position = Position { pending: Vec::new(), next: start };
        self.consumers.push(Consumer { name: name.into(), position, is_forgotten: false });
        self.by_name.insert(name.into(), number);
        (self.is_dirty, self.has_new) = (true, true);
        number
    }

    /// The oldest record that some consumer has not got, as far as the disk knows.
    pub(crate) fn saved_first(&self) -> u64 {
        if self.consumers.is_empty() {
            return 0; // Nobody has said yet what he wants.
        }
        let kept = self.consumers.iter().zip(&self.saved).filter(|(consumer, _)| !consumer.is_forgotten);
        let unsaved = self.consumers.iter().skip(self.saved.len()).map(|consumer| consumer.position.first());
        kept.map(|(_, saved)| saved.first()).chain(unsaved).min().unwrap_or(u64::MAX)
    }

    /// The oldest record that some consumer has not got, as far as memory knows.
    pub(crate) fn first(&self) -> u64 {
        let kept = self.consumers.iter().filter(|consumer| !consumer.is_forgotten);
        kept.map(|consumer| consumer.position.first()).min().unwrap_or(0)
    }

    /// Writes the older of the two files and syncs it.
    ///
    /// # Errors
    /// The operating system's; the file is replaced by a new one at the next try, since its state is unknown.
    pub(crate) fn save(&mut self, fs: &dyn Fs, dir: &Path) -> io::Result<u64> {
        let generation = self.generation + 1;
        let slot = usize::from(generation.is_multiple_of(2));
        let bytes = self.encode(generation);
        // A file of an earlier run, or one that failed, may lie about what of it is on the disk: a new one takes its place.
        let file = match self.files.get_mut(slot).and_then(Option::take) {
            Some(file) => {
                write_full(&*file, &bytes, 0)?;
                file.set_len(bytes.len() as u64)?;
                file.sync_data()?;
                file
            }
            None => renew(fs, dir, slot, &bytes)?,
        };
        self.files[slot] = Some(file);
        self.generation = generation;
        self.saved = self.consumers.iter().map(|consumer| consumer.position.clone()).collect();
        (self.is_dirty, self.has_new) = (false, false);
        Ok(bytes.len() as u64)
    }
}

/// A new file in place of one whose state is unknown.
fn renew(fs: &dyn Fs, dir: &Path, slot: usize, bytes: &[u8]) -> io::Result<Arc<dyn File>> {
    let fresh = dir.join("cursor.tmp");
    match fs.remove(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = fs.create_new(&fresh)?;
    write_full(&*file, bytes, 0)?;
    file.sync_data()?;
    fs.rename(&fresh, &dir.join(NAMES[slot.min(1)]))?;
    fs.sync_dir(dir)?;
    Ok(file)
}

/// The bytes of a cursor file.
fn read(fs: &dyn Fs, path: &Path) -> io::Result<Vec<u8>> {
    let file = fs.open(path, Access::Read)?;
    let size = file.size()?.min(MAX_BYTES);
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    let length = read_full(&*file, &mut bytes, 0, size)?;
    bytes.truncate(length);
    Ok(bytes)
}

impl Cursors {
    fn encode(&self, generation: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.consumers.len() * 64);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[VERSION, u8::from(self.is_lost), 0, 0]);
        bytes.extend_from_slice(&[0; 8]); // Check sum, length.
        for number in [generation, self.log, self.reserved, self.end] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&(self.consumers.len() as u32).to_le_bytes());
        for consumer in &self.consumers {
            bytes.push(u8::from(consumer.is_forgotten));
            bytes.extend_from_slice(&(consumer.name.len() as u32).to_le_bytes());
            bytes.extend_from_slice(consumer.name.as_bytes());
            bytes.extend_from_slice(&consumer.position.next.to_le_bytes());
            bytes.extend_from_slice(&(consumer.position.pending.len() as u32).to_le_bytes());
            for range in &consumer.position.pending {
                bytes.extend_from_slice(&range.start.to_le_bytes());
                bytes.extend_from_slice(&range.end.to_le_bytes());
            }
        }
        let length = bytes.len() as u32;
        bytes[16..20].copy_from_slice(&length.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

fn decode(bytes: &[u8]) -> Option<Cursors> {
    let mut rest = bytes;
    let head: [u8; 8] = take(&mut rest)?;
    let [version, is_lost, _, _]: [u8; 4] = take(&mut rest)?;
    let crc = u32::from_le_bytes(take(&mut rest)?);
    let length = u32::from_le_bytes(take(&mut rest)?) as usize;
    let checked = bytes.get(16..length)?;
    if head != MAGIC || version != VERSION || crc != crc32c::crc32c_append(crc32c::crc32c(bytes.get(..12)?), checked) {
        return None;
    }
    let mut rest = checked.get(4..)?;
    let mut number = || take(&mut rest).map(u64::from_le_bytes);
    let (generation, log, reserved, end) = (number()?, number()?, number()?, number()?);
    let count = u32::from_le_bytes(take(&mut rest)?);
    let mut consumers = Vec::new();
    for _ in 0..count {
        consumers.push(take_consumer(&mut rest)?);
    }
    let cursors = Cursors { consumers, generation, log, reserved, end, is_lost: is_lost != 0, ..Cursors::default() };
    rest.is_empty().then_some(cursors)
}

fn take_consumer(rest: &mut &[u8]) -> Option<Consumer> {
    let [forgotten] = take(rest)?;
    let length = u32::from_le_bytes(take(rest)?) as usize;
    let (name, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    let next = u64::from_le_bytes(take(rest)?);
    let ranges = u32::from_le_bytes(take(rest)?);
    let mut pending = Vec::new();
    for _ in 0..ranges {
        let start = u64::from_le_bytes(take(rest)?);
        let end = u64::from_le_bytes(take(rest)?);
        pending.push(start..end);
    }
    let name = std::str::from_utf8(name).ok()?.into();
    Some(Consumer { name, position: Position { pending, next }, is_forgotten: forgotten != 0 })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_every_flipped_bit_is_seen() {
        let consumer = |name: &str, pending: Vec<Range<u64>>, next| Consumer {
            name: name.into(),
            position: Position { pending, next },
            is_forgotten: false,
        };
        let consumers = vec![consumer("uns", vec![3..9, 12..13], 20), consumer("historian", vec![], 7)];
        let cursors = Cursors { consumers, log: 3, reserved: 99, end: 21, is_lost: true, ..Cursors::default() };
        let bytes = cursors.encode(5);
        let read = decode(&bytes).expect("it was just written");
        let told = |cursors: &Cursors| {
            let named = cursors.consumers.iter().map(|one| (one.name.clone(), one.position.clone()));
            (named.collect::<Vec<_>>(), cursors.log, cursors.reserved, cursors.end, cursors.is_lost)
        };
        assert_eq!((read.generation, told(&read)), (5, told(&cursors)));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_none(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn a_position_says_what_is_not_delivered() {
        let mut position = Position { pending: vec![3..9, 12..13], next: 20 };
        assert_eq!(position.first(), 3);
        assert_eq!(position.within(5..25).collect::<Vec<_>>(), [5..9, 12..13, 20..25]);
        position.clamp(8);
        assert_eq!(position, Position { pending: vec![8..9, 12..13], next: 20 });
        position.clamp(30);
        assert_eq!(position, Position { pending: vec![], next: 30 });
    }
}
