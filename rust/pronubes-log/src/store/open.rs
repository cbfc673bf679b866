//! Opening a folder, whatever lies in it.
//!
//! Only the last segment is read: a start takes as long with a large backlog as with a small one. The others are checked when they are
//! read. What cannot be used is moved to `damaged/`, never deleted, and never keeps the log from opening.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Segment, Settings, State, Store};
use crate::cursor::Cursors;
use crate::event::LogEvent;
use crate::format::{HEADER_BYTES, SegmentHeader, VERSION};
use crate::fs::{Access, File, Fs};
use crate::scan::{Scanner, Step, read_full, write_full};
use crate::stats::Stats;

const META: &str = "meta";
const META_MAGIC: [u8; 8] = *b"PNlog\r\n\x1a";
const LOCK: &str = "LOCK";
/// Where what cannot be used goes.
pub(crate) const DAMAGED: &str = "damaged";
/// Numbers that a new run leaves out: records that were never synced may have reached a sink under them.
const LEAP: u64 = 1 << 20;

/// Why a log cannot be opened. What lies in it is never the reason.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has it.
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// The operating system refuses.
    Io {
        /// What was done.
        what: &'static str,
        /// Its words.
        error: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { dir } => write!(out, "another process has `{}` open", dir.display()),
            Self::Io { what, error } => write!(out, "{what}: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> OpenError {
    move |error| OpenError::Io { what, error }
}

impl Store {
    /// Opens a folder; makes it if it is not there.
    ///
    /// # Errors
    /// Another process has it, or the operating system refuses.
    pub(crate) fn open(fs: Arc<dyn Fs>, dir: &Path, settings: Settings, now_ns: i64) -> Result<Self, OpenError> {
        make_folder(&*fs, dir).map_err(io_error("the folder cannot be made"))?;
        let lock = fs.lock(&dir.join(LOCK)).map_err(io_error("the lock cannot be taken"))?;
        let lock = lock.ok_or_else(|| OpenError::Locked { dir: dir.to_owned() })?;
        let mut events = Vec::new();
        let id = open_meta(&*fs, dir, &mut events).map_err(io_error("`meta` cannot be read or written"))?;
        let (cursors, is_known) = Cursors::open(&*fs, dir).map_err(io_error("the positions cannot be read"))?;
        fs.sync_dir(dir).map_err(io_error("the folder cannot be synced"))?;
        let mut store = Self {
            fs,
            dir: dir.to_owned(),
            id,
            settings,
            segments: VecDeque::new(),
            current: None,
            spare: None,
            backlog: VecDeque::new(),
            unsynced: VecDeque::new(),
            to_sync: Vec::new(),
            sealed_end: 1,
            durable: 1,
            cursors,
            cursors_lost: false,
            state: State::Ok,
            retry_ns: 0,
            backoff_ns: 0,
            saved_ns: now_ns,
            tidied_ns: now_ns,
            told: BTreeSet::new(),
            events,
            stats: Stats::default(),
            names: 0,
            buffer: Vec::new(),
            _lock: lock,
        };
        store.find_segments().map_err(io_error("the segments cannot be listed"))?;
        store.cursors_lost = !is_known && !store.segments.is_empty();
        store.find_head();
        Ok(store)
    }

    fn find_segments(&mut self) -> io::Result<()> {
        let mut headers = Vec::new();
        for entry in self.fs.list(&self.dir)? {
            if entry.is_file && entry.name.ends_with(".tmp") {
                let _ = self.fs.remove(&self.dir.join(&entry.name));
                continue;
            }
            let Some(first) = entry.name.strip_suffix(".seg") else { continue };
            let first = first.parse::<u64>().ok().filter(|_| first.len() == 20 && entry.is_file);
            let path = self.dir.join(&entry.name);
            let header = first.and_then(|_| self.header_of(&path));
            match (first, header) {
                (Some(first), Some(header)) if header.first == first && header.log == self.id => {
                    headers.push((path, header, entry.len));
                }
                _ => self.set_aside(&entry.name),
            }
        }
        for at in 0..headers.len() {
            let Some((path, header, bytes)) = headers.get(at).cloned() else { break };
            // The next segment says where this one ends; how far the last one goes is found by reading it.
            let end = headers.get(at + 1).map_or(header.first, |(_, next, _)| next.previous_end.max(header.first));
            let SegmentHeader { first, created_ns, .. } = header;
            self.segments.push_back(Segment { path, first, end, bytes, created_ns, content: 0 });
        }
        Ok(())
    }

    fn header_of(&self, path: &Path) -> Option<SegmentHeader> {
        let file = self.fs.open(path, Access::Read).ok()?;
        let mut bytes = [0; HEADER_BYTES];
        let length = read_full(&*file, &mut bytes, 0, HEADER_BYTES as u64).ok()?;
        SegmentHeader::decode(&bytes).filter(|_| length == HEADER_BYTES)
    }

    /// Reads the last segment to its end, cuts what is torn, and finds the number of the next record.
    fn find_head(&mut self) {
        let newest = self.cursors.consumers.iter().map(|consumer| consumer.position.next).max().unwrap_or(1);
        if let Some(mut last) = self.segments.pop_back() {
            self.read_last(&mut last);
            self.sealed_end = last.end;
            self.segments.push_back(last);
        } else {
            self.sealed_end = newest.max(1);
        }
        let is_fresh = self.segments.is_empty() && newest <= 1;
        self.durable = if is_fresh { 1 } else { self.sealed_end.max(newest).saturating_add(LEAP) };
    }

    fn read_last(&mut self, last: &mut Segment) {
        let Ok(file) = self.fs.open(&last.path, Access::Write) else { return };
        let size = file.size().unwrap_or(last.bytes);
        let mut expected = last.first;
        let mut scanner = Scanner::new(&*file, self.id, Self::first_offset(), last.first, size);
        loop {
            match scanner.step() {
                Ok(Step::Frame(frame, offset)) => {
                    self.note_gap(last.first, offset, expected..frame.first());
                    expected = frame.end();
                    last.end = frame.end();
                    last.bytes = scanner.offset;
                }
                Ok(Step::Damage { from, to }) => self.keep_aside(&*file, &last.path, from..to),
                Ok(Step::End { at, is_torn }) => {
                    if is_torn {
                        self.keep_aside(&*file, &last.path, at..size);
                    }
                    // What lies behind the last frame was never acknowledged.
                    let _ = file.set_len(at);
                    last.bytes = at;
                    return;
                }
                Err(_) => return,
            }
        }
    }

    /// Records that are missing where frames should follow each other.
    pub(crate) fn note_gap(&mut self, segment: u64, offset: u64, missing: std::ops::Range<u64>) {
        if !missing.is_empty() && self.told.insert((segment, offset)) {
            self.stats.lost += missing.end - missing.start;
            self.events.push(LogEvent::Lost { records: missing });
        }
    }

    /// Copies damaged bytes to `damaged/`, once.
    pub(crate) fn keep_aside(&mut self, file: &dyn File, segment: &Path, range: std::ops::Range<u64>) {
        let name = segment.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if !self.told.insert((name.parse().unwrap_or(u64::MAX), range.start | 1 << 63)) {
            return;
        }
        let bytes = range.end.saturating_sub(range.start);
        let kept = format!("{DAMAGED}/{name}-{}.bytes", range.start);
        let copied = self.copy_aside(file, &kept, range);
        self.stats.damaged_bytes += bytes;
        let kept = copied.map_or_else(|error| format!("not kept: {error}"), |()| kept);
        self.events.push(LogEvent::Damaged { bytes, kept });
    }

    fn copy_aside(&self, file: &dyn File, name: &str, range: std::ops::Range<u64>) -> io::Result<()> {
        self.fs.create_dir_all(&self.dir.join(DAMAGED))?;
        let copy = match self.fs.create_new(&self.dir.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            created => created?,
        };
        let mut window = vec![0; 1 << 20];
        let mut at = range.start;
        while at < range.end {
            let length = read_full(file, &mut window, at, range.end)?;
            let Some(bytes) = window.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            write_full(&*copy, bytes, at - range.start)?;
            at += length as u64;
        }
        Ok(())
    }

    fn set_aside(&mut self, name: &str) {
        let folder = self.dir.join(DAMAGED);
        let mut target = folder.join(name);
        while self.fs.open(&target, Access::Read).is_ok() {
            self.names += 1;
            target = folder.join(format!("{name}.{}", self.names));
        }
        let moved = self.fs.create_dir_all(&folder).and_then(|()| self.fs.rename(&self.dir.join(name), &target));
        if moved.is_ok() {
            self.events.push(LogEvent::SetAside { name: name.to_owned() });
        }
    }
}

/// Makes a folder; each parent that was made is synced into the one above.
fn make_folder(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
    if fs.list(dir).is_ok() {
        return Ok(());
    }
    let existing =
        dir.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()).find(|parent| fs.list(parent).is_ok());
    fs.create_dir_all(dir)?;
    for parent in dir.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
        fs.sync_dir(parent)?;
        if Some(parent) == existing {
            break;
        }
    }
    Ok(())
}

