//! Consumers and how far they have come: two files written by turns, so that one of them is always whole.
//!
//! Rules of this file:
//! 1. A position is saved before anything that it covers is removed.
//! 2. A file that cannot be read is as good as none; the other one counts then. Without both, consumers begin with the oldest record:
//!    messages may come twice, none is missing.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::format::VERSION;
use crate::fs::{Access, File, Fs};
use crate::scan::{read_full, write_full};

const MAGIC: [u8; 8] = *b"PNcur\r\n\x1a";
const NAMES: [&str; 2] = ["cursor.a", "cursor.b"];
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
    files: [Option<Arc<dyn File>>; 2],
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
    /// Reads both files; whether one of them could be read.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path) -> io::Result<(Self, bool)> {
        let mut cursors = Self::default();
        let mut is_known = false;
        for (slot, name) in NAMES.into_iter().enumerate() {
            let path = dir.join(name);
            let file = match fs.open(&path, Access::Write) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs.create_new(&path)?,
                Err(error) => return Err(error),
            };
            if let Some((generation, consumers)) = read(&*file)
                && (!is_known || generation > cursors.generation)
            {
                (cursors.generation, cursors.consumers, is_known) = (generation, consumers, true);
            }
            cursors.files[slot] = Some(file);
        }
        let named = cursors.consumers.iter().enumerate();
        cursors.by_name = named.map(|(number, consumer)| (consumer.name.clone(), number as u16)).collect();
        cursors.saved = cursors.consumers.iter().map(|consumer| consumer.position.clone()).collect();
        Ok((cursors, is_known))
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
        let kept = self.consumers.iter().zip(&self.saved).filter(|(consumer, _)| !consumer.is_forgotten);
        let unsaved = self.consumers.iter().skip(self.saved.len()).map(|consumer| consumer.position.first());
        kept.map(|(_, saved)| saved.first()).chain(unsaved).min().unwrap_or(0)
    }

    /// Writes the older of the two files and syncs it.
    ///
    /// # Errors
    /// The operating system's; the file is replaced by a new one at the next try, since its state is unknown.
    pub(crate) fn save(&mut self, fs: &dyn Fs, dir: &Path) -> io::Result<u64> {
        let generation = self.generation + 1;
        let slot = usize::from(generation.is_multiple_of(2));
        let bytes = encode(generation, &self.consumers);
        let file = match self.files.get(slot).cloned().flatten() {
            Some(file) => file,
            None => renew(fs, dir, slot)?,
        };
        let written = write_full(&*file, &bytes, 0)
            .and_then(|()| file.set_len(bytes.len() as u64))
            .and_then(|()| file.sync_data());
        if let Err(error) = written {
            self.files[slot] = None;
            return Err(error);
        }
        self.files[slot] = Some(file);
        self.generation = generation;
        self.saved = self.consumers.iter().map(|consumer| consumer.position.clone()).collect();
        (self.is_dirty, self.has_new) = (false, false);
        Ok(bytes.len() as u64)
    }
}

/// A new file in place of one whose state is unknown.
fn renew(fs: &dyn Fs, dir: &Path, slot: usize) -> io::Result<Arc<dyn File>> {
    let path = dir.join(NAMES[slot.min(1)]);
    let fresh = dir.join("cursor.tmp");
    match fs.remove(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = fs.create_new(&fresh)?;
    fs.rename(&fresh, &path)?;
    fs.sync_dir(dir)?;
    Ok(file)
}

fn encode(generation: u64, consumers: &[Consumer]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + consumers.len() * 64);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // version, 3 free, check sum, length
    bytes.extend_from_slice(&generation.to_le_bytes());
    bytes.extend_from_slice(&(consumers.len() as u32).to_le_bytes());
    for consumer in consumers {
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
    let crc = crc32c::crc32c(&bytes[16..]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn read(file: &dyn File) -> Option<(u64, Vec<Consumer>)> {
    let size = file.size().ok()?.min(MAX_BYTES);
    let mut bytes = vec![0; usize::try_from(size).ok()?];
    let length = read_full(file, &mut bytes, 0, size).ok()?;
    bytes.truncate(length);
    decode(&bytes)
}

fn decode(bytes: &[u8]) -> Option<(u64, Vec<Consumer>)> {
    let mut rest = bytes;
    let head: [u8; 8] = take(&mut rest)?;
    let version: [u8; 4] = take(&mut rest)?;
    let crc = u32::from_le_bytes(take(&mut rest)?);
    let length = u32::from_le_bytes(take(&mut rest)?) as usize;
    let checked = bytes.get(16..length)?;
    if head != MAGIC || version[0] != VERSION || crc != crc32c::crc32c(checked) {
        return None;
    }
    let mut rest = checked.get(4..)?;
    let generation = u64::from_le_bytes(take(&mut rest)?);
    let count = u32::from_le_bytes(take(&mut rest)?);
    let mut consumers = Vec::new();
    for _ in 0..count {
        let [forgotten] = take(&mut rest)?;
        let length = u32::from_le_bytes(take(&mut rest)?) as usize;
        let (name, behind) = rest.split_at_checked(length)?;
        rest = behind;
        let next = u64::from_le_bytes(take(&mut rest)?);
        let ranges = u32::from_le_bytes(take(&mut rest)?);
        let mut pending = Vec::new();
        for _ in 0..ranges {
            let start = u64::from_le_bytes(take(&mut rest)?);
            let end = u64::from_le_bytes(take(&mut rest)?);
            pending.push(start..end);
        }
        let name = std::str::from_utf8(name).ok()?.into();
        consumers.push(Consumer { name, position: Position { pending, next }, is_forgotten: forgotten != 0 });
    }
    rest.is_empty().then_some((generation, consumers))
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
        let consumers = [consumer("uns", vec![3..9, 12..13], 20), consumer("historian", vec![], 7)];
        let bytes = encode(5, &consumers);
        let (generation, read) = decode(&bytes).expect("it was just written");
        let positions = |consumers: &[Consumer]| {
            consumers.iter().map(|one| (one.name.clone(), one.position.clone())).collect::<Vec<_>>()
        };
        assert_eq!((generation, positions(&read)), (5, positions(&consumers)));
        for bit in (0..bytes.len() * 8).filter(|bit| !(9..12).contains(&(bit / 8))) {
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