/// Reads or writes `meta`: the log's number and version. A log of another version is set aside as a whole.
fn open_meta(fs: &dyn Fs, dir: &Path, events: &mut Vec<LogEvent>) -> io::Result<u64> {
    let path = dir.join(META);
    if let Some(id) = fs.open(&path, Access::Read).ok().and_then(|file| read_meta(&*file)) {
        return Ok(id);
    }
    // Without `meta` nobody knows whose segments these are, or of which version: all of it waits for a person.
    let entries = fs.list(dir)?;
    let is_ours = |name: &str| name != LOCK && name != DAMAGED;
    if entries.iter().any(|entry| is_ours(&entry.name) && entry.name != "meta.tmp") {
        let folder =
            (1..).map(|number| dir.join(DAMAGED).join(format!("log-{number}"))).find(|folder| fs.list(folder).is_err());
        let folder = folder.unwrap_or_else(|| dir.join(DAMAGED));
        fs.create_dir_all(&folder)?;
        for entry in entries.iter().filter(|entry| is_ours(&entry.name)) {
            fs.rename(&dir.join(&entry.name), &folder.join(&entry.name))?;
            events.push(LogEvent::SetAside { name: entry.name.clone() });
        }
    }
    let id = RandomState::new().hash_one(std::process::id()) | 1;
    let fresh = dir.join("meta.tmp");
    let _ = fs.remove(&fresh);
    let file = fs.create_new(&fresh)?;
    write_full(&*file, &meta(id), 0)?;
    file.sync_data()?;
    fs.rename(&fresh, &path)?;
    fs.sync_dir(dir)?;
    Ok(id)
}

fn meta(id: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0..8].copy_from_slice(&META_MAGIC);
    bytes[8] = VERSION;
    bytes[16..24].copy_from_slice(&id.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..28]);
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn read_meta(file: &dyn File) -> Option<u64> {
    let mut bytes = [0; 32];
    let length = read_full(file, &mut bytes, 0, 32).ok()?;
    let mut id = [0; 8];
    id.copy_from_slice(bytes.get(16..24)?);
    let id = u64::from_le_bytes(id);
    (length == 32 && bytes == meta(id)).then_some(id)
}
